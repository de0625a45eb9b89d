"""Attacks beside torchattacks, within their size, on a network that stays as it was."""

import pytest
import torch
import torchattacks
from torch import nn
from torch.nn import functional as F

from dlsfaces import attacks, recognize

EPS, ALPHA = 8 / 255, 2 / 255


@pytest.fixture(scope="module")
def classifier():
    torch.manual_seed(0)
    layers = nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(512, 5)
    return nn.Sequential(*layers).double().eval()  # in double precision no rounding turns a sign


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return recognize.FaceResNet("small", 16, (32, 32)).eval()


@pytest.fixture
def images():
    return torch.rand(70, 3, 32, 32, generator=torch.Generator().manual_seed(1))  # more than are taken at once


@pytest.fixture
def vectors():
    return F.normalize(torch.randn(70, 16, generator=torch.Generator().manual_seed(2)), dim=1)


CASES = {
    "fgsm": (lambda *given: attacks.fgsm(*given, EPS), lambda net: torchattacks.FGSM(net, EPS)),
    "bim": (
        lambda *given: attacks.bim(*given, EPS, ALPHA, 7),
        lambda net: torchattacks.PGD(net, EPS, ALPHA, 7, random_start=False),
    ),
    "mim": (
        lambda *given: attacks.mim(*given, EPS, ALPHA, 7, 0.9),
        lambda net: torchattacks.MIFGSM(net, EPS, ALPHA, 7, 0.9),
    ),
    "l2": (
        lambda *given: attacks.pgd(*given, 0.5, 0.2, 7, "l2", None),
        lambda net: torchattacks.PGDL2(net, 0.5, 0.2, 7, random_start=False),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_same_as_torchattacks(classifier, images, name):
    ours, theirs = CASES[name]
    images, labels = images.double(), torch.arange(70) % 5
    moved = ours(lambda some, their: F.cross_entropy(classifier(some), their, reduction="none"), images, labels)
    assert (moved - images).abs().max() > 0.01
    assert (moved - theirs(classifier)(images, labels)).abs().max() < 1e-6


@pytest.mark.parametrize("norm", attacks.NORMS)
@pytest.mark.parametrize("seed", [None, 3])
def test_no_change_is_larger_than_its_size(model, images, vectors, norm, seed):
    eps = torch.linspace(0, 0.1, 70) if norm == "linf" else torch.linspace(0, 2, 70)
    towards = attacks.impersonation(model)
    moved = attacks.pgd(towards, images, vectors, eps, eps / 2, 4, norm, seed)
    change = (moved - images).flatten(1)
    size = change.abs().amax(1) if norm == "linf" else change.norm(dim=1)
    assert (size <= eps + 1e-5).all() and (size[10:] > 0.5 * eps[10:]).all()
    assert moved.min() >= 0 and moved.max() <= 1
    assert torch.equal(moved[0], images[0])
    start = attacks.pgd(towards, images, vectors, eps, eps / 2, 0, norm, seed)
    assert torch.equal(start, images) == (seed is None)


@pytest.mark.parametrize("attack", [attacks.fgsm, attacks.bim, attacks.mim])
def test_goals(model, images, vectors, attack):
    cosine = lambda some: (model.embed(some).detach() * vectors).sum(1)  # noqa: E731
    before = cosine(images)
    towards = cosine(attack(attacks.impersonation(model), images, vectors))
    away = cosine(attack(attacks.dodging(model), images, vectors))
    assert (towards > before).float().mean() > 0.9 and (away < before).float().mean() > 0.9


def test_the_network_stays_as_it_was(model, images, vectors):
    expected = attacks.bim(attacks.impersonation(model), images, vectors)
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    moved = attacks.bim(attacks.impersonation(model), images, vectors)
    assert model.training
    model.eval()
    assert torch.equal(moved, expected)  # in evaluation mode, whatever mode it was in
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(weight.grad is None and weight.requires_grad for weight in model.parameters())
    with torch.no_grad():  # where nothing else may have a gradient
        assert torch.equal(attacks.bim(attacks.impersonation(model), images, vectors), expected)


def test_an_image_does_not_depend_on_its_batch(classifier, images):
    images, labels = images.double(), torch.arange(70) % 5
    wrong = lambda some, their: F.cross_entropy(classifier(some), their, reduction="none")  # noqa: E731
    together = attacks.mim(wrong, images, labels)
    alone = torch.cat([attacks.mim(wrong, images[k : k + 1], labels[k : k + 1]) for k in (0, 65, 69)])
    assert (together[[0, 65, 69]] - alone).abs().max() < 1e-12


@pytest.mark.parametrize("attack", [attacks.fgsm, attacks.pgd, attacks.mim])
def test_the_result_has_no_history(model, images, vectors, attack):
    images, eps = images[:2].requires_grad_(), torch.tensor(EPS, requires_grad=True)
    assert not attack(attacks.impersonation(model), images, vectors[:2], eps).requires_grad


@pytest.mark.parametrize("attack", [attacks.mim, lambda *given: attacks.pgd(*given, norm="l2", seed=None)])
def test_a_zero_gradient_in_half_precision(attack):
    images, slopes = torch.full((2, 3, 4, 4), 0.5, dtype=torch.half), iter([0.0] + [1.0] * 9)
    moved = attack(lambda some, _: next(slopes) * some.sum((1, 2, 3)), images, torch.zeros(2), 0.1, 0.05)
    assert (moved > images).all()


def test_smallest_change_of_an_attack_that_is_known():
    needed = torch.tensor([0.0, 0.001, 0.03, 0.2, 0.24, 0.9])
    images = torch.zeros(6, 3, 1, 1)
    found = attacks.smallest_eps(
        lambda eps: images + eps.view(-1, 1, 1, 1), lambda moved: moved[:, 0, 0, 0] >= needed, images, 0.25, 20
    )
    assert found.eps[:5].numpy() == pytest.approx(needed[:5].numpy(), abs=1e-4) and (found.eps[:5] >= needed[:5]).all()
    assert found.eps[5].isinf() and (found.images[5] == 0).all()
    assert torch.equal(found.images[1:5, 0, 0, 0], found.eps[1:5])


def test_smallest_change_where_a_larger_one_fails():
    images = torch.zeros(1, 3, 1, 1)
    inside = lambda moved: (moved[:, 0, 0, 0] > 0.011) & (moved[:, 0, 0, 0] < 0.02)  # noqa: E731
    found = attacks.smallest_eps(lambda eps: images + eps.view(-1, 1, 1, 1), inside, images, 0.25, 20)
    assert 0.011 < found.eps[0] < 0.0112 and inside(found.images)


def test_smallest_change_of_an_attack_from_elsewhere(model, images, vectors):
    images, labels = images[:1], torch.tensor([0])
    attack = lambda eps: torchattacks.FGSM(model, float(eps[0]))(images, labels)  # noqa: E731
    found = attacks.smallest_eps(attack, lambda moved: (moved != images).flatten(1).any(1), images)
    assert 0 < found.eps[0] < 1 / 255


@pytest.mark.parametrize("answer", [torch.ones(2), torch.ones(2, 1).bool(), torch.tensor(True)])
def test_an_answer_that_is_not_one_boolean_an_image(answer):
    images = torch.zeros(2, 3, 1, 1)
    with pytest.raises(ValueError, match=r"succeeds gave .* one boolean for each of 2 images"):
        attacks.smallest_eps(lambda eps: images + eps.view(-1, 1, 1, 1), lambda _: answer, images)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (dict(eps=8), "one grey level is 1 / 255"),
        (dict(eps=-0.1), "from 0 to 1"),
        (dict(eps=float("nan")), "from 0 to 1"),
        (dict(eps=torch.ones(3)), "one for each of 70 images"),
        (dict(alpha=2), "alpha=2.0"),
        (dict(eps=float("inf"), norm="l2"), "from 0 to 55"),
        (dict(norm="l1"), "linf, l2"),
    ],
)
def test_what_is_no_size(model, images, vectors, given, message):
    with pytest.raises(ValueError, match=message):
        attacks.pgd(attacks.impersonation(model), images, vectors, **given)


def test_what_cannot_be_attacked(model, images, vectors):
    towards = attacks.impersonation(model)
    with pytest.raises(ValueError, match=r"data\.to_float"):
        attacks.fgsm(towards, (images * 255).byte(), vectors)
    with pytest.raises(ValueError, match="no gradient"):
        attacks.fgsm(lambda some, their: towards(some.round(), their).detach(), images, vectors)
    with pytest.raises(ValueError, match="no gradient"):  # though the loss has one by the weights
        attacks.fgsm(lambda some, their: towards(some.detach(), their), images, vectors)
    with pytest.raises(FloatingPointError, match="look at the loss"):
        attacks.fgsm(lambda some, _: (some * 0).sqrt().sum((1, 2, 3)), images, vectors)
    with pytest.raises(ValueError, match="70 images and 65 targets"):
        attacks.fgsm(towards, images, vectors[:65])
