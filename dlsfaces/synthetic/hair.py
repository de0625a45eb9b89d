"""Hair as a cloth draped over the skull: where its edge runs and how thick it lies."""

from __future__ import annotations

import torch
from torch import Tensor

from dlsfaces.synthetic.directions import displace, skull_fields, smooth
from dlsfaces.synthetic.head import HAIR_COLUMNS, HAIR_ROWS, around, slice_at

_DEGREE = torch.pi / 180


def edge(angles: Tensor, person: dict[str, Tensor]) -> Tensor:
    """The height of the hair's lower edge around the head.

    Args:
        angles: radians from the front ``(A,)``.
    Returns:
        centimetres above the eyes, ``(N, A)``; over the forehead it is the hair line or the end of the fringe.
    """
    p = {k: person[k][:, None] for k in ("hair_line", "hair_fringe", "hair_part", "hair_length", "baldness")}
    around_head = angles.abs()
    long = smooth(0.2, 1.0, p["hair_length"])
    corner = torch.exp(-(((around_head - 30 * _DEGREE) / (12 * _DEGREE)) ** 2))
    front = 7.2 + 1.1 * p["hair_line"] + 0.8 * corner * p["hair_line"].clamp(min=0) - 3.9 * p["hair_fringe"]
    front = (
        front
        + 2.2 * smooth(0.1, 0.5, p["baldness"])
        + 0.9 * p["hair_part"] * torch.tanh(angles / 0.35) * (0.3 + p["hair_fringe"])
    )
    side = 1.8 - 2.0 * (p["hair_length"] / 0.2).clamp(max=1) - 14.5 * long
    back = -5.0 - 12.0 * long
    to_temple = smooth(18 * _DEGREE, 68 * _DEGREE, around_head)
    to_side = smooth(56 * _DEGREE, 74 * _DEGREE, around_head)
    to_back = smooth(92 * _DEGREE, 122 * _DEGREE, around_head)
    ends = torch.sin(31 * angles) + torch.sin(53 * angles + 1)  # locks end at different heights
    front = front + 0.22 * ends * p["hair_fringe"] + (torch.minimum(front, 2.6 + 0.4 * front) - front) * to_temple
    return front + (side - front) * to_side + (back - side) * to_back + 0.35 * ends * long * to_side


def drape(person: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """The hair of each person on their own skull.

    Returns:
        points ``(N, HAIR_ROWS * HAIR_COLUMNS, 3)`` in head coordinates, and where on the hair each lies, in the same
        shape: angle around the head, share of the way from crown to edge, height.
    """
    p = {name: value[:, None, None] for name, value in person.items()}
    device = person["hair_length"].device
    angles = torch.linspace(-torch.pi, torch.pi, HAIR_COLUMNS, device=device)
    share = torch.linspace(0, 1, HAIR_ROWS, device=device)[:, None]
    ends = edge(angles, person)[:, None, :]
    y = 12 - (12 - ends) * share**1.5  # (N, rows, columns)
    long = smooth(0.12, 0.35, p["hair_length"])
    width, middle, depth = slice_at(torch.maximum(y, -7 + 8 * long))  # long hair falls straight from the widest place
    thick = _thickness(p, y, share, angles, long)
    x, z = around(width + thick, middle, depth + thick, angles.expand_as(y))
    lifted = y + thick * smooth(4, 12, y)
    points = tuple(c.reshape(len(ends), -1) for c in (x, lifted, z))
    moved = displace(torch.stack(points, dim=-1), skull_fields(points), person)
    where = torch.stack((angles.expand_as(y), share.expand_as(y), y), dim=-1)
    return moved, where.reshape(len(ends), -1, 3)


def _thickness(p: dict[str, Tensor], y: Tensor, share: Tensor, angles: Tensor, long: Tensor) -> Tensor:
    """How far the hair stands off the skull; under zero where there is none."""
    on_top = smooth(1, 8, y)
    thick = (0.25 + 1.7 * p["hair_volume"]) * (0.45 + 0.55 * on_top + 0.35 * long * (1 - on_top))
    lopsided = 0.3 * p["hair_part"] * torch.tanh(angles / 0.5) * on_top
    waves = 0.4 * p["hair_wave"] * torch.sin(8 * angles + 1.3 * y) * smooth(6, -2, y) * long
    bald = smooth(0.5, 0.55, p["baldness"])  # up to there the hair line recedes, then the crown is bare
    thick = thick * (1 + lopsided) * (1 - 0.75 * bald) + waves
    face = smooth(80 * _DEGREE, 60 * _DEGREE, angles.abs())
    thin_end = torch.maximum(1 - long, face * (1 - 0.6 * p["hair_fringe"]))
    thick = thick * (1 - 0.97 * thin_end * smooth(0.72, 1.0, share)) - 0.12 * thin_end * smooth(0.9, 1, share)
    bald_above = 13.2 - bald * (8.7 + 6 * face)  # a wreath from ear to ear is left
    return thick - (thick + 0.8) * smooth(-0.6, 0.4, y - bald_above)
