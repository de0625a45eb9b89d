"""What does it look like? Every picture that the course draws. Each function returns matplotlib's figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch, Patch, Rectangle
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from dlsfaces import geometry, synthetic
from dlsfaces.data.records import Photo
from dlsfaces.evaluate import Det, IdentificationRate, PairScores, Roc

DPI = 80  # keeps notebooks small
SAME, OTHER, LINE = "tab:green", "tab:red", "0.35"
LANDMARK_COLOURS = ("tab:cyan", "tab:blue", "tab:orange", "tab:pink", "tab:red")


def as_picture(image: Tensor) -> np.ndarray:
    """``(3, H, W)``, uint8 or float in [0, 1], as matplotlib wants it."""
    array = image.detach().cpu().permute(1, 2, 0).numpy()
    return array if array.dtype == np.uint8 else array.clip(0, 1)


def _bare(axes: Axes) -> Axes:
    axes.set_xticks([])
    axes.set_yticks([])
    return axes


def _outline(axes: Axes, box: Sequence[float], colour: str = "yellow") -> None:
    """A box, drawn also where it leaves the picture."""
    x1, y1, x2, y2 = box
    axes.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, color=colour, lw=2, clip_on=False))


def _mark(axes: Axes, landmarks: Tensor) -> None:
    """Five landmarks, each in its colour."""
    axes.scatter(*landmarks.T.numpy(), c=LANDMARK_COLOURS, s=28, edgecolors="white", linewidths=0.8)


def faces(images: Tensor, titles: Sequence[str] = (), columns: int = 8, height: float = 1.4) -> Figure:
    """A sheet of images ``(N, 3, H, W)``, row by row, with a title over each where given."""
    rows = -(-len(images) // columns)
    shape = images.shape[2:]
    size = (columns * height * shape[1] / shape[0], rows * (height + (0.25 if titles else 0.02)))
    figure, grid = plt.subplots(rows, columns, figsize=size, dpi=DPI, squeeze=False, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.01, h_pad=0.01, wspace=0, hspace=0)
    for i, axes in enumerate(grid.flat):
        axes.axis("off")
        if i < len(images):
            axes.imshow(as_picture(images[i]), interpolation="nearest")
            if i < len(titles):
                axes.set_title(titles[i], fontsize=8, pad=2)
    return figure


def photo(photo: Photo, axes: Axes | None = None) -> Figure:
    """A photo with its faces' boxes and landmarks; the left eye, the viewer's left, is cyan."""
    if axes is None:
        _, axes = plt.subplots(figsize=(3, 3.6), dpi=DPI)
    axes.imshow(as_picture(photo.image), extent=(0, photo.image.shape[2], photo.image.shape[1], 0))
    for face in photo.faces:
        if face.landmarks is not None:
            _mark(axes, face.landmarks)
        if face.box is not None:
            _outline(axes, face.box.tolist())
    axes.set_axis_off()
    return axes.figure


def photos(shown: Sequence[Photo], columns: int = 2, width: float = 4.5, landmarks: bool = True) -> Figure:
    """Photos with any number of people, each face's box drawn, and its landmarks as dots: hidden ones in red."""
    shown = list(shown)  # some sets make a photo anew each time they are asked for it
    rows = -(-len(shown) // columns)
    ratio = max(photo.image.shape[1] / photo.image.shape[2] for photo in shown)
    figure, grid = plt.subplots(
        rows, columns, figsize=(columns * width, rows * width * ratio), dpi=DPI, squeeze=False, layout="constrained"
    )
    figure.get_layout_engine().set(w_pad=0.01, h_pad=0.01, wspace=0, hspace=0)
    for axes in grid.flat:
        axes.axis("off")
    for axes, one in zip(grid.flat, shown):
        _, height, across = one.image.shape
        axes.imshow(as_picture(one.image), extent=(0, across, height, 0))
        for face in one.faces:
            if face.box is not None:
                x1, y1, x2, y2 = face.box.tolist()
                axes.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, color="yellow", lw=1))
            if landmarks and face.landmarks is not None:
                seen = torch.ones(5, dtype=torch.bool) if face.visibility is None else face.visibility
                for part, colour in ((seen, "tab:cyan"), (~seen, OTHER)):
                    axes.scatter(*face.landmarks[part].T.numpy(), s=2, c=colour, linewidths=0)
        axes.set(xlim=(0, across), ylim=(height, 0))
    return figure


