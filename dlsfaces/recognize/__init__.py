"""Who is it? Backbones, losses and what they make of a face."""

from dlsfaces.recognize.backbones import Backbone, FaceResNet, ImageNetResNet, embed, features_of
from dlsfaces.recognize.inception import InceptionResnetV1
from dlsfaces.recognize.loss_recipes import LOSS_RECIPES, Stage, train_loss_recipe
from dlsfaces.recognize.losses import CrossEntropy
from dlsfaces.recognize.margins import AdaFace, AngularMargin, add_angle, arcface, cosface
from dlsfaces.recognize.pretrained import load_face_net
from dlsfaces.recognize.recipe import EmbeddingScore, Recipe, train_cross_entropy, train_embedding
from dlsfaces.recognize.triplet import Collapse, Triplet, mine, squared_distances
from dlsfaces.recognize.whitening import within_class_whitening

__all__ = [
    "LOSS_RECIPES",
    "AdaFace",
    "AngularMargin",
    "Backbone",
    "Collapse",
    "CrossEntropy",
    "EmbeddingScore",
    "FaceResNet",
    "ImageNetResNet",
    "InceptionResnetV1",
    "Recipe",
    "Stage",
    "Triplet",
    "add_angle",
    "arcface",
    "cosface",
    "embed",
    "features_of",
    "load_face_net",
    "mine",
    "squared_distances",
    "train_cross_entropy",
    "train_embedding",
    "train_loss_recipe",
    "within_class_whitening",
]
