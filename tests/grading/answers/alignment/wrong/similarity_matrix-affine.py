import torch


def similarity_matrix(points, template):
    ones = torch.cat([points, torch.ones(5, 1)], dim=1)
    return torch.linalg.lstsq(ones, template).solution.T
