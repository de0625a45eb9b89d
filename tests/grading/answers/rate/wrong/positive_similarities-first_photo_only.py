import torch
import torch.nn.functional as F


def positive_similarities(vectors, who):
    first = {}
    found = []
    for vector, person in zip(F.normalize(vectors, dim=1), who.tolist()):
        if person in first:
            found.append(first[person] @ vector)
        else:
            first[person] = vector
    return torch.stack(found)
