"""Triplets and their loss against plain loops and pytorch-metric-learning, and what happens where they break."""

import math

import pytest
import torch
from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.losses import TripletMarginLoss
from pytorch_metric_learning.miners import BatchHardMiner, TripletMarginMiner
from torch import nn

from dlsfaces.recognize import Collapse, CrossEntropy, Triplet, WeightedSum, arcface, mine, squared_distances
from dlsfaces.recognize.margins import unit
from dlsfaces.train import checkpoints

MININGS = ("random", "semihard", "batch_hard")
SQUARED = LpDistance(normalize_embeddings=True, p=2, power=2)
every_mining = pytest.mark.parametrize("mining", MININGS)


def a_batch(seed, n_people=5, count=18, dim=4):
    """Uneven numbers of pictures, one person with one picture only; in float64, so that formulas agree exactly."""
    generator = torch.Generator().manual_seed(seed)
    identities = torch.randint(0, n_people, (count,), generator=generator)
    identities[seed % count] = n_people
    centres = torch.randn(n_people + 1, dim, generator=generator, dtype=torch.float64)
    return centres[identities] + torch.randn(count, dim, generator=generator, dtype=torch.float64), identities


def as_set(triplets):
    return set(zip(*(part.tolist() for part in triplets), strict=True))


def with_gradient(loss, features, identities):
    features = features.detach().clone().requires_grad_()
    value = loss(features, identities)
    return value.detach(), torch.autograd.grad(value, features)[0]


def semihard_by_loops(d, y, margin):
    """For each anchor and positive the distance of the negative, or nothing."""
    found = {}
    for a in range(len(y)):
        for p in range(len(y)):
            if p == a or y[p] != y[a]:
                continue
            further = [d[a][n] for n in range(len(y)) if y[n] != y[a] and d[a][p] < d[a][n] < d[a][p] + margin]
            if further:
                found[a, p] = min(further)
    return found


def batch_hard_by_loops(d, y):
    """For each anchor the distances of the positive and the negative."""
    found = {}
    for a in range(len(y)):
        positives = [d[a][p] for p in range(len(y)) if p != a and y[p] == y[a]]
        negatives = [d[a][n] for n in range(len(y)) if y[n] != y[a]]
        if positives and negatives:
            found[a] = max(positives), min(negatives)
    return found


@pytest.mark.parametrize("digits", [16, 1], ids=["all differ", "many are equal"])
@pytest.mark.parametrize("n_people", [5, 1, 12])
def test_what_is_mined_is_what_loops_find(digits, n_people):
    for seed in range(20):
        features, identities = a_batch(seed, n_people)
        distances = squared_distances(features / features.norm(dim=1, keepdim=True)).round(decimals=digits)
        d, y = distances.tolist(), identities.tolist()
        for margin in (0.2, 1.0):
            expected = semihard_by_loops(d, y, margin)
            found = as_set(mine(distances, identities, "semihard", margin))
            assert {(a, p): d[a][n] for a, p, n in found} == expected and len(found) == len(expected)
            assert all(y[a] == y[p] != y[n] and a != p for a, p, n in found)
        expected = batch_hard_by_loops(d, y)
        found = as_set(mine(distances, identities, "batch_hard"))
        assert {a: (d[a][p], d[a][n]) for a, p, n in found} == expected and len(found) == len(expected)
        assert all(y[a] == y[p] != y[n] and a != p for a, p, n in found)
        found = as_set(mine(distances, identities, "random"))
        assert sorted(a for a, _, _ in found) == sorted(expected)
        assert all(y[a] == y[p] != y[n] and a != p for a, p, n in found)


@every_mining
def test_one_person_or_nobody_twice_gives_no_triplet(mining):
    distances = torch.rand(6, 6)
    for identities in (torch.zeros(6, dtype=torch.int64), torch.arange(6)):
        assert [len(part) for part in mine(distances, identities, mining)] == [0, 0, 0]


def test_chance_follows_torchs_seed_and_reaches_every_candidate():
    identities = torch.tensor([0, 0, 0, 1, 1, 2])
    distances = torch.zeros(6, 6)

    def draws(seed, count):
        torch.manual_seed(seed)
        return [mine(distances, identities, "random") for _ in range(count)]

    assert as_set(draws(0, 1)[0]) == as_set(draws(0, 1)[0])
    assert [as_set(t) for t in draws(0, 5)] != [as_set(t) for t in draws(1, 5)]
    drawn = draws(0, 400)
    assert all(triplets.anchors.tolist() == [0, 1, 2, 3, 4] for triplets in drawn)
    of_first = [(triplets.positives[0].item(), triplets.negatives[0].item()) for triplets in drawn]
    assert all(of_first.count((p, n)) == pytest.approx(400 / 6, abs=25) for p in (1, 2) for n in (3, 4, 5))
    alike = sum((triplets.negatives[0] == triplets.negatives[1]).item() for triplets in drawn)
    assert alike == pytest.approx(400 / 3, abs=35)  # each anchor's chance is its own


