"""Embeddings: where people lie, how far from their own and from other centres, and triplets of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn import functional as F

from dlsfaces.plots.common import COLOURS, DPI, MOST_LINES, OTHER, SAME, as_picture, bare, check_count
from dlsfaces.recognize.triplet import Triplets

MARKERS = ("o", "^", "s")  # another for each ten people
MOST_PANELS = 12


def circles(panels: Mapping[str, tuple[Tensor, Tensor, Tensor | None]]) -> Figure:
    """Two-dimensional embeddings as dots around the unit circle, a colour a person, one square panel a name.

    Only the direction is drawn: how far outside the circle a dot lies, up to a quarter, is by chance, so that it can be
    seen how many there are. A vector without a direction is in the middle.

    Args:
        panels: name to raw vectors ``(N, 2)``, identities ``(N,)``, and one centre or head row a person ``(P, 2)``, of
            any length, drawn as rays, or None.
    Raises:
        ValueError: none or more than 12 panels, more than 30 people, or shapes that do not fit.
    """
    check_count(len(panels), MOST_PANELS, "panels")
    for name, (vectors, identities, centres) in panels.items():
        _check_people(name, vectors, identities)
        if vectors.shape[1] != 2 or (centres is not None and (centres.ndim != 2 or centres.shape[1] != 2)):
            raise ValueError(f"{name}: a circle takes vectors (N, 2) and centres (P, 2)")
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


def projection(panels: Mapping[str, tuple[Tensor, Tensor]]) -> Figure:
    """Embeddings in the plane by t-SNE of their cosines, which keeps neighbours together; a colour a person.

    What is near is alike; how far apart two heaps lie, and how large they are, means nothing. Fewer than ten embeddings
    are projected on their two principal components.

    Args:
        panels: name to embeddings ``(N, D)``, of any length, with N and D at least 2, and identities ``(N,)``.
    Raises:
        ValueError: none or more than 12 panels, more than 30 people, or shapes that do not fit.
    """
    check_count(len(panels), MOST_PANELS, "panels")
    for name, (embeddings, identities) in panels.items():
        _check_people(name, embeddings, identities)
        if min(embeddings.shape) < 2:
            raise ValueError(f"{name}: {tuple(embeddings.shape)} is too little for a plane, which takes (2, 2) or more")
    looks = _looks([identities for _, identities in panels.values()])
    figure, grid = _squares(len(panels))
    for axes, (name, (embeddings, identities)) in zip(grid, panels.items()):
        _dots(bare(axes), _plane(_unit(embeddings)), identities, looks)
        axes.margins(0.08)
        axes.set(title=name, box_aspect=1)
    return figure


def _plane(embeddings: Tensor) -> Tensor:
    """``(N, D)`` to ``(N, 2)``; the same for the same embeddings."""
    if len(embeddings) < 10:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            _, _, directions = torch.pca_lowrank(embeddings, q=2)
        return (embeddings - embeddings.mean(0)) @ directions
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (len(embeddings) - 1) / 3)
    tsne = TSNE(perplexity=perplexity, init="pca", metric="cosine", random_state=0)
    return torch.from_numpy(tsne.fit_transform(embeddings.numpy()))


def _unit(vectors: Tensor) -> Tensor:
    return F.normalize(vectors.detach().cpu().float(), dim=1)


def _check_people(name: str, vectors: Tensor, identities: Tensor) -> None:
    if vectors.ndim != 2 or identities.shape != vectors.shape[:1]:
        shapes = f"vectors {tuple(vectors.shape)} and identities {tuple(identities.shape)}"
        raise ValueError(f"{name}: {shapes} do not fit: they take (N, D) and (N,)")


def _looks(identities: Sequence[Tensor], more: Sequence[int] = ()) -> dict[int, tuple[str, str]]:
    """A colour and a marker for each person of all panels."""
    people = sorted({*more, *(person for part in identities for person in part.tolist())})
    check_count(len(people), len(COLOURS) * len(MARKERS), "people")
    return {p: (COLOURS[k % len(COLOURS)], MARKERS[k // len(COLOURS)]) for k, p in enumerate(people)}


def _dots(axes: Axes, places: Tensor, identities: Tensor, looks: Mapping[int, tuple[str, str]]) -> None:
    """Places ``(N, 2)``, one collection a person, by number."""
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
    """How far pictures are from their own person's centre and from the nearest other one, in degrees; medians as lines.

    Angles above 120 degrees are counted in the last bar.

    Args:
        panels: name to the cosines with the own and with the nearest other centre, in [-1, 1], ``(N,)`` each, as
            :func:`dlsfaces.evaluate.cosine_to_centres` gives.
    Raises:
        ValueError: none or more than 9 panels, no pictures, or as many cosines of the one as not of the other.
    """
    check_count(len(panels), MOST_LINES, "panels")
    for name, (own, other) in panels.items():
        if own.ndim != 1 or own.shape != other.shape or len(own) == 0:
            raise ValueError(f"{name}: cosines {tuple(own.shape)} and {tuple(other.shape)}: needs (N,) twice")
    size = (7, 0.8 + 1.1 * len(panels))
    figure, grid = plt.subplots(len(panels), 1, figsize=size, dpi=DPI, sharex=True, squeeze=False, layout="constrained")
    ways = (("own centre", SAME, "stepfilled", "-"), ("nearest other centre", OTHER, "step", "--"))
    for axes, (name, cosines) in zip(grid[:, 0], panels.items()):
        own, other = (part.detach().cpu().double() for part in cosines)
        for value, (label, colour, kind, style) in zip((own, other), ways):
            degrees = value.clamp(-1, 1).acos().rad2deg().numpy()
            look = dict(color=colour, label=label, histtype=kind)
            look |= dict(alpha=0.45) if kind == "stepfilled" else dict(lw=1.5)
            axes.hist(degrees.clip(0, 120), np.linspace(0, 120, 61), **look)
            axes.axvline(np.median(degrees), color=colour, ls=style, lw=1.5)
        nearer = (own > other).double().mean()
        axes.set_title(f"{name}: own centre nearer for {nearer:.1%} of pictures", fontsize=9, loc="left", pad=2)
        axes.set(xlim=(0, 120), xticks=range(0, 121, 15), yticks=[])
    grid[-1, 0].set_xlabel("angle in degrees; lines: medians")
    figure.legend(
        *grid[0, 0].get_legend_handles_labels(), loc="outside upper right", ncols=2, fontsize=8, frameon=False
    )
    return figure


def triplet_sheet(images: Tensor, triplets: Triplets, distances: Tensor, columns: int = 6) -> Figure:
    """The first triplets as columns of anchor, positive and negative, with the distances to the anchor below.

    A negative that is not further away than the positive has its number in bold red.

    Args:
        images: uint8 ``(N, 3, H, W)``.
        triplets: indices of images, as :func:`dlsfaces.recognize.mine` gives.
        distances: ``(N, N)``, of any kind.
        columns: at most so many triplets.
    Raises:
        ValueError: no triplets, or distances of another number of images.
    """
    chosen = [part[:columns].tolist() for part in triplets]
    if distances.shape != (len(images), len(images)) or not chosen[0]:
        raise ValueError(
            f"{len(images)} images, distances {tuple(distances.shape)}, {len(triplets[0])} triplets to show"
        )
    count, ratio = len(chosen[0]), images.shape[2] / images.shape[3]
    size = (count + 0.3, 3 * ratio + 0.6)
    figure, grid = plt.subplots(3, count, figsize=size, dpi=DPI, squeeze=False, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)
    for row, name, indices in zip(grid, ("anchor", "positive", "negative"), chosen, strict=True):
        row[0].set_ylabel(name, fontsize=9)
        for axes, index in zip(row, indices):
            bare(axes).imshow(as_picture(images[index]))
    for column, anchor, positive, negative in zip(grid.T, *chosen):
        near, far = float(distances[anchor, positive]), float(distances[anchor, negative])
        look = dict(color="black") if far > near else dict(color=OTHER, weight="bold")
        column[1].set_xlabel(f"d(a,p) = {near:.2f}", fontsize=8, labelpad=2)
        column[2].set_xlabel(f"d(a,n) = {far:.2f}", fontsize=8, labelpad=2, **look)
    return figure
