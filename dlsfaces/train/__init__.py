"""How is anything trained? One loop, for every model of the course, in one process or many."""

from dlsfaces.train.loop import Augment, Move, Validate, fit
from dlsfaces.train.precision import faster_precision
from dlsfaces.train.run import History
from dlsfaces.train.schedule import warmup_cosine

__all__ = ["Augment", "History", "Move", "Validate", "faster_precision", "fit", "warmup_cosine"]
