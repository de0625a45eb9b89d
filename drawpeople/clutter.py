"""Things that are no faces, but that a bad detector takes for some: round, skin-coloured, with two dots over a bar.

Each thing is drawn at twice its size and halved, so that its edges are smooth.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFilter

from drawpeople import occluders, shapes
from drawpeople.backdrops import Colour, darker, mixed, tint
from drawpeople.rng import Dice

_FINE = 2
_SKINS = ((255, 219, 195), (231, 180, 143), (196, 140, 100), (141, 92, 62), (84, 54, 38))


class _Sheet:
    """Transparent paper whose sides run from -1 to 1, or to ``tall`` downwards."""

    def __init__(self, side: int, tall: float = 1.0) -> None:
        self.half = _FINE * side / 2
        self.image = Image.new("RGBA", (_FINE * side, max(_FINE, round(_FINE * side * tall))))
        self.tall = tall
        self.draw = ImageDraw.Draw(self.image)

    def _at(self, points: Sequence[float]) -> list[float]:
        return [(v + (1.0 if k % 2 == 0 else self.tall)) * self.half for k, v in enumerate(points)]

    def oval(
        self, x: float, y: float, wide: float, high: float, fill: Colour | None, edge: Colour | None = None
    ) -> None:
        """By its middle and half its sides."""
        box = self._at((x - wide, y - high, x + wide, y + high))
        self.draw.ellipse(box, fill, edge, max(1, int(0.05 * self.half)))

    def box(
        self, x: float, y: float, wide: float, high: float, fill: Colour | None, edge: Colour | None = None
    ) -> None:
        """By its middle and half its sides, the corners a little round."""
        box = self._at((x - wide, y - high, x + wide, y + high))
        round_by = 0.2 * min(wide, high) * self.half
        self.draw.rounded_rectangle(box, round_by, fill, edge, max(1, int(0.04 * self.half)))

    def line(self, points: Sequence[float], colour: Colour, wide: float) -> None:
        self.draw.line(self._at(points), colour, max(1, round(wide * self.half)), joint="curve")

    def shape(self, points: Sequence[float], colour: Colour) -> None:
        self.draw.polygon(self._at(points), colour)

    def shaded(self, dice: Dice, strength: float = 0.5) -> None:
        """Light from above, to one side: round things are darker where they turn away."""
        width, height = self.image.size
        x, y = dice(-0.5, 0.5), -dice(0.2, 0.6)
        across = (np.arange(width) + 0.5) / width * 2 - 1 - x
        down = ((np.arange(height) + 0.5) / height * 2 - 1 - y)[:, None]
        light = (1.1 - strength * (across * across + down * down) / 2).clip(0.2, 1.15)[..., None]
        pixels = np.asarray(self.image).astype(np.float32)
        pixels[..., :3] = (pixels[..., :3] * light).clip(0, 255)
        self.image = Image.fromarray(pixels.astype(np.uint8))
        self.draw = ImageDraw.Draw(self.image)

    def done(self) -> Image.Image:
        return self.image.reduce(_FINE)


def thing(name: str, side: int, dice: Dice) -> Image.Image:
    """One of ``NAMES``, about ``side`` pixels wide: Pillow's RGBA.

    Raises:
        ValueError: no such thing, or no pixel to draw it on.
    """
    if name not in _THINGS:
        raise ValueError(f"{name!r} is none of {', '.join(NAMES)}")
    if side < 1:
        raise ValueError(f"side={side} is the width in pixels, at least 1")
    return _THINGS[name](side, dice)


def scrambled(image: Image.Image, dice: Dice, parts: int = 3) -> Image.Image:
    """``parts`` x ``parts`` patches of an image, none where it was: all that a face has, but no face.

    Args:
        image: Pillow's RGB or RGBA, at least ``parts`` pixels a side.
    Raises:
        ValueError: fewer than 2 x 2 patches, or too few pixels for them.
    """
    wide, high = (side // parts for side in image.size) if parts >= 2 else (0, 0)
    if not wide or not high:
        raise ValueError(f"an image of {image.size} pixels cannot be cut into {parts}x{parts} patches; parts >= 2")
    order = sorted(range(parts * parts), key=lambda _: dice())
    result = Image.new(image.mode, (wide * parts, high * parts))
    for place, origin in zip(order, order[1:] + order[:1]):  # one long cycle: no patch stays
        left, top = origin % parts * wide, origin // parts * high
        patch = image.crop((left, top, left + wide, top + high))
        result.paste(patch, (place % parts * wide, place // parts * high))
    return result


def skin(dice: Dice) -> Colour:
    """The colour of somebody's skin."""
    first = dice.integer(0, len(_SKINS) - 2)
    return darker(mixed(_SKINS[first], _SKINS[first + 1], dice()), dice(0.7, 1.05))


