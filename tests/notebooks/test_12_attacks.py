"""Chapter 12's own code: triples, glasses, defences, adversarial training."""

from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional as F
from torchvision.transforms.v2 import functional as V

from dlsfaces import attacks, data, geometry, recognize, train
from tests.from_notebook import definitions

NAMES = (
    *("Defended", "adversary", "blur", "draw_triples", "frame_mask", "inks", "jitters", "jpeg", "learn_ink", "lit"),
    *("printed", "resized", "smallest_plain", "suspicion", "unprintable", "wear"),
)
SIZE = (48, 40)


@pytest.fixture(scope="module")
def taught():
    return SimpleNamespace(**dict(zip(NAMES, definitions("12_attacks", *NAMES))))


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return recognize.FaceResNet("small", 16, SIZE).eval()


@pytest.fixture
def images():
    return torch.rand(6, 3, *SIZE, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def marks():
    return (geometry.TIGHT.template * (SIZE[1] / geometry.TIGHT.width)).expand(6, -1, -1)


def test_triples_are_judged_rightly(taught):
    random = torch.Generator().manual_seed(0)
    who = torch.arange(60) % 12
    noise = torch.randn(60, 16, generator=random)
    vectors = F.normalize(torch.randn(12, 16, generator=random)[who] + 0.7 * noise, dim=1)
    attacker, own, victim = taught.draw_triples(vectors, who, 0.5, 20)
    assert len(attacker) == 20 and (attacker != own).all() and len(set(attacker.tolist())) == 20
    assert (who[attacker] == who[own]).all() and ((vectors[attacker] * vectors[own]).sum(1) > 0.5).all()
    assert (who[attacker] != who[victim]).all() and ((vectors[attacker] * vectors[victim]).sum(1) <= 0.5).all()
    with pytest.raises(ValueError, match="no triple"):
        taught.draw_triples(vectors, who, 1.1, 5)


def test_glasses_sit_on_the_eyes_and_leave_the_rest(taught, images, marks):
    ink, frame = torch.zeros(3, *SIZE), taught.frame_mask(SIZE)
    worn = taught.wear(images, marks, ink)
    assert torch.allclose(worn * (1 - frame), images * (1 - frame), atol=1e-5)
    assert (worn * frame).max() < 1e-5 and 0.05 < frame.mean() < 0.2
    eyes = marks[0, :2].round().long()
    assert all(frame[0, y, x] == 0 for x, y in eyes.tolist())  # one can look through
    moved = taught.wear(images, marks + torch.tensor([4.0, 3.0]), ink)
    assert ((moved[:, :, 3:, 4:] < 1e-5) == (worn[:, :, :-3, :-4] < 1e-5)).float().mean() > 0.99


def test_the_pattern_is_printed_in_the_printers_colours(taught):
    ink = torch.rand(3, *SIZE, generator=torch.Generator().manual_seed(0))
    paper = taught.printed(ink)
    colours = {tuple(colour) for colour in paper.flatten(1).T.tolist()}
    assert colours <= {tuple(colour) for colour in taught.inks().tolist()}
    assert taught.unprintable(paper) < 1e-5 < 0.05 < taught.unprintable(ink)
    assert (paper - ink).abs().max() < 0.26


def test_a_pattern_is_learned_and_the_network_stays(taught, model, images, marks):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    vector = F.normalize(torch.randn(16, generator=torch.Generator().manual_seed(3)), dim=0)
    cosine = lambda some: float((model.embed(some).detach() @ vector).mean())  # noqa: E731
    ink = taught.learn_ink(model, images, marks, vector, 40)
    assert (
        cosine(taught.wear(images, marks, ink)) > cosine(taught.wear(images, marks, torch.full_like(ink, 0.5))) + 0.02
    )
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(weight.grad is None for weight in model.parameters())


def test_jpeg_is_jpeg_forward_and_a_blur_backward(taught, images):
    some = images.clone().requires_grad_()
    saved = taught.jpeg(some, 50)
    expected = torch.stack([V.jpeg(one, 50) for one in (images * 255).round().byte()]) / 255
    assert torch.allclose(saved.detach(), expected, atol=1e-6)
    weight = torch.rand_like(images)
    blurred = torch.autograd.grad((V.gaussian_blur(some, 5, 0.8) * weight).sum(), some)[0]
    assert torch.allclose(torch.autograd.grad((saved * weight).sum(), some)[0], blurred, atol=1e-6)


def test_a_defended_network_is_a_mean_of_draws(taught, model, images):
    torch.manual_seed(5)
    expected = sum(model.embed(taught.resized(images)) for _ in range(3)) / 3
    torch.manual_seed(5)
    defended = taught.Defended([model], taught.resized, draws=3).eval()
    assert torch.allclose(defended.embed(images), F.normalize(expected, dim=1), atol=1e-5)
    both = taught.Defended([model, model], lambda some: some).embed(images)
    assert torch.allclose(both @ both.T, model.embed(images) @ model.embed(images).T, atol=1e-5)
    assert taught.resized(images).shape == images.shape and not torch.equal(taught.resized(images), images)


def test_adversarial_training_attacks_the_batch_and_nothing_else(taught, model):
    head = recognize.cosface(16, 5, 0.2, 30.0)
    given = torch.rand(4, 3, *SIZE, generator=torch.Generator().manual_seed(2))
    who, keys = torch.arange(4), torch.arange(4)
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    changed, same = taught.adversary(model, head, lambda images, keys: images, 8 / 255, 2)(given, who, keys)
    assert model.training and torch.equal(same, who)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    model.eval()
    assert 0 < (changed - given).abs().max() <= 8 / 255 + 1e-6
    loss = [F.cross_entropy(head.logits(model(some)), who) for some in (given, changed)]
    assert loss[1] > loss[0]


def test_adversarial_training_makes_a_network_harder_to_fool(taught):
    faces = data.load("synthetic", "train", people=5, images_per_person=28)
    images, who, right = geometry.to_float(faces.images(SIZE)), faces.identities, {}
    for attacked in (False, True):
        torch.manual_seed(0)
        model, head = recognize.FaceResNet("small", 32, SIZE), recognize.cosface(32, 5, 0.0, 16.0)
        batches = data.batches(faces, SIZE, 16, shuffle=True, seed=0)
        move = taught.adversary(model, head, lambda some, keys: geometry.to_float(some), 8 / 255, 2)
        train.fit(model, head, batches, train.Settings(25, lr=0.1), move=move if attacked else None)

        model.eval()

        def wrong(some, their, model=model, head=head):
            return F.cross_entropy(head.logits(model(some)), their, reduction="none")

        moved = attacks.bim(wrong, images, who, 8 / 255, 2 / 255, 8)
        right[attacked] = float((head.logits(model(moved)).argmax(1) == who).float().mean())
    assert right[True] > right[False] + 0.3


def test_suspicion_is_a_distance(taught, model, images):
    assert torch.allclose(taught.suspicion(model, torch.full_like(images, 0.5)), torch.zeros(6), atol=1e-5)
    assert (taught.suspicion(model, images) > 0.001).all()
