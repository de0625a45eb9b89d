"""Training an embedding with any loss, and the score that watches it."""

import dataclasses

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from dlsfaces import evaluate
from dlsfaces.data import batches
from dlsfaces.recognize import (
    AdaFace,
    EmbeddingScore,
    FaceResNet,
    Recipe,
    Triplet,
    WeightedSum,
    arcface,
    cosface,
    embed,
)
from dlsfaces.recognize import train_embedding as train
from dlsfaces.train import fit as fit_to
from dlsfaces.train import launch, processes
from tests.train.easy import Plain, easy_faces, fit, weights

RECIPE = Recipe("small", (32, 32), embedding_dim=16, epochs=2, batch_size=16, lr=0.05)
LOSSES = {
    "semihard": lambda: Triplet(0.5),
    "arcface": lambda: arcface(16, 4, 0.2, scale=8.0, warmup_steps=6, start_scale=4.0),
    "cosface": lambda: cosface(16, 4, 0.2, scale=8.0),
    "adaface": lambda: AdaFace(16, 4, 0.2, scale=8.0),
    "both": lambda: WeightedSum((1.0, arcface(16, 4, 0.2, scale=8.0)), (0.5, Triplet(0.5, "random"))),
}


@pytest.fixture(autouse=True)
def single_precision(monkeypatch):
    """To find out which is faster takes longer than all of these tests."""
    monkeypatch.setattr(processes, "faster_precision", lambda device: "no")


def network():
    torch.manual_seed(0)
    return FaceResNet("small", 16, (32, 32))


def mixed_up(faces):
    """Some of the pictures become the next person's, so that not all is told apart."""
    identities = faces.identities.clone()
    identities[::5] = (identities[::5] + 1) % 4
    return dataclasses.replace(faces, identities=identities)


def run(model, loss, recipe=RECIPE, checkpoint=None, pictures=4, validation=None):
    faces, validation = easy_faces(pictures=8), easy_faces(pictures=6) if validation is None else validation
    return train(model, loss, faces, validation, recipe, pictures_per_person=pictures, checkpoint=checkpoint)


class Colour(nn.Linear):
    """Features that are known without training: the mean of each colour, or one corner's."""

    def __init__(self, side=32):
        super().__init__(3, 3)
        self.side = side
        nn.init.eye_(self.weight), nn.init.constant_(self.bias, -0.4)

    def forward(self, images):
        return super().forward(images[..., : self.side, : self.side].mean((2, 3)))

    features = forward


def apart(model):
    """How much nearer a person's pictures are to each other than to other people's."""
    pictures = easy_faces(pictures=6)
    shown = embed(model, pictures.images((32, 32)))
    same = pictures.identities[:, None] == pictures.identities
    cosines = shown @ shown.T
    return (cosines[same].mean() - cosines[~same].mean()).item()


@pytest.mark.parametrize("per_person", [1, 3, 50])
def test_the_score_is_what_evaluate_finds(per_person):
    known, pictures = mixed_up(easy_faces(pictures=9)), easy_faces(pictures=5)
    score = EmbeddingScore(known, pictures, (32, 32), per_person=per_person, fprs=(0.02, 0.3))
    kept = [i for i in range(36) if (known.identities[:i] == known.identities[i]).sum() < per_person]
    assert torch.equal(score.known_identities.bincount(), known.identities[kept].bincount())
    model = Colour()
    images, shown = (
        F.normalize(model(faces.images((32, 32)).float() / 255), dim=1).detach() for faces in (known, pictures)
    )
    centres = torch.stack([F.normalize(images[kept][known.identities[kept] == i].mean(0), dim=0) for i in range(4)])
    found = score(model)
    right = (shown @ centres.T).argmax(1) == pictures.identities
    assert found["accuracy"] == pytest.approx(right.float().mean().item())
    cosines = (shown @ shown.T)[tuple(torch.triu_indices(20, 20, 1))]
    same = (pictures.identities[:, None] == pictures.identities)[tuple(torch.triu_indices(20, 20, 1))]
    for fpr in (0.02, 0.3):
        threshold = cosines[~same].sort(descending=True)[0][int(fpr * (~same).sum())]
        assert found[f"tpr@{fpr}"] == pytest.approx((cosines[same] > threshold).float().mean().item(), abs=1e-6)
    assert set(found) == {"accuracy", "tpr@0.02", "tpr@0.3"}
    rate = evaluate.identification_rate(shown, pictures.identities, None, [0.02])
    assert found["tpr@0.02"] == rate.tpr[0]


def test_the_score_can_average_with_the_mirror_image():
    pictures = easy_faces(pictures=5)
    plain, mirrored = (EmbeddingScore(pictures, pictures, (32, 32), mirror=m)(Colour(side=1)) for m in (False, True))
    assert plain != mirrored