@pytest.mark.parametrize("margin", [0.2, 0.7])
def test_semihard_is_of_pytorch_metric_learnings_the_nearest_of_each_pair(margin):
    miner = TripletMarginMiner(margin, type_of_triplets="semihard", distance=SQUARED)
    for seed in range(10):
        features, identities = a_batch(seed)
        distances = SQUARED(features)
        theirs = {}
        for a, p, n in as_set(miner(features, identities)):
            theirs.setdefault((a, p), []).append((distances[a, n].item(), n))
        ours = as_set(mine(distances, identities, "semihard", margin))
        assert ours == {(a, p, min(found)[1]) for (a, p), found in theirs.items()}
        assert len(ours) > 5


def test_batch_hard_is_pytorch_metric_learnings():
    miner = BatchHardMiner(distance=SQUARED)
    for seed in range(10):
        features, identities = a_batch(seed)
        assert as_set(mine(SQUARED(features), identities, "batch_hard")) == as_set(miner(features, identities))


@every_mining
@pytest.mark.parametrize("margin", [0.05, 0.2, 1.0, 4.0])
def test_values_and_gradients_are_those_of_pytorch_metric_learning(mining, margin):
    theirs = TripletMarginLoss(margin, distance=SQUARED)
    for seed in range(3):
        features, identities = (part.float() if part.is_floating_point() else part for part in a_batch(seed))
        torch.manual_seed(seed)
        triplets = mine(squared_distances(unit(features)), identities, mining, margin)
        torch.manual_seed(seed)
        value, gradient = with_gradient(Triplet(margin, mining), features, identities)
        expected, by_them = with_gradient(lambda x, y, t=triplets: theirs(x, y, t), features, identities)
        assert value.item() == pytest.approx(expected.item(), rel=1e-4) and value > 0
        assert torch.allclose(gradient, by_them, rtol=1e-3, atol=1e-5)


def test_the_loss_by_hand():
    """Angles on a circle; batch hard's triplets are seen at once."""
    angles = torch.tensor([0.0, 40, 85, 100]) * math.pi / 180
    features = torch.stack([angles.cos(), angles.sin()], 1) * torch.tensor([[1.0], [5], [0.1], [2]])
    chord = {degrees: 2 - 2 * math.cos(math.radians(degrees)) for degrees in (15, 40, 45, 60, 85)}
    of_each = [chord[40] - chord[85] + 0.2, chord[40] - chord[45] + 0.2, chord[15] - chord[45] + 0.2]
    of_each.append(chord[15] - chord[60] + 0.2)
    assert [value > 0 for value in of_each] == [False, True, False, False]
    identities = torch.tensor([0, 0, 1, 1])
    assert Triplet(0.2, "batch_hard")(features, identities).item() == pytest.approx(of_each[1], abs=1e-6)
    wide = [value + 1.0 for value in of_each]  # none is fulfilled any more but the first
    expected = sum(max(0.0, value) for value in wide) / sum(value > 0 for value in wide)
    assert Triplet(1.2, "batch_hard")(features, identities).item() == pytest.approx(expected, abs=1e-6)


@every_mining
def test_fulfilled_triplets_give_nothing(mining):
    """The hinge: what is far enough apart is left alone."""
    features = torch.eye(4).repeat_interleave(3, 0) + 0.01 * torch.randn(12, 4)
    value, gradient = with_gradient(Triplet(0.2, mining), features, torch.arange(4).repeat_interleave(3))
    assert value == 0 and torch.equal(gradient, torch.zeros(12, 4))


@every_mining
def test_vectors_without_direction_and_vectors_that_are_equal(mining):
    features, identities = torch.randn(12, 6), torch.arange(4).repeat(3)
    features[0] = 0
    features[5] = features[1]  # a person's two
    features[6] = features[3]  # two people's
    value, gradient = with_gradient(Triplet(1.0, mining), features, identities)
    assert value.isfinite() and gradient.isfinite().all() and (gradient[0] == 0).all() and gradient[1:].any()
    for same in (torch.zeros(12, 6), torch.ones(12, 6)):
        value, gradient = with_gradient(Triplet(1.0, mining).eval(), same, identities)
        assert value.isfinite() and gradient.isfinite().all()


@every_mining
def test_what_is_no_number_shows_in_the_loss(mining):
    for where in (slice(None), slice(5, 6)):
        features = torch.randn(12, 6)
        features[where, 2] = math.nan
        assert Triplet(1.0, mining)(features, torch.arange(4).repeat(3)).isnan()


