"""How good is it?"""

from dlsfaces.evaluate.bootstrap import person_bootstrap
from dlsfaces.evaluate.classification import accuracy, class_centres, cosine_to_centres, nearest_centre_accuracy
from dlsfaces.evaluate.curves import Det, Roc, det, roc
from dlsfaces.evaluate.gallery import OpenSetScores, open_set_scores
from dlsfaces.evaluate.identification import (
    IdentificationRate,
    identification_rate,
    identification_rate_difference,
    identification_rate_interval,
)
from dlsfaces.evaluate.landmark_scores import (
    CumulativeErrors,
    LandmarkScore,
    NmeBin,
    cumulative_error_curve,
    landmark_score,
    nme_by,
    nme_interval,
)
from dlsfaces.evaluate.landmarks import box_size, eye_distance, landmark_errors
from dlsfaces.evaluate.open_set import OpenSetRate, cmc, cmc_interval, open_set_interval, open_set_rate
from dlsfaces.evaluate.pairs import PairScores, pair_scores
from dlsfaces.evaluate.verification import Verification, verification, verification_interval

__all__ = [
    "CumulativeErrors",
    "Det",
    "IdentificationRate",
    "LandmarkScore",
    "NmeBin",
    "OpenSetRate",
    "OpenSetScores",
    "PairScores",
    "Roc",
    "Verification",
    "accuracy",
    "box_size",
    "class_centres",
    "cmc",
    "cmc_interval",
    "cosine_to_centres",
    "cumulative_error_curve",
    "det",
    "eye_distance",
    "identification_rate",
    "identification_rate_difference",
    "identification_rate_interval",
    "landmark_errors",
    "landmark_score",
    "nearest_centre_accuracy",
    "nme_by",
    "nme_interval",
    "open_set_interval",
    "open_set_rate",
    "open_set_scores",
    "pair_scores",
    "person_bootstrap",
    "roc",
    "verification",
    "verification_interval",
]
