import torch


def similarity_matrix(points, template):
    ones = torch.ones(len(points), 1)
    A = torch.cat((points, ones), dim=1)  # (5, 3)
    solution = torch.linalg.lstsq(A, template).solution  # (3, 2)
    return solution.T.contiguous()