def rectangle(axes: Axes, box: Sequence[float], label: str, colour: str = "yellow") -> None:
    """A named box on a picture."""
    _outline(axes, box, colour)
    axes.text(box[0] + 3, box[1] + 3, label, color=colour, va="top", fontsize=9, weight="bold")


def history(rows: Sequence[Mapping[str, float]], measure: str) -> Figure:
    """Loss and learning rate, and one measure of the validation, over the epochs."""
    epochs = [row["epoch"] for row in rows]
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3), dpi=DPI, layout="constrained")
    left.plot(epochs, [row["loss"] for row in rows], ".-", color="tab:blue")
    left.set(xlabel="epoch", ylabel="training loss")
    rate = left.twinx()
    rate.plot(epochs, [row["lr"] for row in rows], color="0.7", lw=1)
    rate.set_ylabel("learning rate after the epoch", color="0.5")
    right.plot(epochs, [row[measure] for row in rows], ".-", color=SAME)
    right.set(xlabel="epoch", ylabel=measure.replace("_", " "), ylim=(0, 1))
    right.grid(alpha=0.3)
    return figure


def scores(found: PairScores, rate: IdentificationRate | None = None) -> Figure:
    """How the cosines of positive and of false pairs are distributed, each to its own height; thresholds dashed."""
    figure, axes = plt.subplots(figsize=(8, 3.2), dpi=DPI, layout="constrained")
    low = min(found.positive.min(), np.quantile(found.false, 0.001))
    bins = np.linspace(low, 1, 80)
    for values, colour, name in ((found.false, OTHER, "different people"), (found.positive, SAME, "same person")):
        axes.hist(values, bins, density=True, alpha=0.5, color=colour, label=f"{name} ({len(values):,} pairs)")
    if rate is not None:
        top = axes.get_ylim()[1]
        for row, (fpr, tpr, threshold) in enumerate(zip(rate.fprs, rate.tpr, rate.threshold, strict=True)):
            axes.axvline(threshold, color=LINE, ls="--", lw=1)
            axes.text(threshold, top * (1 - 0.09 * row), f" FPR {fpr:g}: TPR {tpr:.2f}", fontsize=8, va="top")
    axes.set(xlabel="cosine similarity", ylabel="density")
    axes.legend(fontsize=8, loc="upper left")
    return figure


def _visible(count: int) -> np.ndarray:
    """Places of the points of a curve of so many that the eye can tell apart on a logarithmic axis."""
    return np.unique(np.geomspace(1, count, 2000).astype(int)) - 1


def roc(curves: Mapping[str, Roc], points: Mapping[str, tuple[IdentificationRate, np.ndarray]] | None = None) -> Figure:
    """ROC curves by name, FPR on a logarithmic axis; ``points`` adds rates with their intervals ``(len(fprs), 2)``."""
    figure, axes = plt.subplots(figsize=(6, 4), dpi=DPI, layout="constrained")
    for name, curve in curves.items():
        seen = curve.fpr > 0
        keep = _visible(seen.sum())
        line = axes.plot(curve.fpr[seen][keep], curve.tpr[seen][keep], label=f"{name} (AUC {curve.auc:.3f})")[0]
        if points and name in points:
            rate, interval = points[name]
            error = np.abs(interval.T - rate.tpr)
            axes.errorbar(rate.fprs, rate.tpr, error, fmt="o", ms=4, capsize=3, color=line.get_color())
    chance = np.logspace(-4, 0, 50)
    axes.plot(chance, chance, color="0.7", ls=":", label="guessing")
    axes.set(xscale="log", xlim=(1e-4, 1), ylim=(0, 1.02), xlabel="false positive rate", ylabel="true positive rate")
    axes.grid(alpha=0.3, which="both")
    axes.legend(fontsize=8)
    return figure


