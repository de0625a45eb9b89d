"""What is known of an image agrees with the image: camera, landmarks, what is seen, and what each pixel shows."""

from __future__ import annotations

import pytest
import torch
from matplotlib.path import Path

import drawpeople
from dlsfaces.geometry import LOOSE, TIGHT
from drawpeople import Region
from drawpeople.rendering import Rendering
from tests.drawpeople.takes import average, crowd, various

_MIRROR = torch.tensor(
    [
        *(*range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, 35, 34, 33, 32, 31),  # jaw, brows, nose
        *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),  # eyes
        *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65),  # mouth
    ]
)
_EYES, _BROWS, _MOUTH = slice(36, 48), slice(17, 27), slice(48, 68)
_LEFT = [*range(8), *range(17, 22), *range(36, 42), 48, 49, 59, 60]  # by the viewer
_RIGHT = _MIRROR[_LEFT].tolist()


def _extremes(n: int) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """A crowd as drawn, at the corners of the range of poses, near and far, speaking and smiling."""
    people, shots = crowd(n, 1)
    ends = {"yaw": 75.0, "pitch": 30.0, "roll": 40.0}
    for k, (name, most) in enumerate(ends.items()):
        shots[name] = most * (1 - 2 * ((torch.arange(n) >> k) & 1).float())
    near = torch.arange(n) % 3 == 0
    return people, shots | {"distance": torch.where(near, 40.0, 200.0), "mouth_open": near.float()}


def _shown(made: Rendering, around: int = 0) -> torch.Tensor:
    """Which regions lie at the landmarks, or at most so many pixels from them: bool ``(N, 68, regions)``."""
    height, width = made.regions.shape[1:]
    masks = torch.nn.functional.one_hot(made.regions.long(), len(Region)).permute(0, 3, 1, 2).float()
    masks = torch.nn.functional.max_pool2d(masks, 2 * around + 1, 1, around)
    x, y = made.dense.floor().long().unbind(-1)
    index = (y.clamp(0, height - 1) * width + x.clamp(0, width - 1))[:, None].expand(-1, len(Region), -1)
    return masks.flatten(2).gather(2, index).transpose(1, 2) > 0


def _share_on(made: Rendering, landmarks: slice | list[int], *regions: Region, around: int = 0) -> float:
    """How many of the visible ones among these landmarks lie on one of these regions."""
    on = _shown(made, around)[:, landmarks][..., list(regions)].any(-1)
    return float(on[made.dense_visibility[:, landmarks]].float().mean())


def _count(made: Rendering, region: Region) -> torch.Tensor:
    return (made.regions == int(region)).sum((1, 2))


@pytest.mark.parametrize("framing", [TIGHT, LOOSE])
def test_the_camera_projects_the_landmarks_even_at_extreme_poses(framing):
    made = drawpeople.render(*_extremes(24), framing)
    points = torch.cat((made.dense_3d, torch.ones(24, 68, 1)), dim=2).double()
    u, v, w = (points @ made.camera.double().transpose(1, 2)).unbind(-1)
    assert (w > 10).all()  # in front of the camera
    assert (torch.stack((u / w, v / w), -1) - made.dense).norm(dim=-1).max() < 0.01


def test_left_is_the_viewers_left_and_angles_turn_as_named():
    poses = {
        "yaw": [0.0, 30.0, -30.0, 0, 0, 0, 0],
        "pitch": [0, 0, 0, 20.0, -20.0, 0, 0],
        "roll": [0, 0, 0, 0, 0, 20.0, -20.0],
    }
    marks = drawpeople.render(*average(7, **poses), LOOSE).landmarks
    assert (marks[:, 0, 0] < marks[:, 1, 0]).all() and (marks[:, 3, 0] < marks[:, 4, 0]).all()
    nose = marks[:, 2] - marks[:, :2].mean(1)
    assert nose[1, 0] > nose[0, 0] + 5 and nose[2, 0] < nose[0, 0] - 5
    assert nose[3, 1] < nose[0, 1] - 2 and nose[4, 1] > nose[0, 1] + 2
    slope = marks[:, 1, 1] - marks[:, 0, 1]
    assert slope[5] > 5 and slope[6] < -5  # the head tips to the viewer's right: the right eye sinks


