"""Margins against pytorch-metric-learning, against their formulas in float64, and at the edges where losses break."""

import copy
import math

import pytest
import torch
from pytorch_metric_learning.losses import ArcFaceLoss, CosFaceLoss
from torch.nn import functional as F

from dlsfaces.recognize import AdaFace, AngularMargin, add_angle, arcface, cosface
from dlsfaces.recognize.margins import unit

DIM, PEOPLE, SCALE = 8, 5, 16.0
MARGINS = [0.1, 0.3, 0.5, 1.0, 1.5]
HEADS = {
    "cosface": lambda **more: cosface(DIM, PEOPLE, scale=SCALE, **more),
    "arcface": lambda **more: arcface(DIM, PEOPLE, scale=SCALE, **more),
    "both": lambda **more: AngularMargin(DIM, PEOPLE, angle=0.3, cosine=0.2, scale=SCALE, **more),
    "adaface": lambda **more: AdaFace(DIM, PEOPLE, scale=SCALE, **more),
    "none": lambda **more: AngularMargin(DIM, PEOPLE, scale=SCALE, **more),
}
every_head = pytest.mark.parametrize("make", HEADS.values(), ids=HEADS)


def some(count=12, seed=0):
    """Features of lengths from 0.5 to 20; the last two lie opposite their person, where an angle passes pi."""
    generator = torch.Generator().manual_seed(100 + seed)  # other numbers than the weights'
    features = torch.randn(count, DIM, generator=generator)
    features *= torch.linspace(0.2, 7, count)[:, None]
    return features, torch.arange(count) % PEOPLE


def far_too(features, identities, weight):
    """Two of the features are moved to where theta + m is beyond pi."""
    generator = torch.Generator().manual_seed(1)
    features[-2:] = -3 * weight.detach()[identities[-2:]] + 0.1 * torch.randn(2, DIM, generator=generator)
    return features


def by_formula(features, weight, identities, angle=0.0, cosine=0.0, scale=SCALE):
    """In float64, with the arc cosine written out; angle and cosine may be one a face."""
    x, w = features.double(), weight.double()
    cos = (x @ w.T) / (x.norm(dim=1, keepdim=True) * w.norm(dim=1))
    angle, cosine = (torch.as_tensor(m).double().expand(len(x)) for m in (angle, cosine))
    losses = []
    for i, y in enumerate(identities.tolist()):
        theta, m = cos[i, y].arccos(), angle[i]
        if m > 0 and theta + m > math.pi:
            true = cos[i, y] - m * m.sin()
        elif theta + m < 0:
            true = 1 + 0 * theta
        else:
            true = (theta + m).cos()
        others = [(scale * cos[i, j]).exp() for j in range(len(w)) if j != y]
        own = (scale * (true - cosine[i])).exp()
        losses.append(-(own / (own + sum(others))).log())
    return sum(losses) / len(losses)


def gradients(loss, *inputs):
    return torch.autograd.grad(loss, inputs)


def with_gradients(head, features, identities, weight=None):
    features = features.detach().clone().requires_grad_()
    loss = head(features, identities)
    return (loss.detach(), *gradients(loss, features, head.weight if weight is None else weight))


def same(found, expected, rtol=1e-4):
    for a, b in zip(found, expected, strict=True):
        assert torch.allclose(a.double(), b.double(), rtol=rtol, atol=rtol * b.abs().max().item())


@pytest.mark.parametrize("margin", MARGINS)
@pytest.mark.parametrize("name", ["cosface", "arcface"])
def test_values_and_gradients_are_those_of_pytorch_metric_learning(name, margin):
    head = {"cosface": cosface, "arcface": arcface}[name](DIM, PEOPLE, margin, SCALE)
    features, identities = some()
    features = far_too(features, identities, head.weight)
    if name == "cosface":
        theirs = CosFaceLoss(PEOPLE, DIM, margin=margin, scale=SCALE)
    else:
        theirs = ArcFaceLoss(PEOPLE, DIM, margin=math.degrees(margin), scale=SCALE)
    theirs.W.data = head.weight.detach().T.clone()
    x = features.clone().requires_grad_()
    loss = theirs(x, identities)
    expected, expected_weight = gradients(loss, x, theirs.W)
    same(with_gradients(head, features, identities), (loss, expected, expected_weight.T))


@pytest.mark.parametrize(("angle", "cosine"), [(0.0, 0.0), (0.5, 0.0), (1.5, 0.0), (0.0, 0.35), (0.3, 0.2)])
def test_values_and_gradients_by_the_formula_in_float64(angle, cosine):
    head = AngularMargin(DIM, PEOPLE, angle=angle, cosine=cosine, scale=SCALE)
    features, identities = some()
    features = far_too(features, identities, head.weight)
    x, w = features.double().requires_grad_(), head.weight.detach().double().requires_grad_()
    loss = by_formula(x, w, identities, angle, cosine)
    found = with_gradients(head, features, identities)
    same(found, (loss, *gradients(loss, x, w)))
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


