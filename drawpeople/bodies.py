"""The rest of a body below a cutout's bust, so that nobody in a photo ends in mid-air.

The bust's last row goes on downwards as a pullover with sleeves and hands, on trousers or a skirt, down to the shoes.
Lengths are in eye distances, which are 6.2 cm: a standing person's feet are 25 of them below the eyes.
"""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from drawpeople.cutouts import Cutout
from drawpeople.rng import Dice

FEET = 25.0  #: eye distances from the eyes down to the ground
_HEM = 12.4

#: sRGB of trousers and skirts: black, navy, denim, grey, brown, khaki.
_DARK = ((44, 43, 46), (44, 50, 70), (74, 92, 122), (98, 98, 102), (88, 70, 56), (148, 132, 106))

#: Where elbow, wrist and finger tips of an arm on the viewer's right are, in half widths of the bust and eye distances.
_ARMS = (
    ((0.82, 9.0), (0.84, 12.2), (0.82, 14.2)),  # hangs
    ((0.85, 8.9), (0.76, 12.0), (0.66, 13.8)),  # hangs before the thigh
    ((0.86, 8.7), (0.66, 11.9)),  # the hand in a pocket
    ((0.84, 8.8), (0.4, 10.8), (0.1, 11.4)),  # hands before the belly
    ((0.86, 8.5), (0.72, 10.9), (0.5, 11.6)),  # on the hip
)


def clothed(cutout: Cutout, rows: int, dice: Dice) -> Image.Image:
    """The cutout with its body, down to the shoes or to row ``rows``, whichever comes first.

    Args:
        cutout: without empty columns, see :meth:`Cutout.cropped`.
        rows: how many rows of it can be seen: the photo ends there.
        dice: draw the clothes.
    Returns:
        Pillow's RGBA, as wide as the cutout.
    """
    bust, unit = cutout.image, cutout.eyes
    line = float(cutout.landmarks[:2, 1].mean())
    height = min(rows, math.ceil(line + (FEET + 0.3) * unit))
    if height <= bust.height:
        return bust.crop((0, 0, bust.width, max(1, height)))
    left, right = _span(bust)
    paint = _Painter((bust.width, height), bust.height, (left + right) / 2, (right - left) / 2, line, unit)
    body = paint.body(_cloth(bust, left, right), _skin(cutout, dice), dice)
    body.paste(bust, (0, 0))
    return body


def _span(bust: Image.Image) -> tuple[int, int]:
    """The first covered column of the last row, and the one behind the last."""
    covered = (np.asarray(bust)[-1, :, 3] > 128).nonzero()[0]
    return (int(covered[0]), int(covered[-1]) + 1) if len(covered) else (0, bust.width)


