"""What all pictures of the course share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from torch import Tensor

DPI = 80  # keeps notebooks small
SAME, OTHER, LINE = "tab:green", "tab:red", "0.35"
LANDMARK_COLOURS = ("tab:cyan", "tab:blue", "tab:orange", "tab:pink", "tab:red")
#: Ten colours that most eyes tell apart: those of Okabe and Ito without the yellow, and three of Tol's.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#882255", "#999933", "#888888")
MOST_LINES = 9  #: in one picture


def as_picture(image: Tensor) -> np.ndarray:
    """``(3, H, W)``, uint8 or float in [0, 1], as matplotlib wants it."""
    array = image.detach().cpu().permute(1, 2, 0).numpy()
    return array if array.dtype == np.uint8 else array.clip(0, 1)


def bare(axes: Axes) -> Axes:
    """Without ticks."""
    axes.set_xticks([])
    axes.set_yticks([])
    return axes


def outline(axes: Axes, box: Sequence[float], colour: str = "yellow") -> None:
    """A box, drawn also where it leaves the picture."""
    x1, y1, x2, y2 = box
    axes.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, color=colour, lw=2, clip_on=False))


def mark(axes: Axes, landmarks: Tensor) -> None:
    """Five landmarks, each in its colour."""
    axes.scatter(*landmarks.T.numpy(), c=LANDMARK_COLOURS, s=28, edgecolors="white", linewidths=0.8)


def check_count(count: int, most: int, what: str) -> None:
    """Raise ``ValueError`` where there are none of what is to be shown, or more than can be told apart."""
    if not 1 <= count <= most:
        raise ValueError(f"{count} {what} cannot be shown in one picture: give 1 to {most}")
