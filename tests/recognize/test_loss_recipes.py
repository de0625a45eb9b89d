"""The same budget under every loss."""

from dataclasses import replace

import pytest
import torch

from dlsfaces.recognize import LOSS_RECIPES, AdaFace, AngularMargin, CrossEntropy, Stage, Triplet, train_loss_recipe
from dlsfaces.recognize.triplet import WeightedSum
from tests.recognize.people import RECIPE, colours, equal

FACES, VALIDATION = colours("train"), colours("validation")


@pytest.mark.parametrize("name", LOSS_RECIPES)
def test_every_loss_takes_as_many_epochs_and_none_twice(name, tmp_path, monkeypatch):
    monkeypatch.setenv("DLSFACES_CACHE", str(tmp_path))
    model, history, _ = train_loss_recipe(name, FACES, VALIDATION, RECIPE)
    assert len(history) == 2 and all({"accuracy", "tpr@0.01", "tpr@0.1"} <= row.keys() for row in history)
    again = train_loss_recipe(name, FACES, VALIDATION, RECIPE)
    assert again.history == history and equal(again.model, model)  # it was kept
    files = {path.name for path in (tmp_path / "runs").iterdir()}
    assert len(files) == len(LOSS_RECIPES[name]) and all(file.startswith(f"{name}-") for file in files)


def test_a_stage_makes_the_loss_that_it_names():
    losses = {name: [stage.loss(16, 5, 200) for stage in stages] for name, stages in LOSS_RECIPES.items()}
    kinds = {name: [type(loss) for loss in made] for name, made in losses.items()}
    assert kinds["cross_entropy"] == [CrossEntropy] and kinds["adaface"] == [AdaFace]
    assert kinds["cross_entropy_then_triplet"] == [CrossEntropy, Triplet]
    assert kinds["arcface"] == kinds["cosface"] == [AngularMargin] and kinds["arcface_triplet"] == [WeightedSum]
    arc, cos = losses["arcface"][0], losses["cosface"][0]
    assert (arc.angle, arc.cosine, arc.warmup_steps, arc.scale) == (0.5, 0.0, 100, 30.0)
    assert (cos.angle, cos.cosine, cos.warmup_steps, cos.scale) == (0.0, 0.35, 0, 30.0)
    none = losses["normalised_softmax"][0]
    assert (none.angle, none.cosine, none.scale) == (0.0, 0.0, 30.0)
    smoothing = [losses[name][0].label_smoothing for name in ("cross_entropy", "cross_entropy_unsmoothed")]
    assert smoothing == [0.1, 0.0]
    assert all(losses[f"triplet_{m}"][0].mining == m for m in ("random", "semihard", "batch_hard"))
    assert Stage("arcface", margin=0.5, warmup=0.25).loss(16, 5, 200).warmup_steps == 50


def test_a_second_stage_goes_on_with_the_first_ones_network_and_nothing_is_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("DLSFACES_CACHE", str(tmp_path))
    two = (Stage("cross_entropy", share=0.5), Stage("cosface", share=0.5, lr=1e-9))
    one, _, _ = train_loss_recipe("one", FACES, VALIDATION, replace(RECIPE, epochs=1), stages=two[:1], keep=False)
    other, _, _ = train_loss_recipe("two", FACES, VALIDATION, RECIPE, stages=two, keep=False)
    for (name, a), b in zip(one.named_parameters(), other.parameters()):
        assert torch.allclose(a, b, atol=1e-5), name
    assert not (tmp_path / "runs").exists()


def test_where_only_the_projection_learns_the_rest_stays_as_it_was():
    two = LOSS_RECIPES["classify_then_triplet"]
    recipe = replace(RECIPE, epochs=1)
    before, _, _ = train_loss_recipe("one", FACES, VALIDATION, recipe, stages=(replace(two[0], share=1.0),), keep=False)
    after, _, _ = train_loss_recipe("two", FACES, VALIDATION, replace(RECIPE, epochs=2), stages=two, keep=False)
    old, new = before.state_dict(), after.state_dict()  # running means, too
    last = len(after.body) - 2
    assert old.keys() == new.keys() and all(p.requires_grad for p in after.parameters())
    for name in old:
        is_projection = int(name.split(".")[1]) >= last
        assert torch.equal(old[name], new[name]) != is_projection, name
    assert after.train().body[0].training


@pytest.mark.fault("cache name")
def test_all_stages_and_the_validation_set_stand_in_the_name(tmp_path, monkeypatch):
    monkeypatch.setenv("DLSFACES_CACHE", str(tmp_path))
    two = (Stage("cross_entropy", share=0.5), Stage("cosface", share=0.1))
    for epochs, validation in ((2, VALIDATION), (4, VALIDATION), (2, colours("test"))):  # the last stage has one epoch
        train_loss_recipe("two", FACES, validation, replace(RECIPE, epochs=epochs), stages=two)
    assert len(list((tmp_path / "runs").iterdir())) == 6


def test_an_unknown_name_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match="'softmax' is no loss recipe: cross_entropy"):
        train_loss_recipe("softmax", FACES, VALIDATION, RECIPE)
