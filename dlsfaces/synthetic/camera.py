"""Pose, projection, light and sensor.

Camera coordinates are the head's, turned: centimetres, x to the right of the picture, y up, z towards the camera.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dlsfaces import rng
from dlsfaces.geometry import LOOSE, Framing
from dlsfaces.synthetic.head import Grid

_DEGREE = torch.pi / 180
_PIVOT = (0.0, -8.0, -2.0)  # where the head turns on the neck
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


def pose(points: Tensor, follows: Tensor, picture: dict[str, Tensor]) -> Tensor:
    """Turn head, neck and shoulders: ``follows`` ``(M,)`` is 1 on the head and 0 on the shoulders, which turn less."""
    yaw, pitch, roll = (picture[k][:, None] for k in ("yaw", "pitch", "roll"))
    head = turn(points, yaw, pitch, roll)
    body = turn(points, 0.35 * yaw, 0 * pitch, 0.5 * roll)
    return body + (head - body) * follows[:, None]


def project(points: Tensor, distance: Tensor) -> Tensor:
    """Perspective: ``(N, M, 3)`` to x, y in centimetres on the face's plane, and depth from the camera."""
    depth = (distance[:, None] - (points[..., 2] - _FACE_DEPTH)).clamp(min=5)
    magnified = distance[:, None] / depth
    return torch.stack((points[..., 0] * magnified, points[..., 1] * magnified, depth), dim=-1)


def _centre(points: Tensor) -> Tensor:
    """The middle between eyes and mouth of landmarks ``(..., 5, 2)``, as the nose moves when the head turns."""
    left, right, _, mouth_left, mouth_right = points.unbind(-2)
    return (left + right + mouth_left + mouth_right) / 4


def _spread(points: Tensor) -> Tensor:
    """How large a face is: the distance between the middles of eyes and mouth, plus that between the eyes."""
    left, right, _, mouth_left, mouth_right = points.unbind(-2)
    down = (mouth_left + mouth_right - left - right) / 2
    across = right - left
    return (down * down).sum(-1).sqrt() + (across * across).sum(-1).sqrt()


def to_loose(projected: Tensor, landmarks: Tensor, neutral: Tensor, picture: dict[str, Tensor]) -> Tensor:
    """Centimetres to pixels of the loose framing, as an aligned set frames a face.

    The size comes from the person's face as it is from the front, so that turning away does not blow it up; the place
    from the landmarks as they are.

    Args:
        projected: ``(N, M, 3)`` of :func:`project`.
        landmarks: ``(N, 5, 3)`` the same for the landmarks.
        neutral: ``(N, 5, 2)`` the person's landmarks from the front.
    Returns:
        ``(N, M, 3)``: pixels, y down, and the depth as it was.
    """
    template = torch.tensor(LOOSE.landmarks, device=projected.device)
    eye_distance = template[1, 0] - template[0, 0]
    zoom = (_spread(template) / _spread(neutral) * picture["scale"])[:, None]
    centre = _centre(landmarks[..., :2])[:, None]
    target = _centre(template) + eye_distance * torch.stack((picture["shift_x"], picture["shift_y"]), dim=-1)[:, None]
    x = target[..., 0] + zoom * (projected[..., 0] - centre[..., 0])
    y = target[..., 1] - zoom * (projected[..., 1] - centre[..., 1])
    return torch.stack((x, y, projected[..., 2]), dim=-1)


def framing_scale(framing: Framing, size: tuple[int, int]) -> tuple[float, float, float, float]:
    """From loose pixels to a picture of ``size`` (height, width) in a framing: ``sx, sy, ox, oy``, ``x * sx + ox``."""
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


def light_direction(picture: dict[str, Tensor]) -> Tensor:
    """Unit vectors towards the light in camera coordinates: ``(N, 3)``."""
    azimuth, elevation = (picture[k] * _DEGREE for k in ("light_azimuth", "light_elevation"))
    flat = torch.cos(elevation)
    return torch.stack((torch.sin(azimuth) * flat, torch.sin(elevation), torch.cos(azimuth) * flat), dim=-1)


def warmth(amount: Tensor, strength: float) -> Tensor:
    """The colour of a light: ``(N,)`` from -1 (blue) to 1 (orange) to ``(N, 3)`` of equal green."""
    return torch.stack((1 + strength * amount, torch.ones_like(amount), 1 - strength * amount), dim=-1)


def shade(
    colour: Tensor, normal: Tensor, occlusion: Tensor, gloss: Tensor, bleed: Tensor, picture: dict[str, Tensor]
) -> Tensor:
    """Light a surface: Lambert's law that bleeds into the shadow, a highlight (Blinn 1977), light from sky and ground.

    Args:
        colour: linear ``(3, N, P)``.
        normal: unit ``(3, N, P)`` in camera coordinates.
        occlusion: ambient light that arrives, ``(N, P)``.
        gloss: strength of the highlight, ``(N, P)``.
        bleed: how far each colour reaches into the shadow (skin scatters red furthest), ``(3, N, P)``.
    Returns:
        linear ``(3, N, P)``.
    """
    nx, ny, nz = normal
    direction = light_direction(picture)
    lx, ly, lz = (direction[:, k, None] for k in range(3))
    facing = nx * lx + ny * ly + nz * lz
    hx, hy, hz = unit(torch.stack((lx, ly, lz + 1)), 0)
    shine = (nx * hx + ny * hy + nz * hz).clamp(min=0) ** 2
    shine = shine * shine
    shine = shine * shine * shine  # to the power of 12
    glint = gloss * (shine + 2 * shine * shine)
    key_light = warmth(picture["light_warmth"], 0.28) * picture["light_strength"][:, None]
    sky = warmth(picture["ambient_warmth"], 0.2) * picture["ambient"][:, None]
    around = (0.72 + 0.28 * ny) * occlusion
    reach = 0.4 + 0.6 * occlusion  # hollows catch less of the lamp, too
    lit = torch.empty_like(colour)
    for k in range(3):
        diffuse = ((facing + bleed[k]) / (1 + bleed[k])).clamp(min=0) * reach
        lit[k] = (
            colour[k] * (diffuse * key_light[:, k, None] + around * sky[:, k, None]) + glint * key_light[:, k, None]
        )
    return lit


