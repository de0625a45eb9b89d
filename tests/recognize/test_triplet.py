"""Triplets and their loss against plain loops and pytorch-metric-learning, and what happens where they break."""

import math

import pytest
import torch
from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.losses import TripletMarginLoss
from pytorch_metric_learning.miners import BatchHardMiner, TripletMarginMiner

from dlsfaces.recognize import Collapse, Triplet, arcface, mine, squared_distances
from dlsfaces.recognize.margins import unit
from dlsfaces.recognize.triplet import MININGS, WeightedSum

SQUARED = LpDistance(normalize_embeddings=True, p=2, power=2)
PAIRS = torch.arange(4).repeat(3)
every_mining = pytest.mark.parametrize("mining", MININGS)


def a_batch(seed, n_people=5, count=18, dim=4):
    """Uneven numbers of images, one person with one image only; in float64, so that formulas agree exactly."""
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


def by_loops(d, y, margin):
    """Semihard: the negative's distance by anchor and positive; batch hard: both distances by anchor."""
    semihard, hard = {}, {}
    for a in range(len(y)):
        positives = [p for p in range(len(y)) if p != a and y[p] == y[a]]
        negatives = [d[a][n] for n in range(len(y)) if y[n] != y[a]]
        for p in positives:
            if further := [far for far in negatives if d[a][p] < far < d[a][p] + margin]:
                semihard[a, p] = min(further)
        if positives and negatives:
            hard[a] = max(d[a][p] for p in positives), min(negatives)
    return semihard, hard


@pytest.mark.parametrize("digits", [16, 1], ids=["all differ", "many are equal"])
@pytest.mark.parametrize("n_people", [5, 1, 12])
def test_what_is_mined_is_what_loops_find(digits, n_people):
    for seed in range(20):
        features, identities = a_batch(seed, n_people)
        distances = squared_distances(features / features.norm(dim=1, keepdim=True)).round(decimals=digits)
        d, y = distances.tolist(), identities.tolist()
        semihard, hard, chance = (as_set(mine(distances, identities, m)) for m in ("semihard", "batch_hard", "random"))
        assert all(y[a] == y[p] != y[n] and a != p for found in (semihard, hard, chance) for a, p, n in found)
        by_pair, by_anchor = by_loops(d, y, 0.2)
        assert {(a, p): d[a][n] for a, p, n in semihard} == by_pair and len(semihard) == len(by_pair)
        assert {a: (d[a][p], d[a][n]) for a, p, n in hard} == by_anchor and len(hard) == len(by_anchor)
        assert sorted(a for a, _, _ in chance) == sorted(by_anchor)


def test_chance_follows_torchs_seed_and_reaches_every_candidate():
    identities, distances = torch.tensor([0, 0, 0, 1, 1, 2]), torch.zeros(6, 6)

    def draws(seed):
        torch.manual_seed(seed)
        return [mine(distances, identities, "random") for _ in range(400)]

    drawn = draws(0)
    assert [as_set(t) for t in drawn] == [as_set(t) for t in draws(0)] != [as_set(t) for t in draws(1)]
    of_first = [(triplets.positives[0].item(), triplets.negatives[0].item()) for triplets in drawn]
    assert all(of_first.count((p, n)) == pytest.approx(400 / 6, abs=25) for p in (1, 2) for n in (3, 4, 5))


def test_miners_are_those_of_pytorch_metric_learning():
    """Its semihard miner takes all semihard negatives of a pair, ours the nearest."""
    semihard = TripletMarginMiner(0.7, type_of_triplets="semihard", distance=SQUARED)
    hard = BatchHardMiner(distance=SQUARED)
    for seed in range(10):
        features, identities = a_batch(seed)
        distances, theirs = SQUARED(features), {}
        for a, p, n in as_set(semihard(features, identities)):
            theirs.setdefault((a, p), []).append((distances[a, n].item(), n))
        ours = as_set(mine(distances, identities, "semihard", 0.7))
        assert ours == {(a, p, min(found)[1]) for (a, p), found in theirs.items()} and len(ours) > 5
        assert as_set(mine(distances, identities, "batch_hard")) == as_set(hard(features, identities))


@every_mining
@pytest.mark.parametrize("margin", [0.05, 0.2, 4.0])
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


@every_mining
def test_fulfilled_triplets_give_nothing(mining):
    """The hinge: what is far enough apart is left alone."""
    features = torch.eye(4).repeat_interleave(3, 0) + 0.01 * torch.randn(12, 4)
    value, gradient = with_gradient(Triplet(0.2, mining), features, torch.arange(4).repeat_interleave(3))
    assert value == 0 and torch.equal(gradient, torch.zeros(12, 4))