def det(curves: Mapping[str, Det]) -> Figure:
    """DET curves by name: one kind of error over the other, both axes logarithmic; the lower left is good."""
    figure, axes = plt.subplots(figsize=(6, 4), dpi=DPI, layout="constrained")
    for name, curve in curves.items():
        seen = (curve.fmr > 0) & (curve.fnmr > 0)  # a logarithm has no zero
        keep = _visible(seen.sum())
        axes.plot(curve.fmr[seen][keep], curve.fnmr[seen][keep], label=name)
    both = np.logspace(-4, 0, 50)
    axes.plot(both, both, color="0.7", ls=":", label="equal errors")
    axes.set(xscale="log", yscale="log", xlim=(1e-4, 1), ylim=(1e-2, 1))
    axes.set(xlabel="false match rate (FPR)", ylabel="false non-match rate (1 - TPR)")
    axes.grid(alpha=0.3, which="both")
    axes.legend(fontsize=8)
    return figure


def cmc(curves: Mapping[str, tuple[np.ndarray, np.ndarray]], gallery: int) -> Figure:
    """Identification rate over the rank, by name, with its interval as a band; guessing in a gallery of so many."""
    figure, axes = plt.subplots(figsize=(6, 3.4), dpi=DPI, layout="constrained")
    for name, (rate, interval) in curves.items():
        ranks = np.arange(1, len(rate) + 1)
        line = axes.plot(ranks, rate, ".-", label=name)[0]
        axes.fill_between(ranks, *interval.T, color=line.get_color(), alpha=0.2, lw=0)
    axes.plot(ranks, np.minimum(1, ranks / gallery), color="0.7", ls=":", label="guessing")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="rank", ylabel="the person is among the first", ylim=(0, 1.02))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    return figure


def strangers(sizes: Sequence[int], measured: Sequence[float], independent: Sequence[float]) -> Figure:
    """The share of strangers who get in over the gallery's size: as measured, and were comparisons independent."""
    figure, axes = plt.subplots(figsize=(6, 3.2), dpi=DPI, layout="constrained")
    axes.plot(sizes, independent, "--", color=LINE, label="1 - (1 - FPR)^G")
    axes.plot(sizes, measured, ".-", color=OTHER, label="measured")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="people in the gallery, G", ylabel="strangers who get in", ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    return figure


def ablation(rows: Mapping[str, float], yardstick: float, measure: str) -> Figure:
    """Bars: how far each change of a recipe moves a measure from what the unchanged recipe reaches."""
    figure, axes = plt.subplots(figsize=(7, 0.5 + 0.28 * len(rows)), dpi=DPI, layout="constrained")
    names = sorted(rows, key=rows.__getitem__, reverse=True)
    change = [rows[name] - yardstick for name in names]
    axes.barh(names, change, color=[SAME if value > 0 else OTHER for value in change])
    for place, (name, value) in enumerate(zip(names, change)):
        axes.text(value, place, f" {rows[name]:.3f} ", va="center", ha="left" if value > 0 else "right", fontsize=8)
    axes.axvline(0, color=LINE, lw=1)
    axes.invert_yaxis()
    axes.margins(x=0.2)
    axes.set(xlabel=f"{measure}: change from {yardstick:.3f}")
    axes.tick_params(axis="y", labelsize=9)
    return figure


def cosines(before: Sequence[Tensor], after: Sequence[Tensor], names: Sequence[str]) -> Figure:
    """Two histograms side by side, before and after training, of as many kinds of cosines as there are names."""
    figure, panels = plt.subplots(1, 2, figsize=(9, 3), dpi=DPI, layout="constrained")
    for axes, values, title in zip(panels, (before, after), ("before training", "after training"), strict=True):
        for value, name, colour in zip(values, names, (SAME, OTHER), strict=True):
            axes.hist(value.numpy(), np.linspace(-1, 1, 81), alpha=0.5, density=True, color=colour, label=name)
        axes.set(title=title, xlabel="cosine similarity")
    panels[0].legend(fontsize=8)
    return figure


