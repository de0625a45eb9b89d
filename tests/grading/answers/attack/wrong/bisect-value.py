def bisect(low, high, needed, rounds):
    step = (high - low) / rounds if rounds else 0
    for k in range(rounds):
        if low + k * step >= needed:
            return low + k * step
    return high
