"""Who is it? Backbones, losses and what they make of a face."""

from dlsfaces.recognize.backbones import Backbone, FaceResNet, ImageNetResNet
from dlsfaces.recognize.embedding import embed, features_of
from dlsfaces.recognize.losses import CrossEntropy
from dlsfaces.recognize.recipe import Recipe, train_cross_entropy
from dlsfaces.recognize.whitening import Whitening, within_class_whitening

__all__ = [
    "Backbone",
    "CrossEntropy",
    "FaceResNet",
    "ImageNetResNet",
    "Recipe",
    "Whitening",
    "embed",
    "features_of",
    "train_cross_entropy",
    "within_class_whitening",
]
