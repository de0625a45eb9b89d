"""How is anything trained? One loop for every model of the course."""

from dlsfaces.train.checkpoints import checkpoint_path
from dlsfaces.train.loop import History, Trained, fit
from dlsfaces.train.settings import Settings

__all__ = ["History", "Settings", "Trained", "checkpoint_path", "fit"]
