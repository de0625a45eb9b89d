"""How good is it?"""

from dlsfaces.evaluate.classification import accuracy, class_centres, cosine_to_centres, nearest_centre_accuracy
from dlsfaces.evaluate.curves import Roc, identification_rate_interval, roc
from dlsfaces.evaluate.identification import IdentificationRate, PairScores, identification_rate, pair_scores

__all__ = [
    "IdentificationRate",
    "PairScores",
    "Roc",
    "accuracy",
    "class_centres",
    "cosine_to_centres",
    "identification_rate",
    "identification_rate_interval",
    "nearest_centre_accuracy",
    "pair_scores",
    "roc",
]