def background(picture: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
    """A wall or a view out of focus: a gradient and soft blobs, placed in loose pixels so that every crop continues it.

    Args:
        x, y: loose pixels ``(P,)``.
    Returns:
        linear ``(3, N, P)``.
    """
    seeds = rng.key((picture["grain"] * 2**24).long(), 11)
    u = rng.uniform(seeds, 28)
    light, colourful = 0.1 + 0.75 * picture["back_light"], 0.45 * picture["back_colour"]
    base = hue(picture["back_hue"], colourful, light)
    colour = base.T[:, :, None].expand(3, -1, len(x)).clone()
    contrast = picture["back_contrast"]
    slope = ((u[:, 0] - 0.5) * contrast)[:, None] * (x - 89) / 89 + ((u[:, 1] - 0.3) * contrast)[:, None] * (
        109 - y
    ) / 109
    colour *= 1 + 0.8 * slope
    for k in range(4):
        cx, cy, wide, high, turn_, dark = (u[:, 2 + 6 * k + j, None] for j in range(6))
        inside = ((x - 178 * cx) / (12 + 55 * wide)) ** 2 + ((y - 218 * cy) / (15 + 90 * high)) ** 2
        inside = torch.sigmoid(4 * (1 - inside)) * contrast[:, None]
        other = hue((picture["back_hue"] + 0.5 * turn_[:, 0]) % 1, colourful, 0.1 + 0.8 * dark[:, 0])
        colour += inside * (other.T[:, :, None] - colour)
    return colour.clamp(0, 1)


def hue(angle: Tensor, colourful: Tensor, light: Tensor) -> Tensor:
    """A linear colour ``(N, 3)`` from hue (0 to 1), chroma and lightness ``(N,)``."""
    turns = torch.tensor([0.0, -1 / 3, 1 / 3], device=angle.device)
    wheel = torch.cos(2 * torch.pi * (angle[:, None] + turns))
    return (light[:, None] * (1 + colourful[:, None] * wheel)).clamp(0, 1) ** 2


def _blur(image: Tensor, sigma: Tensor) -> Tensor:
    """Gaussian blur of ``(N, 3, H, W)``, a sigma in pixels each, as shifted sums in a fixed order."""
    radius = int((2.5 * float(sigma.max())) + 1)
    for dim in (2, 3):
        offsets = torch.arange(-radius, radius + 1, device=image.device)
        weights = torch.exp(-0.5 * (offsets / sigma.clamp(min=0.05)[:, None]) ** 2)
        weights = weights * (offsets.abs() <= 2.5 * sigma[:, None] + 0.5)  # each picture's own radius, in any batch
        total = torch.zeros_like(sigma)
        for k in range(2 * radius + 1):
            total = total + weights[:, k]
        padding = (radius, radius, 0, 0) if dim == 3 else (0, 0, radius, radius)
        padded = torch.nn.functional.pad(image, padding, mode="replicate")
        image = torch.zeros_like(image)
        for k in range(2 * radius + 1):
            part = padded.narrow(dim, k, image.shape[dim])
            image = image + part * (weights[:, k] / total)[:, None, None, None]
    return image


def sensor(image: Tensor, picture: dict[str, Tensor], zoom: float) -> Tensor:
    """Light to numbers: blur, exposure, white balance, contrast, noise.

    Args:
        image: linear float32 ``(N, 3, H, W)``.
        zoom: pixels of the picture a loose pixel.
    Returns:
        uint8 ``(N, 3, H, W)``.
    """
    image = _blur(image, picture["blur"] * zoom)
    gain = torch.exp2(picture["exposure"])[:, None] * warmth(picture["white_balance"], 0.15)
    image = (image * gain[:, :, None, None]).clamp(min=0)
    image = image * (1 + 0.3 * image) / (1 + 0.55 * image)  # film's shoulder: highlights fade rather than clip
    image = image.sqrt()  # a gamma of 2
    keys = rng.key((picture["grain"] * 2**24).long(), 12)
    pixels = torch.arange(image.shape[2] * image.shape[3], device=image.device)
    grain = rng.uniform(rng.key(keys[:, None], pixels), 3) - 0.5
    noise = grain.permute(0, 2, 1).reshape(image.shape) * (12**0.5 * picture["noise"])[:, None, None, None]
    image = (image - 0.5) * picture["contrast"][:, None, None, None] + 0.5 + noise
    return (image.clamp(0, 1) * 255 + 0.5).to(torch.uint8)
