import dataclasses
import math

import pytest
import torch

from dlsfaces import data, geometry
from dlsfaces.align import LandmarkRecipe, train_landmarks
from dlsfaces.align.recipe import COLOURS
from tests.align.dots import dotted_set

CLEAR = dataclasses.replace(COLOURS, coarse=0, screen=0, grain=0)  # dots would not be seen
TINY = LandmarkRecipe("regression", "small", 32, epochs=2, batch_size=8, lr=0.002, augmentation=CLEAR)


@pytest.fixture(scope="module")
def people():
    return [
        data.load("synthetic", split, framing="loose", people=5, images_per_person=7) for split in ("train", "test")
    ]


def plain(n=16):
    return dotted_set(geometry.LOOSE.template.repeat(n, 1, 1), (218, 178))


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


@pytest.mark.parametrize(("kind", "epochs"), [("hourglass", 6), ("regression", 10)])
def test_a_small_training_learns_and_a_finished_one_is_not_repeated(kind, epochs, people, tmp_path):
    recipe, checkpoint = dataclasses.replace(TINY, kind=kind, epochs=epochs, rotation=10.0), tmp_path / "last.pt"
    sets = people if kind == "hourglass" else (plain(40), plain(10))
    model, history, _ = train_landmarks(*sets, recipe, checkpoint)
    assert history[-1]["loss"] < history[0]["loss"] - 0.05
    assert history[-1]["validation_nme"] < 0.9 * history[0]["validation_nme"]
    twin, again, _ = train_landmarks(*sets, recipe, checkpoint)
    assert again == history and torch.equal(weights(model), weights(twin))


def test_a_network_starts_where_the_landmarks_lie_on_average_and_unknown_ones_are_left_out():
    faces = plain()
    faces.landmarks[3], faces.landmarks[5, 2] = torch.nan, torch.nan
    model, history, _ = train_landmarks(faces, plain(8), dataclasses.replace(TINY, epochs=1))
    (lx, ly), (rx, ry), (nx, ny), (mlx, mly), (mrx, mry) = model.template.tolist()
    assert 0.3 < lx < 0.45 < nx < 0.55 < rx < 0.7 and abs(ly - ry) < 0.05
    assert ly < ny < min(mly, mry) < 0.8 and mlx < nx < mrx
    assert math.isfinite(history[0]["loss"]) and weights(model).isfinite().all()


def test_start_weights_are_used_and_left_as_they_were(people):
    first = train_landmarks(*people, TINY).model
    before, still = weights(first), dataclasses.replace(TINY, epochs=1, lr=1e-9, seed=5)  # nothing moves
    on, new = (train_landmarks(*people, still, start=start).model for start in (first, None))
    assert torch.equal(weights(first), before)
    assert torch.allclose(before, weights(on), atol=1e-6) and not torch.allclose(before, weights(new), atol=1e-2)


def test_what_is_wrong_is_said():
    with pytest.raises(ValueError, match=r"FaceSet\(dots/train: 16 images.* has no landmarks to learn from"):
        train_landmarks(dataclasses.replace(plain(), landmarks=None), plain(), TINY)
    with pytest.raises(ValueError, match="kind='forest' is none of regression, hourglass"):
        train_landmarks(plain(), plain(), dataclasses.replace(TINY, kind="forest"))


@pytest.mark.fault("cache name")
def test_another_recipe_and_other_faces_or_weights_to_start_from_are_another_run():
    starts = [TINY.network(geometry.TIGHT.template / 100) for _ in range(2)]
    others = [dict(kind="hourglass"), dict(side=64), dict(epochs=3), dict(rotation=10.0), dict(seed=1)]
    paths = [dataclasses.replace(TINY, **change).checkpoint(plain()) for change in others]
    paths += [TINY.checkpoint(plain(n), start) for n, start in ((16, None), (17, None), *((16, s) for s in starts))]
    assert len(set(paths)) == len(paths) and paths[-1] == TINY.checkpoint(plain(), starts[1])
    assert paths[-1].name.startswith("landmarks-regression-dots-")
