import dataclasses

import pytest
import torch

from dlsfaces import rng
from dlsfaces.data import FaceSet
from dlsfaces.recognize import Recipe, train_cross_entropy


def colours(split, n_people=3, pictures=8, size=(32, 32), light=200):
    """People that are colours."""
    ids = torch.arange(n_people).repeat(pictures)
    keys = rng.key(sum(map(ord, split)), torch.arange(len(ids)))
    plain = rng.uniform(rng.key(1, torch.arange(n_people)), 3)[ids, :, None, None] * light
    images = (plain + 55 * rng.uniform(keys, 3 * size[0] * size[1]).view(-1, 3, *size)).to(torch.uint8)
    names = [f"{split}{i}" for i in range(len(ids))]
    return FaceSet("colours", split, "tight", names, ids, ["a", "b", "c"], lambda i, s: images[list(i)], size)


RECIPE = Recipe(network="small", image_size=(32, 32), embedding_dim=16, epochs=2, batch_size=8, lr=0.05)


def test_a_finished_run_is_not_repeated(tmp_path, monkeypatch):
    monkeypatch.setenv("DLSFACES_CACHE", str(tmp_path))
    train, validation = colours("train"), colours("validation")
    checkpoint = RECIPE.checkpoint(train)
    model, loss, history = train_cross_entropy(train, validation, RECIPE, checkpoint)
    assert len(history) == 2 and 0 <= history[-1]["validation_accuracy"] <= 1
    twin, twin_loss, again = train_cross_entropy(train, validation, RECIPE, checkpoint)
    assert again == history
    for a, b in ((model, twin), (loss, twin_loss)):
        assert all(torch.equal(p, q) for p, q in zip(a.state_dict().values(), b.state_dict().values(), strict=True))
    assert loss.head.out_features == 3 and model.embedding_dim == 16


@pytest.mark.parametrize(
    "change",
    [
        dict(epochs=3),
        dict(seed=1),
        dict(label_smoothing=0.0),
        dict(augmentation=dataclasses.replace(RECIPE.augmentation, blur=0)),
    ],
)
def test_another_recipe_is_another_run(change):
    faces = colours("train")
    assert RECIPE.checkpoint(faces) == dataclasses.replace(RECIPE).checkpoint(faces)
    assert RECIPE.checkpoint(faces) != dataclasses.replace(RECIPE, **change).checkpoint(faces)


def test_other_faces_are_another_run_also_under_the_same_names():
    assert RECIPE.checkpoint(colours("train")) != RECIPE.checkpoint(colours("train", light=150))
    assert RECIPE.checkpoint(colours("train")) != RECIPE.checkpoint(colours("train", pictures=9))