@pytest.mark.parametrize("name", ["semihard", "arcface", "both"])
def test_every_loss_teaches_a_network_to_tell_people_apart(name):
    model, loss = network(), LOSSES[name]()
    before = apart(model)
    history = run(model, loss, dataclasses.replace(RECIPE, epochs=5))
    assert [set(row) >= {"loss", "accuracy", "tpr@0.01", "tpr@0.1"} for row in history] == [True] * 5
    assert apart(model) > 3 * before and history[-1]["accuracy"] == history[-1]["tpr@0.1"] == 1


def test_the_history_is_of_the_validation_pictures():
    model, validation = network(), mixed_up(easy_faces(pictures=6))
    row = run(model, LOSSES["semihard"](), validation=validation)[-1]
    found = EmbeddingScore(easy_faces(pictures=8), validation, (32, 32))(model)
    assert row | found == row and found["accuracy"] < 0.9


def test_a_finished_run_is_not_repeated_and_another_loss_is_refused_by_name(tmp_path):
    checkpoint = tmp_path / "run.pt"
    first, again = (network(), LOSSES["arcface"]()), (network(), LOSSES["arcface"]())
    history = run(*first, checkpoint=checkpoint)
    assert run(*again, checkpoint=checkpoint) == history
    assert torch.equal(weights(*first), weights(*again)) and again[1].steps == 4
    for loss, message in (
        (arcface(16, 4, 0.3, scale=8.0, warmup_steps=6, start_scale=4.0), r"loss\.angle was 0\.2 and is 0\.3"),
        (LOSSES["cosface"](), r"loss\.angle was 0\.2 and is 0\.0, loss\.cosine was 0\.0 and is 0\.2"),
        (LOSSES["semihard"](), r"loss\.angle was 0\.2 and is None"),
    ):
        with pytest.raises(ValueError, match=rf"run\.pt is of another run: .*{message}"):
            run(network(), loss, checkpoint=checkpoint)
    with pytest.raises(ValueError, match=r"is of another run: order\.people was 4"):
        run(network(), LOSSES["arcface"](), checkpoint=checkpoint, pictures=8)
    with pytest.raises(ValueError, match=r"another run: seed was 0 and is 1, order\.seed was 0 and is 1"):
        run(network(), LOSSES["arcface"](), dataclasses.replace(RECIPE, seed=1), checkpoint)


def test_another_mining_is_another_run(tmp_path):
    run(network(), Triplet(0.5), checkpoint=tmp_path / "run.pt")
    with pytest.raises(ValueError, match=r"another run: loss\.mining was 'semihard' and is 'batch_hard'"):
        run(network(), Triplet(0.5, "batch_hard"), checkpoint=tmp_path / "run.pt")


@pytest.mark.parametrize("name", ["both", "adaface"])
def test_a_run_that_was_stopped_ends_with_the_weights_of_one_that_was_not(name, tmp_path):
    class Stop(Exception):
        pass

    def stop(module, inputs, calls=[]):  # noqa: B006 (it is to be kept between calls)
        calls.append(1)
        if len(calls) == 4:  # the second step of the second epoch
            raise Stop

    whole, stopped, resumed = ((network(), LOSSES[name]()) for _ in range(3))
    history = run(*whole)
    handle = stopped[1].register_forward_pre_hook(stop)
    with pytest.raises(Stop):
        run(*stopped, checkpoint=tmp_path / "run.pt")
    handle.remove()
    rows = run(*resumed, checkpoint=tmp_path / "run.pt")
    assert [row["loss"] for row in rows] == [row["loss"] for row in history]
    assert torch.equal(weights(*resumed), weights(*whole))


def in_each_process():
    """What on_all_gpus is given here: another process imports it by name."""
    model, loss = Plain(), LOSSES["arcface"]()
    torch.manual_seed(0)
    curve = fit(model, loss, easy_faces(), epochs=2)
    shared = batches(easy_faces(), (32, 32), 16, shuffle=True, pictures_per_person=4)
    of_triplets = fit_to(network(), LOSSES["both"](), shared, epochs=2, lr=0.05, precision="no", progress=False)
    return curve, weights(model, loss), of_triplets


@pytest.mark.slow
def test_two_processes_follow_the_curve_of_one():
    torch.manual_seed(3)
    here, there = in_each_process(), launch.on_all_gpus(in_each_process, processes=2)
    assert [row["loss"] for row in there[0]] == pytest.approx([row["loss"] for row in here[0]], abs=1e-5)
    assert torch.allclose(there[1], here[1], atol=1e-5)
    assert len(there[2]) == 2 and there[2][1]["loss"] < 10  # a process mines its own half of the people
