"""Hair: it covers the scalp, keeps out of face and head, looks like the style asked for, and repeats bit for bit."""

from __future__ import annotations

import pytest
import torch

from drawpeople.hair import COLUMNS, ROWS, drape
from drawpeople.hair_growth import STEPS
from drawpeople.hair_style import STYLES, style_of
from drawpeople.people import average_people
from drawpeople.scalp import clearance

NAMES = [s.name for s in STYLES]
SHEET = (ROWS + STEPS) * COLUMNS


def _styled(**dials: float) -> dict[str, torch.Tensor]:
    """The average person in every style."""
    n = len(STYLES)
    person = average_people(n) | {"hair_style": (torch.arange(n) + 0.5) / n}
    return person | {name: torch.full((n,), value) for name, value in dials.items()}


@pytest.mark.parametrize(
    "dials", [{}, {"hair_fringe": 1.0}, {"hair_part": -1.0}, {"hair_volume": 1.0, "hair_wave": 1.0}]
)
def test_eyes_nose_and_mouth_stay_free(dials: dict[str, float]):
    x, y, z = drape(_styled(**dials)).points.unbind(-1)
    before_face = (z > 4) & (x.abs() < 4.6) & (y < 1.2) & (y > -9)
    assert not before_face.any(), [NAMES[k] for k in before_face.any(1).nonzero()[:, 0]]


def test_styles_differ_as_their_names_say():
    hair = drape(_styled())
    lowest = dict(zip(NAMES, hair.points[..., 1].amin(1).tolist()))
    assert lowest["buzz cut"] > -9 > lowest["bob"] > -17 > lowest["long straight"]
    widest = dict(zip(NAMES, hair.points[..., 0].amax(1).tolist()))
    assert widest["afro"] > widest["buzz cut"] + 1.5
    hindmost = dict(zip(NAMES, hair.points[..., 2].amin(1).tolist()))
    assert min(hindmost["bun"], hindmost["pony tail"]) < hindmost["swept back"] - 0.5


def test_a_fringe_hides_the_forehead():
    bob = NAMES.index("bob")
    reaches = []
    for fringe in (0.0, 1.0):
        x, y, z = drape(_styled(hair_fringe=fringe)).points[bob].unbind(-1)
        reaches.append(y[(x.abs() < 2.5) & (z > 6)].min())
    assert 2.5 < reaches[1] < 3.6 and reaches[0] > 5


def test_each_sex_wears_its_styles_as_often_as_the_table_says():
    share = (torch.arange(4000) + 0.5) / 4000
    for man, column in ((False, "women"), (True, "men")):
        style = (style_of(share, torch.full((4000,), man), torch.zeros(4000) > 0) * len(STYLES)).long()
        wanted_shares = torch.tensor([getattr(s, column) for s in STYLES])
        assert abs(wanted_shares.sum() - 1) < 1e-6
        wanted_shares[NAMES.index("afro")] = 0  # of curly hair alone
        wanted_shares /= wanted_shares.sum()
        assert (torch.bincount(style, minlength=len(STYLES)) / 4000 - wanted_shares).abs().max() < 0.002


def test_a_hat_presses_flat_what_it_covers_and_no_more():
    person = _styled()
    free, pressed = drape(person).points, drape(person, torch.ones(len(STYLES))).points
    above = pressed[..., 1] > 6.5
    assert clearance(*pressed.unbind(-1))[0][above].max() < 1.2
    below = free[:, :SHEET, 1] - 0.15 * free[:, :SHEET, 2].clamp(max=0) < 2.0  # the edge is lower behind
    assert torch.equal(free[:, :SHEET][below], pressed[:, :SHEET][below])
