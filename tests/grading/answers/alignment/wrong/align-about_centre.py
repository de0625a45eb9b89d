import math

import torchvision.transforms.functional as TF


def align(image, points, template, size):
    dx, dy = (points[1] - points[0]).tolist()
    angle = math.degrees(math.atan2(dy, dx))
    turned = TF.rotate(image, angle, TF.InterpolationMode.BILINEAR)
    return TF.center_crop(turned, size)