@pytest.mark.parametrize("margin", MARGINS)
def test_the_true_logit_falls_and_the_loss_rises_all_the_way_to_the_opposite(margin):
    theta = torch.linspace(0, math.pi, 5001, dtype=torch.float64)
    logit = add_angle(theta.cos(), torch.tensor(margin, dtype=torch.float64))
    falls = -logit.diff()
    assert (falls[theta[:-1] > 2e-3] > 0).all() and (falls >= 0).all()
    for head in (cosface(3, 2, margin, scale=4.0), arcface(3, 2, margin, scale=4.0), AngularMargin(3, 2, scale=4.0)):
        with torch.no_grad():
            head.weight.copy_(torch.tensor([[1.0, 0, 0], [0, 0, 1]]))  # the other person is at a right angle always
        faces = torch.stack([theta.cos(), theta.sin(), 0 * theta], 1)[::100]
        losses = torch.stack([head(face[None], torch.tensor([0])) for face in faces])
        assert (losses.diff() > 0).all()


@every_head
def test_a_cosine_of_exactly_one_and_minus_one(make):
    head = make()
    for factor in (1.0, -1.0, 3.0, -0.1):
        loss, *found = with_gradients(head, factor * head.weight, torch.arange(PEOPLE))
        assert loss.isfinite() and all(g.isfinite().all() for g in found)
    for angle in (-1.0, -0.3, 0.0, 0.3, 1.5):
        cosine = torch.tensor([1.0, -1.0, 1 + 1e-7, -1 - 1e-7], requires_grad=True)
        widened = add_angle(cosine, torch.tensor(angle))
        (slope,) = gradients(widened.sum(), cosine)
        assert slope.isfinite().all() and slope[0] == 0
        cosine = torch.tensor([1.0, -1.0]).nextafter(torch.zeros(2)).requires_grad_()  # as near as float32 comes
        assert gradients(add_angle(cosine, torch.tensor(angle)).sum(), cosine)[0].abs().max() <= 1
        assert torch.allclose(widened[::2].detach(), torch.tensor(math.cos(max(0.0, angle))), atol=2e-3)


@pytest.mark.parametrize("margin", [0.0, *MARGINS])
@pytest.mark.parametrize("sign", [1, -1])
def test_near_the_poles_gradients_stay_small(margin, sign):
    """The slope grows without bound towards 0 and pi; what reaches the features must not."""
    head = arcface(DIM, PEOPLE, margin)
    features = sign * head.weight.detach() / head.weight.detach().norm(dim=1, keepdim=True)
    for distance in (0, 1e-8, 1e-6, 1e-4, 1e-3, 1e-2):
        _, *found = with_gradients(head, features + distance * torch.randn(PEOPLE, DIM), torch.arange(PEOPLE))
        assert all(g.abs().max() < 64 for g in found)


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
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_only_a_rounding_of_the_features(make, dtype):
    head, (features, identities) = make().eval(), some()
    features = features.to(dtype)
    loss, of_features, of_weight = with_gradients(head, features, identities)
    expected, expected_features, expected_weight = with_gradients(head, features.float(), identities)
    assert loss.dtype == torch.float32 and of_features.dtype == dtype
    assert torch.equal(loss, expected) and torch.equal(of_weight, expected_weight)
    assert torch.equal(of_features, expected_features.to(dtype))
    x = features.clone().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        inside, logits = head(x, identities), head.logits(x)
    assert torch.equal(inside, loss) and torch.equal(logits, head.logits(features.float()))
    assert all(torch.equal(a, b) for a, b in zip(gradients(inside, x, head.weight), (of_features, of_weight)))


@every_head
@pytest.mark.parametrize(("dtype", "size"), [(torch.float32, 1e30), (torch.float32, 1e15), (torch.float16, 6e4)])
def test_huge_features(make, dtype, size):
    head, (features, identities) = make(), some()
    features = (features / features.abs().amax(1, keepdim=True) * size).to(dtype)
    loss, *found = with_gradients(head, features, identities)
    assert loss.isfinite() and all(g.isfinite().all() for g in found)
    if size < 1e19 and not isinstance(head, AdaFace):  # to which the length means something
        expected = with_gradients(head, (features.double() / size).float(), identities)
        same((loss, found[1]), (expected[0], expected[2]))


@every_head
def test_what_is_no_number_shows_in_the_loss(make):
    for bad in (math.nan, math.inf):
        features, identities = some()
        features[5, 2] = bad
        assert make()(features, identities).isnan()


