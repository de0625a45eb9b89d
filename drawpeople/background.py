"""What is behind people in portraits, out of focus: studio paper, a wall, a room, a street, trees, the open sky.

All is placed in loose pixels, so every crop of an image continues the same view, and only what is not covered by the
person is computed.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from drawpeople import rng
from drawpeople.framing import LOOSE
from drawpeople.samples import cover
from drawpeople.skin import metered, skin_colour

_BACKGROUND_SEED = 11
_NUMBERS = 48  # random numbers an image: each kind uses them as it likes
_ORANGE, _GREEN, _BLUE = 0.08, 0.24, 0.58  # of lamps, leaves and the sky, on the colour wheel
_THINGS = 5  # in a room
_PATCHES = torch.tensor([0.0, -0.7, 0.5, -0.7, 0.5])  # how much lighter houses and leaves are than what is behind them
_DISCS = 6  # of light


class View:
    """Uncovered places of some images, and the random numbers of these images.

    ``x`` and ``y`` run from -1 to 1 over the width and the height of the loose framing, y down.
    """

    def __init__(self, image: Tensor, x: Tensor, y: Tensor, dials: dict[str, Tensor], u: Tensor) -> None:
        self.image, self.x, self.y = image, x, y  # (M,) each
        self.dials, self.u = dials, u  # (N,) each; (_NUMBERS, N)

    def take(self, index: Tensor) -> View:
        """Some of the places, by number."""
        image, x, y = (v.index_select(0, index) for v in (self.image, self.x, self.y))
        return View(image, x, y, self.dials, self.u)

    def random(self, first: int, *ranges: tuple[float, float], times: int = 1) -> Tensor:
        """Random numbers of each image from number ``first`` on: ``(len(ranges), N)``, or ``(.., times, N)``."""
        low, high = torch.tensor(ranges, device=self.u.device).T[:, :, None, None]
        numbers = low + (high - low) * self.u[first : first + len(ranges) * times].view(len(ranges), times, -1)
        return numbers if times > 1 else numbers[:, 0]

    def at(self, table: Tensor) -> Tensor:
        """Numbers ``(..., N)`` of the images at every place: ``(..., M)``."""
        rows = table.reshape(-1, table.shape[-1])
        rows = rows.gather(1, self.image.expand(len(rows), -1))  # quicker than index_select
        return rows.view(*table.shape[:-1], -1)

    def colours(self, first: int, colourful: float | Tensor, light: Tensor) -> Tensor:
        """Colours near each image's own hue, as many as ``light`` ``(K, N)`` has rows: linear ``(3, K, N)``."""
        turned = self.dials["back_hue"] + 0.25 * (self.u[first : first + len(light)] - 0.5)
        return hue(natural(turned), colourful * chroma(self.dials) * (1.2 - 0.6 * light), light)


def background(image: Tensor, x: Tensor, y: Tensor, dials: dict[str, Tensor]) -> Tensor:
    """The linear colour ``(3, M)`` behind people.

    Args:
        image: int64 ``(M,)``, which image each place belongs to.
        x, y: loose pixels ``(M,)``.
        dials: the images' parameters, ``(N,)`` each.
    """
    u = rng.uniform(rng.key((dials["grain"] * 2**24).long(), _BACKGROUND_SEED), _NUMBERS).T
    view = View(image, x * (2 / LOOSE.width) - 1, y * (2 / LOOSE.height) - 1, dials, u)
    kind = _kind(dials).index_select(0, image)
    colour = torch.empty(3, len(x), device=x.device)
    for k, draw in enumerate(_KINDS):
        where = (kind == k).nonzero()[:, 0]
        if len(where):
            colour[:, where] = draw(view.take(where))
    dimmed = metered(skin_colour(dials)) ** -0.7  # who sets the camera for a dark face lights the face, not the wall
    return colour.mul_(dimmed.index_select(0, image)).clamp_(0, 1.2)


def surroundings(dials: dict[str, Tensor]) -> Tensor:
    """The tint that the place gives to the light around the face, so that both belong together: ``(N, 3)``, mean 1."""
    kind = _kind(dials)
    angle = torch.where(kind == _TREES, _GREEN, torch.where(kind == _SKY, _BLUE, dials["back_hue"]))
    return hue(natural(angle), 0.2 * chroma(dials) + 0.02 * (kind >= _TREES), torch.ones_like(angle), at_most=2.0).T


