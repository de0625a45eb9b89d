from torch.nn import functional as F


def identify(gallery, vector, threshold):
    if len(gallery) == 0:
        return None, -1.0
    x = F.normalize(vector, dim=0)
    scores = {name: (vs.mean(dim=0) @ x).item() for name, vs in gallery.items()}
    winner = max(scores, key=scores.get)
    return (winner if scores[winner] > threshold else None), scores[winner]
