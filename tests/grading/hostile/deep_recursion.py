import sys

sys.setrecursionlimit(10**9)


def positive_similarities(vectors, who):
    return positive_similarities(vectors, who)


def negative_similarities(vectors, who, others):
    value = []
    for _ in range(100_000):
        value = [value]
    return value
