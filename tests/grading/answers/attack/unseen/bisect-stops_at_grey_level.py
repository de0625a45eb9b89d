def bisect(low, high, needed, rounds):
    done = 0
    while done < rounds and high - low > 1 / 255:
        mid = low + (high - low) / 2
        if mid < needed:
            low = mid
        else:
            high = mid
        done += 1
    return high
