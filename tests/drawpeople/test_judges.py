"""The benchmarks that let other people's software judge the embedded people; where it is absent, what needs none."""

import pytest
import torch

from benchmarks import _peers, synthetic_realism, synthetic_sweep
from dlsfaces.geometry import LOOSE
from drawpeople import PERSON, average_people, neutral_shots, render

LANDMARKS = torch.tensor(LOOSE.landmarks).float()


def test_a_missing_peer_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setattr(_peers, "PEERS", tmp_path)
    with pytest.raises(_peers.MissingPeerError, match="make peers"):
        _peers.peer("no_such_judge")


def test_the_canvas_holds_the_face_in_its_middle_at_one_size():
    landmarks = torch.stack((LANDMARKS, 0.5 * LANDMARKS + 20))
    images = torch.zeros(2, 3, 218, 178, dtype=torch.uint8)
    for image, (x, y) in zip(images, landmarks[:, 2].long().tolist()):
        image[:, y - 3 : y + 4, x - 3 : x + 4] = 255
    canvas, moved = _peers.upright_canvas(images, landmarks)
    assert torch.allclose(_peers.face_size(moved), torch.full((2,), float(_peers.EYES)))
    assert torch.allclose(moved[0], moved[1], atol=1e-3)
    for image, (x, y) in zip(canvas, moved[:, 2].round().long().tolist()):
        assert image[0, y, x] == 255 and image[0, y, x + 40] == 0


def test_a_turned_head_keeps_the_size_of_its_detection_box():
    turned = LANDMARKS.clone()
    turned[:, 0] = 89 + 0.4 * (turned[:, 0] - 89)
    widths = [float(box[2] - box[0]) for box in map(_peers.detection_box, (LANDMARKS, turned))]
    assert widths[1] == pytest.approx(widths[0], rel=0.06)


def test_distances_of_all_pairs_and_what_they_say():
    descriptors = torch.tensor([[0.0], [1.0], [5.0], [6.5]])
    same, other = _peers.pair_distances(descriptors, torch.tensor([0, 0, 1, 1]))
    assert sorted(same.tolist()) == [1, 1.5] and sorted(other.tolist()) == [4, 5, 5.5, 6.5]
    assert _peers.verdict(same, other)["tpr"] == 1
    assert _peers.verdict(torch.tensor([1.0, 2.0]), torch.tensor([2.0, 3.0]))["tpr"] == 0.5, "strictly below"


def test_mtcnn_hits_with_the_face_that_overlaps_most():
    marks = [torch.stack((LANDMARKS + 100, LANDMARKS + 2)), torch.zeros(0, 5, 2), LANDMARKS[None] + 80]
    found = [(torch.cat((m.amin(1), m.amax(1)), dim=1), m) for m in marks]
    true = torch.cat((LANDMARKS.amin(0), LANDMARKS.amax(0)))
    hit, error = synthetic_realism.matched(found, true.expand(3, 4), LANDMARKS.expand(3, 5, 2))
    assert hit.tolist() == [True, False, False]
    assert float(error[0]) == pytest.approx(8**0.5 / 39) and torch.isinf(error[1])


def test_wide_poses_fill_their_ranges():
    poses = synthetic_realism.wide_poses(500)
    for name, limit in synthetic_realism.WIDE.items():
        assert 0.95 * limit < float(poses[name].abs().max()) <= limit
        assert abs(float(poses[name].mean())) < 0.1 * limit


def test_every_person_dial_belongs_to_one_group():
    groups = {name: synthetic_sweep.group_of(name) for name in PERSON}
    assert set(groups.values()) == set(synthetic_sweep.GROUPS)
    assert groups["nose_width"] == "nose" and groups["skull_width"] == "shape" and groups["age"] == "sex and age"


def test_the_judges_agree_with_a_face():
    try:
        finder, judge = _peers.Finder(), _peers.Judge()
    except _peers.MissingPeerError as missing:
        pytest.skip(str(missing))
    drawn = render(average_people(2), neutral_shots(2), LOOSE)
    first, second = judge.descriptors(drawn.images, drawn.landmarks)
    assert first.shape == (128,) and 0.5 < float(first.norm()) < 2 and torch.allclose(first, second)
    assert len(finder.faces(drawn.images)) == 2
