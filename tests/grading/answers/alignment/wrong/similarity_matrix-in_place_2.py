import numpy as np
from skimage.transform import SimilarityTransform


def similarity_matrix(points, template):
    p, t = points.numpy(), template.numpy()
    middle = t.mean(0)
    t -= middle  # around 0, which is better for the numbers
    matrix = np.array(SimilarityTransform.from_estimate(p, t).params[:2])
    matrix[:, 2] += middle
    return matrix
