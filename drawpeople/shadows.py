"""How much light reaches each point of a head: shadows measured once on the average head, then looked up.

The average head is drawn from many directions, spread evenly over a sphere; a vertex that is not seen from a direction
gets no light from it (shadow mapping; Williams 1978, "Casting curved shadows on curved surfaces"). The table, smoothed
along the surface, gives both the ambient light, a mean over all directions, and the lamp's, a mean over those near it:
the fewer, the harder the shadow.
"""

import functools
import math

import torch
from torch import Tensor

from drawpeople import raster
from drawpeople.camera import unit
from drawpeople.directions import displace
from drawpeople.head import Mesh, mesh
from drawpeople.light import light_direction

_DEGREE = torch.pi / 180
DIRECTIONS = 144
_NEAREST = 14  # directions that make up a lamp
_PIXELS = 96  # of the views
_CM_A_PIXEL = 0.33
_CENTRE = (0.0, -2.0, -1.0)  # of the views: the head; what lies outside counts as seen
_OFF_SURFACE = 0.4  # cm: a vertex is looked for a little above the skin, so that skin does not shade itself
_BIAS = 0.15  # cm, the same along the line of sight


@functools.cache
def sphere(n: int) -> Tensor:
    """``(n, 3)`` unit vectors spread evenly (Fibonacci's spiral)."""
    k = torch.arange(n, dtype=torch.float64) + 0.5
    y = 1 - 2 * k / n
    angle = k * math.pi * (3 - math.sqrt(5))
    flat = (1 - y * y).sqrt()
    return torch.stack((flat * angle.cos(), y, flat * angle.sin()), dim=1).float()


