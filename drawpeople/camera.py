"""Pose and projection.

Camera coordinates are the head's, turned: centimetres, x to the right of the image, y up, z towards the camera.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from drawpeople.framing import LOOSE, Framing
from drawpeople.head import Grid, Mesh

_DEGREE = torch.pi / 180
_PIVOT = (0.0, -8.0, -2.0)  # where the head turns on the neck
_FORESHORTENED = 0.7  # see frame
_FACE_DEPTH = 8.0  # z of the plane that perspective neither shrinks nor magnifies


def turn(points: Tensor, yaw: Tensor, pitch: Tensor, roll: Tensor) -> Tensor:
    """Turn ``(N, M, 3)`` about the neck by degrees ``(N, M)`` or ``(N, 1)``: pitch first, then yaw, then roll."""
    x, y, z = (c - at for c, at in zip(points.unbind(-1), _PIVOT))
    cos, sin = torch.cos(pitch * _DEGREE), torch.sin(pitch * _DEGREE)
    y, z = y * cos + z * sin, z * cos - y * sin
    cos, sin = torch.cos(yaw * _DEGREE), torch.sin(yaw * _DEGREE)
    x, z = x * cos + z * sin, z * cos - x * sin
    cos, sin = torch.cos(roll * _DEGREE), torch.sin(roll * _DEGREE)
    x, y = x * cos + y * sin, y * cos - x * sin
    return torch.stack((x + _PIVOT[0], y + _PIVOT[1], z + _PIVOT[2]), dim=-1)


def _angles(shot: dict[str, Tensor]) -> tuple[Tensor, ...]:
    return tuple(shot[k][:, None] for k in ("yaw", "pitch", "roll"))


def pose(points: Tensor, shot: dict[str, Tensor]) -> Tensor:
    """Turn what sits on the head: ``(N, M, 3)``."""
    return turn(points, *_angles(shot))


def pose_body(points: Tensor, shared: Mesh, shot: dict[str, Tensor]) -> Tensor:
    """Turn head, ears and neck, whose lower end follows the shoulders, which turn less."""
    yaw, pitch, roll = _angles(shot)
    head = turn(points, yaw, pitch, roll)
    neck = shared.grids[-1].start
    body = turn(points[:, neck:], 0.35 * yaw, 0 * pitch, 0.5 * roll)
    head[:, neck:] = body + (head[:, neck:] - body) * shared.follows[neck:, None]
    return head


def rotate(vectors: Tensor, shot: dict[str, Tensor]) -> Tensor:
    """Turn directions ``(N, M, 3)`` as the head turns."""
    return pose(vectors, shot) - pose(torch.zeros_like(vectors[:, :1]), shot)


def project(points: Tensor, distance: Tensor) -> Tensor:
    """Perspective: ``(N, M, 3)`` to x, y in centimetres on the face's plane, and depth from the camera."""
    depth = (distance[:, None] - (points[..., 2] - _FACE_DEPTH)).clamp(min=5)
    magnified = distance[:, None] / depth
    return torch.stack((points[..., 0] * magnified, points[..., 1] * magnified, depth), dim=-1)


def _centre(points: Tensor) -> Tensor:
    """The middle between eyes and mouth of landmarks ``(..., 5, 2)``, as the nose moves when the head turns."""
    left, right, _, mouth_left, mouth_right = points.unbind(-2)
    return (left + right + mouth_left + mouth_right) / 4


def _sides(points: Tensor) -> Tensor:
    """The distance between the middles of eyes and mouth, and that between the eyes: ``(..., 2)``."""
    left, right, _, mouth_left, mouth_right = points.unbind(-2)
    sides = torch.stack(((mouth_left + mouth_right - left - right) / 2, right - left), dim=-2)
    return (sides * sides).sum(-1).sqrt()


def _spread(points: Tensor) -> Tensor:
    """How large a face is: the sum of its :func:`_sides`."""
    return _sides(points).sum(-1)


