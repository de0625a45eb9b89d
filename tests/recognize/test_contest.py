"""The same budget under every loss."""

from dataclasses import replace

import pytest
import torch
from test_recipe import RECIPE, colours

from dlsfaces import recognize
from dlsfaces.recognize import AdaFace, AngularMargin, CrossEntropy, Triplet, WeightedSum, contest
from dlsfaces.recognize.contest import CONTEST, Stage

SMALL = replace(RECIPE, epochs=2, batch_size=8)


@pytest.mark.parametrize("name", CONTEST)
def test_everybody_runs_as_many_steps(name, tmp_path, monkeypatch):
    monkeypatch.setenv("DLSFACES_CACHE", str(tmp_path))
    monkeypatch.setattr(contest, "PICTURES_PER_PERSON", 4)  # batches of 8 for three people
    faces, validation = colours("train"), colours("validation")
    model, history = recognize.compete(name, faces, validation, SMALL)
    assert len(history) == 2 and all({"accuracy", "tpr@0.01", "tpr@0.1"} <= row.keys() for row in history)
    again, rows = recognize.compete(name, faces, validation, SMALL)
    assert rows == history  # it was kept
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), again.state_dict().values()))
    files = {path.name for path in (tmp_path / "runs").iterdir()}
    assert len(files) == len(CONTEST[name]) and all(file.startswith(f"{name}-") for file in files)


def test_nothing_is_kept_where_nothing_is_to_be(tmp_path, monkeypatch):
    monkeypatch.setenv("DLSFACES_CACHE", str(tmp_path))
    recognize.compete("cosface", colours("train"), colours("validation"), SMALL, keep=False)
    assert not (tmp_path / "runs").exists()


def test_a_stage_makes_the_loss_that_it_names():
    losses = {name: [stage.loss(16, 5, 200) for stage in stages] for name, stages in CONTEST.items()}
    kinds = {name: [type(loss) for loss in made] for name, made in losses.items()}
    assert kinds["cross_entropy"] == [CrossEntropy] and kinds["adaface"] == [AdaFace]
    assert kinds["cross_entropy_then_triplet"] == [CrossEntropy, Triplet]
    assert kinds["arcface"] == kinds["cosface"] == [AngularMargin] and kinds["arcface_triplet"] == [WeightedSum]
    arc, cos = losses["arcface"][0], losses["cosface"][0]
    assert (arc.angle, arc.cosine, arc.warmup_steps, arc.scale) == (0.5, 0.0, 200, 30.0)
    assert (cos.angle, cos.cosine, cos.warmup_steps, cos.scale) == (0.0, 0.35, 0, 30.0)
    assert [losses[f"triplet_{m}"][0].mining for m in ("random", "semihard", "batch_hard")] == [
        "random",
        "semihard",
        "batch_hard",
    ]
    assert sum(stage.share for stage in CONTEST["cross_entropy_then_triplet"]) == 1
    assert Stage("arcface", margin=0.5, warmup=0.25).loss(16, 5, 200).warmup_steps == 50


def test_a_second_stage_goes_on_with_the_first_ones_network(tmp_path, monkeypatch):
    monkeypatch.setenv("DLSFACES_CACHE", str(tmp_path))
    monkeypatch.setitem(CONTEST, "two", (Stage("cross_entropy", share=0.5), Stage("cosface", share=0.5, lr=1e-9)))
    monkeypatch.setitem(CONTEST, "one", (Stage("cross_entropy"),))
    faces, validation = colours("train"), colours("validation")
    one, _ = recognize.compete("one", faces, validation, replace(SMALL, epochs=1))
    two, _ = recognize.compete("two", faces, validation, SMALL)
    for (name, a), b in zip(one.named_parameters(), two.parameters()):
        assert torch.allclose(a, b, atol=1e-5), name


def test_stages_of_its_own_run_as_those_of_the_list():
    faces, validation = colours("train"), colours("validation")
    listed, _ = recognize.compete("cosface", faces, validation, SMALL, keep=False)
    given, _ = recognize.compete("mine", faces, validation, SMALL, stages=CONTEST["cosface"], keep=False)
    assert all(torch.equal(a, b) for a, b in zip(listed.state_dict().values(), given.state_dict().values()))
    assert "mine" not in CONTEST


def test_nobody_else_takes_part():
    with pytest.raises(ValueError, match="'softmax' is no contestant: cross_entropy"):
        recognize.compete("softmax", colours("train"), colours("validation"), SMALL)
