"""Margins against pytorch-metric-learning, against their formulas in float64, and at the edges where losses break."""

import math

import pytest
import torch
from pytorch_metric_learning.losses import ArcFaceLoss, CosFaceLoss

from dlsfaces.recognize import AdaFace, AngularMargin, CrossEntropy, add_angle, arcface, cosface

DIM, PEOPLE, SCALE = 8, 5, 16.0
MARGINS = [0.1, 0.5, 1.5]
HEADS = {
    "cosface": lambda: cosface(DIM, PEOPLE, scale=SCALE),
    "arcface": lambda: arcface(DIM, PEOPLE, scale=SCALE),
    "both": lambda: AngularMargin(DIM, PEOPLE, angle=0.3, cosine=0.2, scale=SCALE),
    "adaface": lambda: AdaFace(DIM, PEOPLE, scale=SCALE),
}
every_head = pytest.mark.parametrize("make", HEADS.values(), ids=HEADS)


def some(count=12, seed=0):
    """Features of lengths from 0.5 to 20."""
    generator = torch.Generator().manual_seed(100 + seed)  # other numbers than the weights'
    features = torch.randn(count, DIM, generator=generator)
    return features * torch.linspace(0.2, 7, count)[:, None], torch.arange(count) % PEOPLE


def far_too(features, identities, weight):
    """Two of the features are moved to where theta + m is beyond pi."""
    generator = torch.Generator().manual_seed(1)
    features[-2:] = -3 * weight.detach()[identities[-2:]] + 0.1 * torch.randn(2, DIM, generator=generator)
    return features


def by_formula(features, weight, identities, angle=0.0, cosine=0.0, scale=SCALE):
    """In float64, face by face, with the arc cosine written out; angle and cosine may be one a face."""
    x, w = features.double(), weight.double()
    cos = (x @ w.T) / (x.norm(dim=1, keepdim=True) * w.norm(dim=1))
    total = 0
    for row, y, m, c in zip(cos, identities, *(torch.as_tensor(m).double().expand(len(x)) for m in (angle, cosine))):
        theta = row[y].arccos()
        true = (theta + m).cos() if theta + m > 0 else 1 + 0 * theta
        if m > 0 and theta + m > math.pi:
            true = row[y] - m * m.sin()
        own, others = (scale * (true - c)).exp(), (scale * row).exp().sum() - (scale * row[y]).exp()
        total = total - (own / (own + others)).log() / len(x)
    return total


def with_gradients(head, features, identities):
    features = features.detach().clone().requires_grad_()
    loss = head(features, identities)
    return (loss.detach(), *torch.autograd.grad(loss, (features, head.weight)))


def same(found, expected, rtol=1e-4):
    for a, b in zip(found, expected, strict=True):
        assert torch.allclose(a.double(), b.double(), rtol=rtol, atol=rtol * b.abs().max().item())


@pytest.mark.parametrize("margin", MARGINS)
@pytest.mark.parametrize(
    ("ours", "peer", "unit"), [(cosface, CosFaceLoss, 1), (arcface, ArcFaceLoss, 180 / math.pi)], ids=["cos", "arc"]
)
def test_values_and_gradients_are_those_of_pytorch_metric_learning(ours, peer, unit, margin):
    head, theirs = ours(DIM, PEOPLE, margin, SCALE), peer(PEOPLE, DIM, margin=margin * unit, scale=SCALE)
    theirs.W.data = head.weight.detach().T.clone()
    features, identities = some()
    x = far_too(features, identities, head.weight).requires_grad_()
    loss = theirs(x, identities)
    expected, expected_weight = torch.autograd.grad(loss, (x, theirs.W))
    same(with_gradients(head, features, identities), (loss, expected, expected_weight.T))


