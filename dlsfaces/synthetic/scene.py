"""From parameters to pictures: builds heads, looks at them, paints, lights, takes the photo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from dlsfaces.geometry import TIGHT, Framing, face_box
from dlsfaces.synthetic import camera, hair, raster
from dlsfaces.synthetic.appearance import Surface, paint
from dlsfaces.synthetic.directions import displace, smooth
from dlsfaces.synthetic.head import HAIR, Mesh, mesh
from dlsfaces.synthetic.people import PERSON, PICTURE, check

_SAMPLES = 200_000  # samples drawn at a time: bounds the memory, and keeps it within the processor's cache
_SAMPLES_GPU = 8_000_000
_CM_A_LOOSE_PIXEL = 6.2 / 39


@dataclass(frozen=True)
class Rendering:
    """Pictures and what is known of them; ``left`` is the viewer's left."""

    images: Tensor  # uint8 (N, 3, H, W)
    landmarks: Tensor  # float32 (N, 5, 2) pixels: left eye, right eye, nose, left and right mouth corner
    visibility: Tensor  # bool (N, 5): inside the picture, and on a side of the head that faces the camera
    boxes: Tensor  # float32 (N, 4): the course's face box, geometry.face_box


class _Model(NamedTuple):
    """The heads of a batch, ready to be drawn."""

    points: Tensor  # (N, V, 3) pixels and depth
    normals: Tensor  # (N, V, 3)
    place: Tensor  # (N, V, 5): rest point (on hair: angle, share, height), height above the hair's edge, occlusion
    landmarks: Tensor  # (N, 5, 2) pixels
    visible: Tensor  # (N, 5)


