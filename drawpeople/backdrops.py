"""Places without people, drawn at any size: rooms, streets, gardens, and walls of no place in particular.

A portrait's background, out of focus, is :mod:`drawpeople.background`'s; these are backgrounds of whole photos,
with things in focus and edges for a detector to stumble over.
"""

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from drawpeople import rng
from drawpeople.rng import Dice

_GRAIN = 512  # pixels of the square of clouds that every texture takes a window of
_GRAIN_SEED = 32

Colour = tuple[int, int, int]


def backdrop(size: tuple[int, int], ground: float, dice: Dice) -> tuple[Image.Image, str]:
    """A place.

    Args:
        size: ``(height, width)`` pixels.
        ground: the row at which the ground begins, where people farthest away have their feet.
        dice: draw the place.
    Returns:
        Pillow's RGB of that size, and what it shows: ``"room"``, ``"street"``, ``"garden"`` or ``"stage"``.
    """
    height, width = size
    if min(size) < 1:
        raise ValueError(f"size={size} is (height, width) in pixels, both positive")
    image = Image.new("RGB", (width, height))
    row = max(1, int(min(max(ground, 0.15 * height), 1.2 * height)))
    kind, draw = _PLACES[dice.integer(0, len(_PLACES) - 1)]
    draw(image, row, dice)
    image = _textured(image, dice)
    softness = max(0.0, dice(-1.5, 1.2)) * max(size) / 300  # in focus in more than half
    return (image.filter(ImageFilter.GaussianBlur(softness)) if softness > 0.2 else image), kind


def tint(dice: Dice, light: tuple[float, float] = (0.2, 0.9), colourful: float = 0.35) -> Colour:
    """A colour, from grey to so colourful, of a lightness in a range of ``[0, 1]``."""
    level, strong, hue = dice(*light), colourful * dice() ** 2, dice(0, 2 * math.pi)
    hue -= 0.4 * math.sin(2 * hue - 1)  # towards those of wood, stone and the sky
    strong *= 1.2 - 0.6 * level
    parts = (level * (1 + strong * math.cos(hue + turn)) for turn in (0.0, -2.1, 2.1))
    return tuple(int(255 * min(1, max(0, part))) for part in parts)


def mixed(colour: Colour, other: Colour, share: float) -> Colour:
    """``colour`` with a share of another."""
    return tuple(int((1 - share) * a + share * b) for a, b in zip(colour, other))


def darker(colour: Colour, share: float) -> Colour:
    """``colour`` times ``share``, which may be over 1."""
    return tuple(int(min(255, share * part)) for part in colour)


@cache
def _clouds() -> np.ndarray:
    """A square of coarse and fine noise that repeats without a seam: int16 ``(_GRAIN, _GRAIN)`` about 0, 10 strong."""
    total = torch.zeros(_GRAIN, _GRAIN)
    for octave in range(7):
        cells = 8 * 2**octave // 2
        values = rng.normal(rng.key(_GRAIN_SEED, octave, torch.arange(cells)), cells)
        wrapped = torch.cat((values, values[:1]))
        wrapped = torch.cat((wrapped, wrapped[:, :1]), 1)
        steps = _GRAIN // cells
        fine = torch.nn.functional.interpolate(
            wrapped[None, None], (cells * steps + 1, cells * steps + 1), mode="bilinear", align_corners=True
        )[0, 0, :_GRAIN, :_GRAIN]
        total += fine * 0.75**octave
    return (10 * total / total.std()).round().numpy().astype(np.int16)