@pytest.mark.parametrize(("angle", "cosine"), [(0.0, 0.0), (0.5, 0.0), (1.5, 0.0), (0.0, 0.35), (0.3, 0.2)])
def test_values_and_gradients_by_the_formula_in_float64(angle, cosine):
    head = AngularMargin(DIM, PEOPLE, angle=angle, cosine=cosine, scale=SCALE)
    features, identities = some()
    features = far_too(features, identities, head.weight)
    x, w = features.double().requires_grad_(), head.weight.detach().double().requires_grad_()
    loss = by_formula(x, w, identities, angle, cosine)
    found = with_gradients(head, features, identities)
    same(found, (loss, *torch.autograd.grad(loss, (x, w))))
    # Once more without any autograd: central differences along random directions.
    for seed, (inputs, gradient) in enumerate(zip((x, w), found[1:])):
        step = 1e-5 * torch.randn(inputs.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        two = [(x + s * step, w) if inputs is x else (x, w + s * step) for s in (1, -1)]
        up, down = (by_formula(*pair, identities, angle, cosine).item() for pair in two)
        assert (gradient.double() * step).sum().item() == pytest.approx((up - down) / 2, rel=1e-3, abs=1e-10)


@pytest.mark.parametrize("angle", [*MARGINS, 0.0, -0.2, -0.4])
def test_a_widened_angle_by_finite_differences(angle):
    cosine = torch.linspace(-0.97, 0.97, 41, dtype=torch.float64)
    cosine = cosine[(cosine.abs() - math.cos(angle)).abs() > 1e-3].requires_grad_()
    angle = torch.tensor(angle, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda c: add_angle(c, angle), cosine)
    theta = cosine.detach().arccos()
    inside = (theta + angle > 0) & (theta + angle < math.pi)
    assert inside.sum() > 15
    assert torch.allclose(add_angle(cosine, angle)[inside], (theta + angle).cos()[inside], atol=1e-12)


@every_head
def test_at_the_poles_gradients_are_finite_and_small(make):
    """The slope of an angle grows without bound towards 0 and pi; what reaches the features must not."""
    head = make()
    for factor in (1.0, -1.0, 3.0, -0.1):
        for distance in (0, 1e-8, 1e-6, 1e-4, 1e-2):
            features = factor * head.weight.detach() + distance * torch.randn(PEOPLE, DIM)
            loss, *found = with_gradients(head, features, torch.arange(PEOPLE))
            assert loss.isfinite() and all(g.isfinite().all() and g.abs().max() < 10 * SCALE for g in found)
    for angle in (-1.0, 0.0, 0.3, 1.5):
        cosine = torch.tensor([1.0, -1.0, 1 + 1e-7, -1 - 1e-7], requires_grad=True)
        (slope,) = torch.autograd.grad(add_angle(cosine, torch.tensor(angle)).sum(), cosine)
        assert slope.isfinite().all() and slope[0] == 0


@every_head
def test_without_a_direction_there_is_no_gradient(make):
    head = make()
    features, identities = some()
    features[3], features[4] = 0, 1e-7
    with torch.no_grad():
        head.weight[2] = 0
    loss, of_features, of_weight = with_gradients(head, features, identities)
    assert loss.isfinite() and of_features.isfinite().all() and of_weight.isfinite().all()
    assert (of_features[3:5] == 0).all() and (of_weight[2] == 0).all()
    assert (of_features[:3] != 0).any(1).all() and (of_weight[:2] != 0).any(1).all()


@every_head
def test_half_precision_is_only_a_rounding_of_the_features(make):
    head, (features, identities) = make().eval(), some()
    x = features.half().requires_grad_()
    expected, of_features, of_weight = with_gradients(head, x.float(), identities)
    with torch.autocast("cpu", torch.bfloat16):
        loss, logits = head(x, identities), head.logits(x)
    found = torch.autograd.grad(loss, (x, head.weight))
    assert loss.dtype == torch.float32 and torch.equal(loss, expected) and torch.equal(found[1], of_weight)
    assert torch.equal(found[0], of_features.half()) and torch.equal(logits, head.logits(x.float()))


@every_head
@pytest.mark.parametrize(("dtype", "size"), [(torch.float32, 1e30), (torch.float32, 1e15), (torch.float16, 6e4)])
def test_huge_features_are_no_nan_and_what_is_no_number_shows(make, dtype, size):
    features, identities = some()
    features = (features / features.abs().amax(1, keepdim=True) * size).to(dtype)
    assert all(part.isfinite().all() for part in with_gradients(make(), features, identities))
    for bad in (math.nan, math.inf):
        features[5, 2] = bad
        assert make()(features, identities).isnan()


def test_margins_and_scale_grow_along_a_line_and_go_on_where_they_were():
    features, identities = some()
    options = dict(angle=0.3, cosine=0.2, scale=64.0, warmup_steps=4, start_scale=16.0)
    head, again = AngularMargin(DIM, PEOPLE, **options), AngularMargin(DIM, PEOPLE, **options)

    def at(grown):
        loss = by_formula(features, head.weight, identities, 0.3 * grown, 0.2 * grown, 16 + 48 * grown)
        return pytest.approx(loss.item(), rel=1e-4)

    for step, grown in enumerate([0, 0.25]):
        assert head.eval()(features, identities).item() == at(grown)  # which counts no step
        assert head.steps == step and head.train()(features, identities).item() == at(grown)
    again.load_state_dict(head.state_dict())
    for grown in (0.5, 0.75, 1, 1):
        assert again(features, identities).item() == at(grown)
    cosines = torch.nn.functional.cosine_similarity(features[:, None], head.weight[None], dim=2)
    assert torch.allclose(head.logits(features), 64 * cosines, atol=1e-4) and head.steps == 2  # logits take no margin


def test_adaface_by_its_formula_over_two_batches():
    head = AdaFace(DIM, PEOPLE, margin=0.4, h=0.333, scale=SCALE)
    mean = std = None
    for seed in range(2):
        features, identities = some(seed=seed)
        features = far_too(features * (1 + seed), identities, head.weight)
        lengths = features.double().norm(dim=1).clamp(1e-3, 100)
        spread = lengths.var(unbiased=False).sqrt()
        mean = lengths.mean() if mean is None else 0.99 * mean + 0.01 * lengths.mean()
        std = spread if std is None else 0.99 * std + 0.01 * spread
        z = ((lengths - mean) / (std + 1e-3) * 0.333).clamp(-1, 1)
        x, w = features.double().requires_grad_(), head.weight.detach().double().requires_grad_()
        loss = by_formula(x, w, identities, -0.4 * z, 0.4 * z + 0.4)  # z is a constant: no gradient through lengths
        same(with_gradients(head, features, identities), (loss, *torch.autograd.grad(loss, (x, w))))
        same((head.mean_length, head.std_length), (mean, std))
    assert z.max() > 0.3 and z.min() < -0.3, "qualities that are all alike prove nothing"
    before = {name: value.clone() for name, value in head.state_dict().items()}
    assert head.eval()(features, identities).item() == pytest.approx(loss.item(), rel=1e-4)
    head(10 * features, identities)
    assert all(torch.equal(value, before[name]) for name, value in head.state_dict().items())


def test_the_names_of_what_is_kept_and_the_papers_settings():
    assert list(AdaFace(DIM, PEOPLE).state_dict()) == ["weight", "steps", "mean_length", "std_length"]
    cos, arc, ada = cosface(DIM, PEOPLE), arcface(DIM, PEOPLE), AdaFace(DIM, PEOPLE)
    assert (cos.angle, cos.cosine, cos.scale, arc.angle, arc.cosine, arc.scale) == (0, 0.35, 64, 0.5, 0, 64)
    assert (ada.margin, ada.h, ada.scale, ada.MOMENTUM) == (0.4, 0.333, 64, 0.01)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: arcface(DIM, PEOPLE, 28.6), r"angle=28\.6.*0 <= angle <= pi / 2 \(radians\)"),
        (lambda: cosface(DIM, PEOPLE, 2.0), r"cosine=2\.0.*0 <= cosine < 2"),
        (lambda: cosface(DIM, PEOPLE, math.nan), r"cosine=nan"),
        (lambda: arcface(DIM, PEOPLE, start_scale=-1.0), r"start_scale=-1\.0.*needs scales > 0"),
        (lambda: arcface(DIM, PEOPLE, warmup_steps=-1), r"warmup_steps=-1"),
        (lambda: AdaFace(DIM, PEOPLE, h=0.0), r"h=0\.0: needs to be above 0"),
    ],
)
def test_settings_out_of_range(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.fault("unknown people")
@pytest.mark.parametrize("make", [*HEADS.values(), lambda: CrossEntropy(DIM, PEOPLE, 0.1)], ids=[*HEADS, "softmax"])
def test_unknown_people_are_left_out_of_the_loss(make):
    torch.manual_seed(0)
    head, (features, identities) = make().eval(), some()
    known = torch.arange(12) % 3 > 0
    features.requires_grad_()
    wanted = head(features[known], identities[known])
    found = head(features, identities.where(known, -1))
    assert torch.allclose(found, wanted)
    (gradient,) = torch.autograd.grad(found, features)
    assert torch.allclose(gradient, torch.autograd.grad(wanted, features)[0], atol=1e-7) and gradient[known].any()
