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
from dlsfaces.evaluate.open_set import OpenSetRate, cmc, cmc_interval, open_set_interval, open_set_rate
from dlsfaces.evaluate.pairs import PairScores, pair_scores
from dlsfaces.evaluate.verification import Verification, verification, verification_interval

__all__ = [
    "Det",
    "IdentificationRate",
    "OpenSetRate",
    "OpenSetScores",
    "PairScores",
    "Roc",
    "Verification",
    "accuracy",
    "class_centres",
    "cmc",
    "cmc_interval",
    "cosine_to_centres",
    "det",
    "identification_rate",
    "identification_rate_difference",
    "identification_rate_interval",
    "nearest_centre_accuracy",
    "open_set_interval",
    "open_set_rate",
    "open_set_scores",
    "pair_scores",
    "person_bootstrap",
    "roc",
    "verification",
    "verification_interval",
]
