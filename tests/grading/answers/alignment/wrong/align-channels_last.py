import numpy as np
from skimage.transform import SimilarityTransform, warp


def align(image, points, template, size):
    transform = SimilarityTransform.from_estimate(template.numpy(), points.numpy())
    return np.clip(warp(image.permute(1, 2, 0).numpy(), transform, output_shape=size), 0, 1)
