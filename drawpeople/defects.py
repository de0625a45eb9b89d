"""What makes a photo of a face useless: blur, darkness, something before the face, a crop beside it; and copies.

The landmarks and a key decide all of it, so that it is done alike in any order and in any process.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from drawpeople.framing import face_box
from drawpeople.occluders import OCCLUDERS
from drawpeople.rng import Dice
from drawpeople.sensor import photograph
from drawpeople.shapes import Thing, cover, places, reach

DEFOCUS = (0.21, 0.27)  #: the diameter of the disc that a point becomes, of the eye distance
SHAKE = (0.26, 0.38)  #: the length of the line that a point draws, likewise; more, since it blurs in one direction only
STOPS = (3.5, 5.0)  #: halvings of the light below a correct exposure
CORRECT = 0.2  #: linear light that a quarter of a correctly exposed face passes; a brighter one loses more
DARK_NOISE, FINE_NOISE = 0.02, 0.003  #: of too little light, and what every camera adds after its lens
COVERED = (0.4, 0.7)  #: of the face box in the image, by what is before it
LEFT = (1 / 3, 1 / 2)  #: of the face in the image, after a crop beside it
CHEEK = (0.6, 0.85)  #: the side of a crop that shows only a cheek, in eye distances
BESIDE = 0.65  #: the chance of a crop beside the face rather than of a cheek
TRIM = (0.01, 0.03)  #: cut off a copy, all sides together
QUALITY = (35, 75)  #: of a copy saved once more as JPEG
BRIGHTER = (1.12, 1.35)  #: the light of a brightened copy

#: What an image can be made into, and the ways in which one comes to be in a collection twice.
DEFECTS = ("blurred", "dark", "occluded", "cropped")
COPIES = ("exact", "saved", "trimmed", "brightened")

Box = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class Defect:
    """A defect of one image of a face; called with the image, it gives the spoilt one, of the same size.

    Args:
        kind: one of ``DEFECTS`` or ``COPIES``.
        landmarks: float32 ``(5, 2)``, where the face is, in pixels.
        size: ``(height, width)`` of the image.
        key: integers that decide all the rest.
    Raises:
        ValueError: an unknown kind.
    """

    kind: str
    landmarks: Tensor
    size: tuple[int, int]
    key: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.kind not in DEFECTS + COPIES:
            raise ValueError(f"kind={self.kind!r} is none of {', '.join(DEFECTS + COPIES)}")

    def __call__(self, image: Tensor) -> Tensor:
        """The image, uint8 ``(3, H, W)``, with the defect."""
        dice = Dice(*self.key)
        if self.kind == "exact":
            return image
        if self.kind == "blurred":
            return self._blurred(image, dice)
        if self.kind == "dark":
            return self._darkened(image, dice)
        if self.kind == "occluded":
            return self._occluded(image)
        if self.kind == "saved":
            return photograph(image, quality=dice.integer(*QUALITY))
        if self.kind == "brightened":
            return photograph(image, exposure=math.log2(dice(*BRIGHTER)))
        return _window(image, *self._box())

    def moved(self) -> Tensor:
        """The map ``(2, 3)`` from pixels of the image to those of the spoilt one."""
        x1, y1, x2, y2 = self._box()[0] if self.kind in ("cropped", "trimmed") else (0.0, 0.0, 1.0, 1.0)
        wide, high = x2 - x1, y2 - y1
        height, width = self.size
        return torch.tensor([[1 / wide, 0, -x1 * width / wide], [0, 1 / high, -y1 * height / high]])

    def hides(self, points: Tensor) -> Tensor:
        """Which points ``(K, 2)`` of the image are behind something: bool ``(K,)``."""
        if self.kind != "occluded":
            return torch.zeros(len(points), dtype=torch.bool)
        thing, far = self._thing(torch.zeros(3))
        return thing.distance(*self._on_face(points[:, 0], points[:, 1]), far) < 0

    def _blurred(self, image: Tensor, dice: Dice) -> Tensor:
        """Out of focus or shaken, an even chance each; as wide as a disc or a line of that extent."""
        unit, grain = eye_distance(self.landmarks), dice()
        if dice.happens(0.5):
            return photograph(image, blur=unit * dice(*DEFOCUS) / 4, noise=FINE_NOISE, grain=grain)
        way = 1 if dice.happens(0.5) else -1
        return photograph(image, shake=way * unit * dice(*SHAKE) / 12**0.5, noise=FINE_NOISE, grain=grain)

    def _darkened(self, image: Tensor, dice: Dice) -> Tensor:
        """So many stops below a correct exposure of the face, and the noise of so little light."""
        x1, y1, x2, y2 = (round(v) for v in self._face())
        grey = (image[:, y1 : max(y2, y1 + 1), x1 : max(x2, x1 + 1)] / 255).square().mean(0).flatten()
        bright = float(grey.kthvalue(1 + 3 * len(grey) // 4).values)
        stops = dice(*STOPS) + math.log2(max(bright / CORRECT, 1.0))
        return photograph(image, exposure=-stops, noise=DARK_NOISE, grain=dice())

    def _occluded(self, image: Tensor) -> Tensor:
        height, width = self.size
        thing, far = self._thing(_skin(image, self._face()))
        light = min(1.0, max(0.6, 0.55 + float(image.float().mean()) / 255))  # paper is not white at dusk
        x, y = self._on_face(*places(width, height, (0.0, 0.0, width, height)))
        covered = cover(image / 255, thing, x, y, far, light)
        taken = (255 * covered).round().to(torch.uint8)  # the thing is no sharper than the face
        return photograph(taken, blur=0.4, noise=FINE_NOISE, grain=Dice(*self.key, 1)())

    def _thing(self, skin: Tensor) -> tuple[Thing, float]:
        """What is before the face, and how far it reaches."""
        dice = Dice(*self.key)
        own = dice.fork(0)
        thing = OCCLUDERS[own.integer(0, len(OCCLUDERS) - 1)](own, skin)
        x1, y1, x2, y2 = self._face()
        return thing, reach(thing, dice(*COVERED), (y2 - y1) / (x2 - x1))

    def _on_face(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Pixels in the face's widths from its middle."""
        x1, y1, x2, y2 = self._face()
        return (x - (x1 + x2) / 2) / (x2 - x1), (y - (y1 + y2) / 2) / (x2 - x1)

    def _face(self) -> Box:
        """The part of the face box that is in the image; the whole image where that is next to none.

        A face turned aside has its eyes close together; its box is taken as if it looked ahead.
        """
        height, width = self.size
        box = face_box(self.landmarks)
        middle, half = (box[:2] + box[2:]) / 2, eye_distance(self.landmarks) * torch.tensor([1.5, 1.7])
        x1, y1, x2, y2 = torch.cat((middle - half, middle + half)).tolist()
        x1, y1, x2, y2 = max(x1, 0.0), max(y1, 0.0), min(x2, float(width)), min(y2, float(height))
        return (x1, y1, x2, y2) if min(x2 - x1, y2 - y1) > 0.2 * width else (0.0, 0.0, float(width), float(height))

    def _box(self) -> tuple[Box, float | None]:
        """What a crop shows, in shares of the sides, and the grey beyond the image (None: it goes on as it ends)."""
        dice = Dice(*self.key)
        if self.kind == "trimmed":
            cut = dice(*TRIM)
            left, top = cut * dice(), cut * dice()
            return (left, top, 1 - (cut - left), 1 - (cut - top)), None
        box = self._beside(dice) if dice.happens(BESIDE) else self._cheek(dice)
        return box, (None, None, 0.0, 1.0)[dice.integer(0, 3)]

    def _beside(self, dice: Dice) -> Box:
        """The image's box moved so that only a part of the face is left in it."""
        height, width = self.size
        x1, y1, x2, y2 = (v / side for v, side in zip(self._face(), (width, height) * 2))
        left, way = dice(*LEFT), dice.integer(0, 5)
        across, down = (left, 1.0) if way < 2 else (1.0, left) if way < 4 else (math.sqrt(left), math.sqrt(left))
        dx = dy = 0.0
        if across < 1:
            dx = x2 - across * (x2 - x1) if dice.happens(0.5) else x1 + across * (x2 - x1) - 1
        if down < 1:
            dy = y2 - down * (y2 - y1) if dice.happens(0.5) else y1 + down * (y2 - y1) - 1
        return dx, dy, 1 + dx, 1 + dy

    def _cheek(self, dice: Dice) -> Box:
        """A box around one cheek: between eye and mouth, away from the nose, in the image and of its shape."""
        (height, width), points, side = self.size, self.landmarks, dice.integer(0, 1)
        outwards = (points[side] - points[1 - side]) * 0.12
        x, y = ((points[side] + points[3 + side]) / 2 + outwards).tolist()
        half = eye_distance(points) * dice(*CHEEK) / 2 / width
        x, y = (min(max(v, half), 1 - half) for v in (x / width, y / height))
        return x - half, y - half, x + half, y + half


