"""What does it look like? Every plot of the course. Each function returns matplotlib's figure."""

import matplotlib.pyplot as plt

from dlsfaces.plots.alignment import (
    before_and_after,
    cumulative_errors,
    errors_by,
    heatmaps,
    landmarks,
    rates,
    templates,
)
from dlsfaces.plots.common import DPI, OTHER, SAME
from dlsfaces.plots.curves import ablation, cmc, cosines, det, history, matrix, precision_recall, roc, scores, strangers
from dlsfaces.plots.embedding import angle_histograms, circles, projection, triplet_sheet
from dlsfaces.plots.losses import bars, margins_over_angle, over_angle, training_curves
from dlsfaces.plots.pipeline import pipeline
from dlsfaces.plots.sheets import contact_sheet, faces, ground_truth, photo, photos, rectangle

__all__ = [
    "DPI",
    "OTHER",
    "SAME",
    "ablation",
    "angle_histograms",
    "bars",
    "before_and_after",
    "circles",
    "cmc",
    "contact_sheet",
    "cosines",
    "cumulative_errors",
    "det",
    "errors_by",
    "faces",
    "ground_truth",
    "heatmaps",
    "history",
    "landmarks",
    "margins_over_angle",
    "matrix",
    "over_angle",
    "photo",
    "photos",
    "pipeline",
    "plt",
    "precision_recall",
    "projection",
    "rates",
    "rectangle",
    "roc",
    "scores",
    "strangers",
    "templates",
    "training_curves",
    "triplet_sheet",
]
