"""The triplet loss, which triplets to learn from, and how to tell that it has collapsed."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from dlsfaces.data import UNKNOWN
from dlsfaces.recognize.margins import unit

MININGS = ("random", "semihard", "batch_hard")
LOOK_EVERY = 20  #: steps between two looks for a collapse: each makes a GPU wait
COLLAPSED = 0.02  #: mean squared distance between people, of at most 4, below which one point is left, and some noise


class Triplets(NamedTuple):
    """Indices into a batch: int64 ``(T,)`` each."""

    anchors: Tensor
    positives: Tensor
    negatives: Tensor


class Collapse(FloatingPointError):
    """All embeddings have become one point."""


def squared_distances(embeddings: Tensor) -> Tensor:
    """Squared Euclidean distances of vectors of length 1, ``(N, D)`` to ``(N, N)``, in [0, 4]: ``2 - 2 cos``."""
    # Squared as in FaceNet: the root would have an infinite slope where two embeddings meet.
    return 2 - 2 * (embeddings @ embeddings.T)


def mine(distances: Tensor, identities: Tensor, mining: str = "semihard", margin: float = 0.2) -> Triplets:
    """Choose triplets of known people in a batch, from distances ``(N, N)`` and identities ``(N,)``.

    * ``"random"``: for each anchor a positive and a negative by chance (torch's generator).
    * ``"semihard"``: for each anchor and positive the nearest negative that is further away than the positive, but by
      less than the margin; none where there is none (FaceNet, Schroff et al. 2015, section 3.2).
    * ``"batch_hard"``: for each anchor its farthest positive and nearest negative (Hermans et al. 2017, equation 5).
    """
    if mining not in MININGS:
        raise ValueError(f"mining={mining!r} is none of {', '.join(MININGS)}")
    distances = distances.detach()
    no_negative, no_positive = _no_pairs(identities)  # (N, N): of the anchor in the row
    if mining == "semihard":
        return _semihard(distances, no_positive, no_negative, margin)
    if mining == "random":
        positives, negatives = _one_of_each_row(no_positive), _one_of_each_row(no_negative)
    else:
        positives = distances.masked_fill(no_positive, -torch.inf).argmax(1)
        negatives = distances.masked_fill(no_negative, torch.inf).argmin(1)
    anchors = (~no_positive.all(1) & ~no_negative.all(1)).nonzero()[:, 0]
    return Triplets(anchors, positives[anchors], negatives[anchors])


def _no_pairs(identities: Tensor) -> tuple[Tensor, Tensor]:
    """Who are not two people, and who are not two images of one, ``(N, N)`` each; an unknown person is in no pair."""
    same, known = identities[:, None] == identities, identities != UNKNOWN
    unknown = ~(known[:, None] & known)
    return same | unknown, (~same | unknown).fill_diagonal_(True)


def _one_of_each_row(forbidden: Tensor) -> Tensor:
    """The place of an allowed one, by chance."""
    return torch.rand(forbidden.shape, device=forbidden.device).masked_fill_(forbidden, -1.0).argmax(1)


def _semihard(distances: Tensor, no_positive: Tensor, no_negative: Tensor, margin: float) -> Triplets:
    # Sorted once per anchor: looking at all triplets would take (N, N, N).
    ordered, order = distances.masked_fill(no_negative, torch.inf).sort(1)
    # Of the first negative further away; an anchor's own place is at infinity, so there is one, but for a NaN. That is
    # taken, and shows in the loss.
    place = torch.searchsorted(ordered, distances.contiguous(), right=True).clamp_(max=len(distances) - 1)
    none_near = ordered.gather(1, place) >= distances + margin
    anchors, positives = (~(no_positive | none_near)).nonzero(as_tuple=True)
    return Triplets(anchors, positives, order[anchors, place[anchors, positives]])


class Triplet(nn.Module):
    r"""The triplet loss (Schroff, Kalenichenko and Philbin 2015, equation 2) on features brought to length 1.

    .. math:: L = \frac{1}{|T|} \sum_{(a, p, n) \in T}
              \left[ \lVert a - p \rVert^2 - \lVert a - n \rVert^2 + \alpha \right]_+

    over those of the mined triplets that are not fulfilled yet: fulfilled ones would only make the steps smaller.
    Without the hinge :math:`[\cdot]_+` the loss could fall without end, by moving easy negatives further away.

    ``margin`` is :math:`\alpha` in squared distances, of at most 4. In training, :class:`Collapse` where all embeddings
    have become one point, and ``ValueError`` for a batch without triplets; ``data.batches(..., images_per_person=4)``
    makes batches with several images of each person.
    """

    def __init__(self, margin: float = 0.2, mining: str = "semihard") -> None:
        super().__init__()
        if not 0 < margin <= 4 or mining not in MININGS:
            raise ValueError(f"margin={margin} is not in (0, 4], or mining={mining!r} none of {', '.join(MININGS)}")
        self.margin, self.mining = margin, mining
        self._step, self._looks = 0, 0

    def forward(self, features: Tensor, identities: Tensor) -> Tensor:
        """Mean loss of raw features ``(N, D)`` with identities ``(N,)``."""
        with torch.autocast(features.device.type, enabled=False):
            distances = squared_distances(unit(features))
            if self.training:
                self._look(distances.detach(), identities)
            anchors, positives, negatives = mine(distances, identities, self.mining, self.margin)
            to_positive, to_negative = distances[anchors, torch.stack([positives, negatives])]
            losses = (to_positive - to_negative + self.margin).relu()
            return losses.sum() / (losses > 0).sum().clamp(min=1)

    def _look(self, distances: Tensor, identities: Tensor) -> None:
        """Now and then: is there anything to mine, and are people still apart?"""
        self._step += 1
        if self._step % LOOK_EVERY != 1:
            return
        no_negative, no_positive = _no_pairs(identities)
        if no_negative.all() or no_positive.all():
            people = len(identities[identities != UNKNOWN].unique())
            raise ValueError(
                f"a batch of {len(identities)} images of {people} people holds no triplet: it needs two people, "
                "and two images of one; make batches with data.batches(..., images_per_person=4)"
            )
        apart = distances[~no_negative].mean().item()
        self._looks = self._looks + 1 if apart < COLLAPSED else 0
        if self._looks >= 3:
            raise Collapse(
                f"the embeddings have collapsed: people are {apart:.1e} apart in mean squared distance (apart at "
                f"random: 2), so every triplet costs the margin, {self.margin}, and pulls nowhere. The hardest "
                "negatives of a network that knows nothing do this. Begin with mining='semihard' or 'random', with a "
                "network trained by cross-entropy, or with a lower learning rate"
            )


class WeightedSum(nn.Module):
    """Several losses of the same features ``(N, D)``, added up: pairs of a weight and a loss."""

    def __init__(self, *parts: tuple[float, nn.Module]) -> None:
        super().__init__()
        self.weights = [weight for weight, _ in parts]
        self.mixed = ", ".join(map(str, self.weights))  # a word, so that a checkpoint tells mixtures apart
        self.losses = nn.ModuleList(loss for _, loss in parts)

    def forward(self, features: Tensor, identities: Tensor) -> Tensor:
        return sum(weight * loss(features, identities) for weight, loss in zip(self.weights, self.losses))