def test_the_five_are_where_the_68_say():
    people, shots = crowd(24, 1)
    shots |= {"eye_shut": torch.zeros(24), "yaw": shots["yaw"].clamp(-40, 40)}  # farther, lids hide each other
    made = drawpeople.render(people, shots, LOOSE)
    same = made.landmarks[:, 2:] - made.dense[:, [30, 48, 54]]  # the tip of the nose, the corners of the mouth
    assert same.norm(dim=-1).max() < 1.2  # pixels; eyes are 39 apart
    for k in range(24):
        for pupil, lids in ((0, slice(36, 42)), (1, slice(42, 48))):
            assert Path(made.dense[k, lids].numpy()).contains_point(made.landmarks[k, pupil].numpy()), (k, pupil)


def test_the_far_side_is_hidden():
    made = drawpeople.render(*average(3, yaw=[0.0, 75.0, -75.0]), LOOSE)
    seen = made.visibility
    assert seen[0].all() and not seen[1, 4] and seen[1, 3] and not seen[2, 3] and seen[2, 4]
    sides = [[float(made.dense_visibility[k, side].float().mean()) for side in (_LEFT, _RIGHT)] for k in (1, 2)]
    assert sides[0][0] > 0.7 > 0.3 > sides[0][1] and sides[1][1] > 0.7 > 0.3 > sides[1][0], sides


@pytest.mark.parametrize("thing", ["sunglasses", "mask", "hat"])
def test_what_is_worn_hides_what_it_covers(thing: str):
    seen = drawpeople.render(*various(8, **{thing: 1.0}), LOOSE).dense_visibility.float().mean(0)
    hidden, free = {"sunglasses": (_EYES, _MOUTH), "mask": (_MOUTH, _EYES), "hat": (None, _MOUTH)}[thing]
    assert seen[free].min() > 0.9
    if hidden is not None:
        assert seen[hidden].max() < 0.2


@pytest.fixture(scope="module")
def faces() -> Rendering:
    return drawpeople.render(*various(24, brow_density=1.0, smile=[0.0, 0.4, 1.0] * 8), LOOSE)


def test_landmarks_lie_on_their_regions(faces):
    assert _share_on(faces, slice(60, 68), Region.MOUTH) > 0.97
    assert _share_on(faces, slice(48, 60), Region.MOUTH, around=1) > 0.95  # the lips' edge
    assert _share_on(faces, slice(28, 36), Region.NOSE, Region.BEARD) > 0.97
    assert _share_on(faces, [18, 19, 20, 23, 24, 25], Region.BROWS, Region.HAIR, around=1) > 0.9
    assert _share_on(faces, [37, 38, 40, 41, 43, 44, 46, 47], Region.EYES, around=1) > 0.95
    jaw = Region.SKIN, Region.BEARD, Region.HAIR
    assert _share_on(faces, slice(3, 14), *jaw, around=1) > 0.98


def test_everything_has_its_region():
    on = dict(glasses=[1.0, 0, 0], hat=[1.0, 0, 0], hat_kind=0.1, mask=[0, 1.0, 0], hand=[0, 0, 1.0], beard=[0, 0, 1.0])
    made = drawpeople.render(*average(3, **on, earrings=1.0, hair_style=0.0, hand_place=0.1), LOOSE)
    assert made.regions.unique().tolist() == [int(region) for region in Region]


def test_coverage_is_where_something_is_shown_and_soft_at_the_outline():
    made = drawpeople.render(*crowd(6, 1), LOOSE)
    covered, shown = made.coverage, made.regions != int(Region.BACKGROUND)
    assert made.coverage.dtype == torch.uint8 and covered.shape == made.regions.shape
    assert shown[covered == 255].all() and not shown[covered == 0].any()
    partly = ((covered > 0) & (covered < 255)).float().mean()
    assert 0.001 < partly < 0.1  # the outline alone
    assert (made.coverage[:, 100:140, 80:100] == 255).all()  # the middle of the face