def render(
    people: dict[str, Tensor],
    pictures: dict[str, Tensor],
    framing: Framing = TIGHT,
    size: tuple[int, int] | None = None,
) -> Rendering:
    """Take picture ``k`` of person ``k``.

    Args:
        people: name to float32 ``(N,)``, as from :func:`people` (see ``PERSON_RANGES``); all on one device, where the
            work is done.
        pictures: likewise, as from :func:`pictures`.
        framing: how much of the head is shown. One framing is the crop of another.
        size: ``(height, width)``; the framing's own if not given.
    Raises:
        ValueError: an unknown or missing parameter, shapes that do not match, or a size that is not positive.
    """
    n = check("people", people, PERSON)
    if check("pictures", pictures, PICTURE) != n:
        raise ValueError(f"{n} people but {len(pictures['yaw'])} pictures; give one person a picture")
    size = framing.size if size is None else (int(size[0]), int(size[1]))
    if min(size) <= 0:
        raise ValueError(f"size is (height, width) in pixels, both positive, not {size}")
    people, pictures = ({k: v.float() for k, v in d.items()} for d in (people, pictures))
    samples = _SAMPLES if people["sex"].device.type == "cpu" else _SAMPLES_GPU
    step = max(1, samples // (2 * size[0] * size[1]))
    images, landmarks, visible = [], [], []
    for k in range(0, n, step):
        part = [{name: value[k : k + step] for name, value in d.items()} for d in (people, pictures)]
        image, marks, seen = _render(*part, framing, size)
        images.append(image)
        landmarks.append(marks)
        visible.append(seen)
    if n == 0:
        images, landmarks, visible = [torch.zeros(0, 3, *size).byte()], [torch.zeros(0, 5, 2)], [torch.zeros(0, 5) > 0]
    marks = torch.cat(landmarks)
    return Rendering(torch.cat(images), marks, torch.cat(visible), face_box(marks))


def _render(
    person: dict[str, Tensor], picture: dict[str, Tensor], framing: Framing, size: tuple[int, int]
) -> tuple[Tensor, Tensor, Tensor]:
    device = person["sex"].device
    shared = mesh(device)
    sx, sy, ox, oy = scale = camera.framing_scale(framing, size)
    person = _today(person, picture)
    model = _build(person, picture, shared, scale)
    seen = raster.rasterize(model.points, shared.triangles, shared.parts == HAIR, size)
    covered = seen >= 0
    values = torch.cat((model.normals, model.place), dim=2)
    values = raster.interpolate(model.points, values, shared.triangles, seen, size)
    part = torch.where(covered, shared.parts[seen.clamp(min=0)], -1)
    surface = Surface(part, values[3], values[4], values[5], values[6], _CM_A_LOOSE_PIXEL / sx)
    colour, gloss, bleed = paint(surface, person, picture)
    image = camera.shade(colour, camera.unit(values[:3], 0), values[7], gloss, bleed, picture)
    x, y = raster.sample_points(size, device)
    image = torch.where(covered, image, camera.background(picture, (x - ox) / sx, (y - oy) / sy))
    image = image.view(3, -1, size[0], 2, size[1])
    image = ((image[..., 0, :] + image[..., 1, :]) / 2).transpose(0, 1)  # the two samples of each pixel
    inside = ((model.landmarks >= 0) & (model.landmarks < torch.tensor(size[::-1], device=device))).all(-1)
    return camera.sensor(image, picture, sx), model.landmarks, model.visible & inside


def _today(person: dict[str, Tensor], picture: dict[str, Tensor]) -> dict[str, Tensor]:
    """The person on the day of the picture: the hair a little longer, fuller and lighter, or the reverse."""
    change = picture["hair_change"]
    changes = {"hair_length": 0.05, "hair_volume": 0.2, "hair_light": 0.06, "hair_fringe": 0.12}
    return person | {name: (person[name] + by * change).clamp(0, 1) for name, by in changes.items()}


def _build(person: dict[str, Tensor], picture: dict[str, Tensor], shared: Mesh, scale: tuple[float, ...]) -> _Model:
    vertices = len(shared.occlusion)
    beard = (person["beard"] - 0.5).clamp(min=0) * 2 * person["beard_length"]
    tucked = smooth(0.3, 0.4, person["hair_length"])
    still = person | {"average": torch.ones_like(beard), "beard_thickness": beard, "ear_tucked": tucked}
    still["ear_out"] = person["ear_out"] * (1 - tucked)
    moving = still | {k: picture[k] for k in ("mouth_open", "smile", "brow_raise")}
    body = displace(shared.rest, shared.fields, moving)
    locks, locks_place = hair.drape(person)
    everything = torch.cat((body[:, :vertices], locks, body[:, vertices:]), dim=1)
    with_head = torch.ones(everything.shape[1] - vertices, device=body.device)
    posed = camera.pose(everything, torch.cat((shared.follows, with_head)), picture)
    flat = camera.project(posed, picture["distance"])
    at_marks = {name: [(axis, f[vertices:]) for axis, f in terms] for name, terms in shared.fields.items()}
    neutral = displace(shared.rest[vertices:], at_marks, still)
    loose = camera.to_loose(flat, flat[:, -5:], neutral[..., :2], picture)
    sx, sy, ox, oy = scale
    pixels = torch.stack((loose[..., 0] * sx + ox, loose[..., 1] * sy + oy, loose[..., 2]), dim=-1)
    normals = camera.normals(posed[:, :-5], shared.grids)
    place = torch.cat((_body_place(person, shared, len(body)), _hair_place(locks_place)), dim=1)
    return _Model(pixels[:, :-5], normals, place, pixels[:, -5:, :2], _facing(shared, normals, posed))


def _body_place(person: dict[str, Tensor], shared: Mesh, n: int) -> Tensor:
    """Rest points, height above the hair's edge (the head alone has one) and occlusion, ``(N, V, 5)``."""
    vertices, head = len(shared.occlusion), shared.grids[0]
    above = shared.rest[: head.rows * head.columns, 1].view(1, head.rows, head.columns)
    above = (above - hair.edge(shared.angles, person)[:, None]).flatten(1)
    above = torch.nn.functional.pad(above, (0, vertices - above.shape[1]), value=-9.0)
    rest = shared.rest[:vertices].expand(n, -1, -1)
    return torch.cat((rest, above[..., None], shared.occlusion.expand(n, -1)[..., None]), dim=2)


def _hair_place(place: Tensor) -> Tensor:
    """Hair is darker where it is deep: near the ends and the neck."""
    shade = 1 - 0.35 * ((2 - place[..., 2]) / 10).clamp(0, 1)
    return torch.cat((place, torch.zeros_like(shade)[..., None], shade[..., None]), dim=2)


def _facing(shared: Mesh, normals: Tensor, posed: Tensor) -> Tensor:
    """Whether the surface at each landmark is turned towards the camera."""
    vertices = len(shared.occlusion)
    marks = shared.rest[vertices:]
    nearest = ((marks[:, None] - shared.rest[None, :vertices]) ** 2).sum(-1).argmin(1)
    return normals[:, nearest, 2] > 0.1
