"""What all plots of the course share."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

DPI = 80  # keeps notebooks small
SAME, OTHER, LINE = "tab:green", "tab:red", "0.35"
LANDMARK_COLOURS = ("tab:cyan", "tab:blue", "tab:orange", "tab:pink", "tab:red")
#: Ten colours that most eyes tell apart: those of Okabe and Ito without the yellow, and three of Tol's.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#882255", "#999933", "#888888")
MOST_LINES = 9  #: in one plot


def as_image(image: Tensor) -> np.ndarray:
    """``(3, H, W)``, uint8 or float in [0, 1], as matplotlib wants it."""
    array = image.detach().cpu().permute(1, 2, 0).numpy()
    return array if array.dtype == np.uint8 else array.clip(0, 1)


def one_plot(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure of one plot, inches."""
    return plt.subplots(figsize=(width, height), dpi=DPI, layout="constrained")


def sheet(rows: int, columns: int, width: float, height: float) -> tuple[Figure, np.ndarray]:
    """A figure of cells ``(rows, columns)``, inches each, close to each other."""
    size = (columns * width, rows * height)
    figure, grid = plt.subplots(rows, columns, figsize=size, dpi=DPI, squeeze=False, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.01, h_pad=0.01, wspace=0, hspace=0)
    return figure, grid


def cells(
    count: int, columns: int, width: float, height: float, titles: Sequence[str] = ()
) -> tuple[Figure, list[Axes]]:
    """A sheet of so many cells, row by row, without axes."""
    figure, grid = sheet(-(-count // columns), columns, width, height)
    for axes in grid.flat:
        axes.axis("off")
    for axes, title in zip(grid.flat, titles):
        axes.set_title(title, fontsize=8, pad=2)
    return figure, grid.ravel()[:count].tolist()


def bare(axes: Axes) -> Axes:
    """Without ticks."""
    axes.set(xticks=[], yticks=[])
    return axes


def outline(axes: Axes, box: Sequence[float], colour: str = "yellow", lw: float = 2, clip_on: bool = False) -> None:
    """A box, by default drawn also where it leaves the image."""
    x1, y1, x2, y2 = box
    axes.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, color=colour, lw=lw, clip_on=clip_on))


def mark(axes: Axes, landmarks: Tensor) -> None:
    """Five landmarks, each in its colour."""
    axes.scatter(*landmarks.T.numpy(), c=LANDMARK_COLOURS, s=28, edgecolors="white", linewidths=0.8)


def finished(axes: Axes, which: str = "major", loc: str = "best") -> Figure:
    """The figure of these axes, once they have a grid and a legend."""
    axes.grid(alpha=0.3, which=which)
    axes.legend(fontsize=8, loc=loc)
    return axes.figure


def check_count(count: int, most: int, what: str) -> None:
    """Raise ``ValueError`` where there are none of what is to be shown, or more than can be told apart."""
    if not 1 <= count <= most:
        raise ValueError(f"{count} {what} cannot be shown in one plot: give 1 to {most}")
