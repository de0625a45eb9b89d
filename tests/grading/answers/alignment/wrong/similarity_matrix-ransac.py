import numpy as np
from skimage.measure import ransac
from skimage.transform import SimilarityTransform


def similarity_matrix(points, template):
    data = (points.numpy().astype(float), template.numpy().astype(float))
    model, _ = ransac(data, SimilarityTransform, min_samples=2, residual_threshold=2.0, max_trials=100, rng=0)
    return np.asarray(model.params)[:2]