def _ball(side: int, dice: Dice) -> Image.Image:
    """As :func:`drawpeople.occluders.ball`, mostly skin-coloured."""
    made = occluders.ball(dice, torch.tensor(skin(dice)) / 255, skin_coloured=dice.happens(0.6))
    drawn = Image.fromarray(shapes.alone(made, (2 * side, 2 * side), (-0.8, -0.8, 0.8, 0.8), 0.45).numpy())
    drawn = drawn.crop(drawn.getchannel("A").getbbox())
    return drawn.resize((side, max(1, round(side * drawn.height / drawn.width))), Image.Resampling.BOX)


def _hand(side: int, dice: Dice) -> Image.Image:
    """A poster with :func:`drawpeople.occluders.hand` on it."""
    made = occluders.hand(dice, torch.tensor(skin(dice)) / 255)
    drawn = shapes.alone(made, (round(1.2 * side), side), (-1.1, -1.32, 1.1, 1.32), 0.8)
    return framed(Image.fromarray(drawn.numpy()), side, dice)


def _dots(side: int, dice: Dice) -> Image.Image:
    """Two dots over a bar, on a plate: the least that looks at us."""
    sheet = _Sheet(side, dice(0.9, 1.35))
    colour = skin(dice) if dice.happens(0.5) else tint(dice, (0.3, 1.0), 0.8)
    dark = darker(colour, dice(0.1, 0.5))
    (sheet.oval if dice.happens(0.6) else sheet.box)(0, 0, 0.96, 0.96 * sheet.tall, colour)
    apart, size, line = dice(0.3, 0.5), dice(0.08, 0.18), -dice(0.15, 0.4) * sheet.tall
    for x in (-apart, apart):
        sheet.oval(x, line, size, size, dark)
    sheet.box(0, dice(0.35, 0.6) * sheet.tall, dice(0.25, 0.5), dice(0.03, 0.1), dark)
    sheet.shaded(dice, 0.3)
    return sheet.done()


def _clock(side: int, dice: Dice) -> Image.Image:
    sheet, rim = _Sheet(side), tint(dice, (0.05, 0.7), 0.5)
    face = mixed((250, 250, 245), tint(dice, (0.6, 1)), 0.3) if dice.happens(0.8) else tint(dice, (0.1, 0.4))
    ink = (30, 30, 35) if sum(face) > 350 else (230, 230, 225)
    sheet.oval(0, 0, 0.97, 0.97, rim)
    sheet.oval(0, 0, 0.84, 0.84, face)
    for k in range(12):
        c, s = math.cos(k * math.pi / 6), math.sin(k * math.pi / 6)
        sheet.line((0.66 * c, 0.66 * s, 0.76 * c, 0.76 * s), ink, 0.05)
    for length, wide in ((0.42, 0.07), (0.62, 0.045)):
        turn = dice(0, 2 * math.pi)
        sheet.line((0, 0, length * math.cos(turn), length * math.sin(turn)), ink, wide)
    return sheet.done()


def _socket(side: int, dice: Dice) -> Image.Image:
    """Two holes and sometimes a third, in a white plate."""
    sheet, white = _Sheet(side, dice(0.95, 1.3)), tint(dice, (0.75, 1.0), 0.06)
    sheet.box(0, 0, 0.95, 0.95 * sheet.tall, white, darker(white, 0.7))
    sheet.oval(0, 0, 0.7, 0.7, darker(white, 0.88), darker(white, 0.7))
    if dice.happens(0.6):
        for x in (-0.28, 0.28):
            sheet.oval(x, 0, 0.09, 0.09, (25, 25, 25))
    else:
        for x in (-0.25, 0.25):
            sheet.box(x, -0.15, 0.06, 0.2, (25, 25, 25))
        sheet.oval(0, 0.35, 0.12, 0.12, (25, 25, 25))
    return sheet.done()


