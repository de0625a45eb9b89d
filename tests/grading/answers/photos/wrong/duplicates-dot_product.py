def duplicates(vectors, threshold):
    n = len(vectors)
    return [(i, j) for i in range(n) for j in range(i + 1, n) if vectors[i] @ vectors[j] > threshold]
