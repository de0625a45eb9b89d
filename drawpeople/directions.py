"""The directions in which a head can change: person and expression, each with a name and a formula.

As in a morphable model (Blanz and Vetter 1999, "A morphable model for the synthesis of 3D faces", equation 1) a head is
the average plus a sum of directions times parameters; here each direction is written down, not learned. A direction
gives how far each point moves when its parameter is 1, in centimetres, as a smooth function of the point's place on
the average head; so whatever lies there moves along: skin, landmark, ear or hair.
"""

import torch
from torch import Tensor

Term = tuple[int, Tensor]  # an axis (0 x, 1 y, 2 z) and the displacement of every point along it


def smooth(edge0: float, edge1: float, x: Tensor) -> Tensor:
    """A step from 0 at ``edge0`` to 1 at ``edge1`` without corners (Hermite's cubic)."""
    u = ((x - edge0) / (edge1 - edge0)).clamp(0, 1)
    return u * u * (3 - 2 * u)


def skull_fields(points: tuple[Tensor, Tensor, Tensor]) -> dict[str, list[Term]]:
    """The directions that move whatever sits on the skull, hair and ears included."""
    x, y, z = points
    return {
        "skull_width": [(0, 0.085 * x * smooth(-3, 4, y))],
        "skull_height": [(1, 0.13 * (y - 2).clamp(min=0))],
        "skull_depth": [(2, 0.10 * z.clamp(max=0))],
        "forehead_bulge": [(2, 0.48 * torch.exp(-(((y - 5.5) / 2.2) ** 2) - (x / 4) ** 2) * smooth(2, 6, z))],
        "temples": [(0, 0.38 * torch.tanh(x / 2) * torch.exp(-(((y - 3) / 2.6) ** 2)) * smooth(-2, 3, z))],
        "forehead_slope": [(2, -1.2 * torch.exp(-(((y - 8) / 3.2) ** 2)) * smooth(0, 6, z))],
        "face_width": [(0, 0.075 * x * smooth(5, -1, y))],
    }


