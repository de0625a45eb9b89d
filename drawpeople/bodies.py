"""The rest of a body below a cutout's bust, so that nobody in a photo ends in mid-air.

The bust's last row goes on downwards as a pullover with sleeves and hands, on trousers or a skirt, down to the shoes.
Lengths are in eye distances, which are 6.2 cm: a standing person's feet are 25 of them below the eyes.
"""

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from drawpeople.cutouts import Cutout
from drawpeople.rng import Dice

FEET = 25.0  #: eye distances from the eyes down to the ground
_HEM, _WRIST, _ANKLE = 12.2, 13.0, 24.2

Outline = Sequence[tuple[float, float]]


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
    covered = (_last_rows(bust, 1)[0, :, 3] > 128).nonzero()[0]
    return (int(covered[0]), int(covered[-1]) + 1) if len(covered) else (0, bust.width)


def _last_rows(bust: Image.Image, rows: int) -> np.ndarray:
    return np.asarray(bust.crop((0, bust.height - rows, *bust.size)))


def _cloth(bust: Image.Image, left: int, right: int) -> np.ndarray:
    """Colours of the cloth ``(2, width, 3)``: as the bust ends, and smooth, for hair must not run down."""
    last = _last_rows(bust, 3)[..., :3].mean(0, dtype=np.float32)
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
    """The colour of the hands: that of the cheek, or any skin's where no face is seen."""
    tone = dice(0.25, 0.9)
    if not cutout.faces_us:
        return np.array([235, 185, 155]) * tone
    x, y = (cutout.landmarks[0] + cutout.landmarks[2]).div(2).tolist()
    size = cutout.image.size
    x, y = min(max(x, 0), size[0] - 1), min(max(y, 0), size[1] - 1)
    return np.array(cutout.image.getpixel((int(x), int(y)))[:3], dtype=np.float32)


