"""What people wear: it fits everybody, covers what it should and nothing else, and vanishes where nobody wears it."""

from __future__ import annotations

import pytest
import torch

import drawpeople
from dlsfaces.geometry import LOOSE
from drawpeople import covers, hats, worn
from drawpeople.directions import displace
from drawpeople.head import HAND, HAT, JEWEL, MASK, mesh
from drawpeople.people import PERSON, SHOT
from drawpeople.pieces import Wearers
from drawpeople.truth import Region

_N = 16
_EVERYTHING = {"glasses": 1.0, "sunglasses": 1.0, "hat": 1.0, "mask": 1.0, "hand": 1.0, "earrings": 1.0}
_BARE = dict.fromkeys(_EVERYTHING, 0.0)


def _dressed(n: int = _N, **turned: float | torch.Tensor) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Different people from the front without a fringe, who wear only what is turned on."""
    people, shots = drawpeople.people(torch.arange(n)), drawpeople.neutral_shots(n)
    people |= {"hair_fringe": torch.zeros(n), "hair_length": torch.zeros(n)}
    for name, value in (_BARE | turned).items():
        (people if name in people else shots)[name] = torch.as_tensor(value).float().expand(n).clone()
    return people, shots


def _wearers(n: int = 4, **turned: float | torch.Tensor) -> Wearers:
    people, shots = _dressed(n, **turned)
    shared = mesh(torch.device("cpu"))
    return Wearers(people | shots, displace(shared.rest, shared.fields, people | {"average": torch.ones(n)}), shared)


def _wear(w: Wearers) -> worn.Worn:
    return worn.wear(w.dials, w.body, w.shared)


def _render(**turned: float | torch.Tensor) -> drawpeople.Rendering:
    return drawpeople.render(*_dressed(**turned), size=(112, 96))


def _count(rendering: drawpeople.Rendering, region: Region) -> torch.Tensor:
    """Pixels an image that show a region."""
    return (rendering.regions == int(region)).sum((1, 2))


def test_nothing_is_a_point_and_everything_is_not():
    assert (_wear(_wearers()).points == 0).all()
    points = _wear(_wearers(**_EVERYTHING)).points
    block = worn.block(torch.device("cpu"))
    assert points.shape[1] == int(block.triangles.max()) + 1
    assert points.isfinite().all() and points.abs().max() < 45
    assert len(block.triangles) == len(block.parts) == len(block.two_sided) <= 2500


def test_same_bits_in_any_batch():
    every = torch.tensor([0.1, 0.5, 0.7, 0.9])
    w = _wearers(4, **_EVERYTHING, hat_kind=every, hand_place=every)
    together = _wear(w)
    for k in range(4):
        alone = _wear(w.take(torch.tensor([k])))
        assert torch.equal(alone.points[0], together.points[k]) and torch.equal(alone.place[0], together.place[k])


@pytest.mark.parametrize("side", [0.0, 1.0])
def test_surfaces_face_outwards(side: float):
    """The volume within a closed surface is positive where its triangles are clockwise as seen from outside."""
    w = _wearers(4, **_EVERYTHING, hand_side=side, hat_kind=torch.tensor([0.1, 0.3, 0.5, 0.7]))
    points, block = _wear(w).points, worn.block(torch.device("cpu"))
    for grid in block.grids:
        if grid.part in (HAND, JEWEL) or (grid.part == HAT and grid.rows > 4):
            triangles = grid.triangles()
            middle = points[:, grid.start : grid.start + grid.rows * grid.columns].mean(1)[:, None]
            a, b, c = (points[:, triangles[:, k]] - middle for k in range(3))
            assert ((torch.linalg.cross(c, b) * a).sum((1, 2)) > 0).all(), grid


def test_a_mask_faces_the_viewer_and_stays_off_the_skin():
    w = _wearers(8, mask=1.0)
    cloth = covers.build_mask(w)[0][0]
    down, right = cloth[:, 1:, :-1] - cloth[:, :-1, :-1], cloth[:, :-1, 1:] - cloth[:, :-1, :-1]
    assert (torch.linalg.cross(down, right)[..., 2] > 0).float().mean() > 0.9
    tip = w.on_face(torch.zeros(1, 1), torch.tensor([[-3.92]]))[:, 0, 2]
    assert (cloth[:, 2, 6, 2] > tip + 0.2).all()


def test_clear_glasses_leave_the_eyes_free_and_dark_ones_hide_them():
    clear, dark = _render(glasses=1.0), _render(sunglasses=1.0)
    assert clear.visibility[:, :2].float().mean() > 0.95
    assert (_count(clear, Region.GLASSES) > 60).all()
    assert dark.visibility[:, :2].float().mean() < 0.05 and (_count(dark, Region.EYES) < 4).all()
    assert dark.visibility[:, 2:].all()  # nose and mouth


def test_one_may_leave_glasses_at_home():
    assert (_count(_render(glasses=1.0, glasses_off=1.0), Region.GLASSES) == 0).all()


@pytest.mark.parametrize("kind", range(hats.KINDS))
def test_hats_cover_every_skull_and_leave_the_eyes_free(kind: int):
    dials = {"hat": 1.0, "hat_kind": (kind + 0.5) / hats.KINDS, "baldness": 1.0}
    rendering = drawpeople.render(*_dressed(**dials), LOOSE, (109, 89))
    assert rendering.visibility[:, :2].all()
    middle = rendering.regions[:, :, 34:55]
    highest = (middle > 0).to(torch.uint8).argmax(1, keepdim=True)
    assert (middle.gather(1, highest) == int(Region.HAT)).all()


def test_a_mask_hides_the_mouth_even_an_open_one():
    for expression in ({}, {"mouth_open": 1.0}, {"smile": 1.0}):
        rendering = _render(mask=1.0, **expression)
        assert (_count(rendering, Region.MOUTH) == 0).all()
        assert rendering.visibility[:, :2].all()


def test_a_hand_is_where_its_dials_put_it():
    mouth = _render(hand=1.0, hand_place=0.3)
    assert not mouth.visibility[:, 3:].all(1).any() and mouth.visibility[:, :2].any(1).all()
    for side, eye in ((0.0, 0), (1.0, 1)):
        seen = _render(hand=1.0, hand_place=0.9, hand_side=side).visibility
        assert seen[:, 1 - eye].all() and seen[:, eye].float().mean() < 0.2


def test_switches_are_drawn_with_their_chance():
    who = torch.arange(4000)
    drawn = drawpeople.people(who) | drawpeople.shots(who, who)
    for name, dial in (PERSON | SHOT).items():
        if dial.chance is not None and name != "earrings":
            assert drawn[name].unique().tolist() == [0, 1]
            assert abs(float(drawn[name].mean()) - dial.chance) < 4 * (dial.chance / 4000) ** 0.5, name
    assert MASK in worn.PARTS
