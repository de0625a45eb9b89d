"""How good is it?"""

from dlsfaces.evaluate.bootstrap import mean_interval
from dlsfaces.evaluate.classification import accuracy, class_centres, cosine_to_centres, nearest_centre_accuracy
from dlsfaces.evaluate.detection import detection_score, detection_score_interval
from dlsfaces.evaluate.identification import (
    check_pairs,
    identification_rate,
    identification_rate_difference,
    identification_rate_interval,
)
from dlsfaces.evaluate.landmarks import box_size, cumulative_error_curve, landmark_score
from dlsfaces.evaluate.open_set import cmc, cmc_interval, open_set_interval, open_set_rate, open_set_scores
from dlsfaces.evaluate.pairs import pair_scores
from dlsfaces.evaluate.verification import roc, verification

__all__ = [
    "accuracy",
    "box_size",
    "check_pairs",
    "class_centres",
    "cmc",
    "cmc_interval",
    "cosine_to_centres",
    "cumulative_error_curve",
    "detection_score",
    "detection_score_interval",
    "identification_rate",
    "identification_rate_difference",
    "identification_rate_interval",
    "landmark_score",
    "mean_interval",
    "nearest_centre_accuracy",
    "open_set_interval",
    "open_set_rate",
    "open_set_scores",
    "pair_scores",
    "roc",
    "verification",
]
