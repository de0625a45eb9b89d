"""Where are the eyes, and how is the face put upright?"""

from dlsfaces.align.cameras import fiducial_covariance, yaw_of
from dlsfaces.align.frontal import frontal_landmarks, frontalise
from dlsfaces.align.heatmaps import gaussian_heatmaps, read_peaks
from dlsfaces.align.landmarks import aligned, cropped, find_landmarks, landmarks_of
from dlsfaces.align.pretrained import load_landmark_net
from dlsfaces.align.recipe import LandmarkRecipe, train_landmarks
from dlsfaces.align.squares import LandmarkAugmentation

__all__ = [
    "LandmarkAugmentation",
    "LandmarkRecipe",
    "aligned",
    "cropped",
    "fiducial_covariance",
    "find_landmarks",
    "frontal_landmarks",
    "frontalise",
    "gaussian_heatmaps",
    "landmarks_of",
    "load_landmark_net",
    "read_peaks",
    "train_landmarks",
    "yaw_of",
]
