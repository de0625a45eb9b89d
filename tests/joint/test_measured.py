"""What ``benchmarks.joint`` learns from: photos, boxes, landmarks and names that stay together."""

import pytest
import torch
from torch.nn import functional as F

from benchmarks import _joint as j
from benchmarks.joint import surest
from dlsfaces.detect import Detections

KEYS = torch.arange(24) * 7919 + 5


def marked(count=24, side=160):
    """Grey photos with a white face, whose left eye is a red dot and whose right mouth corner a blue one."""
    images = torch.full((count, 3, side, side), 60, dtype=torch.uint8)
    rows = torch.zeros(count, 15)
    for k in range(count):
        x, y = 40 + k, 50 + k // 2
        images[k, :, y : y + 40, x : x + 36] = 255
        points = torch.tensor([[x + 8, y + 10], [x + 28, y + 10], [x + 18, y + 20], [x + 8, y + 30], [x + 28, y + 30]])
        for point, channel in ((points[0], 0), (points[4], 2)):
            column, row = point.tolist()
            images[k, :, row - 2 : row + 2, column - 2 : column + 2] = 0
            images[k, channel, row - 2 : row + 2, column - 2 : column + 2] = 255
        rows[k] = torch.cat((torch.tensor([x, y, x + 36, y + 40, k]).float(), points.flatten().float()))
    return images, rows


def test_boxes_and_landmarks_move_with_the_pixels():
    images, rows = marked()
    moved, after = j.Moved(torch.zeros(2, 3, 160, 160, dtype=torch.uint8))(images, rows, KEYS)
    assert after[:, 4].equal(rows[:, 4])
    assert ((after[:, :4] - rows[:, :4]).abs().amax(1) > 1).float().mean() > 0.8
    turned = 0
    for image, row in zip(moved, after):
        points = row[5:].view(5, 2)
        assert points[0, 0] < points[1, 0] and points[3, 0] < points[4, 0]  # the viewer's left stays left
        dots = [(c, points[k]) for c, k in ((0, 0), (2, 4))]
        mirrored = [(c, points[k]) for c, k in ((0, 1), (2, 3))]
        colours = [[image[:, int(p[1]), int(p[0])] for _, p in pair] for pair in (dots, mirrored)]
        hits = [all(c[channel] > 0.5 and c.sum() < 1.7 for c, channel in zip(some, (0, 2))) for some in colours]
        assert sum(hits) == 1
        turned += hits[1]
        x1, y1, x2, y2 = row[:4].clamp(0, 160).round().int().tolist()
        assert image[:, y1 + 3 : y2 - 3, x1 + 3 : x2 - 3].mean() > 0.85
    assert 4 < turned < 20


def test_crops_hold_the_face():
    images, rows = marked()
    crops, same = j.CropMoved(torch.zeros(2, 3, 160, 160, dtype=torch.uint8))(images, rows, KEYS)
    assert crops.shape == (24, 3, j.CROP, j.CROP) and same is rows
    middle = slice(2 * j.CROP // 5, 3 * j.CROP // 5)
    assert crops[:, :, middle, middle].mean() > 0.8 and crops[:, :, : j.CROP // 28].mean() < 0.5


def test_the_loss_of_who_takes_the_number_of_a_photo():
    torch.manual_seed(0)
    names, teacher = torch.tensor([0, 1, 1, 2]), F.normalize(torch.randn(4, j.DIM), dim=1)
    loss, number = j.Who(names, teacher, distilled=3.0, margin=0.0), torch.tensor([3, 1])
    vectors = torch.randn(2, j.DIM)
    cosines = F.normalize(vectors, dim=1) @ F.normalize(loss.names.weight, dim=1).T
    expected = F.cross_entropy(24 * cosines, torch.tensor([2, 1]))
    expected = expected + 3 * (1 - (F.normalize(vectors, dim=1) * teacher[number]).sum(1)).mean()
    torch.testing.assert_close(loss(vectors, number), expected)


def test_each_kind_of_network_learns_a_photo_by_heart():
    images, rows = marked(4)
    who, x = j.Who(torch.arange(4), F.normalize(torch.randn(4, j.DIM), dim=1)), images / 255
    people = j.People(images, 2 * rows[:, :4], torch.arange(4), 2 * rows[:, 5:].view(4, 5, 2))
    anchors = j.joint.AnchorGrid((j.CELLS,), (j.anchors(people),))
    for model, loss in (
        (j.joint.JointNet(j.Trunk(10), anchors, j.DIM, 32), lambda model: j.AnchorLoss(anchors, who)),
        (j.Joint(10, anchors, 32), lambda model: j.PooledLoss(model, who)),
        (j.AnchorFree(10, 32), lambda model: j.PooledLoss(model, who)),
    ):
        loss = loss(model)
        optimizer = torch.optim.AdamW(torch.nn.ModuleList([model, loss]).parameters(), 0.002)
        values = []
        for _ in range(12):
            optimizer.zero_grad()
            values.append(loss(model(x), rows))
            values[-1].backward()
            optimizer.step()
        assert values[-1] < 0.5 * values[0]


def test_where_nothing_is_found_it_says_so():
    found = [Detections(torch.zeros(0, 4), torch.zeros(0)), Detections(torch.eye(4)[:2] + 1, torch.tensor([0.2, 0.9]))]
    boxes, there = surest(found)
    assert there.tolist() == [False, True] and boxes[1].equal(found[1].boxes[1])


def test_a_deeper_network_begins_as_the_smaller_one():
    torch.manual_seed(0)
    small, deep = j.Trunk(10), j.Trunk(34)
    for _ in range(3):
        small(torch.rand(4, 3, 64, 64))  # statistics that are not those of a new network
    j.grown(deep, small)
    images = torch.rand(2, 3, 96, 96)
    for one, other in zip(small.eval()(images).values(), deep.eval()(images).values()):
        torch.testing.assert_close(one, other)
    with pytest.raises(ValueError, match="not the same network with fewer blocks"):
        j.grown(small, deep)


def test_what_is_pooled_under_a_box_is_the_mean_of_its_square():
    pool, features = j.Pooled(), torch.rand(2, 768, 10, 10)
    boxes = torch.tensor([[57.5, 60.0, 102.5, 100], [35, 40, 80, 90]])  # 45 pixels wide: squares of 64
    means = torch.stack((_mean(features[0], 80, 80), _mean(features[1], 57.5, 65)))
    torch.testing.assert_close(pool(features, boxes), pool.head(means), atol=1e-4, rtol=1e-4)


def _mean(features, x, y):
    """Of a square of 64 pixels around a point, by bilinear interpolation at 8 x 8 places."""
    at = torch.arange(8.0) * 8 + 4 - 32
    places = torch.stack(torch.meshgrid(y + at, x + at, indexing="ij"), dim=-1).flip(-1)  # (8, 8, 2): x, y
    grid = (places / 160 * 2 - 1)[None]
    return F.grid_sample(features[None], grid, padding_mode="border", align_corners=False)[0].mean((1, 2))
