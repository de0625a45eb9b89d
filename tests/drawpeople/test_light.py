"""Light: shadows lie where they must, turn with the lamp and not with the batch; skin bleeds and shines."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from drawpeople import neutral_shots
from drawpeople.directions import displace
from drawpeople.head import mesh
from drawpeople.shadows import arriving

CPU = torch.device("cpu")


def _shots(n: int = 1, **dials: float | list[float]) -> dict[str, Tensor]:
    return neutral_shots(n) | {k: torch.as_tensor(v).float().expand(n).clone() for k, v in dials.items()}


def _arriving(**dials: float | list[float]) -> tuple[Tensor, Tensor]:
    n = max(len(v) if isinstance(v, list) else 1 for v in dials.values())
    return arriving(mesh(CPU), _shots(n, **dials))


def _at(values: Tensor, x: float, y: float, front: bool = True) -> Tensor:
    """The mean value ``(N,)`` at the points of the average head's front around a place."""
    shared = mesh(CPU)
    points = displace(shared.rest, shared.fields, {"average": torch.ones(1)})[0, : values.shape[1]]
    near = ((points[:, 0] - x).abs() < 0.7) & ((points[:, 1] - y).abs() < 0.6) & ((points[:, 2] > 0) == front)
    return values[:, near].mean(1)


def test_the_nose_throws_its_shadow_away_from_the_lamp():
    _, key = _arriving(light_azimuth=[-65.0, 65.0], light_elevation=10.0, light_hardness=1.0)
    left, right = _at(key, -1.7, -2.5), _at(key, 1.7, -2.5)
    assert left[0] > right[0] + 0.2 and right[1] > left[1] + 0.2
    assert abs(left[0] - right[1]) < 0.1  # the average head is the same on both sides


def test_a_lamp_above_leaves_the_neck_dark():
    _, key = _arriving(light_azimuth=0.0, light_elevation=[65.0, -15.0], light_hardness=0.5)
    neck = _at(key, 0, -13)
    assert neck[0] < 0.4 and neck[1] > 0.8
    assert (_at(key, 0, 6) > 0.8).all()  # the forehead is in nobody's shadow


@pytest.mark.parametrize("pose", [{"yaw": 40.0}, {"pitch": -25.0}, {"roll": 0.0}])
def test_shadows_stay_when_head_and_lamp_turn_together(pose: dict[str, float]):
    lamp = {"light_azimuth": pose.get("yaw", 0.0), "light_elevation": pose.get("pitch", 0.0)}
    _, turned = _arriving(**pose, **lamp)
    _, straight = _arriving(light_azimuth=0.0, light_elevation=0.0)
    _, other = _arriving(light_azimuth=50.0, light_elevation=30.0)
    assert (turned - straight).abs().max() < 1e-3 < (other - straight).abs().max()
