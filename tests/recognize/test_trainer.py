"""Training a classifier by its recipe, or an embedding with any loss, and the score that watches it."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from dlsfaces.data import split_people
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


def held_out(every=2):
    return [split_people(faces, every)[1] for faces in (FACES, VALIDATION)]


@pytest.mark.fault("label numbering")
@pytest.mark.parametrize("trainer", ["cross entropy", "embedding", "score"])
def test_a_validation_that_numbers_its_people_otherwise_is_refused_before_the_training(trainer):
    start = {
        "cross entropy": lambda faces, others: train_cross_entropy(faces, others, RECIPE).history,
        "embedding": lambda faces, others: (
            train(FaceResNet("small", 16), arcface(16, 4), faces, others, RECIPE).history
        ),
        "score": lambda faces, others: EmbeddingScore(faces, others, (32, 32))(Colour())["accuracy"],
    }[trainer]
    few, few_validation = held_out()
    assert start(few, few_validation)  # renumbered alike
    others = replace(VALIDATION, people=["Ada", *VALIDATION.people[1:]])
    swapped = replace(VALIDATION, identities=3 - VALIDATION.identities, people=VALIDATION.people[::-1])
    nobody = replace(VALIDATION, identities=VALIDATION.identities - 1)
    for faces, validation, said in (
        (few, VALIDATION, "number 0 is 'person 1' in .* but 'person 0' in"),
        (FACES, few_validation, "number 0 is 'person 0' in .* but 'person 1' in"),
        (few, VALIDATION.subset(VALIDATION.identities == 3), "number 3 is 'nobody' in .* but 'person 3' in"),
        (FACES, others, "number 0 is 'person 0' in .* but 'Ada' in"),
        (FACES, swapped, "number 0 is 'person 0' in .* but 'person 3' in"),
        (FACES, nobody, "every face's person known"),
        (FACES, VALIDATION.subset([]), "one image at least is needed"),
    ):
        with pytest.raises(ValueError, match=said):
            start(faces, validation)


@pytest.mark.fault("few photos")
def test_one_validation_image_a_person_leaves_the_rates_out_and_says_so(caplog):
    once = VALIDATION.subset([int((VALIDATION.identities == i).nonzero()[0, 0]) for i in range(4)])
    score = EmbeddingScore(FACES, once, (32, 32), fprs=(0.1, 0.5))
    assert "TPR at FPR 0.1 will be NaN: there is no positive pair: no person has two images" in caplog.text
    row = score(Colour())
    assert row["accuracy"] == 1 and math.isnan(row["tpr@0.1"]) and math.isnan(row["tpr@0.5"])
    few = EmbeddingScore(FACES, VALIDATION.subset(range(8)), (32, 32), fprs=(0.01, 0.5))  # 24 false pairs
    assert "FPR 0.01 will be NaN: fpr=0.01 of 24 false pairs is less than one" in caplog.text
    row = few(Colour())
    assert math.isnan(row["tpr@0.01"]) and row["tpr@0.5"] == 1


@pytest.mark.fault("unknown people")
def test_a_training_on_unknown_people_too_is_one_on_the_known_ones():
    known = FACES.subset(range(16))
    unknown = replace(FACES.subset(range(16, 32)), identities=torch.full((16,), -1))
    one, two = (EmbeddingScore(of, VALIDATION, (32, 32))(Colour()) for of in (known, joined_sets(known, unknown)))
    assert one == two


def joined_sets(a, b):
    def read(rows, size):
        return torch.cat([(a if i < len(a) else b).read([i % len(a)], size) for i in rows])

    return replace(a, files=[*a.files, *b.files], identities=torch.cat((a.identities, b.identities)), read=read)
