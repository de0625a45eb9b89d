import pytest
import torch

from dlsfaces import geometry
from dlsfaces.align import HeatmapLoss, LandmarkRegression, RegressionLoss, StackedHourglass
from dlsfaces.align.networks import Hourglass

TEMPLATE = geometry.ARCFACE.template / 112
KINDS = [LandmarkRegression, StackedHourglass]
LOSSES = {LandmarkRegression: RegressionLoss, StackedHourglass: HeatmapLoss}


def squares(n=2, side=64):
    return torch.rand(n, 3, side, side, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("kind", "size", "millions"),
    [
        (LandmarkRegression, "small", 0.4),
        (LandmarkRegression, "medium", 0.8),
        (LandmarkRegression, "large", 6.9),
        (StackedHourglass, "small", 0.1),
        (StackedHourglass, "medium", 0.4),
        (StackedHourglass, "large", 3.1),
    ],
)
def test_sizes_have_the_weights_that_are_told_of_them(kind, size, millions):
    model = kind(TEMPLATE, size).eval()
    assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(millions, abs=0.051)
    found = model.find(squares(1))
    assert found.points.shape == (1, 5, 2) and found.confidence.shape == (1, 5)


@pytest.mark.parametrize("n_points", [5, 68])
@pytest.mark.parametrize("side", [32, 64, 96])
def test_shapes(side, n_points):
    template, images = torch.rand(n_points, 2), squares(2, side)
    assert LandmarkRegression(template, "small", side)(images).shape == (2, n_points, 3)
    assert StackedHourglass(template, "medium", side)(images).shape == (2, 2, n_points, side // 2, side // 2)
    assert Hourglass(2, 8)(torch.rand(1, 8, 12, 20)).shape == (1, 8, 12, 20)


@pytest.mark.parametrize("kind", KINDS)
def test_what_does_not_fit_is_said(kind):
    model = kind(TEMPLATE, "small")
    with pytest.raises(ValueError, match=r"takes float images in \[0, 1\], not torch.uint8"):
        model(torch.zeros(1, 3, 64, 64, dtype=torch.uint8))
    for shape in ((1, 3, 64, 32), (1, 1, 64, 64), (1, 3, 96, 96)):
        with pytest.raises(ValueError, match=r"this network takes \(N, 3, 64, 64\)"):
            model(torch.zeros(shape))
    with pytest.raises(ValueError, match="size='huge' is none of small, medium, large"):
        kind(TEMPLATE, "huge")
    for side in (0, 16, 48, 100):
        with pytest.raises(ValueError, match=f"image_size={side} is no multiple of 32"):
            kind(TEMPLATE, "small", side)


def test_an_untrained_regression_gives_the_template():
    torch.manual_seed(0)
    model = LandmarkRegression(TEMPLATE, "small").eval()
    found = model.find(squares(4))
    assert (found.points / 64 - TEMPLATE).abs().max() < 0.02
    out = model(squares(4))
    assert torch.allclose(out[..., :2] * 64, found.points) and (out[..., 2] + 4).abs().max() < 0.02


def test_the_regressions_confidence_falls_with_the_error_that_it_expects():
    model = LandmarkRegression(TEMPLATE, "small").eval()
    with torch.no_grad():
        model.body[-1].weight.zero_()
        model.body[-1].bias.view(5, 3)[:, 2] = torch.tensor([0.0, 0.01, 0.05, 0.2, 1.0]).log() + 4
    confidence = model.find(squares(1)).confidence[0]
    assert torch.allclose(confidence, torch.exp(-torch.tensor([0, 0.2, 1, 4, 20.0])), atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", ["small", "medium"])
def test_the_loss_reaches_every_weight_of_every_stack(kind, size):
    torch.manual_seed(0)
    model = kind(TEMPLATE, size)
    LOSSES[kind]()(model(squares(4)), TEMPLATE.expand(4, 5, 2) + 0.1).backward()
    for name, weight in model.named_parameters():
        assert weight.grad is not None and weight.grad.isfinite().all(), name
        assert weight.grad.abs().max() > 0, name


@pytest.mark.parametrize("kind", KINDS)
def test_in_evaluation_a_face_gets_the_same_in_any_batch(kind):
    torch.manual_seed(0)
    model = kind(TEMPLATE, "small").eval()
    images = squares(5)
    whole, again, alone = model(images), model(images), model(images[2:3])
    assert torch.equal(whole, again) and torch.allclose(whole[2:3], alone, atol=1e-5)
    assert not torch.allclose(whole[2:3], model(images[3:4]), atol=1e-6)


def test_the_hourglass_reads_its_last_stacks_maps_in_pixels_of_the_image(monkeypatch):
    from dlsfaces.align import gaussian_heatmaps

    model = StackedHourglass(TEMPLATE, "medium").eval()
    shares = TEMPLATE.expand(2, 5, 2) + torch.tensor([[[0.01, -0.03]], [[0.05, 0.0]]])
    good, bad = gaussian_heatmaps(32 * shares, (32, 32)), gaussian_heatmaps(32 * shares.flip(1), (32, 32))
    monkeypatch.setattr(model, "forward", lambda images: torch.stack((bad, 0.7 * good), dim=1))
    found = model.find(squares(2))
    assert torch.allclose(found.points, 64 * shares, atol=0.01)
    assert torch.allclose(found.confidence, torch.tensor(0.7), atol=0.01)


def test_the_template_is_kept_with_the_weights():
    model = StackedHourglass(TEMPLATE, "small")
    twin = StackedHourglass(torch.zeros(5, 2), "small")
    twin.load_state_dict(model.state_dict())
    assert torch.equal(twin.template, TEMPLATE) and twin.n_points == 5
    given = TEMPLATE.clone()
    model = LandmarkRegression(given, "small")
    given.zero_()
    assert torch.equal(model.template, TEMPLATE)


@pytest.mark.parametrize("kind", KINDS)
def test_half_precision_trains_with_losses_in_float32(kind):
    model = kind(TEMPLATE, "small")
    with torch.autocast("cpu", torch.bfloat16):
        out = model(squares(2))
        loss = LOSSES[kind]()(out, TEMPLATE.expand(2, 5, 2))
    assert out.dtype == torch.float32 and loss.dtype == torch.float32
    loss.backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())
