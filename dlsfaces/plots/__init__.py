"""What does it look like? Every plot of the course. Each function returns matplotlib's figure."""

import matplotlib.pyplot as plt

from dlsfaces.plots.alignment import (
    before_and_after,
    cumulative_errors,
    errors_by,
    landmarks,
    rates,
    templates,
)
from dlsfaces.plots.common import DPI, OTHER, SAME
from dlsfaces.plots.curves import cmc, history, matrix, precision_recall, roc
from dlsfaces.plots.embedding import angle_histograms, circles
from dlsfaces.plots.losses import over_angle, training_curves
from dlsfaces.plots.sheets import contact_sheet, faces, ground_truth, photo, photos, rectangle

__all__ = [
    "DPI",
    "OTHER",
    "SAME",
    "angle_histograms",
    "before_and_after",
    "circles",
    "cmc",
    "contact_sheet",
    "cumulative_errors",
    "errors_by",
    "faces",
    "ground_truth",
    "history",
    "landmarks",
    "matrix",
    "over_angle",
    "photo",
    "photos",
    "plt",
    "precision_recall",
    "rates",
    "rectangle",
    "roc",
    "templates",
    "training_curves",
]
