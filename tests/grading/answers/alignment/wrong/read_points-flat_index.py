def read_points(heatmaps):
    return heatmaps.flatten(1).argmax(1)
