"""The embedded people: the same bits anywhere, landmarks where the paint is, parameters in range."""

from __future__ import annotations

import pytest
import torch

from dlsfaces import synthetic
from dlsfaces.geometry import LOOSE, TIGHT, TIGHT_IN_LOOSE, Framing, face_box


def _frontal(n: int = 1, **dials: float | list[float]) -> dict[str, torch.Tensor]:
    """Neutral pictures without noise, with some dials turned."""
    picture = synthetic.neutral_pictures(n) | {"noise": torch.zeros(n), "light_azimuth": torch.zeros(n)}
    return picture | {name: torch.as_tensor(value).float().expand(n).clone() for name, value in dials.items()}


def _crowd(n_people: int, n_pictures: int, seed: int = 0):
    who = torch.arange(n_people).repeat_interleave(n_pictures)
    which = torch.arange(n_pictures).repeat(n_people)
    return synthetic.people(who, seed), synthetic.pictures(who, which, seed)


def _patch(image: torch.Tensor, point: torch.Tensor, half: int = 1) -> torch.Tensor:
    """The mean colour around a point."""
    x, y = (int(v) for v in point)
    return image[:, y - half : y + half + 1, x - half : x + half + 1].float().mean((1, 2))


def test_same_bits_in_any_batch():
    people, pictures = _crowd(4, 3)
    together = synthetic.render(people, pictures)
    assert torch.equal(together.images, synthetic.render(people, pictures).images)
    for k in (0, 5, 11):
        alone = synthetic.render(
            synthetic.people(torch.tensor([k // 3])),
            synthetic.pictures(torch.tensor([k // 3]), torch.tensor([k % 3])),
        )
        assert torch.equal(alone.images[0], together.images[k])
        assert torch.equal(alone.landmarks[0], together.landmarks[k])
        assert torch.equal(alone.visibility[0], together.visibility[k])
    backwards = synthetic.render({k: v.flip(0) for k, v in people.items()}, {k: v.flip(0) for k, v in pictures.items()})
    assert torch.equal(backwards.images.flip(0), together.images)


def test_same_bits_on_any_number_of_threads():
    people, pictures = _crowd(3, 3)
    before = torch.get_num_threads()
    try:
        rendered = []
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            rendered.append(synthetic.render(people, pictures, size=(40, 40)))
            assert torch.get_num_threads() == threads  # as it was
    finally:
        torch.set_num_threads(before)
    for other in rendered[1:]:
        assert torch.equal(other.images, rendered[0].images)
        assert torch.equal(other.dense, rendered[0].dense)


def test_people_pictures_and_seeds_differ():
    people, pictures = _crowd(3, 2)
    images = synthetic.render(people, pictures).images
    for a in range(6):
        for b in range(a):
            assert not torch.equal(images[a], images[b])
    one = torch.tensor([7])
    assert synthetic.people(one, 0)["skin_tone"] != synthetic.people(one, 1)["skin_tone"]
    assert synthetic.pictures(one, one, 0)["yaw"] != synthetic.pictures(one, one, 1)["yaw"]
    assert synthetic.pictures(one, one)["yaw"] != synthetic.pictures(one, one + 1)["yaw"]
    assert synthetic.people(torch.tensor([3, 7]))["jaw_width"][1] == synthetic.people(one)["jaw_width"][0]


@pytest.mark.parametrize("framing", [TIGHT, LOOSE])
@pytest.mark.parametrize("size", [None, (112, 112)])
def test_average_face_lies_on_the_framing(framing: Framing, size):
    rendering = synthetic.render(synthetic.average_people(), _frontal(), framing, size)
    height, width = size or (framing.height, framing.width)
    zoom = torch.tensor([width / framing.width, height / framing.height])
    expected = torch.tensor(framing.landmarks) * zoom
    off = (rendering.landmarks[0] - expected).abs() / zoom
    assert off.max() < 0.6  # pixels; the template's own nose is half a pixel off the middle
    assert rendering.images.shape == (1, 3, height, width) and rendering.images.dtype == torch.uint8
    assert rendering.visibility.all()
    assert torch.equal(rendering.boxes, face_box(rendering.landmarks))


def test_paint_lies_under_the_landmarks():
    people = synthetic.people(torch.arange(12)) | {"eye_size": torch.zeros(12), "skin_tone": torch.full((12,), 0.8)}
    for yaw in (-25.0, 0.0, 25.0):
        rendering = synthetic.render(people, _frontal(12, yaw=yaw, ambient=0.6), LOOSE)
        for image, marks in zip(rendering.images, rendering.landmarks):
            bridge = _patch(image, (marks[0] + marks[1] + marks[2]) / 3).mean()
            for eye in marks[:2]:
                assert _patch(image, eye).mean() < 0.75 * bridge  # iris and pupil
            x, y = (int(v) for v in (marks[3] + marks[4]) / 2)
            assert image[:, y - 4 : y + 5, x].float().mean(0).min() < 0.85 * bridge  # the slit between the lips


def test_left_is_the_viewers_left_and_angles_turn_as_named():
    turned = {
        "yaw": [0.0, 30.0, -30.0, 0, 0, 0, 0],
        "pitch": [0, 0, 0, 20.0, -20.0, 0, 0],
        "roll": [0, 0, 0, 0, 0, 20.0, -20.0],
    }
    marks = synthetic.render(synthetic.average_people(7), _frontal(7, **turned), LOOSE).landmarks
    assert (marks[:, 0, 0] < marks[:, 1, 0]).all() and (marks[:, 3, 0] < marks[:, 4, 0]).all()
    nose = marks[:, 2] - marks[:, :2].mean(1)
    assert nose[1, 0] > nose[0, 0] + 5 and nose[2, 0] < nose[0, 0] - 5
    assert nose[3, 1] < nose[0, 1] - 2 and nose[4, 1] > nose[0, 1] + 2
    slope = marks[:, 1, 1] - marks[:, 0, 1]
    assert slope[5] > 5 and slope[6] < -5  # the head tips to the viewer's right: the right eye sinks


def test_expression_moves_landmarks():
    marks = synthetic.render(synthetic.average_people(2), _frontal(2, smile=[0.0, 1.0]), LOOSE).landmarks
    width = marks[:, 4, 0] - marks[:, 3, 0]
    assert width[1] > width[0] + 2 and marks[1, 3, 1] < marks[0, 3, 1]


def test_far_side_is_hidden():
    seen = synthetic.render(synthetic.average_people(3), _frontal(3, yaw=[0.0, 75.0, -75.0]), LOOSE).visibility
    assert seen[0].all()
    assert seen[1].tolist() != seen[2].tolist()
    assert not seen[1, 4] and seen[1, 3] and not seen[2, 3] and seen[2, 4]


def test_tight_is_the_crop_of_loose():
    people, pictures = _crowd(3, 2)
    pictures["noise"] = torch.zeros(6)
    tight, loose = synthetic.render(people, pictures, TIGHT), synthetic.render(people, pictures, LOOSE)
    x1, y1, x2, y2 = (int(v) for v in TIGHT_IN_LOOSE)
    inner = (slice(None), slice(None), slice(8, -8), slice(8, -8))  # blur at the border sees what a crop does not
    difference = tight.images.int()[inner] - loose.images[:, :, y1:y2, x1:x2].int()[inner]
    assert difference.abs().float().mean() < 0.5
    assert torch.allclose(tight.landmarks + torch.tensor([x1, y1]), loose.landmarks, atol=1e-3)


def test_parameters_stay_in_their_ranges():
    who = torch.arange(500)
    for values, ranges in (
        (synthetic.people(who), synthetic.PERSON_RANGES),
        (synthetic.pictures(who, who % 7), synthetic.PICTURE_RANGES),
        (synthetic.average_people(), synthetic.PERSON_RANGES),
        (synthetic.neutral_pictures(), synthetic.PICTURE_RANGES),
    ):
        assert values.keys() == ranges.keys()
        for name, value in values.items():
            assert value.dtype == torch.float32 and value.dim() == 1
            assert ranges[name][0] <= value.min() and value.max() <= ranges[name][1], name
    pictures = synthetic.pictures(who, who)
    assert pictures["yaw"].min() < -45 and pictures["yaw"].max() > 45
    assert (pictures["yaw"].abs() < 30).float().mean() > 0.8


def test_every_dial_changes_the_picture():
    """A dial that moves nothing is a dial with a misspelt name."""
    for dials, values, other in (
        (synthetic.PERSON_RANGES, synthetic.average_people, lambda p, n: (p, _frontal(n))),
        (synthetic.PICTURE_RANGES, synthetic.neutral_pictures, lambda q, n: (synthetic.average_people(n), q)),
    ):
        names = sorted(dials)
        turned = values(len(names) + 1)
        # some dials need another: a beard to have a length, hair to wave, a background to have blobs
        needed = {"beard": 0.8, "hair_length": 0.25, "back_contrast": 0.5}
        turned |= {name: torch.full((len(names) + 1,), needed[name]) for name in needed.keys() & dials.keys()}
        for k, name in enumerate(names):
            low, high = dials[name]
            turned[name][k] = high if turned[name][k] != high else low
        images = synthetic.render(*other(turned, len(names) + 1), LOOSE, (109, 89)).images.float()
        still = [n for n, image in zip(names, images) if (image - images[-1]).abs().mean() < 1e-3]
        assert not still


def test_extreme_poses_and_dials_stay_finite():
    people = {k: torch.tensor([lo, hi, lo, hi]) for k, (lo, hi) in synthetic.PERSON_RANGES.items()}
    pictures = {k: torch.tensor([lo, hi, hi, lo]) for k, (lo, hi) in synthetic.PICTURE_RANGES.items()}
    rendering = synthetic.render(people, pictures, LOOSE)
    assert rendering.landmarks.isfinite().all()
    turned = _frontal(4, yaw=[-75.0, 75.0, 180.0, 90.0], pitch=[30.0, -30.0, 0.0, 90.0])
    rendering = synthetic.render(synthetic.people(torch.arange(4)), turned, size=(37, 53))
    assert rendering.landmarks.isfinite().all() and rendering.images.shape == (4, 3, 37, 53)


def test_identity_shows():
    """Pictures of one person are nearer to each other than to other people's, even as a blur."""
    people, pictures = _crowd(12, 6)
    images = synthetic.render(people, pictures, size=(50, 42)).images.float()
    small = torch.nn.functional.adaptive_avg_pool2d(images, 8).flatten(1)
    small = (small - small.mean(1, keepdim=True)) / small.std(1, keepdim=True)
    distance = torch.cdist(small, small)
    same = (torch.arange(72) // 6)[:, None] == (torch.arange(72) // 6)[None]
    within = distance[same & ~torch.eye(72, dtype=torch.bool)].mean()
    assert within < 0.97 * distance[~same].mean()


def test_nothing_in_nothing_out():
    none = torch.zeros(0, dtype=torch.int64)
    rendering = synthetic.render(synthetic.people(none), synthetic.pictures(none, none))
    assert rendering.images.shape == (0, 3, TIGHT.height, TIGHT.width) and rendering.boxes.shape == (0, 4)


def test_errors_say_what_is_wrong():
    people, pictures = synthetic.average_people(2), synthetic.neutral_pictures(2)
    with pytest.raises(ValueError, match=r"unknown.*hat"):
        synthetic.render(people | {"hat": torch.zeros(2)}, pictures)
    with pytest.raises(ValueError, match=r"lacks.*yaw"):
        synthetic.render(people, {k: v for k, v in pictures.items() if k != "yaw"})
    with pytest.raises(ValueError, match="same shape"):
        synthetic.render(people | {"age": torch.zeros(3)}, pictures)
    with pytest.raises(ValueError, match=r"not finite.*yaw"):
        synthetic.render(people, pictures | {"yaw": torch.tensor([0.0, float("nan")])})
    with pytest.raises(ValueError, match="2 people but 3 pictures"):
        synthetic.render(people, synthetic.neutral_pictures(3))
    with pytest.raises(ValueError, match="both positive"):
        synthetic.render(people, pictures, size=(0, 10))
    with pytest.raises(ValueError, match="integers"):
        synthetic.people(torch.zeros(2))
    with pytest.raises(ValueError, match="one number a picture"):
        synthetic.pictures(torch.arange(2), torch.arange(3))
