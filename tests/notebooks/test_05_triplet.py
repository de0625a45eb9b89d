"""What chapter 05 defines: mining in loops, frozen layers, and DeepFace, against the package and plain arithmetic."""

import itertools

import pytest
import torch
from sklearn.metrics.pairwise import additive_chi2_kernel
from torch import nn

from dlsfaces.recognize import FaceResNet, Triplet, features_of, mine, squared_distances
from tests.from_notebook import definitions

CHAPTER = "notebooks/05_triplet"
batch_hard, semihard, triplet_loss = definitions(CHAPTER, "batch_hard", "semihard", "triplet_loss")
with_statistics, Frozen, BatchHard = definitions(CHAPTER, "with_statistics", "Frozen", "BatchHard")
LocallyConnected, DeepFaceNet = definitions(CHAPTER, "LocallyConnected", "DeepFaceNet")
normalised, chi_square, draw_pairs, learn_chi_square = definitions(
    CHAPTER, "normalised", "chi_square", "draw_pairs", "learn_chi_square"
)


@pytest.mark.parametrize("margin", [0.05, 0.2, 1.0])
def test_loops_mine_and_cost_what_the_package_does(margin):
    identities = torch.tensor([3, 5, 3, 9, 5, 3, 9, 5, 5, 7])  # 7 has no positive
    vectors = nn.functional.normalize(torch.randn(10, 4, generator=torch.Generator().manual_seed(0)), dim=1)
    distances = squared_distances(vectors)
    for mining, triplets in (
        ("batch_hard", batch_hard(distances, identities)),
        ("semihard", semihard(distances, identities, margin)),
    ):
        assert triplets == [*zip(*(part.tolist() for part in mine(distances, identities, mining, margin)))]
        loss = Triplet(margin, mining).eval()(vectors, identities)
        assert float(triplet_loss(distances, triplets, margin)) == pytest.approx(loss.item(), abs=1e-6)


def test_plain_distances_are_not_squared_and_equal_vectors_are_pulled_nowhere():
    features, people = torch.tensor([[2.0, 0.0], [0.8, 0.6], [0.0, 3.0]]), torch.tensor([1, 0, 0])
    # Of length 1: first to second sqrt(0.4), first to third sqrt(2), second to third sqrt(0.8).
    far_enough = BatchHard(plain=True, unit=True)(features, torch.tensor([0, 0, 1]))
    assert far_enough.item() == 0
    for plain, unit, costs in (  # of the second; for the third the negative is far enough
        (True, True, 0.8**0.5 - 0.4**0.5 + 0.2),
        (False, True, 0.8 - 0.4 + 0.2),
        (True, False, 6.4**0.5 - 1.8**0.5 + 0.2),
        (False, False, 6.4 - 1.8 + 0.2),
    ):
        assert BatchHard(plain, unit)(features, people).item() == pytest.approx(costs, abs=1e-6)
    same = torch.ones(4, 3, requires_grad=True)
    loss = BatchHard(plain=True, unit=True)(same, torch.tensor([0, 0, 1, 1]))
    loss.backward()
    assert loss.item() == pytest.approx(0.2) and same.grad.abs().max() == 0


def test_statistics_are_those_of_the_images_and_frozen_layers_keep_theirs():
    torch.manual_seed(0)
    images = (torch.rand(64, 3, 32, 32) * 255).to(torch.uint8)
    fresh = FaceResNet("small", 16, (32, 32))
    seen = with_statistics(fresh, images)
    assert all(torch.equal(a, b) for a, b in zip(fresh.parameters(), seen.parameters(), strict=True))
    features, unscaled = features_of(seen, images), features_of(fresh, images)
    assert features.mean(0).abs().max() < 0.1 and (features.std(0) - 1).abs().max() < 0.1
    assert (unscaled.std(0) - 1).abs().max() > 0.5  # with means 0 and variances 1 nothing is centred or scaled
    body = Frozen(*fresh.body[:-2])
    before = {name: value.clone() for name, value in body.state_dict().items()}
    model = nn.Sequential(body, *fresh.body[-2:]).train()
    model(images / 255).sum().backward()
    assert not body.training and model[-1].training
    assert all(torch.equal(value, before[name]) for name, value in body.state_dict().items())
    assert all(p.grad is None for p in body.parameters()) and model[1].weight.grad is not None


