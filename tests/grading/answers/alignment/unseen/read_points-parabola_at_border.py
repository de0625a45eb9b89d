import torch


def read_points(heatmaps):
    """With sub-pixel refinement."""
    result = torch.zeros(heatmaps.shape[0], 2)
    for i, hm in enumerate(heatmaps):
        idx = hm.argmax().item()
        y, x = idx // hm.shape[1], idx % hm.shape[1]
        c = hm[y, x]

        def vertex(left, right, c=c):
            curvature = left - 2 * c + right
            if curvature == 0:
                return 0.0
            return (0.5 * (left - right) / curvature).clamp(-0.5, 0.5)

        result[i, 0] = x + 0.5 + vertex(hm[y, x - 1], hm[y, x + 1])
        result[i, 1] = y + 0.5 + vertex(hm[y - 1, x], hm[y + 1, x])
    return result
