"""What does it look like? Every picture that the course draws. Each function returns matplotlib's figure."""

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
from dlsfaces.plots.common import DPI, LANDMARK_COLOURS, LINE, OTHER, SAME, as_picture
from dlsfaces.plots.curves import ablation, cmc, cosines, det, history, matrix, roc, scores, strangers
from dlsfaces.plots.embedding import angle_histograms, circles, projection, triplet_sheet
from dlsfaces.plots.losses import bars, contest, margins_over_angle, over_angle
from dlsfaces.plots.pipeline import pipeline
from dlsfaces.plots.sheets import REGION_COLOURS, contact_sheet, faces, ground_truth, photo, photos, rectangle

__all__ = [
    "DPI",
    "LANDMARK_COLOURS",
    "LINE",
    "OTHER",
    "REGION_COLOURS",
    "SAME",
    "ablation",
    "angle_histograms",
    "as_picture",
    "bars",
    "before_and_after",
    "circles",
    "cmc",
    "contact_sheet",
    "contest",
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
    "projection",
    "rates",
    "rectangle",
    "roc",
    "scores",
    "strangers",
    "templates",
    "triplet_sheet",
]
