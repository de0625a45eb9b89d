"""Hair: it covers the scalp, keeps out of face and head, looks like the style asked for, and repeats bit for bit."""

from __future__ import annotations

import pytest
import torch

from drawpeople import PERSON_RANGES, average_people, people
from drawpeople.hair import COLUMNS, LOCKS, ROWS, drape, triangles
from drawpeople.hair_growth import STEPS
from drawpeople.hair_paint import hair_colour, reflects, strands
from drawpeople.hair_style import STYLES, style_of, today, wanted
from drawpeople.head import HAIR, around, slice_at
from drawpeople.samples import CHANNELS, Samples
from drawpeople.scalp import clearance, edge, roots

NAMES = [s.name for s in STYLES]
SHEET = (ROWS + STEPS) * COLUMNS


def _styled(**dials: float) -> dict[str, torch.Tensor]:
    """The average person in every style."""
    n = len(STYLES)
    person = average_people(n) | {"hair_style": (torch.arange(n) + 0.5) / n}
    return person | {name: torch.full((n,), value) for name, value in dials.items()}


def test_same_bits_alone_and_in_a_batch():
    who = torch.arange(6)
    together, alone = drape(people(who)), drape(people(who[4:5]))
    assert all(torch.equal(a[4:5], b) for a, b in zip(together, alone))


def test_everything_is_finite_at_the_ends_of_all_dials():
    person = {k: torch.tensor([lo, hi, lo, hi]) for k, (lo, hi) in PERSON_RANGES.items()}
    for change in (-1.0, 1.0):
        hair = drape(today(person, torch.full((4,), change)), under_hat=torch.tensor([0.0, 0.0, 1.0, 1.0]))
        assert all(v.isfinite().all() for v in hair)
        assert 0 <= hair.ambient.min() and hair.ambient.max() <= 1.05
        assert hair.points.abs().max() < 50


def test_triangles_refer_to_the_vertices_and_face_outwards():
    corners, two_sided = triangles(torch.device("cpu"))
    assert len(corners) < 6000 and len(two_sided) == len(corners) and two_sided.float().mean() < 0.35
    hair = drape(_styled(hair_part=0.5))
    assert corners.max() == hair.points.shape[1] - 1 and corners.min() == 0
    a, b, c = (hair.points[:, k] for k in corners.unbind(1))
    outward = (torch.linalg.cross(c - a, b - a) * hair.normals[:, corners[:, 0]]).sum(-1)
    there = outward.abs() > 1e-3
    assert (outward[there] > 0).float().mean() > 0.9


def test_clearance_is_the_distance_from_the_head():
    y = torch.tensor([8.0, 4.0, 0.0, -4.0])
    x, z = around(*slice_at(y), torch.tensor([0.5, 1.5, 2.5, -1.2]))
    near, n = clearance(x, y, z)
    assert near.abs().max() < 0.3  # the table's cells are a centimetre wide
    x, y, z = (c + 2 * d for c, d in zip((x, y, z), n))
    assert (clearance(x, y, z)[0] - 2).abs().max() < 0.3
    assert clearance(torch.zeros(1), torch.zeros(1), torch.zeros(1))[0] < -5


def test_roots_cover_the_scalp_evenly():
    angle, share = roots(300)
    quarter = (angle / (torch.pi / 2)).floor()
    assert all((quarter == k).sum() > 40 for k in (-2, -1, 0, 1))
    assert share.max() <= 1 and (share < 0.5).float().mean() > 0.2


@pytest.mark.parametrize(
    "dials", [{}, {"hair_fringe": 1.0}, {"hair_part": -1.0}, {"hair_volume": 1.0, "hair_wave": 1.0}]
)
def test_eyes_nose_and_mouth_stay_free(dials: dict[str, float]):
    x, y, z = drape(_styled(**dials)).points.unbind(-1)
    before_face = (z > 4) & (x.abs() < 4.6) & (y < 1.2) & (y > -9)
    assert not before_face.any(), [NAMES[k] for k in before_face.any(1).nonzero()[:, 0]]


def test_no_vertex_lies_deep_in_the_head():
    points = drape(_styled()).points[:, : SHEET + LOCKS * (2 * STEPS + 1)]
    near = clearance(*points.unbind(-1))[0]
    assert near[points[..., 1] > 3].min() > -1.2


