"""Random numbers as a function of a key; see :mod:`drawpeople.rng`, where they live."""

from drawpeople.rng import Dice, key, normal, uniform

__all__ = ["Dice", "key", "normal", "uniform"]