@torch.no_grad()
@pytest.mark.parametrize(("size", "kernel", "stride"), [((7, 6), 3, 1), ((8, 5), 3, 2), ((4, 9), 4, 3)])
def test_each_place_has_filters_of_its_own(size, kernel, stride):
    local = LocallyConnected(3, 4, size, kernel, stride).double()
    nn.init.normal_(local.bias)
    x = torch.randn(2, 3, *size).double()
    height, width = local.output_size
    weight = local.weight.view(height, width, 4, 3, kernel, kernel)
    wanted = torch.empty(2, 4, height, width).double()
    for n, c, i, j in itertools.product(range(2), range(4), range(height), range(width)):
        patch = x[n, :, i * stride : i * stride + kernel, j * stride : j * stride + kernel]
        wanted[n, c, i, j] = (patch * weight[i, j, c]).sum() + local.bias[c, i, j]
    assert torch.allclose(local(x), wanted, rtol=0, atol=1e-12)
    shared = nn.Conv2d(3, 4, kernel, stride).double()  # the same filters everywhere are a convolution
    local.weight.copy_(shared.weight.flatten(1))
    local.bias.copy_(shared.bias[:, None, None])
    assert torch.allclose(local(x), shared(x), rtol=0, atol=1e-12)


@pytest.mark.parametrize("size", [(80, 64), (40, 32), (31, 45)])
def test_features_are_sparse_and_never_negative(size):
    model = DeepFaceNet(48, size)
    images = (torch.rand(5, 3, *size) * 255).to(torch.uint8)
    features = features_of(model, images, batch_size=2)
    assert features.shape == (5, 48) and (features >= 0).all() and 0.2 < (features == 0).float().mean() < 0.9
    model(images / 255).sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []


def test_chi_square_is_scikit_learns_kernel_with_weights():
    largest, weights = torch.rand(12).double() + 0.1, torch.rand(12).double() - 0.3
    a, b = (normalised(torch.randn(n, 12).double(), largest) for n in (5, 7))
    assert torch.allclose(a.norm(dim=1), torch.ones(5).double()) and (a >= 0).all()
    kernel = torch.from_numpy(additive_chi2_kernel(a.numpy(), b.numpy()))
    assert torch.allclose(chi_square(a, b, torch.ones(12).double()), kernel, rtol=0, atol=1e-12)
    for i, j in itertools.product(range(5), range(7)):
        terms = [w * (x - y) ** 2 / (x + y) for w, x, y in zip(weights, a[i], b[j]) if x + y > 0]
        assert chi_square(a, b, weights)[i, j].item() == pytest.approx(-float(sum(terms)))
    nothing = torch.zeros(1, 3)
    assert not normalised(nothing, torch.ones(3)).any() and not chi_square(nothing, nothing, torch.ones(3)).any()


def test_pairs_are_what_they_are_said_to_be():
    identities = torch.tensor([3, 5, 3, 9, 5, 3, 9])
    first, second, same = draw_pairs(identities, 20_000, seed=0)
    assert same.tolist() == [True] * 20_000 + [False] * 20_000
    assert torch.equal(identities[first] == identities[second], same) and not (first == second).any()
    counts = torch.zeros(7, 7).index_put_((first, second), torch.ones(40_000), accumulate=True)
    one = (identities[:, None] == identities) & ~torch.eye(7, dtype=torch.bool)
    for kind in (one, identities[:, None] != identities):
        wanted = kind / kind.sum(1, keepdim=True) * 20_000 / 7
        assert torch.allclose(counts[kind], wanted[kind], rtol=0.15)


def test_what_tells_people_apart_gets_the_weight():
    generator = torch.Generator().manual_seed(0)
    identities = torch.arange(40).repeat_interleave(6)
    own = torch.rand(40, 5, generator=generator)[identities] + 0.15 * torch.randn(240, 5, generator=generator)
    other = torch.rand(240, 15, generator=generator)  # differs in every image, whoever is in it
    features = torch.cat((own, other), 1).relu() * 4
    weights = learn_chi_square(features, identities, features.amax(0))
    assert weights[:5].min() > 3 * weights[5:].abs().max()
    assert torch.equal(weights, learn_chi_square(features, identities, features.amax(0)))


def test_only_what_is_defined_is_found():
    with pytest.raises(KeyError, match=r"05_triplet\.ipynb has no definition of settings, scored.*query"):
        definitions(CHAPTER, "settings", "scored", "mine")
    with pytest.raises(KeyError, match="0 notebooks"):
        definitions(99, "f")
