"""What a joint network loses: where, whether, and who."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlsfaces.data import UNKNOWN
from dlsfaces.joint.grid import AnchorGrid
from dlsfaces.joint.network import JointOutput


def pack_people(boxes: Sequence[Tensor], identities: Sequence[Tensor]) -> Tensor:
    """The faces of several images as one tensor of targets ``(N, F, 5)`` for :class:`JointLoss`.

    A row is a box in pixels and an identity (-1: unknown); it is NaN where an image has fewer than F faces.
    """
    packed = torch.full((len(boxes), max(map(len, boxes), default=0), 5), torch.nan)
    for k, (box, who) in enumerate(zip(boxes, identities, strict=True)):
        if (tuple(box.shape), tuple(who.shape)) != ((len(box), 4), (len(box),)):
            raise ValueError(
                f"image {k}: boxes, identities are (F, 4), (F,), not {tuple(box.shape)}, {tuple(who.shape)}"
            )
        face = packed[k, : len(box)]
        face[:, :4], face[:, 4] = box, who
        if not (face.isfinite().all() and (face[:, 2:4] > face[:, :2]).all() and (who >= UNKNOWN).all()):
            rule = f"boxes are (x1, y1, x2, y2) with an area, identities from 0, or {UNKNOWN} where not known"
            raise ValueError(f"image {k}: {rule}; leave out faces without area")
    return packed


class JointLoss(nn.Module):
    r"""Smooth L1 for boxes, binary cross-entropy for confidence, and any loss of the course for who it is.

    .. math:: L = \frac1F \left( \lambda \sum_{f} \mathrm{smooth}_{L1}(\hat t_f - t_f)
        + \sum_{k \notin I} \mathrm{BCE}(\hat c_k, [k \text{ has a face}]) \right) + \mu L_{who}

    F faces have slots f with true numbers t; the slots I may say what they like (:meth:`AnchorGrid.place`).

    Args:
        identify: takes embeddings ``(F, D)`` and identities ``(F,)``, such as ``recognize.CrossEntropy`` or
            ``recognize.arcface``; it leaves unknown people (-1) out.
    """

    def __init__(self, grid: AnchorGrid, identify: nn.Module, box: float = 5.0, identity: float = 1.0) -> None:
        super().__init__()
        self.grid, self.identify, self.box, self.identity = grid, identify, box, identity

    def forward(self, out: JointOutput, targets: Tensor) -> Tensor:
        """The loss of the network's answer with targets ``(N, F, 5)`` of :func:`pack_people`."""
        return sum(self.parts(out, targets).values())

    def parts(self, out: JointOutput, targets: Tensor) -> dict[str, Tensor]:
        """Its three parts by name: of boxes, confidence and identities."""
        if targets.dim() != 3 or targets.shape[::2] != (len(out.confidence), 5):
            given = f"targets {tuple(targets.shape)} for {len(out.confidence)} images"
            raise ValueError(f"{given}: they are (N, F, 5), as joint.pack_people makes them")
        if out.confidence.shape[1] != len(self.grid.slots):
            slots = out.confidence.shape[1], len(self.grid.slots)
            raise ValueError(f"the answer has {slots[0]} slots, the grid {slots[1]}: give the network's own grid")
        slot, free = self.grid.place(targets[..., :4], out.size)
        image, face = (slot >= 0).nonzero(as_tuple=True)
        slot, true = slot[image, face], targets[image, face]
        there = torch.zeros_like(out.confidence)
        there[image, slot] = 1
        sure = F.binary_cross_entropy_with_logits(out.confidence, there, reduction="none").masked_fill(free, 0)
        numbers = self.grid.encode(true[:, :4], slot, out.size)
        off = F.smooth_l1_loss(out.numbers[image, slot], numbers, reduction="sum", beta=0.1)
        who = true[:, 4].long()
        count = max(1, len(who))
        known = (who != UNKNOWN).any()
        name = self.identify(out.embeddings[image, slot], who) if known else 0 * out.embeddings.sum()
        return {"box": self.box * off / count, "confidence": sure.sum() / count, "identity": self.identity * name}
