"""What gets between the camera and a face: a hand, paper, a bar, cloth, leaves, a ball or a box.

Each is made from dice and the colour of a hand's skin, sRGB ``(3,)``. Places are in face widths from the face's middle.
"""

import math

import torch
from torch import Tensor

from drawpeople.rng import Dice
from drawpeople.shapes import Thing, between, box, capsule, colour_of, filled, rough, smooth_minimum, step, turn

_FINGERS = ((-0.33, -0.16, 0.66), (-0.11, -0.05, 0.80), (0.11, 0.05, 0.76), (0.32, 0.17, 0.56))  # root, lean, length


def paper(dice: Dice, skin: Tensor) -> Thing:
    """A printed page or the cover of a book held before the face, from below or from a side."""
    angle, lit = dice(-0.35, 0.35) + (0, math.pi / 2, -math.pi / 2)[dice.integer(0, 2)], dice.fork(1)
    white = dice.happens(0.6)
    base = torch.tensor([0.95, 0.94, 0.9]) if white else colour_of(dice, (0.1, 0.6), (0.25, 0.6))
    ink, pitch = (torch.tensor([0.12, 0.12, 0.16]) if white else base * 0.25 + 0.7), dice(0.055, 0.085)
    size, shift = dice(0.9, 1.3), dice(-0.3, 0.3)

    def own(x: Tensor, y: Tensor, far: float) -> tuple[Tensor, Tensor]:
        u, v = turn(x, y, angle)
        return u - shift, v + far - 1.2  # the page's upper edge is at v = 0

    def distance(x: Tensor, y: Tensor, far: float) -> Tensor:
        u, v = own(x, y, far)
        return box(u, v - 2.5, size - 0.02, 2.48, 0.02)

    def paint(x: Tensor, y: Tensor, far: float) -> Tensor:
        u, v = own(x, y, far)
        row = (v / pitch).floor()
        words = torch.sin(u * 31 + row * 7.1) + torch.sin(u * 83 + row * 3.7) + torch.sin(u * 141 + row * 1.3)
        in_row = ((v / pitch - row - 0.5).abs() < 0.2) & (row >= 1.5) & (u.abs() < size - 0.16)
        written = 0.75 * (in_row & (words > -0.9)).float()
        shade = 0.9 + 0.1 * torch.sin(1.7 * u + lit.fork(0)(0, 6)) - 0.05 * v
        return between(base, ink, written) * shade

    return Thing(distance, paint, 0.01, 3.0)


def bar(dice: Dice, skin: Tensor) -> Thing:
    """A pole, a strap or a finger's width of something dark too close to the lens: soft, and right across."""
    angle, offset = dice(-0.5, 0.5) + (math.pi / 2 if dice.happens(0.5) else 0), dice(-0.14, 0.14)
    colour, shine, lit = colour_of(dice, (0.0, 0.35), (0.07, 0.25)), dice(0.2, 0.9), dice.fork(1)

    def distance(x: Tensor, y: Tensor, far: float) -> Tensor:
        return (turn(x, y, angle)[1] - offset).abs() - far

    def paint(x: Tensor, y: Tensor, far: float) -> Tensor:
        u, v = turn(x, y, angle)
        across = ((v - offset) / far).clamp(-1, 1)
        light = (1 - across * across).clamp(min=0).sqrt() + shine * torch.exp(-(((across + 0.4) / 0.15) ** 2))
        return filled(colour, 0.35 + 0.75 * light + 0.2 * (rough(u, v, 6, lit.fork(0)) - 0.5))

    return Thing(distance, paint, dice(0.03, 0.08), 2.0)


def cloth(dice: Dice, skin: Tensor) -> Thing:
    """A scarf, a blanket or a curtain with folds, in stripes or squares, drawn over the face from a side."""
    angle, folds, lit = dice(0, 2 * math.pi), dice(3, 7), dice.fork(1)
    first, second = colour_of(dice, (0.1, 0.55), (0.2, 0.7)), colour_of(dice, (0.0, 0.5), (0.1, 0.85))
    stripes, squares = dice(7, 16), dice.happens(0.5)
    phase, depth = dice(0, 6), dice(0.02, 0.06)

    def distance(x: Tensor, y: Tensor, far: float) -> Tensor:
        u, v = turn(x, y, angle)
        wave = torch.sin(folds * u + phase) + 0.5 * torch.sin(2.3 * folds * u + 2 * phase)
        return v + 1.2 - far + depth * wave

    def paint(x: Tensor, y: Tensor, far: float) -> Tensor:
        u, v = turn(x, y, angle)
        bent = u + 0.12 * torch.sin(folds * v + phase)
        share = 0.5 + 0.5 * torch.tanh(4 * torch.sin(stripes * bent * 2))
        if squares:
            share = 0.5 * share + 0.25 + 0.25 * torch.tanh(4 * torch.sin(stripes * v * 2))
        fold = torch.sin(folds * (u + 0.35 * v) + phase) + 0.5 * torch.sin(2.7 * folds * (u - 0.2 * v) + phase)
        knit = torch.sin(120 * u) * torch.sin(120 * v)
        return between(first, second, share) * (0.78 + 0.16 * fold + 0.05 * knit + 0.1 * rough(u, v, 2, lit.fork(0)))

    return Thing(distance, paint, 0.015, 3.0)