def hue(angle: Tensor, colourful: float | Tensor, light: float | Tensor, at_most: float = 1.0) -> Tensor:
    """A linear colour ``(3, ...)`` from hue (0 to 1), chroma and the root of its lightness ``(...)``."""
    turns = torch.tensor([0.0, -1 / 3, 1 / 3], device=angle.device).view(3, *[1] * angle.dim())
    return (light * (1 + colourful * torch.cos(2 * torch.pi * (angle + turns)))).clamp(0, at_most) ** 2


def natural(angle: Tensor) -> Tensor:
    """Hues drawn evenly, moved towards those of wood, stone and the sky: green and violet paint is rarer than brown."""
    return angle - 0.065 * torch.sin(4 * torch.pi * (angle - _ORANGE))


def dye(angle: Tensor, colourful: float | Tensor, light: Tensor) -> Tensor:
    """The same for cloth, an image a row: ``(N, 3)``."""
    return hue(angle, colourful, light).T


def chroma(dials: dict[str, Tensor]) -> Tensor:
    """How colourful ``(N,)``: mostly little."""
    return 0.03 + 0.32 * dials["back_colour"] ** 4


def _light(dials: dict[str, Tensor]) -> Tensor:
    """How light ``(N,)``, as a root of linear light."""
    return 0.12 + 0.7 * dials["back_light"]


def _kind(dials: dict[str, Tensor]) -> Tensor:
    """Which of ``_KINDS`` each image shows, in even shares."""
    return (dials["back_kind"] * len(_KINDS)).long().clamp(max=len(_KINDS) - 1)


def _ramp(value: Tensor, soft: float | Tensor) -> Tensor:
    """0 well below zero, 1 well above, an S ``soft`` wide between."""
    value = (value / soft + 0.5).clamp(0, 1)
    return value * value * (3 - 2 * value)


def _boxes(view: View, boxes: Tensor, soft: float | Tensor) -> Tensor:
    """Blurred rectangles from their middles and half their sides ``(4, ...)``: x, y, width, height."""
    x, y, wide, high = boxes
    return _ramp(wide - (view.x - x).abs(), soft) * _ramp(high - (view.y - y).abs(), soft)


def _layers(view: View, colours: Tensor, shares: Tensor) -> Tensor:
    """The first of the images' colours ``(3, 1 + K, N)``, covered by each next one's share ``(K, M)``."""
    first, *others = view.at(colours).unbind(1)
    colour = first.clone()
    for other, share in zip(others, shares):
        cover(colour, other, share)
    return colour


def _paper(view: View) -> Tensor:
    """A roll of paper: brightest behind the head or beside it, darker towards the corners."""
    x, y = view.at(view.random(0, (-0.7, 0.7), (-0.5, 0.6)))
    dx, dy = view.x - x, view.y - y
    falls_off = view.at(0.1 + 0.5 * view.dials["back_contrast"])
    base = view.at(view.colours(2, 1.0, _light(view.dials)[None])[:, 0])
    return base * (1.15 - falls_off * (0.6 * dx * dx + 0.4 * dy * dy)).clamp(min=0.25)


def _wall(view: View) -> Tensor:
    """Two walls that meet in a corner, lit from one side, and in half of the images a frame or a door."""
    contrast, light = view.dials["back_contrast"], _light(view.dials)
    edge, lean, slope, frame = view.random(0, (-1.1, 1.1), (-0.05, 0.05), (-0.5, 0.5), (-1, 1))
    edge, lean, slope, frame = view.at(torch.stack((edge, lean, slope * contrast, (frame > 0).float())))
    box = view.at(view.random(7, (-1.1, 1.1), (-1.1, 0.9), (0.2, 0.5), (0.3, 0.8)))
    shares = torch.stack((_ramp(view.x - edge - lean * view.y, 0.08), _boxes(view, box, 0.06) * frame))
    levels = torch.stack((light, light * (1 - 0.35 * contrast), light * (1 - 0.7 * contrast)))
    colour = _layers(view, view.colours(4, 0.9, levels), shares)
    return colour * (1 + slope * view.x - 0.12 * view.y).clamp(min=0.2)


