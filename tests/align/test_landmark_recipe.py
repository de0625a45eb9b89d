import dataclasses
import math

import pytest
import torch

from dlsfaces import data, geometry
from dlsfaces.align import LandmarkRecipe, train_landmarks
from dlsfaces.align.recipe import COLOURS
from dlsfaces.train import processes
from tests.align.dots import dotted_set

TINY = LandmarkRecipe("regression", "small", 32, epochs=2, batch_size=8, lr=0.002)


@pytest.fixture(scope="module")
def people():
    return [data.load("synthetic", split, framing="loose", people=5, pictures=7) for split in ("train", "test")]


@pytest.fixture(autouse=True)
def no_probe(monkeypatch):
    """The same precision on every machine, and no time spent on finding out which is faster."""
    monkeypatch.setattr(processes, "faster_precision", lambda device: "no")


def plain(n=16, split="train", more=0.0):
    return dotted_set((geometry.LOOSE.template + more).repeat(n, 1, 1), (218, 178), split=split)


def state(model):
    return torch.cat([v.flatten().double() for v in model.state_dict().values()])


def test_a_small_training_on_people_learns_and_a_finished_one_is_not_repeated(people, tmp_path):
    recipe, checkpoint = dataclasses.replace(TINY, kind="hourglass", epochs=6), tmp_path / "last.pt"
    model, history = train_landmarks(*people, recipe, checkpoint)
    assert history[0]["loss"] == pytest.approx(1, abs=0.1)  # maps begin dark
    assert history[-1]["loss"] < 0.93 * history[0]["loss"]
    assert history[-1]["validation_nme"] < 0.9 * history[0]["validation_nme"]
    twin, again = train_landmarks(*people, recipe, checkpoint)
    assert again == history and torch.equal(state(model), state(twin))


def test_a_regression_learns():
    recipe = dataclasses.replace(TINY, epochs=10, rotation=10.0, augmentation=dataclasses.replace(COLOURS, cutout=0))
    _, history = train_landmarks(plain(40), plain(10, "validation"), recipe)
    assert history[-1]["loss"] < history[0]["loss"] - 1
    assert history[-1]["validation_nme"] < 0.8 * history[0]["validation_nme"]


def test_a_network_starts_where_the_landmarks_lie_on_average(people):
    """In shares of the square around the box: the eyes level, the nose between, the mouth below."""
    model, _ = train_landmarks(*people, dataclasses.replace(TINY, epochs=1))
    (lx, ly), (rx, ry), (nx, ny), (mlx, mly), (mrx, mry) = model.template.tolist()
    assert model.image_size == 32 and 0.3 < lx < 0.45 < nx < 0.55 < rx < 0.7 and abs(ly - ry) < 0.05
    assert ly < ny < min(mly, mry) < 0.8 and mlx < nx < mrx


def test_start_weights_are_used_and_left_as_they_were(people):
    first, _ = train_landmarks(*people, TINY)
    before = state(first).clone()
    still = dataclasses.replace(TINY, epochs=1, lr=1e-9, seed=5)
    on, _ = train_landmarks(*people, still, start=first)
    new, _ = train_landmarks(*people, still)
    assert torch.equal(state(first), before) and on is not first
    weights = [torch.cat([p.detach().flatten() for p in m.parameters()]) for m in (first, on, new)]
    assert torch.allclose(weights[0], weights[1], atol=1e-6)  # at this rate nothing moves
    assert not torch.allclose(weights[0], weights[2], atol=1e-2)
    with pytest.raises(RuntimeError, match="size mismatch"):
        train_landmarks(*people, dataclasses.replace(TINY, size="medium"), start=first)


def test_unknown_landmarks_may_be_among_them():
    faces = plain()
    faces.landmarks[3] = torch.nan
    faces.landmarks[5, 2] = torch.nan
    model, history = train_landmarks(faces, plain(8, "validation"), dataclasses.replace(TINY, epochs=1))
    assert math.isfinite(history[0]["loss"]) and state(model).isfinite().all()


def test_a_set_without_landmarks_is_refused():
    faces = dataclasses.replace(plain(), landmarks=None)
    for given in ((faces, plain()), (plain(), faces)):
        with pytest.raises(ValueError, match=r"FaceSet\(dots/train: 16 photos.* has no landmarks to learn from"):
            train_landmarks(*given, TINY, TINY.checkpoint(given[0]))


def test_a_kind_that_there_is_not_is_named():
    with pytest.raises(ValueError, match="kind='forest' is none of regression, hourglass"):
        train_landmarks(plain(), plain(), dataclasses.replace(TINY, kind="forest"))


@pytest.mark.parametrize(
    "change",
    [
        dict(kind="hourglass"),
        dict(image_size=64),
        dict(epochs=3),
        dict(optimizer="sgd"),
        dict(rotation=10.0),
        dict(augmentation=dataclasses.replace(COLOURS, grey=0)),
        dict(seed=1),
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_recipe_is_another_run(change):
    faces = plain()
    assert TINY.checkpoint(faces) == dataclasses.replace(TINY).checkpoint(plain())
    assert TINY.checkpoint(faces) != dataclasses.replace(TINY, **change).checkpoint(faces)


def test_other_landmarks_pictures_faces_or_start_are_another_run():
    faces = plain()
    elsewhere = dataclasses.replace(faces, landmarks=faces.landmarks + 1)
    repainted = plain()
    repainted.read.images[0] += 1
    starts = [TINY.network(geometry.TIGHT.template / 100) for _ in range(2)]
    paths = [
        TINY.checkpoint(faces),
        TINY.checkpoint(elsewhere),
        TINY.checkpoint(repainted),
        TINY.checkpoint(plain(17)),
        TINY.checkpoint(dataclasses.replace(faces, framing="tight")),
        TINY.checkpoint(faces, starts[0]),
        TINY.checkpoint(faces, starts[1]),
    ]
    assert len(set(paths)) == len(paths)
    assert TINY.checkpoint(faces, starts[0]) == paths[5]
    assert "landmarks-regression-dots-" in paths[0].name


def test_pictures_whose_sides_cannot_be_halved_keep_their_landmarks_in_place():
    """The tight framing is 83 pixels wide; at half the size, 41, points have to shrink a little more across."""
    from dlsfaces.align.recipe import _points, _source_size
    from tests.align.dots import dots

    faces = dotted_set(geometry.TIGHT.template.expand(2, 5, 2), (100, 83), "tight")
    size = _source_size(faces, 32)
    assert size == (50, 41)
    assert (dots(faces.read(range(2), size)) - _points(faces, size)).abs().max() < 0.1
    assert _source_size(plain(), 64) == (109, 89) and _source_size(plain(), 96) == (218, 178)
