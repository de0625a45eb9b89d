"""Which cells are to find which face, and what they lose where they do not."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.ops import generalized_box_iou_loss

from dlsfaces.detect.one_stage import Candidates
from dlsfaces.geometry import iou

NOTHING, IGNORED = -1, -2  #: of a cell that is to find no face, and of one that may say what it likes
RADIUS = 2.5  #: strides to either side of a face's centre in which cells may find it
MOST_CELLS = 10  #: that find the same face
FAR = 1e3  #: added to the cost of a cell whose centre is outside the face


@torch.no_grad()
def assign(logits: Tensor, boxes: Tensor, cells: Tensor, faces: Tensor, ignored: Tensor) -> Tensor:
    """The face that each cell of one photo is to find: SimOTA (Ge et al. 2021, "YOLOX", section 2.1).

    A face takes the cells near its centre that cost least: those that see it already, and place it well. How many is
    the sum of its best intersections over union, rounded down, but one at least. A cell that two faces take goes to the
    one for which it costs less.

    Args:
        logits, boxes, cells: one photo's ``(A,)`` and ``(A, 4)``, and ``(A, 3)``, of :class:`Candidates`.
        faces: true boxes ``(F, 4)`` in pixels.
        ignored: bool ``(F,)``: those that need not be found. They take no cells, and those inside them, or with their
            centre in it, teach nothing, unless another face takes them.
    Returns:
        int64 ``(A,)``: a row of ``faces``, ``NOTHING`` or ``IGNORED``.
    """
    stride = cells[:, 2]
    at = (cells[:, :2] + 0.5) * stride[:, None]
    centre = (faces[:, :2] + faces[:, 2:]) / 2
    inside = ((at > faces[:, None, :2]) & (at < faces[:, None, 2:])).all(-1)  # (F, A), as what follows
    away = (at - centre[:, None]).abs().amax(-1) / stride
    silent = (inside | (away <= 0.5))[ignored].any(0)
    found = torch.where(silent, IGNORED, NOTHING)
    near = (away < RADIUS) & ~ignored[:, None]
    rows, columns = near.any(1).nonzero()[:, 0], near.any(0).nonzero()[:, 0]
    if not len(rows):
        return found
    near, inside = near[rows][:, columns], inside[rows][:, columns]
    overlap = iou(faces[rows], boxes[columns]) * near
    cost = F.softplus(-logits[columns]) - 3 * (overlap + 1e-8).log() + FAR * ~inside
    cost = cost.masked_fill(~near, torch.inf)
    most = min(MOST_CELLS, len(columns))
    count = overlap.topk(most, dim=1).values.sum(1).int().clamp(min=1)
    cheap = cost.topk(most, dim=1, largest=False)
    taken = torch.zeros_like(near).scatter(1, cheap.indices, torch.arange(most, device=at.device) < count[:, None])
    least, face = cost.masked_fill(~taken, torch.inf).min(0)
    won = least < torch.inf
    found[columns[won]] = rows[face[won]]
    return found


def pack_faces(
    boxes: Sequence[Tensor], landmarks: Sequence[Tensor | None] | None = None, ignored: Sequence[Tensor] | None = None
) -> Tensor:
    """The faces of several photos as one tensor of targets for :class:`DetectionLoss`, ``(N, F, 15)``.

    A row is a box, five points, NaN where they are not known, and 1 where the face is ignored; it is NaN where a photo
    has fewer than F faces. ``boxes`` are ``(F, 4)`` a photo, ``landmarks`` ``(F, 5, 2)`` or None, ``ignored`` ``(F,)``.
    """
    most = max(map(len, boxes), default=0)
    packed = torch.full((len(boxes), most, 15), torch.nan)
    unknown = [None] * len(boxes)
    rows = (boxes, unknown if landmarks is None else landmarks, unknown if ignored is None else ignored)
    for k, (box, points, leave) in enumerate(zip(*rows, strict=True)):
        points = torch.full((len(box), 5, 2), torch.nan) if points is None else points
        leave = torch.zeros(len(box)) if leave is None else leave
        shapes = [tuple(part.shape) for part in (box, points, leave)]
        if shapes != [(len(box), 4), (len(box), 5, 2), (len(box),)]:
            raise ValueError(f"photo {k}: boxes, landmarks and ignored are (F, 4), (F, 5, 2) and (F,), not {shapes}")
        face = packed[k, : len(box)]
        face[:, :4], face[:, 4:14], face[:, 14] = box, points.flatten(1), leave
        if not (face[:, :4].isfinite().all() and (face[:, 2:4] > face[:, :2])[face[:, 14] == 0].all()):
            raise ValueError(f"photo {k}: boxes are (x1, y1, x2, y2), x1 < x2 and y1 < y2; ignore faces without area")
    return packed


class DetectionLoss(nn.Module):
    r"""What a :class:`OneStageNet` loses, by the number P of cells that are to find a face.

    .. math:: L = \frac1P \left( \sum_{a} |y_a - p_a|^\gamma \, \mathrm{BCE}(p_a, y_a)
        + \lambda \sum_{a \in P} (1 - \mathrm{GIoU}_a) \right) + \frac{\mu}{|K|} \sum_{a \in K} \ell(\hat m_a - m_a)

    The score learns how well the cell places its face: y is the intersection over union of both boxes, 0 where there is
    no face (the quality focal loss of Li et al. 2020, equation 2). Boxes learn by Rezatofighi et al. 2019, landmarks by
    a smooth absolute error in units of the face's width and height, in the cells K whose face has them.
    """

    def __init__(self, focus: float = 2.0, box: float = 2.0, landmarks: float = 2.0, smooth: float = 0.05) -> None:
        super().__init__()
        self.focus, self.box, self.landmarks, self.smooth = focus, box, landmarks, smooth

    def forward(self, out: Candidates, targets: Tensor) -> Tensor:
        """The loss of the network's answer with targets ``(N, F, 15)`` of :func:`pack_faces`."""
        return sum(self.parts(out, targets).values())

    def parts(self, out: Candidates, targets: Tensor) -> dict[str, Tensor]:
        """Its three parts by name: of the scores, the boxes and the landmarks."""
        if targets.dim() != 3 or targets.shape[::2] != (len(out.logits), 15):
            given = f"targets {tuple(targets.shape)} for {len(out.logits)} images"
            raise ValueError(f"{given}: they are (N, F, 15), as detect.pack_faces makes them")
        found = torch.full_like(out.logits, NOTHING, dtype=torch.int64)
        for k, rows in enumerate(targets):
            real = rows[:, 0].isfinite()  # padding comes last, so that rows keep their numbers
            faces, ignored = rows[real, :4], rows[real, 14] > 0
            found[k] = assign(out.logits[k], out.boxes[k], out.cells, faces, ignored)
        photo, cell = (found >= 0).nonzero(as_tuple=True)
        true, box, marks = targets[photo, found[photo, cell]], out.boxes[photo, cell], out.landmarks[photo, cell]
        points, size = true[:, 4:14].unflatten(1, (5, 2)), true[:, None, 2:4] - true[:, None, :2]
        known = points.isfinite().flatten(1).all(1)
        off = ((marks - points) / size)[known]
        missed = F.smooth_l1_loss(off, torch.zeros_like(off), beta=self.smooth, reduction="sum")
        quality = torch.zeros_like(out.logits)
        quality[photo, cell] = _overlaps(box.detach(), true[:, :4])
        score = F.binary_cross_entropy_with_logits(out.logits, quality, reduction="none")
        score = score * (quality - out.logits.sigmoid()).abs().pow(self.focus) * (found != IGNORED)
        count = max(1, len(photo))
        return {
            "score": score.sum() / count,
            "box": self.box * generalized_box_iou_loss(box, true[:, :4], reduction="sum") / count,
            "landmarks": self.landmarks * missed / max(1, off.numel()),
        }


def _overlaps(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of each row of ``a`` with the same row of ``b``."""
    low, high = torch.maximum(a[:, :2], b[:, :2]), torch.minimum(a[:, 2:], b[:, 2:])
    shared = (high - low).clamp(min=0).prod(1)
    both = (a[:, 2:] - a[:, :2]).prod(1) + (b[:, 2:] - b[:, :2]).prod(1) - shared
    return shared / both.clamp(min=1e-9)
