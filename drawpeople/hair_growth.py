"""How locks grow: step by step, where comb, weight and curl point, pushed out of head and shoulders.

All is elementwise over ``(people, locks)``, so an image has the same bits in any batch. Centimetres on the average
head.
"""

import math
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from drawpeople.directions import smooth
from drawpeople.scalp import clearance, off_shoulders

STEPS = 8  # of a lock
JOINTS = (0.0, 0.06, 0.14, 0.24, 0.36, 0.5, 0.66, 0.83, 1.0)  # shares of its length
_WHORL = (0.0, 11.0, -4.0)  # from here hair grows away in all directions

# Tensors are (3, N, L): their three components first.


class Roots(NamedTuple):
    """Where locks begin and how they are: ``(N, L)`` each."""

    at: Tensor  # (3, N, L)
    front: Tensor  # 1 over the forehead
    side: Tensor  # of the part on which it grows, -1 to 1
    length: Tensor  # cm; 0 for those that are not there
    layer: Tensor  # cm from the scalp at which the lock lies
    stray: Tensor  # (3, N, L) its own direction, about -1 to 1
    curl: Tensor  # radius of its curls, cm
    phase: Tensor  # of its curls, radians


class Path(NamedTuple):
    """Locks as they lie, joint by joint: ``(3, N, L, STEPS + 1)`` each."""

    at: Tensor
    away: Tensor  # unit, away from the head


def grow(r: Roots, w: dict[str, Tensor]) -> Path:
    """Locks in the style ``w``, see :func:`hair_style.wanted`."""
    at = r.at
    near, n = clearance(*at)
    joints, aways = [at], [n]
    for along, after in pairwise(JOINTS):
        d = _curled(_comb(r, w, at, n, near, along), n, r, w, along)
        at = at + d * (r.length * (after - along))
        near, n = clearance(*at)
        lift = _lift(r, w, at[1], near, along)
        at, near = _off_body(at + n * lift, r), near + lift
        joints.append(at)
        aways.append(n)
    return Path(torch.stack(joints, -1), torch.stack(aways, -1))


def _lift(r: Roots, w: dict[str, Tensor], y: Tensor, near: Tensor, along: float) -> Tensor:
    """How far a joint moves away from the scalp: out to its layer; and on top of the head not far beyond."""
    out = (r.layer * min(1.0, 0.4 + 4 * along) - near).clamp(min=0)
    slack = r.layer + (0.05 + 0.4 * w["stand"] + 0.1 * w["curl"])
    return out - (near - slack).clamp(min=0) * smooth(2, 7, y)


def _off_body(at: Tensor, r: Roots) -> Tensor:
    """Beside the face, to the side on which the lock grows, and before or behind neck and shoulders."""
    x, y, z = at
    z = torch.where(r.length > 6, off_shoulders(x, y, z), z)
    beside = smooth(4.5, 1.0, y) * smooth(-17, -10, y)
    guard = (6.4 + 1.2 * r.stray[0].clamp(min=0)) * beside * smooth(0.5, 3.0, z)
    side = torch.where(r.side < 0, -1.0, 1.0)
    z = z - beside * (z - 4.2).clamp(min=0)
    x = torch.where(guard > 0.05, side * torch.maximum(side * x, guard), x)
    return torch.stack((x, y, z))


def _comb(r: Roots, w: dict[str, Tensor], at: Tensor, n: Tensor, near: Tensor, along: float) -> Tensor:
    """The direction in which locks go on from ``at``, before they curl: unit vectors."""
    tied = w["tail"].clamp(max=1)
    fringe = r.front * (w["fringe"] * (1 - tied))
    d = _combed(r, w, at, n, fringe, along)
    d = d + 2 * tied * unit(knot(w) - at)
    stand = w["stand"] * (1 - along) * (1 + r.front * w["back"]) * (1 - 0.7 * fringe)
    hold = torch.maximum(_short(r), (1 - along) * smooth(-4, 2, at[1]))
    lift = stand - 0.6 * hold * (near - r.layer - 1.5 * stand).clamp(min=0)
    outward = _dot(d, n)
    on_scalp = (near < r.layer + 0.5) & ((outward < 0) | (n[1] > 0))
    lift, rough = lift - outward * on_scalp, 0.5 * w["rough"] * (1 - 0.6 * fringe)
    return unit(d + lift * n + rough * r.stray)