def matrix(values: Tensor, groups: Sequence[int], title: str = "") -> Figure:
    """A square matrix of similarities, with lines between the groups of rows."""
    figure, axes = plt.subplots(figsize=(4.6, 4), dpi=DPI, layout="constrained")
    shown = axes.imshow(values.numpy(), cmap="viridis", vmin=min(0.0, float(values.min())), vmax=1)
    for start in np.flatnonzero(np.diff(groups)) + 0.5:
        axes.axhline(start, color="white", lw=0.5)
        axes.axvline(start, color="white", lw=0.5)
    figure.colorbar(shown, label="cosine similarity")
    _bare(axes).set(title=title, xlabel="pictures, person by person")
    return figure


REGION_COLOURS = {
    "background": "#30343a",
    "skin": "#e0a080",
    "hair": "#5a3a20",
    "eyes": "#2a7fff",
    "brows": "#8a4dff",
    "nose": "#ffd166",
    "mouth": "#e63946",
    "beard": "#7a7a4a",
    "glasses": "#00c2b2",
    "clothes": "#8aa0b8",
    "hat": "#b5651d",
    "mask": "#a8e6cf",
    "hand": "#ff9bd2",
    "jewellery": "#fff275",
}


def ground_truth(made: synthetic.Rendering) -> Figure:
    """Synthetic pictures, a column each: as they are, what each pixel shows, and 68 landmarks, hidden ones hollow."""
    names = [region.name.lower() for region in synthetic.Region]
    palette = torch.tensor([to_rgb(REGION_COLOURS[name]) for name in names])
    n, (height, width) = len(made.images), made.images.shape[2:]
    size = (1.8 * n, 5.4 * height / width + 0.6)
    figure, grid = plt.subplots(3, n, figsize=size, dpi=DPI, squeeze=False, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.01, h_pad=0.01, wspace=0, hspace=0)
    for k, (top, middle, bottom) in enumerate(grid.T):
        pale = 0.35 * made.images[k] / 255 + 0.65  # so that the landmarks stand out
        for axes, image in (
            (top, made.images[k]),
            (middle, palette[made.regions[k].long()].movedim(2, 0)),
            (bottom, pale),
        ):
            axes.imshow(as_picture(image), extent=(0, width, height, 0))
            axes.axis("off")
        _landmarks(bottom, made.dense[k], made.dense_visibility[k])
        bottom.set(xlim=(0, width), ylim=(height, 0))
    found = [names[i] for i in made.regions.unique().tolist()]
    handles = [Patch(color=REGION_COLOURS[name], label=name) for name in found]
    handles += bottom.get_legend_handles_labels()[0]
    figure.legend(handles=handles, loc="outside lower center", ncols=max(2, n + 1), fontsize=8, frameon=False)
    return figure


def _landmarks(axes: Axes, points: Tensor, visible: Tensor) -> None:
    """Landmarks ``(L, 2)``: those that are seen as dots, hidden ones as rings."""
    axes.scatter(*points[visible].T.numpy(), s=9, c="tab:blue", linewidths=0, label="landmark")
    axes.scatter(*points[~visible].T.numpy(), s=11, c="none", edgecolors=OTHER, linewidths=0.8, label="hidden")


def contact_sheet(people: int = 8, pictures: int = 8, first: int = 0, seed: int = 0, height: float = 1.4) -> Figure:
    """Synthetic people, a row each, in some of their pictures."""
    who, which = torch.arange(first, first + people), torch.arange(pictures)
    who, which = who.repeat_interleave(pictures), which.repeat(people)
    made = synthetic.render(synthetic.people(who, seed), synthetic.pictures(who, which, seed), geometry.LOOSE)
    return faces(made.images, columns=pictures, height=height)


