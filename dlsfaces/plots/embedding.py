"""Embeddings: where people lie, and how far from their own and from other centres."""

import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn import functional as F

from dlsfaces.data import UNKNOWN
from dlsfaces.plots.common import COLOURS, DPI, OTHER, SAME, check_count

MARKERS = ("o", "^", "s")  # another for each ten people


def circles(panels: Mapping[str, tuple[Tensor, Tensor, Tensor | None]]) -> Figure:
    """Two-dimensional embeddings as dots around the unit circle, a colour a person, one square panel a name.

    A panel has vectors ``(N, 2)``, identities ``(N,)``, and one centre or head row a person ``(P, 2)``, drawn as rays,
    or None. Only the direction is drawn: dots lie at random distances outside the circle, so that they can be counted.
    """
    rows_of_centres = max((0 if centres is None else len(centres) for _, _, centres in panels.values()), default=0)
    looks = _looks([i for _, i, _ in panels.values()], range(rows_of_centres))
    figure, grid = _squares(len(panels))
    for axes, (name, (vectors, identities, centres)) in zip(grid, panels.items()):
        around = np.linspace(0, 2 * math.pi, 200)
        axes.plot(np.cos(around), np.sin(around), color="0.6", lw=1)
        outwards = 1 + 0.25 * torch.rand(len(vectors), 1, generator=torch.Generator().manual_seed(0))
        _dots(axes, outwards * _unit(vectors), identities, looks)
        for person, (x, y) in enumerate(() if centres is None else _unit(centres).tolist()):
            axes.plot([0, x], [0, y], color=looks[person][0], lw=2)
        axes.set(title=name, xlim=(-1.3, 1.3), ylim=(-1.3, 1.3), aspect="equal")
        axes.axis("off")
    return figure


def _unit(vectors: Tensor) -> Tensor:
    return F.normalize(vectors.detach().cpu().float(), dim=1)


def _looks(identities: Sequence[Tensor], more: Sequence[int] = ()) -> dict[int, tuple[str, str]]:
    people = sorted({*more, *(person for part in identities for person in part.tolist())} - {UNKNOWN})
    check_count(len(people) or 1, len(COLOURS) * len(MARKERS), "people")
    looks = {p: (COLOURS[k % len(COLOURS)], MARKERS[k // len(COLOURS)]) for k, p in enumerate(people)}
    return looks | {UNKNOWN: ("0.7", ".")}  # grey, as nobody


def _dots(axes: Axes, places: Tensor, identities: Tensor, looks: Mapping[int, tuple[str, str]]) -> None:
    for person in identities.unique().tolist():
        colour, marker = looks[person]
        axes.scatter(*places[identities.cpu() == person].T.numpy(), s=10, c=colour, marker=marker, linewidths=0)


def _squares(count: int) -> tuple[Figure, Sequence[Axes]]:
    columns = min(count, 4)
    rows = -(-count // columns)
    size = (2.3 * columns, 2.55 * rows)
    figure, grid = plt.subplots(rows, columns, figsize=size, dpi=DPI, squeeze=False, layout="constrained")
    for axes in grid.flat[count:]:
        axes.remove()
    return figure, grid.flat[:count]


def angle_histograms(panels: Mapping[str, tuple[Tensor, Tensor]]) -> Figure:
    """Angles to the own person's centre and to the nearest other one, from both cosines ``(N,)``; medians as lines."""
    size = (7, 0.8 + 1.1 * len(panels))
    figure, grid = plt.subplots(len(panels), 1, figsize=size, dpi=DPI, sharex=True, squeeze=False, layout="constrained")
    bins = np.linspace(0, 120, 61)  # further ones are counted in the last bar
    filled, line = dict(histtype="stepfilled", alpha=0.45), dict(histtype="step", lw=1.5)
    ways = (("own centre", SAME, "-", filled), ("nearest other centre", OTHER, "--", line))
    for axes, (name, cosines) in zip(grid[:, 0], panels.items()):
        own, other = (part.detach().cpu().double() for part in cosines)
        for value, (label, colour, style, look) in zip((own, other), ways):
            degrees = value.clamp(-1, 1).acos().rad2deg().numpy()
            axes.hist(degrees.clip(0, 120), bins, color=colour, label=label, **look)
            axes.axvline(np.median(degrees), color=colour, ls=style, lw=1.5)
        nearer = (own > other).double().mean()
        axes.set_title(f"{name}: own centre nearer for {nearer:.1%} of images", fontsize=9, loc="left", pad=2)
        axes.set(xlim=(0, 120), xticks=range(0, 121, 15), yticks=[])
    grid[-1, 0].set_xlabel("angle in degrees; lines: medians")
    handles = grid[0, 0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside upper right", ncols=2, fontsize=8, frameon=False)
    return figure
