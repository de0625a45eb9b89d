"""Plots of embeddings and of the losses that make them: what is drawn is what was given."""

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex
from torch.nn import functional as F

from dlsfaces import plots
from dlsfaces.plots.common import COLOURS


@pytest.fixture(autouse=True)
def closed():
    yield
    plots.plt.close("all")


def colour(artist):
    return to_hex(artist.get_facecolor()[0]).upper()


def test_dots_lie_around_the_circle_in_their_direction_and_their_persons_colour():
    vectors, identities = torch.randn(40, 2) * torch.rand(40, 1) * 9, torch.arange(40) % 4
    centres = torch.tensor([[2.0, 0], [0, 0.1], [-3, 0], [0, -1]])
    axes = plots.circles({"net": (vectors, identities, centres), "raw": (vectors, identities, None)}).axes
    assert [a.get_title() for a in axes] == ["net", "raw"] and [len(a.lines) for a in axes] == [1 + 4, 1]
    for person, (dots, ray) in enumerate(zip(axes[0].collections, axes[0].lines[1:], strict=True)):
        places = torch.as_tensor(np.asarray(dots.get_offsets()), dtype=torch.float32)
        assert 1 <= places.norm(dim=1).min() and places.norm(dim=1).max() <= 1.25
        assert torch.allclose(F.normalize(places, dim=1), F.normalize(vectors[identities == person], dim=1), atol=1e-5)
        assert np.allclose(ray.get_xydata(), [[0, 0], F.normalize(centres, dim=1)[person].tolist()], atol=1e-6)
        assert colour(dots) == COLOURS[person] == ray.get_color()


def test_angles_are_counted_in_degrees_with_medians_and_the_share_that_is_right():
    own, other = torch.tensor([20.0, 40, 50, 70]), torch.tensor([60.0, 30, 90, 170])
    given = (own.deg2rad().cos(), other.deg2rad().cos())
    top, bottom = plots.angle_histograms({"net": given, "other net": given[::-1]}).axes
    assert top.get_title("left") == "net: own centre nearer for 75.0% of images"
    assert bottom.get_title("left") == "other net: own centre nearer for 25.0% of images"
    assert [line.get_xdata()[0] for line in top.lines] == pytest.approx([45, 75], abs=1e-3)
    assert [line.get_color() for line in top.lines] == [plots.SAME, plots.OTHER]
    heights = {tuple(corner) for corner in np.round(top.patches[1].get_xy(), 6)}
    assert (120, 1) in heights and top.get_xlim() == (0, 120)  # 170 degrees are in the last bar


def test_lines_over_the_angle_are_what_is_given():
    degrees = torch.linspace(0, 180, 7)
    axes = plots.over_angle({f"loss {k}": (degrees, degrees * k) for k in range(9)}, "true logit / s").axes[0]
    assert [list(line.get_ydata()) for line in axes.lines] == [(degrees * k).tolist() for k in range(9)]
    assert len({(line.get_color(), line.get_linestyle()) for line in axes.lines}) == 9


def test_each_training_curve_has_its_line_and_its_name_at_the_end():
    ends = [0.8, 0.81, 0.805, 0.3, 0.82, 0.82, 0.815, 0.79, 0.9]
    histories = {f"loss {k}": [{"tpr": 0.1}, {"tpr": 0.2}, {"tpr": end}] for k, end in enumerate(ends)}
    axes = plots.training_curves(histories, "tpr", "TPR").axes[0]
    assert [line.get_ydata()[-1] for line in axes.lines] == ends and axes.get_ylabel() == "TPR"
    shown = {text.get_text(): text for text in axes.texts}
    for line, name, end in zip(axes.lines, histories, ends):
        label = shown[f"{name}  {end:.3f}"]
        assert label.get_color() == line.get_color() and label.xy == (3, end)
    (low, high), heights = axes.get_ylim(), np.sort([text.xyann[1] for text in axes.texts])
    assert np.diff(heights).min() > 0.06 * (high - low), "labels overlap"
    assert low <= heights[0] and heights[-1] <= high


def test_too_many_are_refused_before_anything_is_drawn():
    with pytest.raises(ValueError, match="31 people cannot be shown in one plot"):
        plots.circles({"a": (torch.randn(31, 2), torch.arange(31), None)})
    with pytest.raises(ValueError, match="10 histories cannot be shown in one plot"):
        plots.training_curves({str(k): [{"accuracy": 1}] for k in range(10)})
    assert not plots.plt.get_fignums()


@pytest.mark.fault("unknown people")
def test_unknown_people_are_grey_and_take_nobodys_colour():
    axes = plots.circles({"net": (torch.randn(6, 2), torch.tensor([0, -1, 1, -1, 0, -1]), None)}).axes[0]
    assert [(colour(dots), len(dots.get_offsets())) for dots in axes.collections] == [
        ("#B2B2B2", 3),
        (COLOURS[0], 2),
        (COLOURS[1], 1),
    ]
    plots.circles({"strangers": (torch.randn(3, 2), torch.full((3,), -1), None)})