def _cloth(bust: Image.Image, left: int, right: int) -> np.ndarray:
    """Colours of the cloth ``(2, width, 3)``: as the bust ends, and smooth, for hair must not run down."""
    last = np.asarray(bust)[-3:, :, :3].mean(0, dtype=np.float32)
    last[:left], last[right:] = last[left], last[right - 1]
    typical = np.median(last[left:right], axis=0)
    light = last.mean(1) / max(typical.mean(), 1)
    edge = max(1, (right - left) // 6)  # which is darker by itself
    inner = slice(left + edge, max(left + edge, right - edge))
    light[inner] = np.where(np.abs(last[inner] - typical).max(1) < 40, light[inner], 1.0)
    few = Image.fromarray(light.clip(0.5, 1.4)[None]).resize((24, 1), Image.Resampling.BOX)
    smooth = np.asarray(few.resize((len(last), 1), Image.Resampling.BILINEAR))[0]
    return np.stack((last, typical * smooth[:, None]))


def _skin(cutout: Cutout, dice: Dice) -> np.ndarray:
    """The colour of the hands: the warmest of cheek, nose and brow, or any skin's where no face is seen."""
    if not cutout.faces_us:
        return np.array([235, 185, 155], np.float32) * dice(0.25, 0.9)
    left, right, nose = cutout.landmarks[:3].numpy()
    x, y = np.stack(((left + nose) / 2, nose, 0.65 * (left + right) - 0.3 * nose)).astype(int).T
    face = np.asarray(cutout.image)
    colours = face[y.clip(0, len(face) - 1), x.clip(0, face.shape[1] - 1), :3].astype(np.float32)
    return colours[((colours[:, 0] - colours[:, 2]) / (colours[:, 0] + 20)).argmax()]


class _Limb(NamedTuple):
    """A tapering tube along points: ``(x, y, radius)`` each, x and radius in half widths of the bust, y down."""

    points: Sequence[tuple[float, float, float]]
    colour: np.ndarray  # (3,) or, in pixels of what is painted, (H, W, 3)
    end: float = math.inf  # cut off below this height
    folds: float = 0.0  # how deep, as a share of the light


class _Painter:
    """Paints a body limb by limb, from the back to the front; heights are in eye distances below the eyes."""

    def __init__(self, size: tuple[int, int], top: int, centre: float, half: float, line: float, unit: float) -> None:
        self.size, self.top, self.centre, self.half, self.line, self.unit = size, top, centre, half, line, unit
        self.start = (top - line) / unit  # of the body
        wide, high = size[0], size[1] - top  # what is painted
        self.x = (np.arange(wide, dtype=np.float32) + 0.5 - centre)[None]
        self.y = (np.arange(high, dtype=np.float32) + 0.5 + top - line)[:, None]
        self.colours, self.alpha = np.zeros((high, wide, 3), np.float32), np.zeros((high, wide), np.float32)

    def body(self, cloth: np.ndarray, skin: np.ndarray, dice: Dice) -> Image.Image:
        """RGBA of ``size``; the rows above the bust's end are empty."""
        begun = ((self.y / self.unit - self.start) / 2).clip(0, 1)[..., None]
        pullover = cloth[0] + begun * (cloth[1] - cloth[0])  # as the bust ends, and smooth from two eye distances on
        dark = np.array(_DARK[dice.integer(0, len(_DARK) - 1)], np.float32) * dice(0.5, 1.3)
        skirt, bare, self.side = dice.happens(0.15), dice.happens(0.3), dice(-0.14, 0.14)
        poses = [_ARMS[dice.integer(0, len(_ARMS) - 1)] for _ in range(2)]
        lean, thin, phase = dice(-0.05, 0.05), dice(0.9, 1.04), dice(0, 6)
        for side in (-1, 1):
            self._leg(side, lean + dice(-0.03, 0.05) * side, skin if skirt else dark, 0.55 if skirt else 1.0)
        if skirt:
            self._paint(_Limb([(0, 11, 0.6), (0, 14, 0.7), (0, 20, 0.84)], dark, 18.2, 0.14), phase)
        trunk = [(0, self.start - 2, 0.74), (0, 6, 0.68 * thin), (lean, 9, 0.6 * thin), (lean, 13, 0.7)]
        self._paint(_Limb(trunk, pullover, _HEM, 0.09), phase)
        for side, pose in zip((-1, 1), poses):
            self._arm(side, pose, pullover, skin, bare)
        pixels = np.concatenate((self.colours, 255 * self.alpha[..., None]), axis=2)
        whole = Image.new("RGBA", self.size)
        whole.paste(Image.fromarray((pixels + 0.5).clip(0, 255).astype(np.uint8)), (0, self.top))
        return whole

    def _leg(self, side: int, lean: float, colour: np.ndarray, thick: float) -> None:
        points = [(0.32, 12.0, 0.35), (0.36, 17.8, 0.28 * thick), (0.38, 20, 0.27 * thick), (0.4, 24.6, 0.21 * thick)]
        moved = [(side * x + lean * (y - 12) / 8, y, radius) for x, y, radius in points]
        foot = moved[-1][0]
        shoe = [(foot - 0.03 * side, 24.5, 0.13), (foot + 0.06 * side, FEET - 0.1, 0.17)]
        self._paint(_Limb(shoe, np.array([38, 34, 32], np.float32)), 0)
        self._paint(_Limb(moved, colour, 24.5, 0.08), side)

    def _arm(
        self, side: int, pose: Sequence[tuple[float, float]], cloth: np.ndarray, skin: np.ndarray, bare: bool
    ) -> None:
        """An arm from the armpit over elbow and wrist to the finger tips; a hand in a pocket has none."""
        elbow, wrist, *tips = ((side * x, y) for x, y in pose)
        if tips:
            middle = [(a + b) / 2 for a, b in zip(wrist, tips[0])]
            thumb = (middle[0] - 0.13 * side, middle[1] + 0.1, 0.045)
            self._paint(_Limb([(*wrist, 0.11), (*middle, 0.13), (*tips[0], 0.07)], skin), 0)
            self._paint(_Limb([(*wrist, 0.06), thumb], skin), 0)
        upper = (0.76 * side, 3.5, 0.24)
        if bare:  # to the elbow
            self._paint(_Limb([(*elbow, 0.14), (*wrist, 0.1)], skin), 0)
            self._paint(_Limb([upper, (elbow[0], elbow[1] - 0.6, 0.21)], cloth, elbow[1] - 0.8, 0.1), side)
        else:
            self._paint(_Limb([upper, (*elbow, 0.18), (*wrist, 0.125)], cloth, folds=0.1), side)

    def _paint(self, limb: _Limb, phase: float) -> None:
        """Lay a limb over what is there, rounded by light from above, with a soft shade around it."""
        rows, columns = self._near(limb)
        x, y = self.x[:, columns] / self.unit, self.y[rows] / self.unit
        if not x.size * y.size:
            return
        off, signed, radius = self._off(limb, x * self.unit, y * self.unit)
        begun = ((y - self.start) / 1.5).clip(0, 1)  # the bust has its own light
        round_ = 0.36 * np.sqrt((1 - off * off).clip(0, 1)) - 0.34 - self.side * signed
        if limb.folds:
            tilt = 1.2 if phase > 2 else -1.2
            round_ += limb.folds * np.sin(1.5 * y + tilt * x + phase) * np.sin(0.7 * y + 1.9 * x)
        covered = ((1 - off) * radius + 0.5).clip(0, 1)
        colour = limb.colour[rows, columns] if limb.colour.ndim == 3 else limb.colour
        under = self.colours[rows, columns] * (1 - begun * ((1.3 - off) * (0.4 / 0.3)).clip(0, 0.4))[..., None]
        self.alpha[rows, columns] = alpha = np.maximum(self.alpha[rows, columns], covered)
        share = (covered / alpha.clip(1e-3))[..., None]  # nothing of the empty black mixes in at an edge
        self.colours[rows, columns] = under + share * (colour * (1 + begun * round_)[..., None] - under)

    def _near(self, limb: _Limb) -> tuple[slice, slice]:
        """The rows and columns that a limb and the shade around it may be in."""
        across, down, radii = (np.array(values) for values in zip(*limb.points))
        reach, across, down = 1.3 * self.half * radii.max(), across * self.half, down * self.unit
        rows = (down.min() - reach, min(down.max() + reach, limb.end * self.unit))
        columns = (across.min() - reach, across.max() + reach)
        return slice(*np.searchsorted(self.y[:, 0], rows)), slice(*np.searchsorted(self.x[0], columns))

    def _off(self, limb: _Limb, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """How far pixels lie off a limb's middle line, in its radii: in all, to the right; and the radius in pixels."""
        best = np.full((len(y), x.shape[1]), np.inf, np.float32)
        signed, radii = np.zeros_like(best), np.ones_like(best)
        for (ax, ay, ar), (bx, by, br) in itertools.pairwise(limb.points):
            dx, dy = (bx - ax) * self.half, (by - ay) * self.unit
            fx, fy = x - ax * self.half, y - ay * self.unit
            t = ((fx * dx + fy * dy) / max(dx * dx + dy * dy, 1e-6)).clip(0, 1)
            radius = ((ar + t * (br - ar)) * self.half).clip(0.4)
            right, down = fx - t * dx, fy - t * dy
            share = np.sqrt(right * right + down * down) / radius
            closer = share < best
            for table, values in ((best, share), (signed, right / radius), (radii, radius)):
                np.copyto(table, values, where=closer)
        return best, signed, radii
