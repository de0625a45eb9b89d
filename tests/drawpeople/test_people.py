"""Who is drawn: parameters in their ranges, in even shares, independent of each other, and a person's own."""

from __future__ import annotations

import pytest
import torch

import drawpeople
from drawpeople.people import PERSON, SHOT, average_people

_N = 5000


@pytest.fixture(scope="module")
def crowd() -> dict[str, torch.Tensor]:
    return drawpeople.people(torch.arange(_N))


def _share_is(share: torch.Tensor, chance: float, n: int = _N) -> bool:
    """Whether a share of ``n`` draws is within four standard deviations of its chance."""
    return abs(float(share) - chance) < 4 * (chance * (1 - chance) / n) ** 0.5


def test_parameters_stay_in_their_ranges():
    who = torch.arange(500)
    for values, ranges in (
        (drawpeople.people(who), drawpeople.PERSON_RANGES),
        (drawpeople.shots(who, who % 7), drawpeople.SHOT_RANGES),
        (average_people(), drawpeople.PERSON_RANGES),
        (drawpeople.neutral_shots(), drawpeople.SHOT_RANGES),
    ):
        assert values.keys() == ranges.keys()
        for name, value in values.items():
            assert value.dtype == torch.float32 and value.dim() == 1
            assert ranges[name][0] <= value.min() and value.max() <= ranges[name][1], name


def test_women_and_men_young_and_old_in_even_shares(crowd):
    for name in ("sex", "age"):
        assert _share_is((crowd[name] > 0.5).float().mean(), 0.5), name
    man = crowd["sex"] > 0.5
    assert _share_is((crowd["age"][man] > 0.5).float().mean(), 0.5, int(man.sum()))  # among men as well as in all


def test_skin_in_even_shares_from_darkest_to_lightest(crowd):
    fifth = (crowd["skin_tone"] * 5).long().clamp(max=4)
    for k, count in enumerate(fifth.bincount(minlength=5)):
        assert _share_is(count / _N, 0.2), k


def test_switches_occur_with_their_chance(crowd):
    who = torch.arange(_N)
    for values, dials in ((crowd, PERSON), (drawpeople.shots(who, who), SHOT)):
        for name, dial in dials.items():
            if dial.chance is not None and name != "earrings":  # which men hardly wear
                assert values[name].unique().tolist() == [0, 1] and _share_is(values[name].mean(), dial.chance), name
    women = crowd["sex"] < 0.5
    assert _share_is(crowd["earrings"][women].mean(), PERSON["earrings"].chance, int(women.sum()))


def test_images_of_a_person_are_drawn_independently():
    who = torch.arange(500)
    first, second = (drawpeople.shots(who, torch.full_like(who, k)) for k in (0, 1))
    for name in ("yaw", "smile", "light_azimuth", "back_kind", "exposure"):
        assert abs(torch.corrcoef(torch.stack((first[name], second[name])))[0, 1]) < 0.2, name


def test_a_person_is_the_same_wherever_asked_for():
    several = drawpeople.people(torch.tensor([3, 7, 1_000_000_007, 3]))
    for name, value in drawpeople.people(torch.tensor([3])).items():
        assert several[name][0] == several[name][3] == value[0], name
    assert several["jaw_width"].unique().numel() == 3
    one = torch.tensor([7])
    assert drawpeople.people(one, 0)["skin_tone"] != drawpeople.people(one, 1)["skin_tone"]
    assert drawpeople.shots(one, one, 0)["yaw"] != drawpeople.shots(one, one, 1)["yaw"]
    assert drawpeople.shots(one, one)["yaw"] != drawpeople.shots(one, one + 1)["yaw"]


def test_errors_say_what_is_wrong():
    people, shots = average_people(2), drawpeople.neutral_shots(2)
    with pytest.raises(ValueError, match=r"unknown.*cigar"):
        drawpeople.render(people | {"cigar": torch.zeros(2)}, shots)
    with pytest.raises(ValueError, match=r"lacks.*yaw"):
        drawpeople.render(people, {k: v for k, v in shots.items() if k != "yaw"})
    with pytest.raises(ValueError, match="same shape"):
        drawpeople.render(people | {"age": torch.zeros(3)}, shots)
    with pytest.raises(ValueError, match=r"not finite.*yaw"):
        drawpeople.render(people, shots | {"yaw": torch.tensor([0.0, float("nan")])})
    with pytest.raises(ValueError, match="2 people but 3 shots"):
        drawpeople.render(people, drawpeople.neutral_shots(3))
    with pytest.raises(ValueError, match="both positive"):
        drawpeople.render(people, shots, size=(0, 10))
    with pytest.raises(ValueError, match="integers"):
        drawpeople.people(torch.zeros(2))
    with pytest.raises(ValueError, match="one number a shot"):
        drawpeople.shots(torch.arange(2), torch.arange(3))
