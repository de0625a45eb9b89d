import pytest
import torch

from dlsfaces import geometry
from dlsfaces.align import gaussian_heatmaps
from dlsfaces.align.losses import HeatmapLoss, RegressionLoss
from dlsfaces.align.networks import KINDS, StackedHourglass

TEMPLATE = geometry.ARCFACE.template / 112
LOSSES = {"regression": RegressionLoss(), "hourglass": HeatmapLoss()}


def squares(n=2, side=64):
    return torch.rand(n, 3, side, side, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("size", ["small", "medium", "large"])
@pytest.mark.parametrize("kind", KINDS)
def test_sizes_have_the_weights_that_are_told_of_them(kind, size):
    told = {"regression": (0.4, 0.8, 6.9), "hourglass": (0.1, 0.4, 3.1)}[kind]
    model = KINDS[kind](TEMPLATE, size).eval()
    millions = sum(p.numel() for p in model.parameters()) / 1e6
    assert millions == pytest.approx(told[["small", "medium", "large"].index(size)], abs=0.051)
    found = model.find(squares(1))
    assert found.points.shape == (1, 5, 2) and found.confidence.shape == (1, 5)


@pytest.mark.parametrize("kind", KINDS)
def test_what_does_not_fit_is_said(kind):
    model = KINDS[kind](TEMPLATE, "small")
    with pytest.raises(ValueError, match=r"takes float images in \[0, 1\], not torch.uint8"):
        model(torch.zeros(1, 3, 64, 64, dtype=torch.uint8))
    with pytest.raises(ValueError, match=r"this network takes \(N, 3, 64, 64\)"):
        model(torch.zeros(1, 3, 64, 32))
    with pytest.raises(ValueError, match="size='huge' is none of small, medium, large"):
        KINDS[kind](TEMPLATE, "huge")
    for side in (0, 16, 48):
        with pytest.raises(ValueError, match=f"side={side} is no multiple of 32"):
            KINDS[kind](TEMPLATE, "small", side)


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_reaches_every_weight_of_every_stack_also_in_half_precision(kind):
    torch.manual_seed(0)
    model = KINDS[kind](TEMPLATE, "medium")
    for half in (False, True):
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            loss = LOSSES[kind](model(squares(4)), TEMPLATE.expand(4, 5, 2) + 0.1)
        loss.backward()
        assert loss.dtype == torch.float32
        for name, weight in model.named_parameters():
            assert weight.grad.isfinite().all() and (half or weight.grad.abs().max() > 0), name


def test_the_hourglass_reads_its_last_stacks_maps_in_pixels_of_the_image(monkeypatch):
    model = StackedHourglass(TEMPLATE, "medium").eval()
    shares = TEMPLATE.expand(2, 5, 2) + torch.tensor([[[0.01, -0.03]], [[0.05, 0.0]]])
    good, bad = gaussian_heatmaps(32 * shares, (32, 32)), gaussian_heatmaps(32 * shares.flip(1), (32, 32))
    monkeypatch.setattr(model, "forward", lambda images: torch.stack((bad, 0.7 * good), dim=1))
    found = model.find(squares(2))
    assert torch.allclose(found.points, 64 * shares, atol=0.01)
    assert torch.allclose(found.confidence, torch.tensor(0.7), atol=0.01)
