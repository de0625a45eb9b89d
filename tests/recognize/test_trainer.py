"""Training a classifier by its recipe, or an embedding with any loss, and the score that watches it."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from dlsfaces.recognize import AdaFace, EmbeddingScore, FaceResNet, Triplet, arcface, embed, train_cross_entropy
from dlsfaces.recognize import train_embedding as train
from dlsfaces.recognize.triplet import WeightedSum
from dlsfaces.train import processes
from tests.recognize.people import RECIPE, colours, equal

FACES, VALIDATION = colours("train"), colours("validation", images=6)
LOSSES = {
    "semihard": lambda: Triplet(0.5),
    "arcface": lambda: arcface(16, 4, 0.2, scale=8.0, warmup_steps=6, start_scale=4.0),
    "adaface": lambda: AdaFace(16, 4, 0.2, scale=8.0),
    "both": lambda: WeightedSum((1.0, arcface(16, 4, 0.2, scale=8.0)), (0.5, Triplet(0.5, "random"))),
}


@pytest.fixture(autouse=True)
def single_precision(monkeypatch):
    """To find out which is faster takes longer than all of these tests."""
    monkeypatch.setattr(processes, "faster_precision", lambda device: "no")


def run(loss, recipe=RECIPE, checkpoint=None, validation=VALIDATION):
    torch.manual_seed(0)
    model = FaceResNet("small", 16, (32, 32))
    return train(model, LOSSES[loss](), FACES, validation, recipe, images_per_person=4, checkpoint=checkpoint)


def mixed_up(faces):
    """Some of the images become the next person's, so that not all is told apart."""
    identities = faces.identities.clone()
    identities[::5] = (identities[::5] + 1) % 4
    return replace(faces, identities=identities)


class Colour(nn.Linear):
    """Features that are known without training: the mean of each colour."""

    def __init__(self):
        super().__init__(3, 3)
        nn.init.eye_(self.weight), nn.init.constant_(self.bias, -0.4)

    def forward(self, images):
        return super().forward(images.mean((2, 3)))

    features = forward


@torch.no_grad()
@pytest.mark.parametrize("per_person", [1, 3, 50])
def test_the_score_is_the_nearest_centres_and_the_rate_over_pairs(per_person):
    known, shown = mixed_up(FACES), VALIDATION.identities
    kept = [i for i in range(len(known)) if (known.identities[:i] == known.identities[i]).sum() < per_person]
    gallery, probe = (F.normalize(Colour()(f.images((32, 32)) / 255), dim=1) for f in (known, VALIDATION))
    centres = [F.normalize(gallery[kept][known.identities[kept] == i].mean(0), dim=0) for i in range(4)]
    found = EmbeddingScore(known, VALIDATION, (32, 32), per_person=per_person, fprs=(0.02, 0.3))(Colour())
    right = (probe @ torch.stack(centres).T).argmax(1) == shown
    assert found.keys() == {"accuracy", "tpr@0.02", "tpr@0.3"}
    assert found["accuracy"] == pytest.approx(right.float().mean().item())
    pairs = tuple(torch.triu_indices(24, 24, 1))
    cosines, same = (probe @ probe.T)[pairs], (shown[:, None] == shown)[pairs]
    for fpr in (0.02, 0.3):
        threshold = cosines[~same].sort(descending=True)[0][int(fpr * (~same).sum())]
        assert found[f"tpr@{fpr}"] == pytest.approx((cosines[same] > threshold).float().mean().item(), abs=1e-6)


@pytest.mark.parametrize("name", ["semihard", "arcface", "both"])
def test_every_loss_teaches_a_network_to_tell_people_apart(name):
    model, history, _ = run(name, replace(RECIPE, epochs=5))
    shown = embed(model, VALIDATION.images((32, 32)))
    same = VALIDATION.identities[:, None] == VALIDATION.identities
    assert (shown @ shown.T)[same].mean() > (shown @ shown.T)[~same].mean() + 0.15
    assert len(history) == 5 and history[-1]["accuracy"] == history[-1]["tpr@0.1"] == 1


@pytest.mark.parametrize("name", ["both", "adaface", "arcface"])
def test_a_run_that_was_stopped_ends_with_the_weights_of_one_that_was_not(name, tmp_path, monkeypatch):
    class Stop(Exception):
        pass

    def stop(self, model, calls=[]):  # noqa: B006 (it is to be kept between calls)
        calls.append(1)
        if len(calls) == 2:  # after the second epoch
            raise Stop
        return score(self, model)

    score = EmbeddingScore.__call__
    whole = run(name)
    with monkeypatch.context() as patch, pytest.raises(Stop):
        patch.setattr(EmbeddingScore, "__call__", stop)
        run(name, checkpoint=tmp_path / "run.pt")
    for _ in range(2):  # finished, it is not run again
        resumed = run(name, checkpoint=tmp_path / "run.pt")
        assert [row["loss"] for row in resumed.history] == [row["loss"] for row in whole.history]
        assert equal(resumed.model, whole.model) and equal(resumed.loss, whole.loss)


def test_a_classifier_that_is_trained_is_not_trained_again(tmp_path, monkeypatch):
    monkeypatch.setenv("DLSFACES_CACHE", str(tmp_path))
    checkpoint = RECIPE.checkpoint(FACES)
    model, history, loss = train_cross_entropy(FACES, VALIDATION, RECIPE, checkpoint)
    assert len(history) == 2 and 0 <= history[-1]["validation_accuracy"] <= 1
    again = train_cross_entropy(FACES, VALIDATION, RECIPE, checkpoint)
    assert again.history == history and equal(again.model, model) and equal(again.loss, loss)
    assert loss.head.out_features == 4 and model.settings["size"] == "small" and model.embedding_dim == 16


@pytest.mark.fault("finished run")
def test_a_classifier_measured_on_other_images_is_another_run(tmp_path):
    checkpoint, recipe = tmp_path / "last.pt", replace(RECIPE, epochs=1)
    train_cross_entropy(FACES, VALIDATION, recipe, checkpoint)
    for other in (colours("test", images=6), mixed_up(VALIDATION)):
        with pytest.raises(ValueError, match=r"last\.pt is of another run: validate\..* was 'checksum"):
            train_cross_entropy(FACES, other, recipe, checkpoint)


@pytest.mark.fault("obscure numbers")
@pytest.mark.parametrize(
    "change", [dict(batch_size=0), dict(embedding_dim=0), dict(epochs=0), dict(label_smoothing=2.0)]
)
def test_a_recipe_out_of_range_is_refused_when_it_is_made(change):
    with pytest.raises(ValueError, match=f"{next(iter(change))}=.*needs "):
        replace(RECIPE, **change)


@pytest.mark.fault("cache name")
def test_another_recipe_or_other_faces_are_another_run():
    paths = {RECIPE.checkpoint(FACES), replace(RECIPE).checkpoint(FACES)}
    assert len(paths) == 1
    blurred = replace(RECIPE.augmentation, blur=0)
    changes = [dict(size="large"), dict(seed=1), dict(label_smoothing=0.0), dict(augmentation=blurred)]
    paths |= {replace(RECIPE, **change).checkpoint(FACES) for change in changes}
    paths |= {RECIPE.checkpoint(colours(light=150)), RECIPE.checkpoint(colours(images=9))}
    paths |= {RECIPE.checkpoint(FACES, "arcface"), RECIPE.checkpoint(FACES, "arcface", ("a margin",))}
    assert len(paths) == 9
