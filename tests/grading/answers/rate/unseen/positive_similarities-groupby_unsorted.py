from itertools import combinations, groupby

import numpy as np
import torch


def positive_similarities(vectors, who):
    v = vectors.numpy()
    v = v / np.linalg.norm(v, axis=1, keepdims=True)
    out = []
    for _, group in groupby(range(len(who)), key=lambda k: int(who[k])):
        for a, b in combinations(list(group), 2):
            out.append(float(v[a] @ v[b]))
    return torch.tensor(out)
