"""The heads of a batch, ready to be drawn: body, hair and what people wear, posed before their cameras."""

import functools
from typing import NamedTuple

import torch
from torch import Tensor

from drawpeople import camera, hair, hats, truth, worn
from drawpeople.directions import displace, smooth
from drawpeople.hair_style import today, wanted
from drawpeople.head import HAIR, Mesh, mesh
from drawpeople.light import light_direction
from drawpeople.scalp import edge
from drawpeople.shadows import arriving

_EXPRESSION = ("mouth_open", "smile", "brow_raise")


class Model(NamedTuple):
    """Everything to be drawn."""

    points: Tensor  # (N, V, 3) pixels and depth
    values: Tensor  # (N, V, 9) what is interpolated, see Samples
    landmarks: Tensor  # (N, 5 + 68, 3) pixels and depth
    landmarks_3d: Tensor  # (N, 5 + 68, 3) in the head's coordinates
    camera: Tensor  # (N, 3, 4) from those to homogeneous pixels


class Topology(NamedTuple):
    """How the vertices of every model are joined."""

    triangles: Tensor  # (T, 3)
    parts: Tensor  # (T,) see head.py
    two_sided: Tensor  # (T,) bool


@functools.cache
def topology(device: torch.device) -> Topology:
    """The triangles of body, hair and things, whose vertices follow each other in this order."""
    shared, things = mesh(device), worn.block(device)
    locks, locks_two_sided = hair.triangles(device)
    vertices, hair_vertices = len(shared.rest), int(locks.max()) + 1
    return Topology(
        torch.cat((shared.triangles, locks + vertices, things.triangles + vertices + hair_vertices)),
        torch.cat((shared.parts, torch.full_like(locks[:, 0], HAIR), things.parts)),
        torch.cat((torch.zeros_like(shared.parts, dtype=torch.bool), locks_two_sided, things.two_sided)),
    )


def on_the_day(person: dict[str, Tensor], shot: dict[str, Tensor]) -> dict[str, Tensor]:
    """The person as of an image: another day's hair and make-up, and no fringe under a hat that hides hair."""
    p = today(person, shot["hair_change"])
    p["hair_fringe"] = p["hair_fringe"] * ~hats.hides_hair(shot)
    p["make_up"] = (person["make_up"] * (1 + shot["make_up_change"])).clamp(0, 1)
    p["lipstick"] = (1.4 * p["make_up"] - 0.25).clamp(0, 1)
    return p


def build(person: dict[str, Tensor], shot: dict[str, Tensor], scale: tuple[float, float, float, float]) -> Model:
    """Models of people as of their images.

    Args:
        person: as from :func:`on_the_day`.
        scale: of the framing, see :func:`camera.framing_scale`.
    """
    shared = mesh(person["sex"].device)
    still = _shape(person)
    body = displace(shared.rest, shared.fields, still | {k: shot[k] for k in _EXPRESSION})
    places = _landmark_places(person | shot)
    marks = truth.on_surface(body, places, shared)
    five = tuple(c[:, :5] for c in places)
    neutral = truth.on_surface(displace(shared.rest, shared.fields, still), five, shared)
    posed_marks = camera.pose(marks, shot)
    view = camera.frame(posed_marks[:, :5], neutral, shot, scale)

    posed = camera.pose_body(body, shared, shot)
    locks = _hair(person, shot)
    things = worn.wear(person | shot, body, shared)
    moved = (posed, *(camera.pose(part.points, shot) for part in (locks, things)))
    values = (_body_values(person, shot, shared, posed), _hair_values(locks, shot), things.values(moved[-1]))
    points = torch.cat([view.project(part) for part in moved], dim=1)
    return Model(points, torch.cat(values, dim=1), view.project(posed_marks), marks, view.matrix(shot))


def _shape(person: dict[str, Tensor]) -> dict[str, Tensor]:
    """The amounts of all directions that the person keeps."""
    beard = (person["beard"] - 0.5).clamp(min=0) * 2 * person["beard_length"]
    style = {name: value[:, 0] for name, value in wanted(person).items() if name in ("side", "tail")}
    tucked = smooth(6, 9, style["side"]) * (style["tail"] < 0.5)  # ears lie flat under long hair that is worn open
    shape = person | {"average": torch.ones_like(beard), "beard_thickness": beard, "ear_tucked": tucked}
    return shape | {"ear_out": person["ear_out"] * (1 - tucked)}


def _landmark_places(dials: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Rest points of the five and the 68 landmarks, x and y ``(N, 73)`` each."""
    five = truth.five_places(len(dials["sex"]), dials["sex"].device)
    dense = truth.dense_places({k: v[:, None] for k, v in dials.items()}.__getitem__)
    return tuple(torch.cat(pair, dim=1) for pair in zip(five, dense))


def _hair(person: dict[str, Tensor], shot: dict[str, Tensor]) -> hair.Hair:
    locks = hair.drape(person, hats.wears(shot).float())
    return locks._replace(points=locks.points * ~hats.hides_hair(shot)[:, None, None])


def _body_values(person: dict[str, Tensor], shot: dict[str, Tensor], shared: Mesh, posed: Tensor) -> Tensor:
    ambient, key = arriving(shared, shot)
    head = shared.grids[0]
    height = shared.rest[: head.rows * head.columns, 1].view(1, head.rows, head.columns)
    above = (height - edge(shared.angles, person)[:, None]).flatten(1)  # the head alone has a hair line
    above = torch.nn.functional.pad(above, (0, len(shared.rest) - above.shape[1]), value=-9.0)
    under_hair = 1 - 0.3 * torch.exp(-((above + 0.3) ** 2)) * (person["baldness"] < 0.5)[:, None]
    light = torch.stack((above, ambient * under_hair, key * under_hair), dim=2)
    return torch.cat((camera.normals(posed, shared.grids), shared.rest.expand_as(posed), light), dim=2)


def _hair_values(locks: hair.Hair, shot: dict[str, Tensor]) -> Tensor:
    x, y, z = camera.rotate(locks.normals, shot).unbind(-1)
    lx, ly, lz = light_direction(shot)[:, None].unbind(-1)
    faces_lamp = ((x * lx + y * ly + z * lz + 0.35) * (1 / 1.35)).clamp(0, 1)
    light = torch.stack((torch.zeros_like(x), locks.ambient, faces_lamp * (0.35 + 0.65 * locks.ambient)), dim=2)
    return torch.cat((camera.rotate(locks.tangents, shot), locks.place, light), dim=2)
