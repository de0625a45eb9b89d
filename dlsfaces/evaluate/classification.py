"""Closed-set measures: the person is one of those trained on. Images of unknown people (-1) are a ValueError."""

import torch
from torch import Tensor
from torch.nn import functional as F

from dlsfaces.evaluate.pairs import as_vectors, known_people


def accuracy(scores: Tensor, identities: Tensor) -> float:
    """Share of rows of ``scores`` ``(N, n_people)`` whose highest value stands at the identity ``(N,)``."""
    _check(scores, identities, scores.shape[-1])
    return (scores.argmax(1) == identities.to(scores.device)).float().mean().item()


def class_centres(embeddings: Tensor, identities: Tensor, n_people: int | None = None) -> Tensor:
    """The normalised mean of each person's normalised embeddings: ``(n_people, D)``; zero for a person without any."""
    _check(embeddings, identities, n_people)
    count = n_people or int(identities.max()) + 1
    sums = embeddings.new_zeros(count, embeddings.shape[1])
    sums.index_add_(0, identities.to(embeddings.device), F.normalize(embeddings, dim=1))
    return F.normalize(sums, dim=1)


def nearest_centre_accuracy(
    train_embeddings: Tensor, train_identities: Tensor, embeddings: Tensor, identities: Tensor
) -> float:
    """Accuracy of naming the person whose class centre is nearest by cosine. Needs no head, so any loss can use it."""
    _check(train_embeddings, train_identities)
    _check(embeddings, identities, dim=train_embeddings.shape[1])
    n_people = int(max(train_identities.max(), identities.max())) + 1
    centres = class_centres(train_embeddings, train_identities, n_people)
    return accuracy(F.normalize(embeddings, dim=1) @ centres.T, identities)


def cosine_to_centres(embeddings: Tensor, identities: Tensor, centres: Tensor) -> tuple[Tensor, Tensor]:
    """Cosine of each embedding to its own person's centre, as of :func:`class_centres`, and to the nearest other."""
    _check(embeddings, identities, len(centres), centres.shape[1])
    cosines = F.normalize(embeddings, dim=1) @ centres.T
    own = identities[:, None].to(cosines.device)
    others = cosines.scatter(1, own, -torch.inf)
    return cosines.gather(1, own)[:, 0], others.amax(1)


def _check(rows: Tensor, identities: Tensor, n_people: int | None = None, dim: int | None = None) -> None:
    """Refuse what is not one row of numbers for each image of a person of the closed set."""
    ids = known_people("image", identities, len(as_vectors("image", rows, dim)))
    if not len(ids):
        raise ValueError("there are no images: one at least is needed")
    if n_people is not None and ids.max() >= n_people:
        raise ValueError(f"image {ids.argmax()} is of person {ids.max()}, but the {n_people} people count from 0")
    if rows.isnan().any():
        raise ValueError(f"image {int(rows.isnan().any(1).nonzero()[0])}: its row holds NaN")
