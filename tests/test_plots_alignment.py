"""Plots of chapter 02: what is drawn is what was given."""

import numpy as np
import pytest
import torch

from dlsfaces import evaluate, geometry, plots


@pytest.fixture(autouse=True)
def closed():
    yield
    plots.plt.close("all")


def test_landmarks_are_drawn_with_lines_to_the_truth():
    images, found = torch.rand(3, 3, 20, 16), torch.rand(3, 5, 2) * 16
    axes = plots.landmarks(images, found, found + 1, ["a", "b", "c"], columns=2).axes
    assert len(axes) == 4 and [a.get_title() for a in axes[:3]] == ["a", "b", "c"]
    assert np.allclose(axes[1].collections[0].get_offsets(), found[1])
    assert np.allclose(axes[1].lines[2].get_xydata(), torch.stack((found[1, 2], found[1, 2] + 1)))
    assert len(plots.landmarks(images[:1], torch.rand(1, 68, 2)).axes[0].collections[0].get_offsets()) == 68


def test_the_mean_of_all_faces_stands_at_the_end():
    images = torch.rand(9, 3, 10, 8)
    axes = plots.before_and_after({"as they come": images, "other": (255 * images).byte()}, shown=3).axes
    assert len(axes) == 8 and axes[4].get_ylabel() == "other"
    assert np.allclose(axes[3].images[0].get_array(), images.mean(0).permute(1, 2, 0), atol=1e-6)
    assert np.allclose(axes[7].images[0].get_array(), images.mean(0).permute(1, 2, 0), atol=0.01)


def test_bars_are_as_high_as_the_figures():
    figures = {"unaligned/accuracy": 0.4, "ours/accuracy": 0.6, "unaligned/TPR": 0.1, "ours/TPR": 0.2}
    axes = plots.rates(figures, ("unaligned", "ours"), ["accuracy", "TPR"]).axes[0]
    assert [round(bar.get_height(), 3) for bar in axes.patches] == [0.4, 0.1, 0.6, 0.2]


def test_templates_and_errors():
    framings = [geometry.LOOSE, geometry.TIGHT]
    axes = plots.templates(framings, [torch.rand(3, *f.size) for f in framings]).axes
    assert np.allclose(axes[1].collections[0].get_offsets(), geometry.TIGHT.template)
    curve = evaluate.cumulative_error_curve([0.02, 0.05, 0.3])
    assert "0.433" in plots.cumulative_errors({"net": curve}).axes[0].get_legend().texts[0].get_text()
    axes = plots.errors_by([0, 30], {"net": [0.02, 0.05]}, "yaw", lines=[0.1]).axes[0]
    assert list(axes.lines[0].get_ydata()) == [0.02, 0.05] and list(axes.lines[1].get_ydata()) == [0.1, 0.1]
