"""From parameters to images: builds heads, looks at them, paints, lights, takes the photo."""

import functools
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from drawpeople import camera, hair_paint, raster, truth, worn
from drawpeople.appearance import paint_body
from drawpeople.background import background
from drawpeople.framing import TIGHT, Framing, face_box
from drawpeople.head import HAIR, HAT, HEAD, MASK
from drawpeople.light import shade
from drawpeople.model import Model, Topology, build, on_the_day, topology
from drawpeople.people import PERSON, SHOT, check
from drawpeople.samples import Samples
from drawpeople.sensor import sensor
from drawpeople.skin import skin_colour
from drawpeople.truth import Region

_PIXELS = 400_000  # drawn at a time: bounds the memory; enough that threads seldom wait for Python
_PIXELS_GPU = 4_000_000
_CM_A_LOOSE_PIXEL = 6.2 / 39


@dataclass(frozen=True)
class Rendering:
    """Images and what is known of them; ``left`` is the viewer's left."""

    images: Tensor  # uint8 (N, 3, H, W)
    landmarks: Tensor  # float32 (N, 5, 2) pixels: left eye, right eye, nose, left and right mouth corner
    visibility: Tensor  # bool (N, 5): inside the image, and nothing in front of it
    boxes: Tensor  # float32 (N, 4): the face boxes, see framing.face_box
    dense: Tensor  # float32 (N, 68, 2) pixels: landmarks in 300-W's order, see truth.dense_places
    dense_3d: Tensor  # float32 (N, 68, 3) the same in the head's coordinates: centimetres, x right, y up, z forward
    dense_visibility: Tensor  # bool (N, 68)
    regions: Tensor  # uint8 (N, H, W): what each pixel shows, a truth.Region
    coverage: Tensor  # uint8 (N, H, W): how much of each pixel the person covers, 255 all; before any blur
    camera: Tensor  # float32 (N, 3, 4): the head's coordinates to homogeneous pixels


