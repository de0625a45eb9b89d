def bisect(low, high, needed, rounds):
    for _ in range(rounds):
        high = (low + high) / 2
    return high
