"""Landmarks, errors, and faces put upright."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from torch import Tensor

from dlsfaces.evaluate.landmarks import CumulativeErrors
from dlsfaces.geometry import Framing
from dlsfaces.plots.common import DPI, LINE, SAME, as_image, bare, cells, finished, mark, one_plot, sheet


def landmarks(
    images: Tensor, found: Tensor, true: Tensor | None = None, titles: Sequence[str] = (), columns: int = 4
) -> Figure:
    """Faces ``(N, 3, H, W)`` with the landmarks found as dots, and lines to where they truly are."""
    height, width = images.shape[2:]
    figure, grid = cells(len(images), columns, 1.7, 1.7 * (height / width) + (0.3 if titles else 0.0), titles)
    for k, axes in enumerate(grid):
        axes.imshow(as_image(images[k]), extent=(0, width, height, 0))
        if true is not None:
            for a, b in zip(found[k].tolist(), true[k].tolist()):
                axes.plot(*zip(a, b), color="white", lw=1.5)
        if len(found[k]) == 5:
            mark(axes, found[k])
        else:
            axes.scatter(*found[k].T.numpy(), s=4, c="tab:cyan", linewidths=0)
        axes.set(xlim=(0, width), ylim=(height, 0))
    return figure


def cumulative_errors(curves: Mapping[str, CumulativeErrors], limit: float = 0.1) -> Figure:
    """The share of faces whose error is at most so large, by name; higher on the left is better."""
    _, axes = one_plot(6, 3.6)
    for name, curve in curves.items():
        axes.step(curve.error, curve.share, where="post", label=f"{name} (area {curve.area:.3f})")
    axes.set(xlabel="mean error of a face, by eye distance", ylabel="share of faces", xlim=(0, limit), ylim=(0, 1.02))
    return finished(axes, loc="lower right")


def errors_by(
    values: Sequence[float], errors: Mapping[str, Sequence[float]], label: str, lines: Sequence[float] = ()
) -> Figure:
    """Mean errors over another quantity, such as the yaw, by name."""
    _, axes = one_plot(6, 3.2)
    for name, row in errors.items():
        axes.plot(values, row, ".-", label=name)
    for line in lines:
        axes.axhline(line, color=LINE, ls=":", lw=1)
    axes.set(xlabel=label, ylabel="error by eye distance", ylim=(0, None))
    return finished(axes)


def templates(framings: Sequence[Framing], images: Sequence[Tensor]) -> Figure:
    """One image ``(3, H, W)`` in each framing, with the template's landmarks."""
    figure, grid = plt.subplots(1, len(framings), figsize=(2.6 * len(framings), 3.2), dpi=DPI, layout="constrained")
    for axes, framing, image in zip(grid, framings, images):
        axes.imshow(as_image(image), extent=(0, framing.width, framing.height, 0))
        mark(axes, framing.template)
        axes.set_title(f"{framing.name}: {framing.width}x{framing.height}", fontsize=10)
        axes.tick_params(labelsize=7)
    return figure


def before_and_after(rows: Mapping[str, Tensor], shown: int = 4, width: float = 1.6) -> Figure:
    """The same faces in rows ``(N, 3, H, W)``, by name: the first ``shown``, and the mean of all at the end."""
    ratio = max(images.shape[2] / images.shape[3] for images in rows.values())
    figure, grid = sheet(len(rows), shown + 1, width, width * ratio)
    for line, (name, images) in zip(grid, rows.items()):
        for axes, image in zip(line, images[:shown]):
            bare(axes).imshow(as_image(image), interpolation="nearest")
        mean = images.float().mean(0) / (1 if images.is_floating_point() else 255)
        bare(line[-1]).imshow(as_image(mean), interpolation="nearest")
        line[0].set_ylabel(name, fontsize=8)
    grid[0, -1].set_title("mean of all", fontsize=8, pad=2)
    return figure


def rates(figures: Mapping[str, float], ways: Sequence[str], measures: Sequence[str]) -> Figure:
    """Bars by way, a group a measure: figures are named ``WAY/MEASURE``."""
    figure, axes = one_plot(6.4, 3)
    colours = ("0.6", SAME, "tab:blue", "tab:orange")
    for k, (way, colour) in enumerate(zip(ways, colours)):
        places = [m + (k - (len(ways) - 1) / 2) * 0.25 for m in range(len(measures))]
        heights = [figures[f"{way}/{measure}"] for measure in measures]
        axes.bar(places, heights, 0.23, color=colour, label=way)
        for x, y in zip(places, heights):
            axes.text(x, y + 0.01, f"{y:.2f}", ha="center", fontsize=8)
    axes.set_xticks(range(len(measures)), measures)
    axes.set(ylim=(0, 1.08))
    axes.legend(fontsize=8, ncols=len(ways), loc="upper left")
    return figure
