import torch
from torch.nn import functional as F


def similarity_matrix(points, template):
    c1 = points.mean(0)
    c2 = template.mean(0)
    points -= c1
    template -= c2
    a = torch.view_as_complex(points.contiguous())
    b = torch.view_as_complex(template.contiguous())
    z = (b * a.conj()).sum() / (a.abs() ** 2).sum()
    m = torch.zeros(2, 3)
    m[0, 0] = m[1, 1] = z.real
    m[1, 0] = z.imag
    m[0, 1] = -z.imag
    m[:, 2] = c2 - m[:, :2] @ c1
    return m


def align(image, points, template, size):
    height, width = size
    m = similarity_matrix(points, template)
    square = torch.cat([m, torch.tensor([[0.0, 0.0, 1.0]])])
    inverse = torch.linalg.inv(square)
    ys = torch.arange(height) + 0.5
    xs = torch.arange(width) + 0.5
    grid = torch.stack([xs.repeat(height), ys.repeat_interleave(width), torch.ones(height * width)])
    place = (inverse @ grid)[:2]
    place = place / torch.tensor([[image.shape[2]], [image.shape[1]]]) * 2 - 1
    place = place.T.reshape(1, height, width, 2)
    return F.grid_sample(image[None], place, align_corners=False)[0]
