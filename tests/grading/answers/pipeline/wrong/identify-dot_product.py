def identify(gallery, vector, threshold):
    best_name, best = None, -float("inf")
    for name, rows in gallery.items():
        mean = rows.mean(0)
        cosine = (vector @ mean).item()
        if cosine > best:
            best_name, best = name, cosine
    return (best_name if best > threshold else None), best