def test_the_sheet_covers_the_scalp_of_all_who_are_not_bald():
    points = drape(_styled()).points[:, :SHEET].view(len(STYLES), -1, COLUMNS, 3)
    x, y, z = points[:, : ROWS - 1].unbind(-1)
    width, middle, depth = slice_at(y)
    outside = (x / width).abs() ** 2.3 + ((z - middle) / depth).abs() ** 2.3  # over 1 outside the average head
    assert outside[width > 1].min() > 1
    bald = drape(_styled(baldness=1.0)).points[:, :SHEET].view(len(STYLES), -1, COLUMNS, 3)
    assert clearance(*bald[:, :4].unbind(-1))[0].max() < 0


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
        assert (torch.bincount(style, minlength=len(STYLES)) / 4000 - wanted_shares).abs().max() < 0.002


def test_images_change_length_a_little_and_styling_at_the_extremes():
    person = _styled(hair_part=0.6)
    zero, one = torch.zeros(len(STYLES)), torch.ones(len(STYLES))
    still, tied, other = (today(person, change) for change in (zero, one, -one))
    assert all(torch.equal(still[k], person[k]) for k in person)
    long = NAMES.index("long waves")
    assert wanted(tied)["tail"][long] == 1 and wanted(still)["tail"][long] == 0
    assert wanted(tied)["tail"][NAMES.index("bun")] == 0
    assert torch.equal(other["hair_part"], -person["hair_part"])
    assert (other["hair_length"] < person["hair_length"]).all()


def test_a_hat_presses_flat_what_it_covers_and_no_more():
    person = _styled()
    free, pressed = drape(person).points, drape(person, torch.ones(len(STYLES))).points
    above = pressed[..., 1] > 6.5
    assert clearance(*pressed.unbind(-1))[0][above].max() < 1.2
    below = free[:, :SHEET, 1] < 3.4
    assert torch.equal(free[:, :SHEET][below], pressed[:, :SHEET][below])


def test_the_hair_line_recedes():
    person = average_people(2) | {"baldness": torch.tensor([0.0, 0.5])}
    front = edge(torch.tensor([0.0, 0.6]), person)
    assert (front[1] > front[0] + 0.8).all()


def _samples(tangents: torch.Tensor, **dials: float) -> Samples:
    """Samples in the middle of locks, of one image."""
    m = len(tangents)
    values = torch.zeros(CHANNELS, m)
    values[:3], values[4], values[5] = tangents.T, 0.5, 0.3
    all_dials = average_people(1) | {k: torch.tensor([v]) for k, v in dials.items()}
    return Samples(torch.zeros(m, dtype=torch.int64), torch.full((m,), HAIR), values, all_dials, 0.1)


def test_hair_shines_across_and_not_along_the_light():
    angle = torch.linspace(0, torch.pi / 2, 60)
    tangents = torch.stack((0 * angle, torch.cos(angle), torch.sin(angle)), 1)  # from upright to towards the viewer
    s = _samples(tangents, hair_gloss=1.0)
    colour = strands(s, s.spread(hair_colour(s.dials)))
    bright = reflects(s, colour, torch.tensor([[0.0, 0.0, 1.0]])).sum(0)
    assert bright[0] > 1.5 * bright[30] > 1.5 * bright[-1] > 0
    dull = reflects(_samples(tangents, hair_gloss=0.0), colour, torch.tensor([[0.0, 0.0, 1.0]])).sum(0)
    assert dull[0] < bright[0]


def test_colours_run_from_black_to_blond_and_grey():
    person = average_people(4) | {"hair_light": torch.tensor([0.0, 1.0, 0.3, 0.3])}
    person |= {"hair_red": torch.tensor([0.0, 0, 1, 0]), "hair_grey": torch.tensor([0.0, 0, 0, 1])}
    black, blond, red, grey = hair_colour(person)
    assert black.max() < 0.02 < 0.4 < blond.max() and red[0] > 2 * red[1]
    assert grey.max() - grey.min() < 0.02


def test_every_dial_of_hair_moves_or_colours_it():
    still = average_people(1)
    for name in (k for k in PERSON_RANGES if k.startswith("hair_") or k == "baldness"):
        low, high = PERSON_RANGES[name]
        turned = still | {name: torch.tensor([high if still[name] < high else low])}
        moved = (drape(turned).points - drape(still).points).abs().mean()
        s, other = (_samples(torch.tensor([[0.0, 1, 0]]), **{name: float(person[name])}) for person in (turned, still))
        bright = [
            reflects(k, strands(k, k.spread(hair_colour(k.dials))), torch.tensor([[0, 0, 1.0]])) for k in (s, other)
        ]
        assert moved > 1e-3 or (bright[0] - bright[1]).abs().max() > 1e-3, name