class View(NamedTuple):
    """How the points of a batch come into their images."""

    distance: Tensor  # (N,) cm from the camera to the face
    zoom: Tensor  # (N, 2) pixels a centimetre across and up, on the face's plane
    origin: Tensor  # (N, 2) pixels at which the axis of the camera meets the image

    def project(self, posed: Tensor) -> Tensor:
        """Posed points ``(N, M, 3)`` as pixels, y down, and depth: ``(N, M, 3)``."""
        flat = project(posed, self.distance)
        x = self.origin[:, :1] + self.zoom[:, :1] * flat[..., 0]
        y = self.origin[:, 1:] - self.zoom[:, 1:] * flat[..., 1]
        return torch.stack((x, y, flat[..., 2]), dim=-1)

    def matrix(self, shot: dict[str, Tensor]) -> Tensor:
        """The same from the head's coordinates before the pose: ``(N, 3, 4)`` to homogeneous pixels."""
        corners = torch.cat((torch.zeros(1, 3), torch.eye(3))).to(self.zoom.device)
        corners = turn(corners.expand(len(self.zoom), -1, -1), *(shot[k][:, None] for k in ("yaw", "pitch", "roll")))
        moved = corners[:, 0]
        x, y, z = (torch.cat((corners[:, 1:, k] - moved[:, None, k], moved[:, None, k]), dim=1) for k in range(3))
        one = torch.tensor([0.0, 0.0, 0.0, 1.0], device=self.zoom.device)
        away = (self.distance[:, None] + _FACE_DEPTH) * one - z  # the depth, as a linear function of the point
        across, up = (self.zoom * self.distance[:, None]).unbind(1)
        u = across[:, None] * x + self.origin[:, :1] * away
        v = self.origin[:, 1:] * away - up[:, None] * y
        return torch.stack((u, v, away), dim=1)


def frame(
    landmarks: Tensor, neutral: Tensor, shot: dict[str, Tensor], scale: tuple[float, float, float, float]
) -> View:
    """Aim the camera as an aligned set frames a face, by the five landmarks ``(N, 5, 3)`` as they are posed.

    A profile, whose eyes lie behind each other, is not blown up for that: no side counts as shorter than
    ``_FORESHORTENED`` of its length from the front, where the landmarks are ``neutral``.
    """
    sx, sy, ox, oy = scale
    template = torch.tensor(LOOSE.landmarks, device=landmarks.device)
    eye_distance = template[1, 0] - template[0, 0]
    flat = project(landmarks, shot["distance"])[..., :2]
    sides = torch.maximum(_sides(flat), _FORESHORTENED * _sides(neutral[..., :2]))
    zoom = _spread(template) / (sides[:, 0] + sides[:, 1]) * shot["scale"]
    centre = _centre(flat)
    target = _centre(template) + eye_distance * torch.stack((shot["shift_x"], shot["shift_y"]), dim=-1)
    x = (target[:, 0] - zoom * centre[:, 0]) * sx + ox
    y = (target[:, 1] + zoom * centre[:, 1]) * sy + oy
    return View(shot["distance"], torch.stack((zoom * sx, zoom * sy), 1), torch.stack((x, y), 1))


def framing_scale(framing: Framing, size: tuple[int, int]) -> tuple[float, float, float, float]:
    """From loose pixels to an image of ``size`` (height, width) in a framing: ``sx, sy, ox, oy``, ``x * sx + ox``."""
    own, loose = torch.tensor(framing.landmarks).double(), torch.tensor(LOOSE.landmarks).double()
    zoom = float(_spread(own) / _spread(loose))
    offset = own.mean(0) - zoom * loose.mean(0)
    sx, sy = size[1] / framing.width, size[0] / framing.height
    return zoom * sx, zoom * sy, float(offset[0]) * sx, float(offset[1]) * sy


def normals(points: Tensor, grids: tuple[Grid, ...]) -> Tensor:
    """Unit normals of the mesh ``(N, V, 3)`` in camera coordinates, from its grid neighbours."""
    result = []
    for grid in grids:
        block = points[:, grid.start : grid.start + grid.rows * grid.columns].view(-1, grid.rows, grid.columns, 3)
        down = torch.cat((block[:, 1:], block[:, -1:]), 1) - torch.cat((block[:, :1], block[:, :-1]), 1)
        right = torch.cat((block[:, :, 1:], block[:, :, -1:]), 2) - torch.cat((block[:, :, :1], block[:, :, :-1]), 2)
        (dx, dy, dz), (rx, ry, rz) = down.unbind(-1), right.unbind(-1)
        result.append(torch.stack((dy * rz - dz * ry, dz * rx - dx * rz, dx * ry - dy * rx), dim=-1).flatten(1, 2))
    return unit(torch.cat(result, dim=1), -1)


def unit(vectors: Tensor, dim: int) -> Tensor:
    """Vectors of three along ``dim`` at length 1; the sum written out, for the same bits in any batch."""
    x, y, z = vectors.unbind(dim)
    return vectors / (x * x + y * y + z * z + 1e-12).sqrt().unsqueeze(dim)