def _textured(image: Image.Image, dice: Dice) -> Image.Image:
    """Plaster, cloth and dirt: nothing in the world has one colour all over."""
    strength, rows, columns = dice(0.1, 0.6), dice.integer(0, _GRAIN - 1), dice.integer(0, _GRAIN - 1)
    clouds = (128 + strength * _clouds()).clip(0, 255).astype(np.uint8)
    times = (-(-(rows + image.height) // _GRAIN), -(-(columns + image.width) // _GRAIN))
    part = np.tile(clouds, times)[rows : rows + image.height, columns : columns + image.width]
    grey = Image.fromarray(part)
    return ImageChops.add(image, Image.merge("RGB", (grey, grey, grey)), 1, -128)


def _gradient(image: Image.Image, box: tuple[int, int, int, int], colours: list[Colour], across: bool = False) -> None:
    """Fill a box with a row of colours that run into each other, downwards or across."""
    left, top, right, bottom = box
    if right <= left or bottom <= top:
        return
    few = Image.new("RGB", (len(colours), 1) if across else (1, len(colours)))
    few.putdata(colours)
    image.paste(few.resize((right - left, bottom - top), Image.Resampling.BICUBIC), (left, top))


def _floor(image: Image.Image, row: int, dice: Dice) -> None:
    """Ground from ``row`` down: planks or tiles that run to a point, or a plain one."""
    width, height = image.size
    if row >= height:
        return
    colour = tint(dice, (0.2, 0.7), 0.25)
    _gradient(image, (0, row, width, height), [darker(colour, 0.8), colour, darker(colour, 1.15)])
    draw, joint = ImageDraw.Draw(image), darker(colour, dice(0.7, 0.95))
    kind = dice.integer(0, 2)
    if kind == 0:
        return
    point, steps = dice(0.2, 0.8) * width, dice.integer(6, 20)
    far = row - 0.4 * (height - row)
    for k in range(-steps, 2 * steps):
        bottom = point + (k / steps - 0.5) * 3 * width
        top = point + (bottom - point) * (row - far) / (height - far)
        draw.line([(top, row), (bottom, height)], joint, 1 + width // 500)
    if kind == 2:
        for k in range(1, 12):
            y = row + (height - row) * (k / 12) ** 1.8
            draw.line([(0, y), (width, y)], joint, 1 + width // 500)


def _room(image: Image.Image, row: int, dice: Dice) -> None:
    """A wall, plain, striped, panelled or papered, with a skirting board and a floor; curtains, shelves, frames."""
    width, _ = image.size
    colour, wall = tint(dice, (0.35, 0.95), 0.3), Image.new("RGB", (width, row))
    ends = [darker(colour, dice(0.7, 1.1)) for _ in range(3)]
    _gradient(wall, (0, 0, *wall.size), ends, across=True)
    _WALLS[dice.integer(0, len(_WALLS) - 1)](wall, colour, dice)
    image.paste(wall, (0, 0))
    for _ in range(dice.integer(0, 3)):
        (_curtain, _shelf, _frame, _door)[dice.integer(0, 3)](image, row, dice)
    ImageDraw.Draw(image).rectangle([0, row - width // 60, width, row], darker(colour, dice(0.6, 1.2)))
    _floor(image, row, dice)


def _nothing(wall: Image.Image, colour: Colour, dice: Dice) -> None:
    """As it is."""


def _stripes(wall: Image.Image, colour: Colour, dice: Dice) -> None:
    draw, step = ImageDraw.Draw(wall), dice.log(0.015, 0.1) * wall.width
    other, upright = darker(mixed(colour, tint(dice), 0.4), dice(0.7, 1.2)), dice.happens(0.7)
    for k in range(int(max(wall.size) / step) + 1):
        start, end = k * step, k * step + 0.5 * step
        draw.rectangle([start, 0, end, wall.height] if upright else [0, start, wall.width, end], other)


def _panels(wall: Image.Image, colour: Colour, dice: Dice) -> None:
    draw, step = ImageDraw.Draw(wall), dice(0.08, 0.3) * wall.width
    for k in range(int(wall.width / step) + 1):
        for inset, light in ((0.1, 0.8), (0.13, 1.1), (0.16, 1.0)):
            edge = inset * step
            box = [k * step + edge, edge, (k + 1) * step - edge, max(edge, wall.height - edge)]
            draw.rectangle(box, darker(colour, light))


def _bricks(wall: Image.Image, colour: Colour, dice: Dice) -> None:
    draw, high = ImageDraw.Draw(wall), max(4.0, dice(0.012, 0.05) * wall.width)
    clay, wide = mixed((150, 80, 60), tint(dice), 0.4), 2.6 * high
    wall.paste(darker(mixed(clay, (190, 185, 175), 0.7), dice(0.7, 1.0)), (0, 0, *wall.size))
    for j in range(int(wall.height / high) + 1):
        for i in range(int(wall.width / wide) + 2):
            x, y = (i - 0.5 * (j % 2)) * wide, j * high
            draw.rectangle([x + 1, y + 1, x + wide - 1, y + high - 1], darker(clay, dice(0.75, 1.1)))


def _tiles(wall: Image.Image, colour: Colour, dice: Dice) -> None:
    draw, step = ImageDraw.Draw(wall), max(5.0, dice.log(0.03, 0.12) * wall.width)
    joint, other = darker(colour, dice(0.6, 0.9)), darker(mixed(colour, tint(dice), dice(0, 0.8)), dice(0.8, 1.1))
    for j in range(int(wall.height / step) + 1):
        for i in range(int(wall.width / step) + 1):
            x, y = i * step, j * step
            draw.rectangle([x, y, x + step, y + step], other if (i + j) % 2 else None, joint)


_WALLS = (_nothing, _stripes, _panels, _bricks, _tiles)


def _curtain(image: Image.Image, row: int, dice: Dice) -> None:
    width = image.width
    left, wide = dice(-0.1, 0.9) * width, dice(0.1, 0.3) * width
    colour = tint(dice, (0.25, 0.85))
    folds = [darker(colour, dice(0.6, 1.1)) for _ in range(dice.integer(6, 14))]
    _gradient(image, (int(left), 0, int(left + wide), int(0.97 * row)), folds, across=True)


def _shelf(image: Image.Image, row: int, dice: Dice) -> None:
    """A case of books."""
    draw, width = ImageDraw.Draw(image), image.width
    left, wide, top = dice(-0.1, 0.8) * width, dice(0.2, 0.5) * width, dice(0.1, 0.5) * row
    wood = tint(dice, (0.2, 0.6), 0.3)
    draw.rectangle([left, top, left + wide, row], darker(wood, 0.5))
    board = max(2.0, 0.012 * width)
    boards = dice.integer(3, 6)
    high = (row - top) / boards
    for k in range(boards):
        foot, x = top + (k + 1) * high, left + board
        draw.rectangle([left, foot - board, left + wide, foot], wood)
        while x < left + wide - 3 * board:
            thick = dice(0.6, 2.0) * board
            draw.rectangle(
                [x, foot - board - dice(0.55, 0.9) * (high - board), x + thick, foot - board], tint(dice, colourful=0.6)
            )
            x += thick + dice(0, 0.4) * board
    draw.rectangle([left, top, left + wide, row], None, wood, int(board))


def _frame(image: Image.Image, row: int, dice: Dice) -> None:
    """A painting on the wall."""
    draw, width = ImageDraw.Draw(image), image.width
    wide, high = dice(0.08, 0.25) * width, dice(0.1, 0.25) * width
    left, top = dice(0, 0.9) * width, dice(0.05, 0.4) * row
    box = tuple(int(v) for v in (left, top, left + wide, top + high))
    _gradient(image, box, [tint(dice, colourful=0.6) for _ in range(dice.integer(2, 4))], dice.happens(0.3))
    draw.rectangle(box, None, tint(dice, (0.1, 0.6)), max(2, width // 90))


def _door(image: Image.Image, row: int, dice: Dice) -> None:
    draw, width = ImageDraw.Draw(image), image.width
    high = dice(0.5, 0.85) * row
    wide, left = 0.45 * high, dice(0, 0.9) * width
    colour = tint(dice, (0.25, 0.9))
    draw.rectangle([left, row - high, left + wide, row], colour, darker(colour, 0.6), max(2, width // 120))
    for top, bottom in ((0.06, 0.45), (0.52, 0.94)):
        draw.rectangle(
            [left + 0.14 * wide, row - (1 - top) * high, left + 0.86 * wide, row - (1 - bottom) * high],
            darker(colour, 0.92),
            darker(colour, 0.7),
        )
    draw.ellipse(
        [left + 0.84 * wide, row - 0.5 * high, left + 0.92 * wide, row - 0.5 * high + 0.08 * wide], (190, 170, 90)
    )


def _sky(image: Image.Image, row: int, dice: Dice) -> None:
    """Air down to ``row``, with or without clouds."""
    day, blue = dice(0.4, 1.0), dice(0.2, 1.0)
    high = mixed((215, 220, 225), (70, 120, 205), blue)
    low = mixed((230, 232, 235), (235, 215, 190), dice())
    _gradient(image, (0, 0, image.width, row), [darker(high, day), darker(low, day)])
    if dice.happens(0.5):
        few = max(8, image.width // 6)
        r, c = dice.integer(0, 255), dice.integer(0, 255)
        patch = np.tile(_clouds(), (2, 2))[r : r + max(8, row // 3), c : c + few].clip(0, 22) * 7
        mask = Image.fromarray(patch.astype(np.uint8)).filter(ImageFilter.GaussianBlur(2))
        image.paste(darker((250, 250, 250), day), (0, 0, image.width, row), mask.resize((image.width, row)))


def _street(image: Image.Image, row: int, dice: Dice) -> None:
    """House fronts beside each other, on a pavement and a road."""
    width, height = image.size
    _sky(image, row, dice)
    x = dice(-0.2, 0) * width
    while x < width:
        wide = dice(0.18, 0.5) * width
        _house(image, (x, dice(-0.4, 0.35) * row, x + wide, row), dice)
        x += wide + max(0.0, dice(-0.1, 0.05)) * width
    _gradient(image, (0, row, width, height), [tint(dice, (0.4, 0.7), 0.1), tint(dice, (0.25, 0.6), 0.1)])
    draw = ImageDraw.Draw(image)
    for k in range(1, 6):
        y = row + (height - row) * (k / 6) ** 2
        draw.line([(0, y), (width, y)], tint(dice, (0.3, 0.5), 0.05), 1)


def _house(image: Image.Image, box: tuple[float, float, float, float], dice: Dice) -> None:
    """A front with rows of windows."""
    draw, (left, top, right, bottom) = ImageDraw.Draw(image), box
    front = tint(dice, (0.3, 0.9), 0.4)
    wall = Image.new("RGB", (max(1, int(right - left)), max(1, int(bottom - top))), front)
    if dice.happens(0.3):
        _bricks(wall, front, dice)
    image.paste(wall, (int(left), int(top)))
    across, rows = dice.integer(2, 5), dice.integer(2, 5)
    step, high = (right - left) / across, (bottom - top) / rows
    glass, trim = tint(dice, (0.1, 0.5), 0.3), tint(dice, (0.5, 1.0), 0.1)
    share, tall, lit = dice(0.35, 0.65), dice(0.45, 0.75), dice(0, 0.4)
    for j in range(rows):
        for i in range(across):
            x, y = left + (i + 0.5 - share / 2) * step, top + (j + 0.5 - tall / 2) * high
            pane = [x, y, x + share * step, y + tall * high]
            bright = (230, 210, 160) if dice.happens(lit) else darker(glass, dice(0.7, 1.5))
            draw.rectangle(pane, bright, trim, max(1, int(0.05 * step)))
            draw.line(
                [(x + share * step / 2, pane[1]), (x + share * step / 2, pane[3])], trim, max(1, int(0.03 * step))
            )
            draw.rectangle(
                [pane[0] - 0.03 * step, pane[3], pane[2] + 0.03 * step, pane[3] + 0.04 * high], darker(trim, 0.8)
            )
    draw.rectangle([left, top, right, top + 0.04 * high], darker(front, 0.7))


def _garden(image: Image.Image, row: int, dice: Dice) -> None:
    """Sky, a hedge or trees, and a lawn."""
    width, height = image.size
    _sky(image, row, dice)
    lawn = mixed((80, 125, 50), tint(dice), 0.3)
    _gradient(image, (0, row, width, height), [darker(lawn, 0.7), lawn, darker(lawn, 1.2)])
    _blades(image, row, lawn, dice)
    for _ in range(dice.integer(1, 5)):
        x, high = dice(0, 1) * width, dice(0.4, 1.1) * row
        draw, trunk = ImageDraw.Draw(image), 0.05 * high
        draw.rectangle([x - trunk, row - 0.5 * high, x + trunk, row + 2], tint(dice, (0.15, 0.35), 0.3))
        _leaves(image, (x, row - 0.65 * high), 0.42 * high, 120, dice)
    if dice.happens(0.6):
        for k in range(dice.integer(4, 8)):
            _leaves(image, (dice(0, 1) * width, row), dice(0.1, 0.3) * row, 60, dice.fork(k))


def _blades(image: Image.Image, row: int, lawn: Colour, dice: Dice) -> None:
    draw, (width, height) = ImageDraw.Draw(image), image.size
    for _ in range(250):
        depth = dice()
        x, y = dice() * width, row + (height - row) * depth
        draw.line([(x, y), (x + dice(-4, 4) * depth, y - (3 + 10 * depth))], darker(lawn, dice(0.6, 1.4)), 1)


def _leaves(image: Image.Image, at: tuple[float, float], reach: float, count: int, dice: Dice) -> None:
    """A crown or a bush: many patches of green, the upper ones lighter."""
    reach = max(1.0, reach)
    draw, green = ImageDraw.Draw(image), mixed((60, 105, 45), tint(dice, colourful=0.6), 0.3)
    draw.ellipse(
        [at[0] - 0.8 * reach, at[1] - 0.8 * reach, at[0] + 0.8 * reach, at[1] + 0.8 * reach], darker(green, 0.6)
    )
    for _ in range(count):
        turn, away, size = dice(0, 2 * math.pi), math.sqrt(dice()) * reach, dice(0.04, 0.2) * reach
        x, y = at[0] + away * math.cos(turn), at[1] + away * math.sin(turn)
        light = dice(0.6, 1.1) - 0.35 * (y - at[1]) / reach
        draw.ellipse([x - size, y - 0.7 * size, x + size, y + 0.7 * size], darker(green, light))


def _abstract(image: Image.Image, row: int, dice: Dice) -> None:
    """A wall of light: colours that run into each other, and discs or beams over them."""
    width, height = image.size
    few = Image.new("RGB", (3, 3))
    few.putdata([tint(dice, (0.1, 0.8), 0.4) for _ in range(9)])
    image.paste(few.resize((width, height), Image.Resampling.BICUBIC))
    over = Image.new("RGB", (width, height))
    draw = ImageDraw.Draw(over)
    for _ in range(dice.integer(0, 25)):
        x, y, reach = dice() * width, dice() * height, dice.log(0.01, 0.08) * width
        draw.ellipse([x - reach, y - reach, x + reach, y + reach], tint(dice, (0.4, 1.0), 0.5))
    image.paste(Image.blend(image, over, 0.5), (0, 0), over.convert("L").point(lambda level: 255 if level else 0))
    _floor(image, row, dice)


_PLACES: tuple[tuple[str, Callable[[Image.Image, int, Dice], None]], ...] = (
    *[("room", _room)] * 2,
    ("street", _street),
    ("garden", _garden),
    ("stage", _abstract),
)


def plain(size: tuple[int, int], dice: Dice) -> Image.Image:
    """A studio's paper or a bare wall, of one colour, lighter to one side or towards the top: Pillow's RGB."""
    image, colour = Image.new("RGB", (size[1], size[0])), tint(dice, (0.3, 1.0), 0.2)
    ends = [darker(colour, dice(0.8, 1.1)) for _ in range(2)]
    _gradient(image, (0, 0, *image.size), ends, across=dice.happens(0.5))
    return image