def face_fields(points: tuple[Tensor, Tensor, Tensor]) -> dict[str, list[Term]]:
    """The directions that change the face: person and expression. Bumps are symmetric, unless they say ``side``."""
    x, y, z = points
    front = smooth(-2, 3, z)
    side = torch.tanh(x / 0.6)

    def bump(at_x: float, at_y: float, wide: float, high: float) -> Tensor:
        return torch.exp(-(((x.abs() - at_x) / wide) ** 2) - ((y - at_y) / high) ** 2) * front

    def eye(wide: float) -> Tensor:
        return bump(3.1, 0.1, wide, wide * 0.75)

    lower = smooth(-6.36, -6.64, y)  # everything below the slit of the mouth
    return {
        "face_length": [(1, 0.12 * y.clamp(max=0) * front)],
        "cheek_hollow": [(2, -0.38 * bump(4.6, -5.2, 1.5, 1.9)), (0, -0.3 * side * bump(5.6, -5.4, 1.8, 2.0))],
        "midface_forward": [(2, 0.36 * bump(0, -3.5, 4.0, 3.0))],
        "double_chin": [(1, -1.0 * bump(1.5, -11.6, 3.4, 1.5)), (0, 0.5 * side * bump(3.6, -10.4, 2.2, 1.8))],
        "cheekbones": [(2, 0.6 * bump(5.0, -1.8, 1.8, 1.4)), (0, 0.38 * side * bump(6.2, -1.6, 2.4, 1.6))],
        "cheek_fullness": [(2, 0.44 * bump(4.4, -5.2, 2.0, 2.2)), (0, 0.38 * side * bump(5.8, -5.6, 2.6, 2.6))],
        "jaw_width": [(0, 0.12 * x * torch.exp(-(((y + 8.0) / 3.4) ** 2)))],
        "jaw_angle": [(1, -0.9 * bump(4.6, -9.0, 1.6, 2.0)), (0, 0.38 * side * bump(5.0, -8.6, 1.9, 2.2))],
        "chin_length": [(1, -0.85 * smooth(-7.2, -11, y) * front)],
        "chin_width": [(0, 0.68 * side * bump(1.6, -10.4, 1.8, 1.7))],
        "chin_forward": [(2, 0.6 * bump(0, -10, 2.6, 1.9))],
        "midface_length": [(1, -0.42 * smooth(-0.5, -3.5, y) * front)],
        "asymmetry": [(1, 0.05 * torch.tanh(x / 3) * smooth(-0.5, -6, y)), (0, 0.08 * bump(0, -4, 3, 2.4))],
        "eye_size": [(0, 0.16 * (x.abs() - 3.1) * side * eye(2.2)), (1, 0.14 * y * eye(2.2))],
        "eye_spacing": [(0, 0.3 * side * eye(2.4))],
        "eye_height": [(1, 0.44 * eye(2.6))],
        "eye_tilt": [(1, 0.19 * (x.abs() - 3.1) * eye(2.2))],
        "eye_depth": [(2, 0.3 * eye(1.9))],
        "brow_ridge": [(2, 0.6 * bump(2.6, 1.9, 2.3, 0.9))],
        "nose_length": [(1, -0.5 * bump(0, -4.2, 2.0, 1.7))],
        "nose_width": [(0, 0.25 * x * bump(0, -4.1, 2.4, 1.1))],
        "nose_bridge": [(2, 0.68 * bump(0, -1.0, 0.95, 1.8))],
        "nose_bridge_width": [(0, 0.25 * side * bump(0.7, -1.6, 0.7, 1.7))],
        "nose_tip": [(2, 0.48 * bump(0, -3.8, 1.15, 1.0))],
        "nose_tip_width": [(0, 0.22 * side * bump(0.6, -3.8, 0.6, 0.7))],
        "nose_up": [(1, 0.36 * bump(0, -3.9, 1.6, 1.2))],
        "nose_wings": [(2, 0.42 * bump(1.35, -4.3, 0.5, 0.6)), (1, -0.33 * bump(1.35, -4.3, 0.6, 0.7))],
        "nose_bend": [(0, 0.08 * bump(0, -2.9, 1.3, 1.5))],
        "nose_hump": [(2, 0.27 * bump(0, -1.7, 0.85, 0.9))],
        "mouth_width": [(0, 0.3 * side * bump(2.5, -6.5, 1.7, 1.3))],
        "mouth_height": [(1, 0.44 * bump(0, -6.5, 3.4, 1.4))],
        "mouth_curve": [(1, 0.12 * bump(2.7, -6.5, 1.0, 0.7))],
        "lip_upper": [(2, 0.28 * bump(0, -6.05, 1.9, 0.4))],
        "lip_lower": [(2, 0.32 * bump(0, -7.0, 1.7, 0.45))],
        "lips_forward": [(2, 0.3 * bump(0, -6.5, 2.6, 1.2))],
        "philtrum": [(1, -0.45 * smooth(-4.6, -6.0, y) * smooth(-9.5, -7.2, y) * bump(0, -6.5, 4.0, 6.0))],
        "beard_thickness": [(2, 0.7 * bump(0, -9.8, 3.6, 2.6)), (1, -0.9 * bump(0, -11.2, 3.0, 1.6))],
        "mouth_open": [
            (1, -1.5 * lower * torch.exp(-((x / 2.15) ** 4)) * smooth(-11, -7, y) * front - 1.1 * smooth(-6, -10, y)),
            (2, -0.5 * smooth(-6, -10, y)),
        ],
        "smile": [
            (0, 0.6 * side * bump(2.9, -6.4, 1.5, 1.1)),
            (1, 0.55 * bump(3.0, -6.3, 1.2, 1.0)),
            (2, 0.6 * bump(4.0, -3.3, 1.6, 1.3) - 0.35 * bump(2.9, -6.5, 1.2, 0.9)),
        ],
        "brow_raise": [(1, 0.5 * bump(2.8, 2.1, 2.6, 1.2))],
    }


def ear_fields(points: tuple[Tensor, Tensor, Tensor]) -> dict[str, list[Term]]:
    """The directions that move the ears alone."""
    x, y, z = points
    return {
        "ear_size": [(1, 0.17 * (y + 1.2)), (2, 0.17 * (z + 0.2))],
        "ear_out": [(0, torch.sign(x) * 0.33 * (-0.2 - z).clamp(min=0))],
        "ear_tucked": [(0, torch.sign(x) * (6.4 - x.abs()))],  # flat under the hair
    }


def displace(rest: Tensor, fields: dict[str, list[Term]], amounts: dict[str, Tensor]) -> Tensor:
    """Rest points ``(M, 3)`` or ``(N, M, 3)`` moved along named directions: ``(N, M, 3)``.

    Term by term, not as a matrix product, whose order of summation could change with the batch. A direction without
    an amount ``(N,)`` is left out.
    """
    n = len(next(iter(amounts.values())))
    axes = [c.expand(n, -1).clone() for c in rest.unbind(-1)]
    for name, terms in fields.items():
        if name in amounts:
            for axis, field in terms:
                axes[axis] += amounts[name][:, None] * field
    return torch.stack(axes, dim=-1)
