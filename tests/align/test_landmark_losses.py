import math

import pytest
import torch

from dlsfaces.align.losses import HeatmapLoss, RegressionLoss


def draw(*shape, seed=0):
    return torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def known(points):
    points[0, 1] = torch.nan
    points[2, 3, 1] = torch.nan  # half of it unknown is unknown
    return [(face, k) for face in range(3) for k in range(5) if points[face, k].isfinite().all()]


def test_regression_loss_equals_a_loop():
    out, points = draw(3, 5, 3), draw(3, 5, 2, seed=1)
    out[..., 2] = 10 * out[..., 2] - 9  # -9 to 1: some are cut off at -8
    total, some = 0.0, known(points)
    for face, k in some:
        (x, y, log_b), (px, py) = out[face, k].tolist(), points[face, k].tolist()
        d, log_b = math.hypot(x - px, y - py), min(2.0, max(-8.0, log_b))
        total += d / 0.07 + d / math.exp(log_b) + 2 * log_b
    assert len(some) == 13 and RegressionLoss(0.07)(out, points).item() == pytest.approx(total / 13, rel=1e-9)


def test_heatmap_loss_equals_a_loop_over_all_stacks():
    maps, points = draw(3, 2, 5, 6, 8), draw(3, 5, 2, seed=1)
    total, some = 0.0, known(points)
    for face, k in some:
        px, py = points[face, k].tolist()
        for row in range(6):
            for column in range(8):
                d2 = (column + 0.5 - 8 * px) ** 2 + (row + 0.5 - 6 * py) ** 2
                off = maps[face, :, k, row, column] - math.exp(-d2 / 2 / 1.3**2)
                total += off.square().mean().item() / (math.pi * 1.3**2)
    assert HeatmapLoss(1.3)(maps, points).item() == pytest.approx(total / len(some), rel=1e-6)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
@pytest.mark.parametrize(("loss", "shape"), [(RegressionLoss(), (3, 5, 3)), (HeatmapLoss(), (3, 5, 1, 8, 8))])
def test_unknown_points_teach_nothing(loss, shape, bad):
    points = draw(3, 5, 2).float()
    points[1] = bad
    points[2, 4] = bad
    out = draw(*shape, seed=2).float().requires_grad_()
    swap = (lambda x: x.transpose(1, 2)) if len(shape) == 5 else (lambda x: x)  # heat maps are (N, stacks, P, H, W)
    loss(swap(out), points).backward()
    taught = out.grad.flatten(2).abs().amax(2)
    assert out.grad.isfinite().all() and torch.equal(taught > 0, points.isfinite().all(-1))
    nothing = loss(swap(out), torch.full((3, 5, 2), bad))
    nothing.backward()
    assert nothing == 0 and out.grad.isfinite().all()