class _Painter:
    """Paints a body from outlines that are in eye distances down, and in half widths of the bust across."""

    def __init__(self, size: tuple[int, int], top: int, centre: float, half: float, line: float, unit: float) -> None:
        self.size, self.top, self.centre, self.half, self.line, self.unit = size, top, centre, half, line, unit
        self.fine = 2 if size[1] < 400 else 1  # masks are drawn so much larger
        self.start = (top - line) / unit  # of the body, in eye distances below the eyes
        self.space = (size[0], size[1] - top)  # what is painted

    def body(self, cloth: np.ndarray, skin: np.ndarray, dice: Dice) -> Image.Image:
        """RGBA of ``size``; the rows above the bust's end are empty."""
        legs = np.array([dice(0.08, 0.5)] * 3) * [dice(160, 255), dice(160, 255), dice(180, 255)]
        skirt, sway, thin = dice.happens(0.2), dice(-0.06, 0.06), dice(0.93, 1.0)
        lower = self._skirt() if skirt else self._legs(sway)
        layers = [
            (self._shoes(sway), self._flat, 0.4 * legs),
            (self._calves(sway) if skirt else [], self._flat, 0.8 * skin),
            (lower, self._on_one if skirt else self._on_two, legs),
            (self._hands(thin), self._flat, 0.95 * skin),
            ([self._torso(thin), *self._arms(thin)], self._pullover, cloth),
        ]
        colours = Image.new("RGB", self.space)
        seen = [(shapes, paint, colour) for shapes, paint, colour in layers if self._is_seen(shapes)]
        for shapes, paint, colour in seen:
            colours.paste(paint(colour), (0, 0, *self.space), self._mask(shapes, 1))
        self._crease(colours, cloth, thin)
        colours.putalpha(self._mask([outline for shapes, _, _ in seen for outline in shapes], self.fine))
        whole = Image.new("RGBA", self.size)
        whole.paste(colours, (0, self.top))
        return whole

    def _is_seen(self, shapes: Sequence[Outline]) -> bool:
        """Whether outlines begin above the photo's lower edge."""
        rows = [y for outline in shapes for _, y in outline]
        return bool(rows) and self.line + min(rows) * self.unit < self.size[1]

    def _mask(self, shapes: Sequence[Outline], fine: int) -> Image.Image:
        """What some outlines cover, drawn ``fine`` times as large for soft edges: Pillow's L."""
        mask = Image.new("L", (fine * self.space[0], fine * self.space[1]))
        draw = ImageDraw.Draw(mask)
        for outline in shapes:
            draw.polygon([tuple(fine * v - 0.5 for v in self._place(x, y)) for x, y in outline], 255)
        return mask if fine == 1 else mask.reduce(fine)

    def _place(self, x: float, y: float) -> tuple[float, float]:
        """Pixels below the bust."""
        return self.centre + x * self.half, self.line + y * self.unit - self.top

    def _torso(self, thin: float) -> Outline:
        wide = 0.72 * thin
        return [(-1, self.start - 1), (1, self.start - 1), (0.8, 7), (wide, _HEM), (-wide, _HEM), (-0.8, 7)]

    def _arms(self, thin: float) -> list[Outline]:
        outline = ((1.0, self.start - 1), (1.01, 8), (0.97 * thin, _WRIST), (0.74 * thin, _WRIST), (0.56, 6))
        return [[(side * x, y) for x, y in outline] for side in (-1, 1)]

    def _hands(self, thin: float) -> list[Outline]:
        return [_oval(side * 0.85 * thin, _WRIST + 0.3, 0.1, 1.0) for side in (-1, 1)]

    def _legs(self, sway: float) -> list[Outline]:
        top, foot = _HEM - 1.2, _ANKLE + 0.3
        outline = ((0.7, top), (0.62, 18), (0.55, foot), (0.18, foot), (0.06, 14), (-0.05, top))
        return [[(side * x + (sway if y > 20 else 0), y) for x, y in outline] for side in (-1, 1)]

    def _skirt(self) -> list[Outline]:
        return [[(-0.7, _HEM - 1.2), (0.7, _HEM - 1.2), (0.85, 18.5), (-0.85, 18.5)]]

    def _calves(self, sway: float) -> list[Outline]:
        return [
            [(side * x + sway, y) for x, y in ((0.48, 18), (0.42, _ANKLE + 0.3), (0.2, _ANKLE + 0.3), (0.12, 18))]
            for side in (-1, 1)
        ]

    def _shoes(self, sway: float) -> list[Outline]:
        return [_oval(side * 0.4 + sway, _ANKLE + 0.5, 0.22, 0.55) for side in (-1, 1)]

    def _crease(self, colours: Image.Image, cloth: np.ndarray, thin: float) -> None:
        """The shade between sleeves and trunk."""
        dark = tuple((0.55 * cloth[1].mean(0)).astype(int).tolist())
        lines = Image.new("L", (self.space[0], min(self.space[1], math.ceil(self._place(0, _HEM + 1)[1]))))
        draw = ImageDraw.Draw(lines)
        width = max(1, round(0.12 * self.unit))
        for side in (-1, 1):
            points = [
                self._place(side * x, y) for x, y in ((0.66, max(5.2, self.start)), (0.7, 8), (0.73 * thin, _HEM))
            ]
            draw.line(points, 150, width)
        colours.paste(dark, (0, 0, *lines.size), lines.filter(ImageFilter.BoxBlur(max(0.5, 0.06 * self.unit))))

    def _flat(self, colour: np.ndarray) -> tuple[int, ...]:
        return tuple(int(min(255, c)) for c in colour)

    def _wide(self, row: np.ndarray) -> Image.Image:
        """One row of colours ``(width, 3)``, all the way down."""
        strip = Image.fromarray(row.clip(0, 255).astype(np.uint8)[None])
        return strip.resize(self.space, Image.Resampling.NEAREST)

    def _pullover(self, rows: np.ndarray) -> Image.Image:
        """From the bust's own last row, ``rows[0]``, to the smooth colours ``rows[1]``, within two eye distances."""
        fading = min(self.space[1], math.ceil(2 * self.unit))
        share = (np.arange(fading, dtype=np.float32) / (2 * self.unit))[:, None, None]
        image = self._wide(rows[1])
        image.paste(Image.fromarray((rows[0] + share * (rows[1] - rows[0])).clip(0, 255).astype(np.uint8)), (0, 0))
        return image

    def _on_one(self, colour: np.ndarray) -> Image.Image:
        """A colour as it shades off on a round thing."""
        return self._round(colour, self._across())

    def _on_two(self, colour: np.ndarray) -> Image.Image:
        """The same on two round things side by side."""
        return self._round(colour, np.abs(self._across()) * 2 - 1)

    def _across(self) -> np.ndarray:
        return (np.arange(self.space[0]) + 0.5 - self.centre) / (0.75 * self.half)

    def _round(self, colour: np.ndarray, across: np.ndarray) -> Image.Image:
        shade = 0.6 + 0.4 * np.sqrt(np.clip(1 - across * across, 0, 1))
        return self._wide(shade[:, None] * colour)


def _oval(x: float, y: float, wide: float, high: float) -> Outline:
    """An oval's outline from its middle and half its sides."""
    turns = [k * math.pi / 8 for k in range(16)]
    return [(x + wide * math.cos(turn), y + high * math.sin(turn)) for turn in turns]
