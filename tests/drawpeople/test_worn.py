"""What people wear: it fits everybody, covers what it should and nothing else, and vanishes where nobody wears it."""

from __future__ import annotations

import pytest
import torch

import drawpeople
from dlsfaces.geometry import LOOSE
from drawpeople import hats
from drawpeople.rendering import Rendering
from drawpeople.truth import Region

_N = 16
_BARE = dict.fromkeys(("glasses", "sunglasses", "hat", "mask", "hand", "earrings"), 0.0)


def _dressed(n: int = _N, **turned: float | torch.Tensor) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Different people from the front without a fringe, who wear only what is turned on."""
    people, shots = drawpeople.people(torch.arange(n)), drawpeople.neutral_shots(n)
    people |= {"hair_fringe": torch.zeros(n), "hair_length": torch.zeros(n)}
    for name, value in (_BARE | turned).items():
        (people if name in people else shots)[name] = torch.as_tensor(value).float().expand(n).clone()
    return people, shots


def _render(**turned: float | torch.Tensor) -> Rendering:
    return drawpeople.render(*_dressed(**turned), size=(112, 96))


def _count(rendering: Rendering, region: Region) -> torch.Tensor:
    """Pixels an image that show a region."""
    return (rendering.regions == int(region)).sum((1, 2))


def test_clear_glasses_leave_the_eyes_free_and_dark_ones_hide_them():
    clear, dark = _render(glasses=1.0), _render(sunglasses=1.0)
    assert clear.visibility[:, :2].float().mean() > 0.95
    assert (_count(clear, Region.GLASSES) > 60).all()
    assert dark.visibility[:, :2].float().mean() < 0.05 and (_count(dark, Region.EYES) < 4).all()
    assert dark.visibility[:, 2:].all()  # nose and mouth


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