def _combed(r: Roots, w: dict[str, Tensor], at: Tensor, n: Tensor, fringe: Tensor, along: float) -> Tensor:
    """Where comb and weight alone lead."""
    free = (1 - fringe) * (1 - w["tail"].clamp(max=1))
    aside = r.front * free * smooth(4, 8, r.length) * max(0.0, 1 - 3.5 * along)  # out of the face,
    aside = aside * smooth(0.0, 0.3, w["fall"])  # unless it stands
    held = (1.5 * n[1] + 0.25 * _short(r)).clamp(0, 1) * free  # the comb lets go where the head turns down
    crown, across = (0.25 + w["crown"]) * held, (w["across"] + aside) * held
    back = w["back"] * (0.4 * free + 0.6 * held)
    fall = (w["fall"] * (0.35 + 0.65 * along) + 0.25) * (1 - 0.8 * aside) * (1 - w["tail"].clamp(max=1))
    from_whorl = unit(at - at.new_tensor(_WHORL)[:, None, None])
    combed = (
        across * r.side + 0.35 * fringe * torch.tanh(w["part"]),
        -0.3 * across * (1 - aside) - fall - 0.5 * fringe,
        1.5 * fringe - 0.25 * across - back - 0.5 * aside,
    )
    return crown * from_whorl + torch.stack(combed)


def _short(r: Roots) -> Tensor:
    return smooth(16, 9, r.length)


def _curled(d: Tensor, n: Tensor, r: Roots, w: dict[str, Tensor], along: float) -> Tensor:
    """Directions ``d`` wound round the lock's axis."""
    turn = r.phase + 6.283 * along * w["turns"] * r.length
    strength = 6.283 * (0.3 + 0.7 * along) * w["turns"] * r.curl
    aside, up = strength * torch.cos(turn), 0.6 * strength * torch.sin(turn)
    return unit(d + aside * cross(d, n) + up * n)


def knot(w: dict[str, Tensor]) -> Tensor:
    """Where hair is gathered, from the nape to high on the back of the head: ``(3, N, 1)``."""
    high = w["knot"]
    z = -10.2 + 9 * high * (high - 0.4).clamp(min=0) - 1.5 * (0.35 - high).clamp(min=0)
    return torch.stack((0 * high, 11 * high - 2, z))


def tail(w: dict[str, Tensor], u: Tensor) -> Path:
    """Locks that begin at the knot: a pony tail or a bun; points where there is none.

    Args:
        u: uniform random numbers ``(N, 6, L)``.
    """
    tied_at, there, is_bun = knot(w), w["tail"].clamp(max=1), w["tail"] > 1.5
    out = unit(tied_at - tied_at.new_tensor((0.0, 3.0, -1.0))[:, None, None])
    one, two = (torch.stack([2 * u[:, k] - 1 for k in group]) for group in ((0, 1, 2), (1, 3, 4)))
    one = unit(one)
    two = unit(cross(one, two))
    joints, aways = [], []
    for along in JOINTS:
        turn = 3.3 * (along - 0.5)
        ball = math.cos(turn) * one + math.sin(turn) * two
        hair = torch.where(is_bun, 2.4 * ball + 1.6 * out, _pony_tail(w, u, one, out, along))
        joints.append(tied_at + there * hair)
        aways.append(torch.where(is_bun, ball, one))
    return Path(torch.stack(joints, -1), torch.stack(aways, -1))


def _pony_tail(w: dict[str, Tensor], u: Tensor, spread: Tensor, out: Tensor, along: float) -> Tensor:
    """Where its locks are, ``along`` of the way from the knot, seen from there."""
    wide = 2.4 * along**0.5 * (1.2 - along)
    wave = 0.6 * w["curl"] * torch.sin(6.283 * (2 * along + u[:, 5]))
    seen = (
        wide * spread[0] + wave,
        1.6 * wide * out[1] + 0.4 * wide * spread[1] - along**1.4 * (14 + 4 * u[:, 4]),
        2.6 * along**0.5 * out[2] + wide * spread[2],
    )
    return torch.stack(seen)


def cross(a: Tensor, b: Tensor) -> Tensor:
    """The cross product of vectors whose components are stacked along the first dimension."""
    return torch.linalg.cross(a, b, dim=0)


def unit(v: Tensor) -> Tensor:
    """Tensors ``(3, ...)`` at length 1."""
    return v * (_dot(v, v) + 1e-8).rsqrt()


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """The sum written out, for the same bits in any batch."""
    product = a * b
    return product[0] + product[1] + product[2]
