import time

time.sleep(10**6)
history = [time.sleep(10**6) for _ in range(10**6)]
positive_similarities = None


def positive_similarities(vectors, who):
    return [0.0]
