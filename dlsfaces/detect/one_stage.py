"""A detector in one stage: each cell of three grids says whether a face is there, its box and its five landmarks.

After YuNet (Wu, Peng and Yu 2023) and SCRFD (Guo et al. 2021): no anchors, and a network of 60,000 weights.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torchvision.transforms.v2 import functional as V

from dlsfaces import weights
from dlsfaces.detect.boxes import BoxShift, Detections, as_bytes, suppressed
from dlsfaces.detect.windows import MOST
from dlsfaces.geometry import check_images, to_float

STRIDES = (8, 16, 32)  #: pixels from one cell to the next, by grid; the finest comes first
LARGEST = 8.0  #: of the logarithm of a size in strides, either way, so that no size is infinite
#: From the course's box to WIDER's: the median of 362 faces of its training part, whose landmarks YuNet found.
TO_WIDER = BoxShift(0.0, -0.024, 0.74, 0.85)
AT_ONCE = 4_000_000  #: pixels of the photos that go through the network together


class Candidates(NamedTuple):
    """What the network says of each cell: grid by grid, row by row, A cells in all."""

    logits: Tensor  # (N, A); the sigmoid is the score
    boxes: Tensor  # (N, A, 4), pixels
    landmarks: Tensor  # (N, A, 5, 2), pixels
    cells: Tensor  # (A, 3): column, row, stride


def cells_of(size: tuple[int, int]) -> Tensor:
    """The cells ``(A, 3)`` of images of ``(height, width)``, padded to multiples of the largest stride."""
    height, width = (side + -side % STRIDES[-1] for side in size)
    return torch.cat([_grid(height // stride, width // stride, stride) for stride in STRIDES])


def _grid(rows: int, columns: int, stride: int) -> Tensor:
    row, column = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    return torch.stack((column, row, torch.full_like(row, stride)), dim=-1).flatten(0, 1).float()


def decode(numbers: Tensor, cells: Tensor) -> tuple[Tensor, Tensor]:
    """Boxes ``(..., A, 4)`` and landmarks ``(..., A, 5, 2)`` in pixels from the network's numbers ``(..., A, 14)``.

    The first two are the box's centre, counted in strides from the cell's corner; then the logarithms of width and
    height in strides; then five points, as the centre (YuNet's code).
    """
    corner, stride = cells[:, :2], cells[:, 2:]
    centre = (corner + numbers[..., :2]) * stride
    half = numbers[..., 2:4].clamp(-LARGEST, LARGEST).exp() * stride / 2
    points = (corner[:, None] + numbers[..., 4:].unflatten(-1, (5, 2))) * stride[:, None]
    return torch.cat((centre - half, centre + half), dim=-1), points


def encode(boxes: Tensor, landmarks: Tensor, cells: Tensor) -> Tensor:
    """The numbers ``(..., A, 14)`` that :func:`decode` makes these boxes and landmarks of, one of each a cell."""
    corner, stride = cells[:, :2], cells[:, 2:]
    centre = (boxes[..., :2] + boxes[..., 2:]) / 2 / stride - corner
    size = ((boxes[..., 2:] - boxes[..., :2]) / stride).log()
    points = landmarks / stride[:, None] - corner[:, None]
    return torch.cat((centre, size, points.flatten(-2)), dim=-1)


def _block(channels_in: int, channels: int, stride: int = 1) -> nn.Sequential:
    """A depthwise and a pointwise convolution with nothing between them (Chollet 2017, figure 10)."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_in, 3, stride, 1, groups=channels_in, bias=False),
        nn.Conv2d(channels_in, channels, 1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
    )


class OneStageNet(nn.Module):
    """Down to stride 32 and up again with sums, a block a grid, and one layer for all grids that reads the answer."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        if width < 8 or width % 4:
            raise ValueError(f"width={width} is the number of channels, a multiple of 4 from 8 on")
        self.width = width
        first = nn.Sequential(nn.Conv2d(3, width // 4, 3, 2, 1, bias=False), nn.BatchNorm2d(width // 4), nn.ReLU())
        quarter = (_block(width // 4, width // 2, 2), _block(width // 2, width // 2))
        self.stem = nn.Sequential(first, *quarter)  # stride 4
        self.stages = nn.ModuleList(
            nn.Sequential(_block(width // 2 if stride == STRIDES[0] else width, width, 2), _block(width, width))
            for stride in STRIDES
        )
        self.joins, self.heads = (nn.ModuleList(_block(width, width) for _ in STRIDES) for _ in range(2))
        self.read = nn.Conv2d(width, 15, 1)
        nn.init.normal_(self.read.weight, std=0.01)
        with torch.no_grad():  # begins with few faces, in the middle of each cell, of four strides
            self.read.bias.copy_(torch.tensor([-math.log(99), 0.5, 0.5, *[math.log(4)] * 2, *[0.5] * 10]))
        self.to(memory_format=torch.channels_last)

    @property
    def settings(self) -> dict[str, int]:
        """What builds this network again."""
        return {"width": self.width}

    def forward(self, images: Tensor) -> Candidates:
        """Images float ``(N, 3, H, W)`` in [0, 1], RGB, of any size; ``ValueError`` where they are something else."""
        check_images(images)
        return self.candidates(images.contiguous(memory_format=torch.channels_last))

    def candidates(self, images: Tensor) -> Candidates:
        """What :meth:`forward` gives, without what an export cannot follow: a look at the images, another order."""
        x = (images.to(self.read.weight.dtype) - 0.45) / 0.25
        x, maps = self.stem(F.pad(x, (0, -x.shape[3] % STRIDES[-1], 0, -x.shape[2] % STRIDES[-1]))), []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        for k in reversed(range(len(maps))):  # each grid also knows what the coarser ones saw
            above = F.interpolate(maps[k + 1], maps[k].shape[2:], mode="nearest") if k + 1 < len(maps) else 0
            maps[k] = self.joins[k](maps[k] + above)
        numbers = [self.read(head(x)).float() for head, x in zip(self.heads, maps)]
        cells = [_grid(x.shape[2], x.shape[3], stride).to(x.device) for x, stride in zip(numbers, STRIDES)]
        numbers, cells = torch.cat([x.flatten(2) for x in numbers], dim=2).transpose(1, 2), torch.cat(cells)
        return Candidates(numbers[..., 0], *decode(numbers[..., 1:], cells), cells)


def fused(model: nn.Module) -> nn.Module:
    """A copy in evaluation mode whose convolutions have taken in the batch normalisation that follows each."""
    if not isinstance(model, nn.Module):
        raise ValueError(f"model is a network, not {type(model).__name__}; of a detector give detector.model")
    model = copy.deepcopy(model).eval()
    for part in [part for part in model.modules() if isinstance(part, nn.Sequential)]:
        for k, (first, second) in enumerate(pairwise(part)):
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                part[k], part[k + 1] = fuse_conv_bn_eval(first, second), nn.Identity()
    return model


@dataclass(frozen=True)
class OneStageDetector:
    """Finds faces and landmarks with a trained network, of which it takes a fused copy, where that is.

    A photo is scaled down as a whole until no side is longer than ``longest``. Faces are found from 10 to 20 pixels on,
    counted after scaling, and up to 400. So the 640 pixels that detectors usually take will do for a portrait, unless
    its face fills more than half of it; small faces in a large photo need a larger ``longest``, and more time.
    """

    model: nn.Module
    threshold: float = 0.3
    iou_threshold: float = 0.45
    enlarge: float = 1.0  # photos are scaled by this factor, 2 for faces half as large,
    longest: int = 640  # but no side becomes longer than so many pixels

    def __post_init__(self) -> None:
        if not (0 < self.enlarge < math.inf and self.longest >= STRIDES[-1]):
            wrong = f"enlarge={self.enlarge} is a factor over 0, longest={self.longest} are pixels"
            raise ValueError(f"{wrong}, at least {STRIDES[-1]}")
        if not (0 <= self.threshold <= 1 and 0 <= self.iou_threshold <= 1):
            raise ValueError(f"threshold={self.threshold} and iou_threshold={self.iou_threshold} are from 0 to 1")
        object.__setattr__(self, "model", fused(self.model))

    def __call__(self, photos: Iterable[Tensor]) -> list[Detections]:
        """Photos uint8 or float ``(3, H, W)``, each of its own size; neighbours of one size are looked at together."""
        found: list[Detections] = []
        for size, alike in groupby(map(as_bytes, photos), key=lambda photo: photo.shape[1:]):
            batch: list[Tensor] = []
            height, width = self._scaled(size)
            for photo in alike:
                batch.append(V.resize(photo, [height, width]))
                if (len(batch) + 1) * height * width > AT_ONCE:
                    found, batch = found + self._find(batch, size), []
            found += self._find(batch, size) if batch else []
        return found

    def _scaled(self, size: tuple[int, int]) -> tuple[int, int]:
        factor = min(self.enlarge, self.longest / max(size))
        return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))

    @torch.no_grad()
    def _find(self, batch: list[Tensor], size: tuple[int, int]) -> list[Detections]:
        """Detections in the pixels of photos of ``size`` that were scaled to those of the batch."""
        images = torch.stack(batch).to(next(self.model.parameters()).device)
        logits, boxes, landmarks, _ = (part.cpu() for part in self.model(to_float(images)))
        back = torch.tensor([size[1] / images.shape[3], size[0] / images.shape[2]])  # rounded: each side has its own
        found = []
        for score, box, points in zip(logits.sigmoid(), boxes * back.repeat(2), landmarks * back):
            best = score.argsort(descending=True, stable=True)[:MOST]
            best = best[score[best] >= self.threshold]
            found.append(suppressed(Detections(box[best], score[best], points[best]), self.iou_threshold))
        return found


def load_detector(trained_on: str | Path = "synthetic", **options: float) -> OneStageDetector:
    """The course's detector, on the CPU; ``options`` are those of :class:`OneStageDetector`.

    ``trained_on`` is ``"synthetic"`` (drawn scenes alone, MIT), ``"wider"`` (with WIDER FACE and CelebA; research
    only), or a file that ``weights.write`` wrote of a :class:`OneStageNet`. Boxes are from the forehead to the chin, as
    WIDER's annotators draw them; ``TO_WIDER.inverse()`` leads to the course's. The detector holds a fused copy: to
    train on, take a :class:`OneStageNet` with the file's weights.
    """
    path = Path(trained_on) if Path(trained_on).suffix else weights.path_of(f"detector_{trained_on}")
    model = weights.load(path, lambda about: OneStageNet(int(about["width"])), "a one-stage detector")
    return OneStageDetector(model, **options)


class _Answer(nn.Module):
    """The network as other programs want it: scores, boxes and landmarks."""

    def __init__(self, model: OneStageNet) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        logits, boxes, landmarks, _ = self.model.candidates(images)
        return logits.sigmoid(), boxes, landmarks


def export_onnx(model: OneStageNet, path: str | Path) -> None:
    """Write the fused network for onnxruntime and others: ``images`` to ``scores``, ``boxes`` and ``landmarks``.

    Images are as for :class:`OneStageNet`, any number of any size; the answers are one a cell, in pixels, before
    non-maximum suppression. ``ImportError`` without onnx and onnxscript, which the course needs for nothing else.
    """
    try:
        import onnx  # noqa: F401  # torch asks for both only in the middle of its work
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ImportError(f"export_onnx needs two more packages: pip install onnx onnxscript ({error})") from error
    answer = _Answer(fused(model).cpu()).eval().to(memory_format=torch.contiguous_format)
    sizes = {k: torch.export.Dim(name, min=1) for k, name in {0: "photos", 2: "height", 3: "width"}.items()}
    names = dict(input_names=["images"], output_names=["scores", "boxes", "landmarks"])
    options = dict(dynamo=True, dynamic_shapes={"images": sizes}, external_data=False, verbose=False)
    torch.onnx.export(answer, (torch.zeros(2, 3, 70, 100),), str(path), **names, **options)