@every_mining
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_only_a_rounding_of_the_features(mining, dtype):
    loss, identities = Triplet(0.5, mining), torch.arange(4).repeat(4)
    features = torch.randn(16, 8).to(dtype)
    found = []
    for x, autocast in ((features.float(), False), (features, False), (features, True)):
        x = x.clone().requires_grad_()
        torch.manual_seed(0)
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            value = loss(x, identities)
        found.append((value.detach(), torch.autograd.grad(value, x)[0].to(dtype)))
    assert found[0][0].dtype == found[1][0].dtype == torch.float32
    assert all(torch.equal(a, b) for other in found[1:] for a, b in zip(found[0], other))


@pytest.mark.parametrize("margin", [0.0, -0.1, 4.1, math.nan])
def test_margins_out_of_range(margin):
    with pytest.raises(ValueError, match=rf"margin={margin} is not in \(0, 4\]"):
        Triplet(margin)


def test_an_unknown_mining_is_named_with_those_there_are():
    for make in (lambda: Triplet(mining="hardest"), lambda: mine(torch.zeros(2, 2), torch.arange(2), "hardest")):
        with pytest.raises(ValueError, match=r"mining='hardest'.*none of random, semihard, batch_hard"):
            make()


def test_the_papers_settings_are_the_defaults():
    assert (Triplet().margin, Triplet().mining) == (0.2, "semihard")


PAIRS = torch.arange(4).repeat(3)


def collapsed(spread=0.05):
    return torch.ones(12, 8) + spread * torch.randn(12, 8)


@every_mining
def test_a_collapse_is_seen_at_the_third_look_and_the_remedy_named(mining):
    loss = Triplet(0.2, mining)
    for _ in range(40):
        assert loss(collapsed(), PAIRS).isfinite()
    features = collapsed()
    distances = squared_distances(unit(features))[PAIRS[:, None] != PAIRS]
    message = rf"people are {distances.mean():.1e} apart in .*costs the margin, 0\.2.*Begin with mining='semihard'"
    with pytest.raises(Collapse, match=message):
        loss(features, PAIRS)
    assert issubclass(Collapse, FloatingPointError)


def test_what_has_not_collapsed_is_left_alone():
    evaluated, healthy, recovered = (Triplet() for _ in range(3))
    evaluated.eval()
    for step in range(90):
        evaluated(collapsed(), PAIRS)
        healthy(collapsed(spread=0.15), PAIRS)
        recovered(collapsed(0.2 if step == 40 else 0.05), PAIRS)  # the third look finds people apart
    with pytest.raises(Collapse):
        for _ in range(90):
            recovered(collapsed(), PAIRS)


def test_people_apart_is_measured_between_people():
    """Every person at one point, and the points apart: that is what training is for."""
    loss = Triplet()
    for _ in range(90):
        loss(torch.eye(4)[PAIRS], PAIRS)


@pytest.mark.parametrize("identities", [torch.arange(12), torch.zeros(12, dtype=torch.int64)])
def test_a_set_without_pairs_is_refused_with_advice(identities):
    message = rf"12 pictures of {len(identities.unique())} people.*data\.batches\(\.\.\., pictures_per_person=4\)"
    with pytest.raises(ValueError, match=message):
        Triplet()(torch.randn(12, 8), identities)
    value, gradient = with_gradient(Triplet().eval(), torch.randn(12, 8), identities)
    assert value == 0 and not gradient.any()


def test_a_weighted_sum_adds_up_and_tells_its_weights_to_a_checkpoint():
    head, triplet = arcface(8, 4, scale=16.0), Triplet(0.5, "batch_hard")
    mixed = WeightedSum((1.0, head), (0.25, triplet))
    features = torch.randn(12, 8)
    value, gradient = with_gradient(mixed, features, PAIRS)
    parts = [with_gradient(loss, features, PAIRS) for loss in (head, triplet)]
    assert value.item() == pytest.approx(parts[0][0].item() + 0.25 * parts[1][0].item(), rel=1e-6)
    assert torch.allclose(gradient, parts[0][1] + 0.25 * parts[1][1], atol=1e-6)
    assert len(list(mixed.parameters())) == 1
    settings = checkpoints.settings_of(nn.ModuleDict({"loss": mixed}))
    of_triplet = {name: value for name, value in settings.items() if ".1." in name}
    assert settings["loss.mixed"] == "1.0, 0.25" and settings["loss.losses.0.angle"] == 0.5
    assert of_triplet == {"loss.losses.1.margin": 0.5, "loss.losses.1.mining": "batch_hard"}  # nothing that changes
    other = WeightedSum((1.0, CrossEntropy(8, 4)), (0.5, Triplet()))
    assert other.mixed == "1.0, 0.5"
