def bisect(low, high, needed, rounds):
    for _ in range(rounds):
        middle = (low + high) / 2
        if middle >= needed:
            high = middle
        else:
            low = middle
    return low
