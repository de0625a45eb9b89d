import torch


def umeyama(source, target):
    a, b = source - source.mean(0), target - target.mean(0)
    u, s, vt = torch.linalg.svd(b.T @ a)
    d = torch.tensor([1.0, torch.sign(torch.det(u @ vt))])
    linear = u @ torch.diag(d) @ vt * (s * d).sum() / (a**2).sum()
    return torch.cat([linear, (target.mean(0) - linear @ source.mean(0))[:, None]], dim=1)


def similarity_matrix(points, template):
    best, fewest = None, 1e9
    for i in range(5):
        for j in range(i + 1, 5):
            matrix = umeyama(points[[i, j]], template[[i, j]])
            away = (points @ matrix[:, :2].T + matrix[:, 2] - template).norm(dim=1)
            if away.median() < fewest:
                best, fewest = matrix, away.median()
    return best
