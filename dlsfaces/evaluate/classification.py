"""Closed-set measures: the person is one of those trained on."""

import torch
from torch import Tensor
from torch.nn import functional as F


def accuracy(scores: Tensor, identities: Tensor) -> float:
    """Share of rows of ``scores`` ``(N, n_people)`` whose highest value stands at the identity ``(N,)``."""
    if len(scores) == 0 or len(scores) != len(identities):
        raise ValueError(f"{len(scores)} rows of scores and {len(identities)} identities: as many are needed, and some")
    return (scores.argmax(1) == identities.to(scores.device)).float().mean().item()


def class_centres(embeddings: Tensor, identities: Tensor, n_people: int | None = None) -> Tensor:
    """The normalised mean of each person's normalised embeddings: ``(n_people, D)``; zero for a person without any."""
    count = n_people or int(identities.max()) + 1
    sums = embeddings.new_zeros(count, embeddings.shape[1])
    sums.index_add_(0, identities.to(embeddings.device), F.normalize(embeddings, dim=1))
    return F.normalize(sums, dim=1)


def nearest_centre_accuracy(
    train_embeddings: Tensor, train_identities: Tensor, embeddings: Tensor, identities: Tensor
) -> float:
    """Accuracy of naming the person whose class centre is nearest by cosine. Needs no head, so any loss can use it."""
    n_people = int(max(train_identities.max(), identities.max())) + 1
    centres = class_centres(train_embeddings, train_identities, n_people)
    return accuracy(F.normalize(embeddings, dim=1) @ centres.T, identities)


def cosine_to_centres(embeddings: Tensor, identities: Tensor, centres: Tensor) -> tuple[Tensor, Tensor]:
    """Cosine of each embedding to its own person's centre, as of :func:`class_centres`, and to the nearest other."""
    cosines = F.normalize(embeddings, dim=1) @ centres.T
    own = identities[:, None].to(cosines.device)
    others = cosines.scatter(1, own, -torch.inf)
    return cosines.gather(1, own)[:, 0], others.amax(1)