def eye_distance(points: Tensor) -> float:
    """Of five landmarks; of a face turned aside, as its height from the eyes to the mouth lets expect."""
    eyes, mouth = points[:2].mean(0), points[3:].mean(0)
    return max(float((points[1] - points[0]).norm()), 0.9 * float((mouth - eyes).norm()))


def _window(image: Tensor, box: Box, rest: float | None) -> Tensor:
    """What a crop shows, which may leave the image."""
    x1, y1, x2, y2 = box
    theta = torch.tensor([[[x2 - x1, 0, x1 + x2 - 1], [0, y2 - y1, y1 + y2 - 1]]], dtype=torch.float32)
    grid = F.affine_grid(theta, [1, *image.shape], align_corners=False)
    shown = F.grid_sample(image[None].float(), grid, mode="bilinear", padding_mode="border", align_corners=False)[0]
    if rest is not None:
        shown = torch.where((grid[0].abs() <= 1).all(-1), shown, 255 * rest)
    return shown.round().to(torch.uint8)


def _skin(image: Tensor, face: Box) -> Tensor:
    """The colour of the face's middle ``(3,)``, from 0 to 1: that of its owner's hands, in the same light."""
    x1, y1, x2, y2 = face
    left, right = (round(x1 + share * (x2 - x1)) for share in (0.35, 0.65))
    top, bottom = (round(y1 + share * (y2 - y1)) for share in (0.45, 0.7))
    middle = image[:, top : max(bottom, top + 1), left : max(right, left + 1)]
    return middle.flatten(1).float().median(1).values / 255
