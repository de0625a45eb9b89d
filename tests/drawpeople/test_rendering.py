"""The images: the same bits anywhere, framed as asked for, and every dial does something."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import fields

import pytest
import torch

import drawpeople
from dlsfaces.geometry import LOOSE, TIGHT, TIGHT_IN_LOOSE, Framing, face_box
from drawpeople.rendering import Rendering
from tests.conftest import ROOT
from tests.drawpeople import fingerprint
from tests.drawpeople.takes import average, crowd, turned

#: What must be turned on for a dial to have anything to change, by the beginning of its name.
_NEEDS: dict[str, dict[str, float]] = {
    "glasses_": {"glasses": 1},
    "half_rim": {"glasses": 1, "glasses_thick": 1},
    "lens_glare": {"glasses": 1},
    "earring": {"earrings": 1, "hair_style": 0.0},
    "hat_": {"hat": 1},
    "mask_": {"mask": 1, "mask_kind": 0.9},
    "hand_": {"hand": 1},
    "beard": {"beard": 0.9},
    "make_up": {"make_up": 0.6},
    "skin_pattern": {"freckles": 0.8, "blotches": 0.8},
    "hair_": {"hair_style": 9.5 / 13, "hair_fringe": 0.5},  # long waves
    "hair_fringe": {"hair_style": 1.5 / 13},  # a crop
    "back_": {"back_kind": 0.4, "back_contrast": 0.8, "back_colour": 0.6},
    "grain": {"noise": 0.05},
    "clothes_": {"clothes_light": 0.6},
    "light_": {"light_hardness": 0.7, "light_fill": 0.3, "light_azimuth": 45},
}


def _tensors(made: Rendering) -> dict[str, torch.Tensor]:
    return {field.name: getattr(made, field.name) for field in fields(made)}


def test_same_bits_in_any_batch():
    people, shots = crowd(4, 3)
    together = _tensors(drawpeople.render(people, shots))
    for k in (0, 5, 11):
        who, which = torch.tensor([k // 3]), torch.tensor([k % 3])
        alone = _tensors(drawpeople.render(drawpeople.people(who), drawpeople.shots(who, which)))
        for name, value in alone.items():
            assert torch.equal(value[0], together[name][k]), name
    backwards = _tensors(drawpeople.render(*({k: v.flip(0) for k, v in d.items()} for d in (people, shots))))
    for name, value in backwards.items():
        assert torch.equal(value.flip(0), together[name]), name


def test_same_bits_on_any_number_of_threads():
    people, shots = crowd(3, 3)
    before, rendered = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            rendered.append(drawpeople.render(people, shots, size=(40, 40)))
            assert torch.get_num_threads() == threads  # as it was
    finally:
        torch.set_num_threads(before)
    for other in rendered[1:]:
        assert torch.equal(other.images, rendered[0].images)
        assert torch.equal(other.dense, rendered[0].dense)


def test_same_bits_in_another_process():
    code = (
        "import hashlib, torch; import drawpeople; torch.set_num_threads(1); k = torch.arange(4);"
        "made = drawpeople.render(drawpeople.people(k), drawpeople.shots(k, k));"
        "print(hashlib.sha256(made.images.numpy().tobytes() + made.dense.numpy().tobytes()).hexdigest())"
    )
    other = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    k = torch.arange(4)
    made = drawpeople.render(drawpeople.people(k), drawpeople.shots(k, k))
    here = hashlib.sha256(made.images.numpy().tobytes() + made.dense.numpy().tobytes()).hexdigest()
    assert other.stdout.strip() == here


def test_the_version_is_raised_when_the_images_change():
    """Caches of rendered faces are keyed by the version: other images under an old one would be mixed with them."""
    stored, now = json.loads(fingerprint.STORED.read_text(encoding="utf-8")), fingerprint.now()
    again = "run `python -m tests.drawpeople.fingerprint`"
    assert stored["version"] == now["version"], f"the version is new: {again}"
    for name, limit in (("grey", 2.0), ("xy", 0.3)):
        off = float((torch.tensor(stored[name]) - torch.tensor(now[name])).abs().max())
        assert off < limit, f"{name} is {off:.1f} off: raise drawpeople.VERSION if it was published, then {again}"


@pytest.mark.parametrize("framing", [TIGHT, LOOSE])
@pytest.mark.parametrize("size", [None, (112, 112)])
def test_average_face_lies_on_the_framing(framing: Framing, size):
    rendering = drawpeople.render(*average(), framing, size)
    height, width = size or (framing.height, framing.width)
    zoom = torch.tensor([width / framing.width, height / framing.height])
    expected = torch.tensor(framing.landmarks) * zoom
    off = (rendering.landmarks[0] - expected).abs() / zoom
    off[3:, 0] -= 0.6  # the template's mouths smile, which this one hardly does
    assert off.max() < 0.6  # pixels; the template's own nose is half a pixel off the middle
    assert rendering.images.shape == (1, 3, height, width) and rendering.images.dtype == torch.uint8
    assert rendering.visibility.all()
    assert torch.equal(rendering.boxes, face_box(rendering.landmarks))


def test_tight_is_the_crop_of_loose():
    people, shots = turned(drawpeople.people(torch.arange(4)), glasses=1.0, back_contrast=0.8, yaw=[0, 20, -40, 60])
    tight, loose = drawpeople.render(people, shots, TIGHT), drawpeople.render(people, shots, LOOSE)
    x1, y1, x2, y2 = (int(v) for v in TIGHT_IN_LOOSE)
    difference = (tight.images.int() - loose.images[:, :, y1:y2, x1:x2].int()).abs()
    assert difference.float().mean() < 0.5
    assert (tight.regions == loose.regions[:, y1:y2, x1:x2]).float().mean() > 0.995
    assert torch.allclose(tight.dense + torch.tensor([x1, y1]), loose.dense, atol=1e-3)
    assert torch.allclose(tight.dense_3d, loose.dense_3d, atol=1e-4)


def _two(name: str) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """The average person in a neutral image, twice, with one dial low and high; hues are circles, so not quite."""
    low, high = (drawpeople.PERSON_RANGES | drawpeople.SHOT_RANGES)[name]
    needed = {k: v for start, dials in _NEEDS.items() if name.startswith(start) for k, v in dials.items()}
    return average(2, **needed | {name: [low, 0.2 * low + 0.8 * high]})


@pytest.mark.parametrize("ranges", [drawpeople.PERSON_RANGES, drawpeople.SHOT_RANGES], ids=["person", "shot"])
def test_every_dial_changes_the_image(ranges: dict[str, tuple[float, float]]):
    """A dial that moves nothing is a dial with a misspelt name; sex and weight move others, when people are drawn."""
    takes = [_two(name) for name in ranges]
    people, shots = ({k: torch.cat([t[part][k] for t in takes]) for k in takes[0][part]} for part in (0, 1))
    images = drawpeople.render(people, shots, LOOSE, (109, 89)).images.float().unflatten(0, (-1, 2))
    change = (images[:, 1] - images[:, 0]).abs().flatten(1).amax(1)  # grey levels, where it is largest
    assert {name for name, most in zip(ranges, change.tolist()) if most < 5} <= {"sex", "weight"}


def test_extreme_poses_and_dials_stay_finite():
    people = {k: torch.tensor([lo, hi, lo, hi]) for k, (lo, hi) in drawpeople.PERSON_RANGES.items()}
    shots = {k: torch.tensor([lo, hi, hi, lo]) for k, (lo, hi) in drawpeople.SHOT_RANGES.items()}
    everywhere = turned(
        drawpeople.people(torch.arange(4)), yaw=[-75.0, 75.0, 180.0, 90.0], pitch=[30.0, -30.0, 0.0, 90.0]
    )
    for made, size in (
        (drawpeople.render(people, shots, LOOSE), LOOSE.size),
        (drawpeople.render(*everywhere, size=(37, 53)), (37, 53)),
    ):
        assert made.images.shape == (4, 3, *size)
        for name, value in _tensors(made).items():
            assert value.isfinite().all(), name
