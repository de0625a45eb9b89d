"""One network that says in one pass where the faces are, and gives a vector of each."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.ops import nms

from dlsfaces import geometry
from dlsfaces.detect import Detections
from dlsfaces.joint.grid import AnchorGrid


class JointOutput(NamedTuple):
    """What the network says of each of the K slots of its grid."""

    numbers: Tensor  # (N, K, 4), as AnchorGrid.encode's
    confidence: Tensor  # (N, K), logits
    embeddings: Tensor  # (N, K, D), raw
    size: Tensor  # (2,): width and height of the images


@dataclass(frozen=True)
class FoundPeople:
    """The faces of one image, the surest first, each with a raw vector ``(N, D)``."""

    faces: Detections
    embeddings: Tensor


def _block(channels_in: int, channels: int, stride: int = 1) -> nn.Sequential:
    layer = nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(channels), nn.ReLU())


class JointNet(nn.Module):
    """A backbone, a coarse grid of cells over the image, and finer ones through a decoder where the grid has them.

    Box and confidence are read by one branch, the embedding by another. Each finer grid is a transposed convolution of
    the one before, beside the backbone's map of its size (a bridge).

    Args:
        backbone: images float ``(N, 3, H, W)`` in [0, 1], which it normalises itself, to a dict of maps, the coarsest
            last; torchvision's ``create_feature_extractor`` makes such of any network.
        width: channels of the maps of which the answers are read.
    """

    def __init__(self, backbone: nn.Module, grid: AnchorGrid, embedding_dim: int = 128, width: int = 256) -> None:
        super().__init__()
        self.backbone, self.grid, self.embedding_dim = backbone, grid, embedding_dim
        trial = copy.deepcopy(backbone).cpu().float().eval()  # the user's own keeps what is frozen in it
        with torch.no_grad():
            channels = [x.shape[1] for x in trial(torch.zeros(1, 3, 64, 64)).values()]
        finer = len(grid.cells) - 1
        if finer > len(channels):
            raise ValueError(f"{finer + 1} grids, but the backbone has {len(channels)} maps to bridge to")
        each = len(grid.anchors[0])
        self.neck = _block(channels[-1], width, 2)
        self.up = nn.ModuleList(nn.ConvTranspose2d(width, width // 2, 3, 2) for _ in range(finer))
        self.joins = nn.ModuleList(_block(width // 2 + count, width) for count in channels[::-1][:finer])
        self.where = nn.ModuleList(
            nn.Sequential(_block(width, width), nn.Conv2d(width, each * 5, 1)) for _ in grid.cells
        )
        self.who = nn.ModuleList(
            nn.Sequential(_block(width, width), nn.Conv2d(width, each * embedding_dim, 1)) for _ in grid.cells
        )
        for branch in self.where:  # begins with few faces, in the middle of each cell, of the anchor's size
            nn.init.normal_(branch[-1].weight, std=0.01)
            with torch.no_grad():
                branch[-1].bias.copy_(torch.tensor([0.0, 0, 0, 0, -math.log(99)]).repeat(each))
        self.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> JointOutput:
        """Images float ``(N, 3, H, W)`` in [0, 1], RGB, all of one size."""
        geometry.check_images(images)
        size = images.new_tensor(images.shape[:1:-1], dtype=torch.float32)
        return self.answer(list(self.backbone(images.contiguous(memory_format=torch.channels_last)).values()), size)

    def answer(self, maps: Sequence[Tensor], size: Tensor) -> JointOutput:
        """What the network says of images of ``size`` (width, height) whose maps the backbone has made."""
        maps = maps[::-1]
        x, grids = self.neck(maps[0]), []
        if any(have < want for have, want in zip(x.shape[2:], self.grid.cells[0])):
            have, want = tuple(x.shape[2:]), self.grid.cells[0]
            raise ValueError(f"the images have only {have} places for {want} cells; take larger ones")
        x = F.adaptive_avg_pool2d(x, self.grid.cells[0])
        for k, cells in enumerate(self.grid.cells):
            if k:  # 5 cells become 11, and 11 become 23: then those of the grid are taken between them
                x, bridge = (F.interpolate(part, cells, mode="bilinear") for part in (self.up[k - 1](x), maps[k - 1]))
                x = self.joins[k - 1](torch.cat((x, bridge), dim=1))
            grids.append((self.where[k](x), self.who[k](x)))
        where, who = (torch.cat([self._by_slot(part) for part in parts], dim=1).float() for parts in zip(*grids))
        numbers = torch.cat((where[..., :2].sigmoid(), where[..., 2:4]), dim=-1)
        return JointOutput(numbers, where[..., 4], who, size)

    def _by_slot(self, answer: Tensor) -> Tensor:
        """``(N, A * C, rows, columns)`` to ``(N, rows * columns * A, C)``."""
        return answer.unflatten(1, (len(self.grid.anchors[0]), -1)).permute(0, 3, 4, 1, 2).flatten(1, 3)


@torch.no_grad()
def found_in(
    grid: AnchorGrid, out: JointOutput, threshold: float = 0.5, iou_threshold: float = 0.45
) -> list[FoundPeople]:
    """The faces of each image of a network's answer, after non-maximum suppression."""
    if not (0 <= threshold <= 1 and 0 <= iou_threshold <= 1):
        raise ValueError(f"threshold={threshold} and iou_threshold={iou_threshold} are from 0 to 1")
    found = []
    for boxes, scores, vectors in zip(grid.decode(out.numbers, out.size), out.confidence.sigmoid(), out.embeddings):
        sure = (scores >= threshold).nonzero()[:, 0]
        sure = sure[nms(boxes[sure], scores[sure], iou_threshold)]
        found.append(FoundPeople(Detections(boxes[sure], scores[sure]), vectors[sure]))
    return found