@every_head
def test_a_batch_of_one(make):
    loss, *found = with_gradients(make(), some(1)[0], torch.tensor([4]))
    assert loss.isfinite() and all(g.isfinite().all() and g.any() for g in found)


def test_without_a_margin_it_is_the_cross_entropy_of_the_logits():
    head, (features, identities) = HEADS["none"](), some()
    x = features.clone().requires_grad_()
    loss = F.cross_entropy(head.logits(x), identities)
    same(with_gradients(head, features, identities), (loss, *gradients(loss, x, head.weight)))


def test_a_loss_that_is_multiplied_has_gradients_that_are():
    head, (features, identities) = HEADS["arcface"](), some()
    once = with_gradients(head, features, identities)
    thrice = with_gradients(lambda x, y: 3 * head(x, y), features, identities, head.weight)
    same(thrice, [3 * part for part in once])


@every_head
def test_logits_are_scaled_cosines_without_a_margin(make):
    head, (features, _) = make(warmup_steps=3, start_scale=1.0), some()
    expected = SCALE * F.cosine_similarity(features[:, None].double(), head.weight[None].double(), dim=2)
    assert torch.allclose(head.logits(features).double(), expected, atol=1e-5)
    assert head.steps == 0


@pytest.mark.parametrize(("angle", "cosine"), [(0.5, 0.0), (0.0, 0.4), (0.3, 0.2)])
def test_margins_and_scale_grow_along_a_line(angle, cosine):
    features, identities = some()
    head = AngularMargin(DIM, PEOPLE, angle=angle, cosine=cosine, scale=64.0, warmup_steps=4, start_scale=16.0)

    def at(grown):
        plain = AngularMargin(DIM, PEOPLE, angle=angle * grown, cosine=cosine * grown, scale=16.0 + 48.0 * grown)
        plain.weight = head.weight
        return plain(features, identities).item()

    for step, grown in enumerate([0, 0.25]):
        head.eval()
        assert head(features, identities).item() == pytest.approx(at(grown), rel=1e-5)  # which counts no step
        head.train()
        assert head.steps == step and head(features, identities).item() == pytest.approx(at(grown), rel=1e-5)
    again = AngularMargin(DIM, PEOPLE, angle=angle, cosine=cosine, scale=64.0, warmup_steps=4, start_scale=16.0)
    again.load_state_dict(head.state_dict())
    for grown in (0.5, 0.75, 1, 1, 1):
        assert again(features, identities).item() == pytest.approx(at(grown), rel=1e-5)


def test_without_a_schedule_all_is_there_from_the_first_step():
    features, identities = some()
    head = AngularMargin(DIM, PEOPLE, angle=0.5, scale=SCALE)
    first = head(features, identities)
    assert first == head(features, identities) and head.steps == 0
    scheduled = copy.deepcopy(head)
    scheduled.warmup_steps = 10  # the scale stays where no other one was asked for
    assert scheduled(features, identities).item() == pytest.approx(
        by_formula(features, head.weight, identities).item(), rel=1e-4
    )


def test_adaface_by_its_formula_over_two_batches():
    head = AdaFace(DIM, PEOPLE, margin=0.4, h=0.333, scale=SCALE)
    mean = std = None
    for seed in range(2):
        features, identities = some(seed=seed)
        features *= 1 + seed
        features = far_too(features, identities, head.weight)
        lengths = features.double().norm(dim=1).clamp(1e-3, 100)
        spread = lengths.var(unbiased=False).sqrt()
        mean = lengths.mean() if mean is None else 0.99 * mean + 0.01 * lengths.mean()
        std = spread if std is None else 0.99 * std + 0.01 * spread
        z = ((lengths - mean) / (std + 1e-3) * 0.333).clamp(-1, 1)
        x, w = features.double().requires_grad_(), head.weight.detach().double().requires_grad_()
        loss = by_formula(x, w, identities, -0.4 * z, 0.4 * z + 0.4)  # z is a constant: no gradient through lengths
        same(with_gradients(head, features, identities), (loss, *gradients(loss, x, w)))
        assert head.mean_length.item() == pytest.approx(mean.item(), rel=1e-5)
        assert head.std_length.item() == pytest.approx(std.item(), rel=1e-5)
    assert z.max() > 0.3 and z.min() < -0.3, "qualities that are all alike prove nothing"
    before = {name: value.clone() for name, value in head.state_dict().items()}
    head.eval()
    expected = by_formula(features, head.weight, identities, -0.4 * z, 0.4 * z + 0.4)
    assert head(features, identities).item() == pytest.approx(expected.item(), rel=1e-4)
    head(10 * features, identities)
    assert all(torch.equal(value, before[name]) for name, value in head.state_dict().items())