def _room(view: View) -> Tensor:
    """A room: furniture, doors and shelves as blurred rectangles, light and dark, and often a bright window."""
    contrast, light = 0.25 + 0.75 * view.dials["back_contrast"], 0.8 * _light(view.dials)
    light = light * (1 + contrast * view.random(0, (0, 0), *[(-0.6, 0.5)] * _THINGS))
    colours = view.colours(6, view.random(0, (1, 1), *[(0.5, 2.0)] * _THINGS), light)
    soft, window = view.random(12, (0.12, 0.5), (0, 1))
    boxes = view.random(14, (-1.1, 1.1), (-1.1, 0.9), (0.08, 0.5), (0.06, 1.5), times=_THINGS)
    daylight = torch.tensor([[0.72], [0.76], [0.8]], device=soft.device)
    colours[:, -1] = torch.where(window > 0.4, daylight, colours[:, -1])  # a window covers the other things
    shares = _boxes(view, view.at(boxes), view.at(soft)) * (0.5 + 0.4 * view.at(contrast))
    return _layers(view, colours, shares) * (1 - 0.15 * view.y)


def _street(view: View) -> Tensor:
    """Fronts of houses, light and dark, and lamps."""
    contrast = 0.3 + 0.7 * view.dials["back_contrast"]
    light = 0.7 * _light(view.dials) * (1 + contrast * _PATCHES.to(contrast.device)[:, None])
    boxes = view.random(5, (-1.1, 1.1), (-1.1, 0.5), (0.1, 0.5), (0.4, 1.5), times=4)
    colour = _layers(view, view.colours(0, 0.9, light), 0.8 * _boxes(view, view.at(boxes), 0.4))
    return _add_discs(colour, view, torch.full_like(contrast, _ORANGE), 0.12)


def _trees(view: View) -> Tensor:
    """Leaves in light and shade, with gaps that the sky shines through."""
    contrast, colourful = 0.3 + 0.7 * view.dials["back_contrast"], 0.12 + 0.4 * chroma(view.dials)
    light = 0.7 * _light(view.dials) * (1 + contrast * _PATCHES.to(contrast.device)[:, None])
    colours = hue(_GREEN + view.random(0, *[(-0.06, 0.05)] * 5), colourful * (1.2 - 0.7 * light), light)
    x, y, wide = view.at(view.random(5, (-1, 1), (-1, 1), (0.25, 0.7), times=4))
    dx, dy = view.x - x, view.y - y
    colour = _layers(view, colours, 0.8 * _ramp(1 - (dx * dx + dy * dy) / (wide * wide), 1.6))
    return _add_discs(colour, view, torch.full_like(contrast, _GREEN), 0.7 * colourful)


def _add_discs(colour: Tensor, view: View, angle: Tensor, colourful: float | Tensor) -> Tensor:
    """Add points of light, which an open lens blurs to discs, about a hue ``(N,)``; the smaller, the brighter."""
    tones = hue(natural(angle + view.random(21, *[(-0.2, 0.2)] * _DISCS)), colourful, 0.6 + 0.4 * _light(view.dials))
    x, y, radius = view.random(27, (-1, 1), (-1, 0.5), (0.07, 0.2), times=_DISCS)
    bright = 0.45 * view.dials["back_contrast"] * (1.3 - 3 * radius)
    x, y, closer, bright = view.at(torch.stack((x, y, 1 / (radius * radius), bright)))
    dx, dy = view.x - x, (view.y - y) * (LOOSE.height / LOOSE.width)
    discs = _ramp(0.85 - (dx * dx + dy * dy) * closer, 0.4) * bright
    for disc, tone in zip(discs, view.at(tones).unbind(1)):
        colour += tone * disc
    return colour


def _sky(view: View) -> Tensor:
    """The open sky above a hazy horizon and land: sand, grass or trees."""
    day, contrast = view.dials["back_light"], view.dials["back_contrast"]
    level, lean, soft, ground = view.random(0, (-0.3, 0.9), (-0.1, 0.1), (0.08, 0.4), (0.04, 0.35))
    level, lean, soft = view.at(torch.stack((level, lean, soft)))
    below = view.y - level - lean * view.x
    clear = 0.05 + 0.3 * view.dials["back_colour"] * (0.4 + 0.6 * contrast)
    low = hue(torch.full_like(day, _BLUE), 0.3 * clear, 0.5 + 0.45 * day)
    high = hue(torch.full_like(day, _BLUE), clear, 0.35 + 0.5 * day)
    land = view.at(hue(ground, 0.05 + 0.4 * chroma(view.dials), (0.25 + 0.45 * day) * (1 - 0.3 * contrast)))
    colour = view.at(low) + (-0.6 * below).clamp(0, 1) * view.at(high - low)
    cover(colour, land * (1 - 0.25 * below.clamp(0, 1)), _ramp(below, soft))
    return colour


_KINDS: tuple[Callable[[View], Tensor], ...] = (_paper, _wall, _room, _street, _trees, _sky)
_TREES, _SKY = _KINDS.index(_trees), _KINDS.index(_sky)