def arriving(shared: Mesh, shot: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """The shares of the ambient light and of the lamp's that reach head, ears and neck: ``(N, V)`` each.

    How the surface is turned to the lamp is for :func:`light.shade`.
    """
    ambient, open_to = _tables(shared.rest.device)
    toward = _in_head(light_direction(shot), shot)
    nearest, weights = _lobe(toward, shot["light_hardness"])
    key = torch.zeros(len(toward), open_to.shape[1], device=open_to.device)
    for k in range(_NEAREST):
        key.addcmul_(open_to.index_select(0, nearest[:, k]), weights[:, k, None])
    # a small lamp's shadow has a steep edge, which so few directions would blur
    steep = 1 + shot["light_hardness"][:, None]
    key = ((key - 0.5) * steep + 0.5).clamp(0, 1)
    return ambient.expand(len(key), -1), key


def _in_head(vectors: Tensor, shot: dict[str, Tensor]) -> Tensor:
    """Vectors ``(N, 3)`` in camera coordinates as the turned head sees them: :func:`camera.turn` undone."""
    (yaw_cos, yaw_sin), (pitch_cos, pitch_sin), (roll_cos, roll_sin) = (
        ((shot[k] * _DEGREE).cos(), (shot[k] * _DEGREE).sin()) for k in ("yaw", "pitch", "roll")
    )
    x, y, z = vectors.unbind(1)
    x, y = x * roll_cos - y * roll_sin, y * roll_cos + x * roll_sin
    x, z = x * yaw_cos - z * yaw_sin, z * yaw_cos + x * yaw_sin
    y, z = y * pitch_cos - z * pitch_sin, z * pitch_cos + y * pitch_sin
    return torch.stack((x, y, z), dim=1)


def _lobe(toward: Tensor, hardness: Tensor) -> tuple[Tensor, Tensor]:
    """The directions next to ``toward`` ``(N, 3)`` and their shares of a lamp of some size: ``(N, _NEAREST)`` each."""
    x, y, z = sphere(DIRECTIONS).to(toward.device).unbind(1)
    apart = 1 - (toward[:, :1] * x + toward[:, 1:2] * y + toward[:, 2:] * z)  # about half the squared angle
    apart, nearest = apart.topk(_NEAREST, dim=1, largest=False)
    edge = apart[:, -1:]  # the last one fades in and out as the lamp moves
    weights = torch.exp(-apart * (12 + 60 * hardness)[:, None]) * (edge - apart)
    total = torch.zeros_like(hardness)
    for k in range(_NEAREST):
        total = total + weights[:, k]
    return nearest, weights / total[:, None]


@functools.cache
def _tables(device: torch.device) -> tuple[Tensor, Tensor]:
    """Ambient light ``(V,)`` and what is open to each direction ``(DIRECTIONS, V)``."""
    shared = mesh(torch.device("cpu"))
    triangles = shared.triangles
    points = displace(shared.rest, shared.fields, {"average": torch.ones(1)})[0]
    normals = _normals(points, triangles)
    directions = sphere(DIRECTIONS)
    lifted = points + _OFF_SURFACE * normals
    seen = torch.cat([_seen(points, lifted, triangles, part) for part in directions.split(16)])
    facing = (directions @ normals.T).clamp(min=0.001)  # above 0 for points without a normal, as the crown's
    sky = (0.75 + 0.25 * directions[:, 1:2]) * facing  # more light comes from above
    ambient = _smooth(((seen * sky).sum(0) / sky.sum(0))[None], triangles)
    # nothing is seen of a surface that is turned away; it gets the ambient's share of what light bleeds round to it
    open_to = torch.where(facing > 0.05, seen, ambient)
    return ambient[0].to(device), _smooth(open_to, triangles).to(device)


def _seen(points: Tensor, lifted: Tensor, triangles: Tensor, directions: Tensor) -> Tensor:
    """Which of the points ``(V, 3)``, lifted a little, are seen from far away in directions ``(K, 3)``: ``(K, V)``."""
    buffer = _look(points, directions)
    _, depth = raster.rasterize(buffer, triangles, torch.zeros(len(triangles), dtype=torch.bool), (_PIXELS, _PIXELS))
    x, y, own = _look(lifted, directions).unbind(2)
    column, row = x.floor().long(), (2 * y).floor().long()  # the views have two rows of samples a pixel
    inside = (column >= 0) & (column < _PIXELS) & (row >= 0) & (row < 2 * _PIXELS)
    at = row.clamp(0, 2 * _PIXELS - 1) * _PIXELS + column.clamp(0, _PIXELS - 1)
    return (~inside | (depth.gather(1, at) > own - _BIAS)).float()


def _look(points: Tensor, directions: Tensor) -> Tensor:
    """Points ``(V, 3)`` in parallel projection from directions ``(K, 3)``: pixels, y down, and depth, ``(K, V, 3)``."""
    up = torch.tensor([0.0, 1.0, 0.0]).expand_as(directions)
    right = unit(torch.linalg.cross(up, directions), 1)
    up = torch.linalg.cross(directions, right)
    x, y, z = ((points - torch.tensor(_CENTRE)) @ axis.T for axis in (right, up, directions))
    middle = _PIXELS / 2
    return torch.stack((middle + x / _CM_A_PIXEL, middle - y / _CM_A_PIXEL, 100 - z), dim=-1).transpose(0, 1)


def _normals(points: Tensor, triangles: Tensor) -> Tensor:
    """Unit normals ``(V, 3)``, the mean of a vertex's triangles, which are clockwise as seen from outside."""
    a, b, c = points[triangles].unbind(1)
    flat = torch.linalg.cross(c - a, b - a)
    total = torch.zeros_like(points)
    for k in range(3):
        total.index_add_(0, triangles[:, k], flat)
    return unit(total, 1)


def _smooth(values: Tensor, triangles: Tensor, times: int = 3) -> Tensor:
    """Values ``(K, V)`` mixed with their neighbours' along the surface."""
    count = torch.zeros(values.shape[1]).index_add_(0, triangles.flatten(), torch.ones(triangles.numel()))
    for _ in range(times):
        total = torch.zeros_like(values)
        for k in range(3):
            total.index_add_(1, triangles[:, k], values[:, triangles].sum(2) / 3)
        values = torch.where(count > 0, total / count.clamp(min=1), values)
    return values
