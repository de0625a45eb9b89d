"""Image by image and class by class; beyond pi the cosine is mirrored."""

import math

import torch


def cos(a, b):
    return (a * b).sum() / (torch.sqrt((a * a).sum()) * torch.sqrt((b * b).sum()))


def cosine_logits(features, weight):
    return torch.stack([torch.stack([cos(f, w) for w in weight]) for f in features])


def arcface_logits(features, weight, identities, s, m):
    rows = []
    for f, who in zip(features, identities.tolist()):
        row = []
        for k, w in enumerate(weight):
            c = cos(f, w)
            if k == who:
                theta = torch.acos(torch.clamp(c, -1 + 1e-6, 1 - 1e-6))
                c = torch.cos(theta + m) if theta + m <= math.pi else -2 - torch.cos(theta + m)
            row.append(s * c)
        rows.append(torch.stack(row))
    return torch.stack(rows)


def cosface_logits(features, weight, identities, s, m):
    rows = []
    for f, who in zip(features, identities):
        rows.append(torch.stack([s * (cos(f, w) - (m if k == int(who) else 0)) for k, w in enumerate(weight)]))
    return torch.stack(rows)


def arcface_loss(features, weight, identities, s, m):
    total = 0
    for row, who in zip(arcface_logits(features, weight, identities, s, m), identities):
        total = total + torch.logsumexp(row, 0) - row[who]
    return total / len(identities)
