"""Cells and anchors: who is to find which face, and which numbers a box becomes.

After YOLOv2 and YOLOv3 (Redmon and Farhadi 2017, section 2; 2018, section 2.1). Sizes are shares of the image's sides,
so that one grid serves images of any size.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

ALIKE = 0.5  #: an anchor of a face's cell that overlaps its size by more than this may say what it likes


def size_iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of sizes ``(..., N, 2)`` with ``(M, 2)``, as boxes with one centre: ``(..., N, M)``."""
    shared = torch.minimum(a[..., None, :], b).prod(-1)
    return shared / (a.prod(-1)[..., None] + b.prod(-1) - shared)


@dataclass(frozen=True)
class AnchorGrid:
    """One or several grids of cells over an image, with anchors in each cell: K *slots* in all, each for one face.

    Slots are counted grid by grid, row by row, cell by cell, anchor by anchor.
    """

    cells: tuple[tuple[int, int], ...]  # (rows, columns) of each grid, the coarsest first
    anchors: tuple[tuple[tuple[float, float], ...], ...]  # (width, height) of each grid's, shares of the image's sides

    def __post_init__(self) -> None:
        pairs = (*self.cells, *(anchor for anchors in self.anchors for anchor in anchors))
        if not all(isinstance(pair, tuple) and len(pair) == 2 for pair in pairs):
            raise ValueError(f"cells={self.cells}, anchors={self.anchors}: a pair a grid, and pairs for each grid")
        counts = {len(anchors) for anchors in self.anchors}
        sizes = [side for anchors in self.anchors for anchor in anchors for side in anchor]
        if len(self.cells) != len(self.anchors) or len(counts) != 1 or not sizes:
            raise ValueError(f"{len(self.cells)} grids, {len(self.anchors)} lists of anchors: one each, equally long")
        if not all(0 < side <= 1.5 for side in sizes):
            raise ValueError(f"anchors={self.anchors} are shares of the image's sides, not pixels")
        if not all(min(cells) >= 1 for cells in self.cells):
            raise ValueError(f"cells={self.cells} are (rows, columns), at least 1 each")

    @cached_property
    @torch.inference_mode(False)  # what is made in that mode would be of no use in training later
    def slots(self) -> Tensor:
        """``(K, 6)``: column, row, columns, rows of the slot's grid, and its anchor's width and height."""
        parts = []
        for (rows, columns), anchors in zip(self.cells, self.anchors):
            row, column, which = torch.meshgrid(*map(torch.arange, (rows, columns, len(anchors))), indexing="ij")
            ends = [torch.full_like(row, columns), torch.full_like(row, rows)]
            at = torch.stack((column, row, *ends), dim=-1).flatten(0, 2)
            parts.append(torch.cat((at.float(), torch.tensor(anchors)[which.flatten()]), dim=1))
        return torch.cat(parts)

    def decode(self, numbers: Tensor, size: Tensor) -> Tensor:
        """Boxes ``(..., K, 4)`` in pixels from numbers ``(..., K, 4)``, one of each slot, for images of ``size``.

        The first two are the centre's place in the cell, from 0 to 1, to the right and down; the other two the
        logarithms of width and height in units of the anchor's. ``size`` is (width, height), a tensor.
        """
        slots = self.slots.to(numbers.device)
        if numbers.shape[-2:] != (len(slots), 4):
            raise ValueError(f"numbers {tuple(numbers.shape)}: four for each of the grid's {len(slots)} slots")
        centre = (slots[:, :2] + numbers[..., :2]) / slots[:, 2:4] * size
        half = slots[:, 4:] * numbers[..., 2:].clamp(-8, 8).exp() * size / 2
        return torch.cat((centre - half, centre + half), dim=-1)

    def encode(self, boxes: Tensor, slots: Tensor, size: Tensor) -> Tensor:
        """The numbers ``(..., 4)`` of which :meth:`decode` makes boxes ``(..., 4)`` in the slots of these numbers."""
        slots = self.slots.to(boxes.device)[slots]
        centre, extent = (boxes[..., :2] + boxes[..., 2:]) / 2 / size, (boxes[..., 2:] - boxes[..., :2]) / size
        return torch.cat((centre * slots[..., 2:4] - slots[..., :2], (extent / slots[..., 4:]).log()), dim=-1)

    def place(self, boxes: Tensor, size: Tensor) -> tuple[Tensor, Tensor]:
        """The slots that are to find the faces of N images, and those that may say what they like.

        A face asks for the slots of the cells that hold its centre, one after another, those whose anchor overlaps its
        size best first. Where two ask for a slot in the same round, the better overlap gets it.

        Args:
            boxes: pixels ``(N, F, 4)``, NaN, or without area, where an image has fewer than F faces. A centre outside
                the image counts as one in the nearest cell.
        Returns:
            The slot of each face, int64 ``(N, F)``: -1 where there is no face, or all of its slots were taken. And
            bool ``(N, K)``: slots without a face in a cell that holds one's centre, whose anchor is like the face.
        """
        if boxes.dim() != 3 or boxes.shape[2] != 4:
            raise ValueError(f"boxes {tuple(boxes.shape)}: (N, F, 4), F for each of N images; of one image boxes[None]")
        there = boxes.isfinite().all(-1) & (boxes[..., 2:] > boxes[..., :2]).all(-1)
        boxes = torch.where(there[..., None], boxes, boxes.new_tensor([0.0, 0.0, 1.0, 1.0]))
        centre, extent = (boxes[..., :2] + boxes[..., 2:]) / 2 / size, (boxes[..., 2:] - boxes[..., :2]) / size
        asked, overlap, first = [], [], 0
        for (rows, columns), anchors in zip(self.cells, self.anchors):  # the G * A slots that a face may have
            ends = centre.new_tensor([columns, rows])
            column, row = (centre * ends).floor().clamp(min=0).minimum(ends - 1).long().unbind(-1)
            which = torch.arange(len(anchors), device=boxes.device)
            asked.append(first + (row * columns + column)[..., None] * len(anchors) + which)
            overlap.append(size_iou(extent, centre.new_tensor(anchors)))
            first += rows * columns * len(anchors)
        asked, overlap = torch.cat(asked, dim=-1), torch.cat(overlap, dim=-1)  # (N, F, G * A)
        overlap, order = overlap.sort(dim=-1, descending=True, stable=True)
        asked = asked.gather(-1, order)
        found = torch.full_like(asked[..., 0], -1)
        owner = torch.full((len(boxes), first), -1, device=boxes.device)  # the face of each slot
        number = torch.arange(boxes.shape[1], device=boxes.device).expand_as(found)
        for turn in range(asked.shape[-1] if boxes.numel() else 0):
            slot, how_well = asked[..., turn], overlap[..., turn]
            asks = there & (found < 0) & (owner.gather(1, slot) < 0)
            best = how_well.new_zeros(owner.shape).scatter_reduce(1, slot, how_well * asks, "amax")
            asks &= how_well == best.gather(1, slot)
            most = boxes.shape[1]  # of those that are alike, the first
            wins = torch.full_like(owner, most).scatter_reduce(1, slot, number.where(asks, most), "amin")
            owner = torch.where(wins < most, wins, owner)
            found = torch.where(asks & (wins.gather(1, slot) == number), slot, found)
        free = torch.zeros_like(owner, dtype=torch.int64)
        alike = (overlap > ALIKE) & there[..., None]
        free = free.scatter_reduce(1, asked.flatten(1), alike.flatten(1).long(), "amax") > 0
        return found, free & (owner < 0)
