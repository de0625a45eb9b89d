def bisect(low, high, needed, rounds):
    return min(max(needed, low), high)