def render(
    people: dict[str, Tensor],
    shots: dict[str, Tensor],
    framing: Framing = TIGHT,
    size: tuple[int, int] | None = None,
) -> Rendering:
    """Take image ``k`` of person ``k``.

    Args:
        people: name to float32 ``(N,)``, as from :func:`people` (see ``PERSON_RANGES``); all on one device, where the
            work is done.
        images: likewise, as from :func:`images`.
        framing: how much of the head is shown. One framing is the crop of another.
        size: ``(height, width)``; the framing's own if not given.
    Raises:
        ValueError: an unknown or missing parameter, shapes that do not match, or a size that is not positive.
    """
    n = _checked(people, shots)
    size = framing.size if size is None else (int(size[0]), int(size[1]))
    if min(size) <= 0:
        raise ValueError(f"size is (height, width) in pixels, both positive, not {size}")
    people, shots = ({k: v.float() for k, v in d.items()} for d in (people, shots))
    on_cpu = people["sex"].device.type == "cpu"
    most = max(1, (_PIXELS if on_cpu else _PIXELS_GPU) // (size[0] * size[1]))
    threads = torch.get_num_threads() if on_cpu else 1
    rounds = max(1, math.ceil(n / (most * threads)))
    step = max(1, math.ceil(n / (rounds * threads)))  # as much to do for each thread
    if n == 0:
        return _nothing(people["sex"].device, size)

    def part(start: int) -> Rendering:
        chosen = ({name: value[start : start + step] for name, value in d.items()} for d in (people, shots))
        return _render(*chosen, framing, size)

    starts = range(0, n, step)
    parts = _side_by_side(part, starts) if on_cpu else [part(start) for start in starts]
    return Rendering(*(torch.cat([getattr(part, field.name) for part in parts]) for field in fields(Rendering)))


@torch.inference_mode()
def dense_landmarks(
    people: dict[str, Tensor],
    shots: dict[str, Tensor],
    framing: Framing = TIGHT,
    size: tuple[int, int] | None = None,
) -> Tensor:
    """The 68 landmarks that :func:`render` would give, without drawing anything: float32 ``(N, 68, 2)`` pixels.

    Args and errors are those of :func:`render`.
    """
    _checked(people, shots)
    people, shots = ({k: v.float() for k, v in d.items()} for d in (people, shots))
    scale = camera.framing_scale(framing, framing.size if size is None else size)
    return build(on_the_day(people, shots), shots, scale).landmarks[:, 5:, :2]


def _checked(people: dict[str, Tensor], shots: dict[str, Tensor]) -> int:
    """How many there are of both; ``ValueError`` where a parameter is wrong, or the numbers differ."""
    n = check("people", people, PERSON)
    if check("shots", shots, SHOT) != n:
        raise ValueError(f"{n} people but {len(shots['yaw'])} shots; give each person one")
    return n


def _side_by_side(part: Callable[[int], Rendering], starts: Sequence[int]) -> list[Rendering]:
    """Parts of a batch on as many threads as torch may use, each with operations on one thread.

    The operations are too small to be worth sharing. What torch is told of threads holds for the one that tells it and
    for those that begin later; hence it is told once more at the end.
    """
    threads = torch.get_num_threads()
    if min(threads, len(starts)) == 1:
        return [part(start) for start in starts]
    try:
        with ThreadPoolExecutor(threads, "render", torch.set_num_threads, (1,)) as pool:
            return list(pool.map(part, starts))
    finally:
        torch.set_num_threads(threads)


def _nothing(device: torch.device, size: tuple[int, int]) -> Rendering:
    """The rendering of nobody."""
    empty = functools.partial(torch.zeros, 0, device=device)
    images, regions = empty(3, *size, dtype=torch.uint8), empty(*size, dtype=torch.uint8)
    five, many = empty(5, dtype=torch.bool), empty(68, dtype=torch.bool)
    dense, dense_3d, matrix = empty(68, 2), empty(68, 3), empty(3, 4)
    return Rendering(images, empty(5, 2), five, empty(4), dense, dense_3d, many, regions, regions.clone(), matrix)


@torch.inference_mode()
def _render(person: dict[str, Tensor], shot: dict[str, Tensor], framing: Framing, size: tuple[int, int]) -> Rendering:
    scale = camera.framing_scale(framing, size)
    person = on_the_day(person, shot)
    model, shared = build(person, shot, scale), topology(person["sex"].device)
    locks = raster.Sparse(shared.parts == HAIR, model.values[..., 3:6], hair_paint.grows(person))
    triangle, depth = raster.rasterize(model.points, shared.triangles, shared.two_sided, size, locks)
    spots = raster.spots(triangle, depth, shared.parts, size)
    colour, region = _look(model, spots, shared, person | shot, scale)
    facts = torch.stack((spots.triangle >= 0, region == int(Region.HAIR))).float()
    light = _softened(spots.gather(torch.cat((colour, facts)), size, len(model.points)))
    image = sensor(light[:, :3], shot, scale, skin_colour(person))
    regions = spots.first(region, size, len(model.points))
    seen = truth.seen(model.landmarks, depth, regions)
    regions, coverage = regions.to(torch.uint8), (255 * light[:, 3]).round().to(torch.uint8)
    five, many, shape = model.landmarks[:, :5, :2], model.landmarks[:, 5:, :2], model.landmarks_3d[:, 5:]
    boxes, five_seen, many_seen = face_box(five), seen[:, :5], seen[:, 5:]
    return Rendering(image, five, five_seen, boxes, many, shape, many_seen, regions, coverage, model.camera)


def _softened(light: Tensor) -> Tensor:
    """Images ``(N, 5, H, W)``, blurred where hair begins and ends: single hairs are finer than samples.

    The channels are three colours, what is covered at all, and what by hair.
    """
    down, near = light.clone(), light.clone()  # the image's own edge stays as it is
    down[:, :, 1:-1].mul_(0.5).add_(light[:, :, 2:], alpha=0.25).add_(light[:, :, :-2], alpha=0.25)
    near[..., 1:-1].copy_(down[..., 1:-1]).mul_(0.5).add_(down[..., 2:], alpha=0.25).add_(down[..., :-2], alpha=0.25)
    hair = near[:, 4:]
    return light.addcmul(near - light, (6 * hair * (1 - hair)).clamp(max=1))


def _look(
    model: Model,
    spots: raster.Spots,
    shared: Topology,
    dials: dict[str, Tensor],
    scale: tuple[float, float, float, float],
) -> tuple[Tensor, Tensor]:
    """The linear colour ``(3, M)`` and the region ``(M,)`` at each spot."""
    sx, sy, ox, oy = scale
    colour = torch.empty(3, len(spots.triangle), device=spots.x.device)
    region = torch.zeros_like(spots.triangle)
    bare = (spots.triangle < 0).nonzero()[:, 0]
    x, y = (spots.x.index_select(0, bare) - ox) / sx, (spots.y.index_select(0, bare) - oy) / sy
    colour[:, bare] = background(spots.image.index_select(0, bare), x, y, dials)
    covered = (spots.triangle >= 0).nonzero()[:, 0]
    where = spots.take(covered)
    values = raster.interpolate(model.points, model.values, shared.triangles, where)
    values[:3] = camera.unit(values[:3], 0)
    part = shared.parts.index_select(0, where.triangle)
    every = Samples(where.image, part, values, dials, _CM_A_LOOSE_PIXEL / sx)
    for chosen, light in ((part < HAIR, _light_body), (part == HAIR, _light_hair), (part > HAIR, _light_things)):
        index = chosen.nonzero()[:, 0]
        if len(index):
            colour[:, covered[index]], region[covered[index]] = light(every.take(index))
    return colour, region


def _light_body(s: Samples) -> tuple[Tensor, Tensor]:
    through, mirrored = worn.light_on_face(s)
    s.values[7:] *= torch.where(s.part == HEAD, through, 1.0)
    paint = paint_body(s)
    lit = shade(s, paint.colour, paint.gloss, paint.skin, s.dials)
    return lit + mirrored * (s.part == HEAD), paint.region


def _light_hair(s: Samples) -> tuple[Tensor, Tensor]:
    return hair_paint.shade(s, s.dials), torch.full_like(s.part, int(Region.HAIR))


def _light_things(s: Samples) -> tuple[Tensor, Tensor]:
    behind = ((s.part == HAT) | (s.part == MASK)) & (s.normal[2] < -0.15)  # thin sheets are seen from behind, too
    s.values[:3] *= torch.where(behind, -1.0, 1.0)
    paint = worn.paint(s)
    return shade(s, paint.colour, paint.gloss, paint.skin, s.dials), paint.region
