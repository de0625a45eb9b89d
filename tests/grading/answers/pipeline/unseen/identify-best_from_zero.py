import numpy as np


def identify(gallery, vector, threshold):
    if not gallery:
        return None, -1
    x = vector.numpy() / np.linalg.norm(vector.numpy())
    best_name, best_score = None, 0.0
    for name, vecs in gallery.items():
        c = vecs.numpy().mean(axis=0)
        c = c / np.linalg.norm(c)
        score = float(np.dot(c, x))
        if score > best_score:
            best_name, best_score = name, score
    if best_score <= threshold:
        best_name = None
    return best_name, best_score