def leaves(dice: Dice, skin: Tensor) -> Thing:
    """Twigs of a plant that grow in from a side."""
    angle, every = dice(0, 2 * math.pi), []
    green, twigs, stems = dice(0.24, 0.34), dice.integer(3, 4), []
    for twig in range(twigs):
        lean, aside = dice(-0.35, 0.35), (twig + 0.5) / twigs - 0.5 + dice(-0.08, 0.08)
        stems.append(((aside - 1.5 * lean, -1.5), (aside + 0.6 * lean, 0.6)))
        for k in range(7):
            along = -0.75 + 0.22 * k
            turned = lean + (0.75 if k % 2 else -0.75) + dice(-0.3, 0.3)
            hue, light = green + dice(-0.05, 0.05), dice(0.2, 0.5)
            tone = [light * (1 + 0.5 * math.cos(2 * math.pi * (hue - c / 3))) for c in range(3)]
            every.append((aside + lean * along, along, turned, dice(0.85, 1.15), torch.tensor(tone).clamp(0, 1)))

    def leaf(x: Tensor, y: Tensor, far: float, one: tuple) -> tuple[Tensor, Tensor, Tensor]:
        """A leaf's own places (1 is its length), and the distance from its outline."""
        left, up, turned, long, _ = one
        u, v = turn(x, y, angle)
        v, u = turn(u - left, v - up, -turned)
        long = max(0.62 * long * far, 1e-3)
        u, v = u / long, v / long
        wide = 0.27 * torch.sin(math.pi * u.clamp(0, 1) ** 0.8)
        return u, v, long * torch.maximum(v.abs() - wide, (u - 0.5).abs() - 0.5)

    def stalks(x: Tensor, y: Tensor) -> Tensor:
        u, v = turn(x, y, angle)
        return torch.stack([capsule(u, v, start, end, 0.014) for start, end in stems]).amin(0)

    def distance(x: Tensor, y: Tensor, far: float) -> Tensor:
        return torch.stack([stalks(x, y), *(leaf(x, y, far, one)[2] for one in every)]).amin(0)

    def paint(x: Tensor, y: Tensor, far: float) -> Tensor:
        colour = filled(torch.tensor([0.33, 0.26, 0.15]), torch.ones_like(x))
        for one in every:
            u, v, outside = leaf(x, y, far, one)
            rib = torch.exp(-((v / 0.018) ** 2)) + 0.35 * torch.exp(-((torch.sin(26 * (u - v.abs())) / 0.3) ** 2))
            shade = 0.75 + 0.3 * u + 0.25 * rib + 0.5 * v
            rim = 1 - 0.4 * torch.exp(outside.clamp(max=0) / 0.012)
            under = torch.exp(-((outside - 0.01).clamp(min=0) / 0.03)) * 0.35  # a leaf's shadow on those behind it
            colour = torch.lerp(colour * (1 - under), filled(one[-1], shade * rim), step(-outside, 0.012))
        return colour

    return Thing(distance, paint, 0.012, 4.0)


