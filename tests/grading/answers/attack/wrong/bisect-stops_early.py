def bisect(low, high, needed, rounds):
    while rounds > 0 and high - low > 0.1:
        middle = (low + high) / 2
        low, high = (low, middle) if middle >= needed else (middle, high)
        rounds -= 1
    return high