def test_adaface_gives_a_blurred_face_another_margin_than_a_sharp_one():
    """At the extremes of quality it is ArcFace with a negative angle, and CosFace with a wide margin (the paper's)."""
    head = AdaFace(DIM, PEOPLE)
    features = torch.ones(3, DIM) * torch.tensor([[1e-3], [1.0], [5.0]])
    head.mean_length.fill_(DIM**0.5), head.std_length.fill_(0.1)
    angle, cosine = head.eval().margins(features)
    assert angle.flatten().tolist() == pytest.approx([0.4, 0, -0.4], abs=1e-6)
    assert cosine.flatten().tolist() == pytest.approx([0, 0.4, 0.8], abs=1e-6)
    assert angle.shape == (3, 1)
    for length, counted in ((1e9, 100.0), (0.0, 1e-3)):  # by authors' limits
        head = AdaFace(1, PEOPLE)
        head.margins(torch.tensor([[length]]))
        assert head.mean_length.item() == pytest.approx(counted)


@pytest.mark.parametrize("name", ["cosface", "arcface"])
def test_the_papers_settings_are_the_defaults(name):
    head = {"cosface": cosface, "arcface": arcface}[name](DIM, PEOPLE)
    assert (head.angle, head.cosine, head.scale) == ((0, 0.35, 64) if name == "cosface" else (0.5, 0, 64))
    ada = AdaFace(DIM, PEOPLE)
    assert (ada.margin, ada.h, ada.scale, ada.MOMENTUM) == (0.4, 0.333, 64, 0.01)


def test_vectors_of_length_one_by_finite_differences():
    x = torch.randn(4, 3, 6) * torch.tensor([1e-3, 1, 1e3, 1e-5])[:, None, None]
    x.requires_grad_()
    u, g = unit(x), torch.randn(4, 3, 6)
    exact = x.detach().double().requires_grad_()
    reference = exact / exact.square().sum(-1, keepdim=True).sqrt()
    assert torch.allclose(u.double(), reference, atol=1e-6)
    (found,), (expected,) = gradients((u * g).sum(), x), gradients((reference * g).sum(), exact)
    assert torch.allclose(found.double(), expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))
    for i in range(4):  # of each size, as the largest gradients are a hundred million times the smallest
        assert torch.allclose(found[i].double(), expected[i], rtol=1e-3, atol=1e-5 * float(expected[i].abs().max()))


def test_a_gradient_of_a_gradient_is_refused_not_wrong():
    head, (features, identities) = HEADS["arcface"](), some()
    features.requires_grad_()
    (once,) = torch.autograd.grad(head(features, identities), features, create_graph=True)
    with pytest.raises(RuntimeError, match="differentiate twice"):
        once.square().sum().backward()


@every_head
def test_nothing_larger_than_needed_is_kept_for_the_way_back(make):
    count, people = 12, 300
    head = make()
    head.weight = torch.nn.Parameter(torch.randn(people, DIM))
    kept = {}

    def note(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor  # the same memory kept twice is kept once
        return tensor

    features, identities = some(count)
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        loss = head(features.requires_grad_(), identities)
    sizes = sorted((tensor.numel() for tensor in kept.values()), reverse=True)
    assert sizes[:2] == [count * people, people * DIM] and sizes[2] <= max(people, count * DIM)
    loss.backward()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: arcface(DIM, PEOPLE, -0.1), r"angle=-0\.1.*0 <= angle <= pi / 2 \(radians\)"),
        (lambda: arcface(DIM, PEOPLE, 28.6), r"angle=28\.6.*radians"),
        (lambda: cosface(DIM, PEOPLE, -0.1), r"cosine=-0\.1.*0 <= cosine < 2"),
        (lambda: cosface(DIM, PEOPLE, 2.0), r"cosine=2\.0"),
        (lambda: cosface(DIM, PEOPLE, math.nan), r"cosine=nan"),
        (lambda: arcface(DIM, PEOPLE, scale=0.0), r"scale=0\.0.*needs scales > 0"),
        (lambda: arcface(DIM, PEOPLE, start_scale=-1.0), r"start_scale=-1\.0"),
        (lambda: arcface(DIM, PEOPLE, warmup_steps=-1), r"warmup_steps=-1"),
        (lambda: AdaFace(DIM, PEOPLE, h=0.0), r"h=0\.0: needs to be above 0"),
        (lambda: AdaFace(DIM, PEOPLE, margin=1.0), r"cosine=2\.0"),
        (lambda: AdaFace(DIM, PEOPLE, margin=-0.4), r"angle=-0\.4"),
    ],
)
def test_settings_out_of_range(make, message):
    with pytest.raises(ValueError, match=message):
        make()
