import torch


def read_points(heatmaps):
    result = torch.zeros(len(heatmaps), 2)
    for k, one in enumerate(heatmaps.tolist()):
        highest = 0
        for y, row in enumerate(one):
            for x, value in enumerate(row):
                if value > highest:
                    highest = value
                    result[k] = torch.tensor([x, y])
    return result
