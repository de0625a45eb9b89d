"""Losses compared: over the angle, over the epochs, in the end."""

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from dlsfaces.plots.common import COLOURS, MOST_LINES, check_count, one_plot

STYLES = ("-", "--", "-.")  # in turn


def over_angle(curves: Mapping[str, tuple[Tensor, Tensor]], ylabel: str) -> Figure:
    """Lines over the angle, by name: angles in degrees, 0 to 180, and values."""
    check_count(len(curves), MOST_LINES, "curves")
    figure, axes = one_plot(6, 3.4)
    _angle_lines(axes, curves, ylabel)
    return figure


def _angle_lines(axes: Axes, curves: Mapping[str, tuple[Tensor, Tensor]], ylabel: str) -> None:
    for k, (name, (degrees, values)) in enumerate(curves.items()):
        style = dict(color=COLOURS[k], ls=STYLES[k % len(STYLES)])
        axes.plot(degrees.detach().cpu().numpy(), values.detach().cpu().numpy(), label=name, **style)
    axes.set(xlabel="angle to the own centre in degrees", ylabel=ylabel, xlim=(0, 180), xticks=range(0, 181, 30))
    axes.grid(alpha=0.3, lw=0.6)
    axes.legend(fontsize=8)


def training_curves(
    histories: Mapping[str, Sequence[Mapping[str, float]]], key: str = "accuracy", ylabel: str = ""
) -> Figure:
    """A measure over the epochs, a line a history, with the name and the last value at its end."""
    check_count(len(histories), MOST_LINES, "histories")
    figure, axes = one_plot(8.5, 3.8)
    lines = {}
    for k, (name, rows) in enumerate(histories.items()):
        values, style = [row[key] for row in rows], dict(color=COLOURS[k], ls=STYLES[k % len(STYLES)])
        lines[name] = axes.plot(range(1, len(rows) + 1), values, label=name, lw=1.5, **style)[0]
        if len(rows) < 4:
            lines[name].set_marker(".")
    last = max(len(rows) for rows in histories.values())
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set(xlabel="epoch", ylabel=ylabel or key.replace("_", " "), xlim=(1, last) if last > 1 else (0.5, 1.5))
    axes.grid(alpha=0.3)
    _label_ends(axes, lines)
    return figure


def _label_ends(axes: Axes, lines: Mapping[str, Line2D]) -> None:
    """Names at the right of the axes, as near to the lines' ends as they can be without overlapping."""
    low, high = axes.get_ylim()
    gap, right = 0.065 * (high - low), axes.get_xlim()[1]
    ends = sorted((float(line.get_ydata()[-1]), name) for name, line in lines.items())
    place, places = -math.inf, []
    for value, _ in ends:  # pushed upwards
        place = max(value, place + gap)
        places.append(place)
    ceiling = high
    for k in reversed(range(len(ends))):  # and back below the top
        places[k] = ceiling = min(places[k], ceiling)
        ceiling -= gap
    for (value, name), place in zip(ends, places):
        look = dict(color=lines[name].get_color(), fontsize=8, va="center", annotation_clip=False)
        arrow = dict(arrowstyle="-", color=lines[name].get_color(), lw=0.7, shrinkA=0, shrinkB=0, relpos=(0, 0.5))
        end, text = (lines[name].get_xdata()[-1], value), (right + 0.03 * (right - 1), place)
        axes.annotate(f"{name}  {value:.3f}", end, xytext=text, arrowprops=arrow, **look)