def ball(dice: Dice, skin: Tensor, skin_coloured: bool = False) -> Thing:
    """Something round or boxy: a balloon, a ball, a cup, a bag; in one colour, in panels or with dots."""
    x0, y0, angle = dice(-0.15, 0.15), dice(-0.2, 0.2), dice(-0.6, 0.6)
    flat, corner, pattern = dice(0.85, 1.2), (1.0 if dice.happens(0.5) else dice(0.2, 0.5)), dice.integer(0, 2)
    first, second = colour_of(dice, (0.2, 0.75), (0.3, 0.6)), colour_of(dice, (0.0, 0.6), (0.2, 0.85))
    count, phase, gloss = dice.integer(2, 4), dice(0, 6), dice(0.0, 0.7)
    if skin_coloured:
        first, corner = skin, 1.0

    def own(x: Tensor, y: Tensor, far: float) -> tuple[Tensor, Tensor]:
        u, v = turn(x - x0, y - y0, angle)
        return u / max(far, 1e-3), v / (flat * max(far, 1e-3))

    def distance(x: Tensor, y: Tensor, far: float) -> Tensor:
        u, v = own(x, y, far)
        return far * box(u, v, 1 - corner, 1 - corner, corner)

    def paint(x: Tensor, y: Tensor, far: float) -> Tensor:
        u, v = own(x, y, far)
        depth = (-box(u, v, 1 - corner, 1 - corner, corner)).clamp(0, 1)
        height = (depth * (2 - depth)).sqrt()  # of a sphere, where it is one
        bent = torch.asin((u / (1 - v * v).clamp(min=0.05).sqrt()).clamp(-1, 1)) if corner == 1 else 1.5 * u
        panels = (
            torch.zeros_like(u),
            step(torch.sin(2 * count * bent + phase), 0.15),
            step(torch.sin(4 * count * u + phase) * torch.sin(4 * count * v) - 0.45, 0.12),
        )
        shade = 0.5 + 0.5 * height - 0.18 * (u + v) * (1 - 0.5 * height)
        glint = gloss * torch.exp(-(((u + 0.35) / 0.14) ** 2) - ((v + 0.4) / 0.18) ** 2)
        return between(first, second, panels[pattern]) * shade + glint

    return Thing(distance, paint, 0.012, 3.0)


def hand(dice: Dice, skin: Tensor) -> Thing:
    """The back of a hand with its fingers spread, that comes from below or from a side, out of a sleeve."""
    side, angle = (1 if dice.happens(0.5) else -1), dice(-1.3, 1.3)
    x0, y0 = dice(-0.12, 0.12), dice(-0.05, 0.15)
    spread, tone = dice(0.7, 1.5), dice(0.88, 1.06)
    sleeve, lit = colour_of(dice, (0.0, 0.6), (0.1, 0.6)), dice.fork(1)

    def own(x: Tensor, y: Tensor, far: float) -> tuple[Tensor, Tensor]:
        """Places in hands: 1 is the palm's width, fingers up, the thumb on the right."""
        u, v = turn(x - x0, y - y0, angle)
        return side * u / far, v / far

    def distance(x: Tensor, y: Tensor, far: float) -> Tensor:
        return far * _of_hand(*own(x, y, max(far, 1e-3)), spread)[0]

    def paint(x: Tensor, y: Tensor, far: float) -> Tensor:
        u, v = own(x, y, far)
        depth, crease = _of_hand(u, v, spread)
        round_ = (-depth / 0.12).clamp(0, 1).sqrt()
        shade = 0.62 + 0.36 * round_ - 0.08 * u + 0.06 * (rough(u, v, 3, lit.fork(0)) - 0.5) - 0.22 * crease
        colour = filled(skin * tone, shade)
        cloth = filled(sleeve, 0.75 + 0.35 * torch.cos(1.6 * u).clamp(min=0) + 0.12 * torch.sin(40 * v))
        return torch.lerp(colour, cloth, step(v - 0.98, 0.02))

    return Thing(distance, paint, 0.012, 3.0)


def _of_hand(u: Tensor, v: Tensor, spread: float) -> tuple[Tensor, Tensor]:
    """Distance from a hand's outline and how much of a crease there is (knuckles, nails' rims), both ``(...)``."""
    palm = box(u, v - 0.02, 0.28, 0.30, 0.16)
    palm = torch.minimum(palm, capsule(u, v, (0, 0.3), (0, 4.0), 0.30))
    whole, crease = palm, torch.zeros_like(u)
    thumb = ((0.3, 0.22), (0.62, -0.05 - 0.1 * spread), 0.115)
    fingers = [((x, -0.28), (x + spread * lean, -0.28 - length), 0.098) for x, lean, length in _FINGERS]
    for start, end, radius in (*fingers, thumb):
        finger = capsule(u, v, start, end, radius)
        for along in (0.42, 0.72):
            x, y = (a + along * (b - a) for a, b in zip(start, end))
            crease = torch.maximum(crease, torch.exp(-(((u - x) / 0.07) ** 2) - ((v - y) / 0.014) ** 2))
        nail = ((u - end[0]) / 0.05) ** 2 + ((v - end[1]) / 0.07) ** 2
        crease = torch.maximum(crease, torch.exp(-((nail - 1) ** 2) / 0.1)) - 0.5 * torch.exp(-(nail**2))
        whole = smooth_minimum(whole, finger, 0.035)
    return whole, crease


OCCLUDERS = (hand, paper, bar, cloth, leaves, ball)
