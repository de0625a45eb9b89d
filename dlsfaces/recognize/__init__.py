"""Who is it? Backbones, losses and what they make of a face."""

from dlsfaces.recognize.backbones import Backbone, FaceResNet, ImageNetResNet
from dlsfaces.recognize.contest import CONTEST, compete
from dlsfaces.recognize.deepface import ChiSquare, DeepFaceNet, LocallyConnected, learn_chi_square
from dlsfaces.recognize.embedding import embed, features_of
from dlsfaces.recognize.inception import InceptionResnetV1
from dlsfaces.recognize.losses import CrossEntropy
from dlsfaces.recognize.margins import AdaFace, AngularMargin, add_angle, arcface, cosface
from dlsfaces.recognize.metric import EmbeddingScore, train_embedding
from dlsfaces.recognize.recipe import Recipe, train_cross_entropy
from dlsfaces.recognize.shipped import load_face_net, save_face_net
from dlsfaces.recognize.triplet import Collapse, Triplet, WeightedSum, mine, squared_distances
from dlsfaces.recognize.whitening import Whitening, within_class_whitening

__all__ = [
    "CONTEST",
    "AdaFace",
    "AngularMargin",
    "Backbone",
    "ChiSquare",
    "Collapse",
    "CrossEntropy",
    "DeepFaceNet",
    "EmbeddingScore",
    "FaceResNet",
    "ImageNetResNet",
    "InceptionResnetV1",
    "LocallyConnected",
    "Recipe",
    "Triplet",
    "WeightedSum",
    "Whitening",
    "add_angle",
    "arcface",
    "compete",
    "cosface",
    "embed",
    "features_of",
    "learn_chi_square",
    "load_face_net",
    "mine",
    "save_face_net",
    "squared_distances",
    "train_cross_entropy",
    "train_embedding",
    "within_class_whitening",
]