@every_mining
def test_vectors_without_direction_vectors_that_are_equal_and_nan(mining):
    features = torch.randn(12, 6)
    features[0] = 0
    features[5] = features[1]  # a person's two
    features[6] = features[3]  # two people's
    value, gradient = with_gradient(Triplet(1.0, mining), features, PAIRS)
    assert value.isfinite() and gradient.isfinite().all() and (gradient[0] == 0).all() and gradient[1:].any()
    for same in (torch.zeros(12, 6), torch.ones(12, 6)):
        value, gradient = with_gradient(Triplet(1.0, mining).eval(), same, PAIRS)
        assert value.isfinite() and gradient.isfinite().all()
    features[5:6, 2] = math.nan
    assert Triplet(1.0, mining)(features, PAIRS).isnan()


@every_mining
def test_half_precision_is_only_a_rounding_of_the_features(mining):
    loss, found = Triplet(0.5, mining), []
    features = torch.randn(12, 8).half()
    for x in (features.float(), features):
        torch.manual_seed(0)
        with torch.autocast("cpu", torch.bfloat16, enabled=x.dtype == torch.float16):
            found.append(loss(x, PAIRS))
    assert found[1].dtype == torch.float32 and torch.equal(*found)


def test_settings_out_of_range_are_named():
    for margin in (0.0, 4.1, math.nan):
        with pytest.raises(ValueError, match=rf"margin={margin} is not in \(0, 4\]"):
            Triplet(margin)
    for make in (lambda: Triplet(mining="hardest"), lambda: mine(torch.zeros(2, 2), torch.arange(2), "hardest")):
        with pytest.raises(ValueError, match=r"mining='hardest'.*none of random, semihard, batch_hard"):
            make()
    assert (Triplet().margin, Triplet().mining) == (0.2, "semihard")  # the paper's


def collapsed(spread=0.05):
    return torch.ones(12, 8) + spread * torch.randn(12, 8)


def test_a_collapse_is_seen_at_the_third_look_and_the_remedy_named():
    loss, recovered, evaluated = Triplet(), Triplet(), Triplet().eval()
    for step in range(40):
        assert loss(collapsed(), PAIRS).isfinite()
        recovered(collapsed(0.2 if step == 20 else 0.05), PAIRS)  # the second look finds people apart
    with pytest.raises(Collapse, match=r"people are .* apart.*costs the margin, 0\.2.*Begin with mining='semihard'"):
        loss(collapsed(), PAIRS)
    for _ in range(90):
        evaluated(collapsed(), PAIRS)
        recovered(torch.eye(4)[PAIRS], PAIRS)  # every person at one point, and the points apart: that is the aim


@pytest.mark.parametrize("identities", [torch.arange(12), torch.zeros(12, dtype=torch.int64)])
def test_a_set_without_pairs_is_refused_with_advice(identities):
    message = rf"12 images of {len(identities.unique())} people.*data\.batches\(\.\.\., images_per_person=4\)"
    with pytest.raises(ValueError, match=message):
        Triplet()(torch.randn(12, 8), identities)
    value, gradient = with_gradient(Triplet().eval(), torch.randn(12, 8), identities)
    assert value == 0 and not gradient.any()


def test_a_weighted_sum_adds_up_and_tells_its_weights_to_a_checkpoint():
    parts = arcface(8, 4, scale=16.0), Triplet(0.5, "batch_hard")
    mixed, features = WeightedSum(*zip((1.0, 0.25), parts)), torch.randn(12, 8)
    value, gradient = with_gradient(mixed, features, PAIRS)
    (one, of_one), (two, of_two) = (with_gradient(loss, features, PAIRS) for loss in parts)
    assert value.item() == pytest.approx(one.item() + 0.25 * two.item(), rel=1e-6)
    assert torch.allclose(gradient, of_one + 0.25 * of_two, atol=1e-6)
    assert len(list(mixed.parameters())) == 1 and mixed.mixed == "1.0, 0.25"


@pytest.mark.fault("unknown people")
@pytest.mark.parametrize("mining", MININGS)
def test_unknown_people_are_in_no_triplet(mining):
    features, identities = a_batch(3)
    known = torch.arange(len(identities)) % 4 > 0
    triplets = mine(squared_distances(unit(features)), identities.where(known, -1), mining)
    assert len(triplets[0]) and known[torch.cat(triplets)].all()
    if mining != "random":
        alone = mine(squared_distances(unit(features[known])), identities[known], mining)
        assert [known.nonzero()[part, 0].tolist() for part in alone] == [part.tolist() for part in triplets]
    with pytest.raises(ValueError, match="of 0 people holds no triplet"):
        Triplet(mining=mining)(features, torch.full_like(identities, -1))
