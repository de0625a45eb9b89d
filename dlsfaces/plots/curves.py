"""Curves, histograms and tables of numbers."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from dlsfaces.evaluate.detection import DetectionScore
from dlsfaces.evaluate.identification import IdentificationRate
from dlsfaces.evaluate.verification import Roc
from dlsfaces.plots.common import DPI, SAME, bare, finished, one_plot


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


def _visible(count: int) -> np.ndarray:
    """Places of the points of a curve of so many that the eye can tell apart on a logarithmic axis."""
    return np.unique(np.geomspace(1, count, 2000).astype(int)) - 1


def roc(curves: Mapping[str, Roc], points: Mapping[str, tuple[IdentificationRate, np.ndarray]] | None = None) -> Figure:
    """ROC curves by name, FPR on a logarithmic axis; ``points`` adds rates with their intervals ``(len(fprs), 2)``."""
    _, axes = one_plot(6, 4)
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
    return finished(axes, which="both")


def precision_recall(curves: Mapping[str, DetectionScore]) -> Figure:
    """Precision over recall by name, with the average precision (AP); the upper right is good."""
    _, axes = one_plot(6, 4)
    for name, score in curves.items():
        axes.plot(score.recall, score.precision, label=f"{name} (AP {score.average_precision:.3f})")
    axes.set(xlim=(0, 1), xlabel="recall: share of the faces that are found")
    axes.set(ylim=(0, 1.02), ylabel="precision: share of the detections that are right")
    return finished(axes)


def cmc(curves: Mapping[str, tuple[np.ndarray, np.ndarray]], gallery: int) -> Figure:
    """Identification rate over the rank, by name, with its interval as a band; guessing in a gallery of so many."""
    _, axes = one_plot(6, 3.4)
    for name, (rate, interval) in curves.items():
        ranks = np.arange(1, len(rate) + 1)
        line = axes.plot(ranks, rate, ".-", label=name)[0]
        axes.fill_between(ranks, *interval.T, color=line.get_color(), alpha=0.2, lw=0)
    axes.plot(ranks, np.minimum(1, ranks / gallery), color="0.7", ls=":", label="guessing")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="rank", ylabel="the person is among the first", ylim=(0, 1.02))
    return finished(axes)


def matrix(values: Tensor, groups: Sequence[int], title: str = "") -> Figure:
    """A square matrix of similarities, with lines between the groups of rows."""
    figure, axes = one_plot(4.6, 4)
    shown = axes.imshow(values.numpy(), cmap="viridis", vmin=min(0.0, float(values.min())), vmax=1)
    for start in np.flatnonzero(np.diff(groups)) + 0.5:
        axes.axhline(start, color="white", lw=0.5)
        axes.axvline(start, color="white", lw=0.5)
    figure.colorbar(shown, label="cosine similarity")
    bare(axes).set(title=title, xlabel="images, person by person")
    return figure
