def positive_similarities(vectors, who):
    for _ in range(2000):
        print("x" * 1_000_000)
    return [0.0]


def negative_similarities(vectors, who, others):
    with open("large", "w") as file:
        for _ in range(2000):
            file.write("x" * 1_000_000)
    return [0.0]
