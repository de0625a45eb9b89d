import math

import pytest
import torch

from dlsfaces.align import HeatmapLoss, RegressionLoss, gaussian_heatmaps


def draw(*shape, seed=0):
    return torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def with_unknown(points):
    points = points.clone()
    points[0, 1] = torch.nan
    points[2, 3, 1] = torch.nan  # half of it unknown is unknown
    return points


def test_regression_loss_equals_a_loop():
    out, points = draw(3, 5, 3), with_unknown(draw(3, 5, 2, seed=1))
    out[..., 2] = 10 * out[..., 2] - 9  # -9 to 1: some are cut off at -8
    total, known = 0.0, 0
    for face in range(3):
        for k in range(5):
            (x, y, log_b), (px, py) = out[face, k].tolist(), points[face, k].tolist()
            if math.isnan(px) or math.isnan(py):
                continue
            d, log_b = math.hypot(x - px, y - py), min(2.0, max(-8.0, log_b))
            total, known = total + d / 0.07 + d / math.exp(log_b) + 2 * log_b, known + 1
    assert known == 13
    assert RegressionLoss(0.07)(out, points).item() == pytest.approx(total / known, rel=1e-9)


def test_heatmap_loss_equals_a_loop_over_all_stacks():
    maps, points = draw(3, 2, 5, 6, 8), with_unknown(draw(3, 5, 2, seed=1))
    total = known = 0
    for face in range(3):
        for k in range(5):
            px, py = points[face, k].tolist()
            if math.isnan(px) or math.isnan(py):
                continue
            known += 1
            for stack in range(2):
                for row in range(6):
                    for column in range(8):
                        d2 = (column + 0.5 - 8 * px) ** 2 + (row + 0.5 - 6 * py) ** 2
                        off = maps[face, stack, k, row, column].item() - math.exp(-d2 / 2 / 1.3**2)
                        total += off**2 / (math.pi * 1.3**2) / 2
    assert HeatmapLoss(1.3)(maps, points).item() == pytest.approx(total / known, rel=1e-6)


def test_dark_maps_have_a_loss_of_one_and_right_ones_none():
    points = 0.3 + 0.4 * draw(4, 5, 2).float()
    loss, maps = HeatmapLoss(), torch.zeros(4, 2, 5, 32, 32)
    assert loss(maps, points).item() == pytest.approx(1, abs=1e-3)
    right = gaussian_heatmaps(32 * points, (32, 32))[:, None]
    assert loss(right.expand(4, 2, -1, -1, -1), points) == 0
    assert loss(torch.cat((right, maps[:, :1]), dim=1), points).item() == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
@pytest.mark.parametrize(
    ("loss", "shape"), [(RegressionLoss(), (3, 5, 3)), (HeatmapLoss(), (3, 2, 5, 8, 8))], ids=["regression", "heatmap"]
)
def test_unknown_points_teach_nothing(loss, shape, bad):
    points = draw(3, 5, 2).float()
    points[1] = bad
    points[2, 4] = bad
    axis = 1 if len(shape) == 3 else 2  # where the points are counted
    out = draw(*shape, seed=2).float().requires_grad_()
    loss(out, points).backward()
    by_point = out.grad.movedim(axis, 1).flatten(2)
    assert out.grad.isfinite().all() and not by_point[1].any() and not by_point[2, 4].any()
    assert by_point[0].any(1).all() and by_point[2, :4].any(1).all()
    # What the network says there changes nothing, and known points weigh as much as without the others.
    other = out.detach().clone()
    other.movedim(axis, 1)[1] += 5
    assert torch.equal(loss(other, points), loss(out.detach(), points))
    one = loss(out.detach()[:1], points[:1]) * 5 + loss(out.detach()[2:], points[2:]) * 4
    assert loss(out.detach(), points).item() == pytest.approx(one.item() / 9, rel=1e-5)
    nothing = loss(out, torch.full((3, 5, 2), bad))
    assert nothing == 0
    nothing.backward()
    assert out.grad.isfinite().all()


def test_what_error_is_expected_does_not_change_how_points_are_taught():
    points, gradients = draw(3, 5, 2), []
    for log_b in (-6.0, 0.0):
        out = draw(3, 5, 3, seed=1)
        out[..., 2] = log_b
        out.requires_grad_()
        RegressionLoss(0.05)(out, points).backward()
        gradients.append(out.grad)
    assert torch.equal(gradients[0][..., :2], gradients[1][..., :2])
    length = gradients[0][..., :2].norm(dim=-1)  # of a distance: the same however far off
    assert torch.allclose(length, torch.full_like(length, 1 / 0.05 / 15))


def test_the_expected_error_is_right_at_half_the_distance():
    """The density's scale of largest likelihood, in the plane, is half the mean distance."""
    points = torch.zeros(1, 1, 2, dtype=torch.float64)
    out = torch.tensor([[[0.06, 0.08, math.log(0.05)]]], dtype=torch.float64, requires_grad=True)
    RegressionLoss()(out, points).backward()
    assert out.grad[0, 0, 2].item() == pytest.approx(0, abs=1e-6)


def test_a_point_that_is_right_has_a_finite_gradient():
    out = torch.zeros(1, 5, 3, requires_grad=True)
    RegressionLoss()(out, torch.zeros(1, 5, 2)).backward()
    assert out.grad.isfinite().all() and not out.grad[..., :2].any()
