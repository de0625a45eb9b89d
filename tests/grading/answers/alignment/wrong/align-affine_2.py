import numpy as np
from skimage.transform import AffineTransform, warp


def align(image, points, template, size):
    transform = AffineTransform.from_estimate(points.numpy(), template.numpy())
    out = warp(image.permute(1, 2, 0).numpy(), transform.inverse, output_shape=size)
    return np.moveaxis(out, 2, 0)
