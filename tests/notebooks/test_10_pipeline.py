"""Chapter 10's own code: the gallery as a dictionary, its threshold, the bad camera, names and their shares."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from dlsfaces import evaluate, geometry
from dlsfaces.gallery import Gallery
from tests.from_notebook import definitions

NAMES = ("identify_slowly", "threshold_slowly", "bad_camera", "shares", "named")


@pytest.fixture(scope="module")
def taught():
    return SimpleNamespace(**dict(zip(NAMES, definitions("10_pipeline", *NAMES))))


def test_the_slow_threshold_is_that_of_the_measure(taught):
    random = torch.Generator().manual_seed(2)
    people = {str(k): list(torch.randn(3, 12, generator=random)) for k in range(5)}
    strangers = torch.randn(100, 12, generator=random)
    vectors = torch.cat([torch.stack(own) for own in people.values()])
    probes = np.concatenate((strangers.numpy(), vectors[:1].numpy()))
    scores = evaluate.open_set_scores(
        vectors.numpy(), np.arange(15) // 3, probes, np.append(np.full(100, -1), 0), template="mean"
    )
    for fpir in (0.01, 0.05, 0.2):
        rate = evaluate.open_set_rate(scores, [fpir])
        assert taught.threshold_slowly(people, strangers, fpir) == pytest.approx(rate.threshold[0], abs=1e-5)


def test_landmarks_go_with_the_pixels_of_the_bad_camera(taught):
    photos, points = [], torch.rand(12, 5, 2, generator=torch.Generator().manual_seed(0)) * 60 + 50
    for marks in points:
        photo = torch.full((3, 160, 160), 40, dtype=torch.uint8)
        for x, y in marks.round().int().tolist():
            photo[:, y - 4 : y + 4, x - 4 : x + 4] = 220
        photos.append(photo)
    small, moved = taught.bad_camera(photos, points, 0)
    inside = ((moved > 4) & (moved < 116)).all(-1)
    assert small[0].shape == (3, 120, 120) and inside.float().mean() > 0.8
    assert (geometry.face_box(moved) - geometry.face_box(points)).abs().amax() > 5
    for photo, marks, some in zip(small, moved, inside):
        at = [(slice(int(y) - 1, int(y) + 2), slice(int(x) - 1, int(x) + 2)) for x, y in marks[some]]
        bright = torch.stack([photo[:, rows, columns].float().mean() for rows, columns in at])
        assert (bright > photo.float().mean() + 20).all()


def test_a_face_that_was_not_found_has_no_name(taught):
    gallery = Gallery("x", torch.eye(12)[6:], fpir=0.2)
    gallery.enrol("Alex", torch.eye(12)[:1])
    vectors = torch.stack((torch.eye(12)[0], torch.zeros(12), torch.eye(12)[1]))
    assert taught.named(gallery, vectors) == ["Alex", None, None]
    assert taught.named(gallery, torch.zeros(2, 12)) == [None, None]


def test_shares_are_drawn_by_people(taught, monkeypatch):
    monkeypatch.setitem(taught.shares.__globals__, "settings", SimpleNamespace(bootstrap=500))
    share, low, high = taught.shares(torch.tensor([1, 1, 1, 0, 0, 0]), torch.tensor([0, 0, 0, 1, 1, 1]))
    assert (share, low, high) == (0.5, 0.0, 1.0)


def test_the_fast_index_names_the_nearest_with_its_exact_cosine():
    pytest.importorskip("faiss")
    fast_index, nearest = definitions("10_pipeline", "fast_index", "nearest")
    random = torch.Generator().manual_seed(0)
    people = torch.nn.functional.normalize(torch.randn(3000, 32, generator=random), dim=1)
    index, on_disk = fast_index(people), people.half().numpy()
    for k in range(0, 3000, 100):
        probe = torch.nn.functional.normalize(people[k] + 0.05 * torch.randn(32, generator=random), dim=0)
        row, cosine = nearest(index, on_disk, probe)
        assert row == k and cosine == pytest.approx(float(people[k] @ probe), abs=1e-3)
    assert nearest(fast_index(people[:20]), on_disk, people[3])[0] == 3  # fewer people than a shortlist