def pipeline(seed: int = 0) -> Figure:
    """The whole course in one picture: a photo, the face found in it, put upright, made a vector, and named.

    The person is a synthetic one; the vector is drawn for show, from pooled grey levels, not by a trained network.
    """
    tilted, upright, gallery = _pipeline_faces(seed)
    figure, panels = plt.subplots(
        1, 5, figsize=(12.5, 3.2), dpi=DPI, width_ratios=(1.25, 1, 1, 0.42, 2.2), layout="constrained"
    )
    figure.get_layout_engine().set(wspace=0.14)
    titles = ("1. a photo", "2. detect", "3. align", "4. embed", "5. identify")
    for axes, title in zip(panels, titles, strict=True):
        _bare(axes).set_title(title, fontsize=12, weight="bold")
    for axes in panels[:2]:
        axes.imshow(as_picture(tilted.images[0]), extent=(0, 178, 218, 0))
    _outline(panels[1], tilted.boxes[0].tolist())
    _mark(panels[1], tilted.landmarks[0])
    panels[2].imshow(as_picture(upright), aspect="equal")
    vector = torch.nn.functional.adaptive_avg_pool2d(upright.float().mean(0, keepdim=True), (20, 2)).flatten()
    panels[3].imshow(vector.view(-1, 2).numpy(), cmap="coolwarm", aspect="auto")
    _draw_gallery(panels[4], gallery)
    for left, right in pairwise(panels):
        arrow = ConnectionPatch((1.02, 0.5), (-0.02, 0.5), "axes fraction", "axes fraction", axesA=left, axesB=right)
        arrow.set(arrowstyle="-|>", mutation_scale=18, color=LINE, lw=2)
        figure.add_artist(arrow)
    return figure


def _pipeline_faces(seed: int) -> tuple[synthetic.Rendering, Tensor, Tensor]:
    """The tilted photo, the same picture upright and cropped, and four people of a gallery."""
    ids = torch.tensor([79, 79, 79, 75, 81, 77])
    people = synthetic.people(ids, seed)
    pictures = synthetic.neutral_pictures(len(ids))
    pictures["back_colour"] = torch.linspace(0.2, 0.9, len(ids))
    pictures["yaw"][:2], pictures["back_contrast"][:2], pictures["smile"][:2] = 12.0, 0.8, 0.25
    pictures["roll"][0], pictures["scale"][0] = 18.0, 0.8

    def take(rows: slice, framing: geometry.Framing) -> synthetic.Rendering:
        return synthetic.render(*({k: v[rows] for k, v in d.items()} for d in (people, pictures)), framing)

    upright, gallery = take(slice(1, 2), geometry.TIGHT), take(slice(2, None), geometry.TIGHT)
    return take(slice(0, 1), geometry.LOOSE), upright.images[0], gallery.images


def _draw_gallery(axes: Axes, images: Tensor) -> None:
    """Who is in the gallery, and how similar the face is to each; the names and numbers are made up."""
    names, similarities = ("Ada", "Boris", "Chen", "Dina"), (0.71, 0.18, 0.09, 0.24)
    for i, (image, name, value) in enumerate(zip(images, names, similarities, strict=True)):
        top = 1 - i / 4
        axes.imshow(as_picture(image), extent=(0, 0.15, top - 0.23, top - 0.01), aspect="auto")
        axes.barh(top - 0.12, 0.75 * value / 0.71, 0.09, left=0.2, color=SAME if i == 0 else "0.75")
        axes.text(0.21, top - 0.04, f"{name}: {value:.2f}", fontsize=10, va="center", weight="bold" if i == 0 else None)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    threshold = 0.2 + 0.75 * 0.35 / 0.71
    axes.axvline(threshold, 0, 1, color=OTHER, ls="--")
    axes.text(threshold + 0.01, 0.02, "threshold", color=OTHER, fontsize=9)
    axes.set_frame_on(False)