def _car(side: int, dice: Dice) -> Image.Image:
    """A car from the front: lamps for eyes, a grille for a mouth."""
    sheet, paint = _Sheet(side, 0.85), tint(dice, (0.15, 0.9), 0.9)
    glass = tint(dice, (0.15, 0.45), 0.2)
    for x in (-0.72, 0.72):
        sheet.box(x, 0.62, 0.17, 0.22, (25, 25, 28))
    sheet.shape((-0.62, -0.8, 0.62, -0.8, 0.85, -0.1, -0.85, -0.1), darker(paint, 0.85))
    sheet.shape((-0.54, -0.7, 0.54, -0.7, 0.72, -0.15, -0.72, -0.15), glass)
    sheet.box(0, 0.22, 0.97, 0.42, paint, darker(paint, 0.7))
    round_lamps, size = dice.happens(0.5), dice(0.12, 0.18)
    for x in (-0.7, 0.7):
        lamp = (sheet.oval, sheet.box)[0 if round_lamps else 1]
        lamp(x, 0.12, size, size if round_lamps else 0.6 * size, (240, 240, 225), (90, 90, 95))
    sheet.box(0, 0.2, 0.42, dice(0.08, 0.16), (35, 35, 40), (160, 160, 165))
    sheet.box(0, 0.52, 0.9, 0.09, darker(paint, 0.6))
    sheet.box(0, 0.5, 0.2, 0.06, (235, 235, 230))
    sheet.shaded(dice, 0.3)
    return sheet.done()


def _sack(side: int, dice: Dice) -> Image.Image:
    """A shapeless skin-coloured lump, blotched: a cushion, a potato, a bag."""
    sheet, colour = _Sheet(side), skin(dice)
    bumps = [dice(0.7, 0.97) for _ in range(9)]
    outline = []
    for k in range(54):
        turn, at = k * 2 * math.pi / 54, k / 6
        near = bumps[int(at) % 9] * (1 - at % 1) + bumps[(int(at) + 1) % 9] * (at % 1)
        outline += [near * math.cos(turn), near * math.sin(turn)]
    sheet.shape(outline, colour)
    for _ in range(dice.integer(2, 6)):
        sheet.oval(dice(-0.4, 0.4), dice(-0.4, 0.4), dice(0.04, 0.14), dice(0.03, 0.1), darker(colour, dice(0.5, 0.9)))
    sheet.shaded(dice, 0.8)
    image = sheet.image.filter(ImageFilter.GaussianBlur(0.02 * side))
    return image.reduce(_FINE)


def framed(image: Image.Image, side: int, dice: Dice) -> Image.Image:
    """A print in a frame, to hang up: Pillow's RGBA, ``side`` wide."""
    edge, margin = max(1, round(0.05 * side)), round(dice(0, 0.12) * side)
    wide = max(1, side - 2 * (edge + margin))
    small = image.resize((wide, max(1, round(wide * image.height / image.width))), Image.Resampling.BILINEAR)
    frame = Image.new("RGBA", (side, small.height + 2 * (edge + margin)), tint(dice, (0.1, 0.8)))
    frame.paste(tint(dice, (0.4, 1.0)), (edge, edge, side - edge, frame.height - edge))
    frame.paste(small.convert("RGB"), (edge + margin, edge + margin), small.convert("RGBA").getchannel("A"))
    return frame


_THINGS: dict[str, Callable[[int, Dice], Image.Image]] = {
    "ball": _ball,
    "sack": _sack,
    "car": _car,
    "clock": _clock,
    "dots": _dots,
    "socket": _socket,
    "hand": _hand,
}
NAMES = tuple(_THINGS)
STANDING, HANGING = NAMES[:2], NAMES[3:]  #: on the ground, and on a wall; a car stands on a street
