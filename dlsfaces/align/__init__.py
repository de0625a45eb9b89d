"""Where are the eyes, and how is the face put upright?"""

from dlsfaces.align.cameras import fiducial_covariance, fit_camera, yaw_of
from dlsfaces.align.finding import aligned, cropped, find_landmarks, landmarks_of
from dlsfaces.align.frontal import Frontal, frontal_landmarks, frontalise
from dlsfaces.align.heatmaps import Peaks, gaussian_heatmaps, read_peaks
from dlsfaces.align.losses import HeatmapLoss, RegressionLoss
from dlsfaces.align.networks import LandmarkNet, LandmarkRegression, Landmarks, StackedHourglass
from dlsfaces.align.recipe import LandmarkRecipe, train_landmarks
from dlsfaces.align.shipped import load_landmark_net, save_landmark_net
from dlsfaces.align.squares import Wobble, face_square, mirrored_order

__all__ = [
    "Frontal",
    "HeatmapLoss",
    "LandmarkNet",
    "LandmarkRecipe",
    "LandmarkRegression",
    "Landmarks",
    "Peaks",
    "RegressionLoss",
    "StackedHourglass",
    "Wobble",
    "aligned",
    "cropped",
    "face_square",
    "fiducial_covariance",
    "find_landmarks",
    "fit_camera",
    "frontal_landmarks",
    "frontalise",
    "gaussian_heatmaps",
    "landmarks_of",
    "load_landmark_net",
    "mirrored_order",
    "read_peaks",
    "save_landmark_net",
    "train_landmarks",
    "yaw_of",
]
