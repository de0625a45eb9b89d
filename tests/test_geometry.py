import numpy as np
import pytest
import torch

from dlsfaces import geometry


def test_tight_framing_is_the_box_in_the_loose_one():
    matrix = geometry.crop_matrix(geometry.TIGHT_IN_LOOSE, (geometry.TIGHT.height, geometry.TIGHT.width))
    moved = geometry.move_points(matrix, torch.tensor(geometry.LOOSE.landmarks, dtype=torch.float32))
    assert torch.allclose(moved, torch.tensor(geometry.TIGHT.landmarks))
    assert geometry.TIGHT.landmarks[0] == (26, 37)


def test_face_box_of_an_upright_face():
    points = torch.tensor([[40.0, 50.0], [60.0, 50.0], [50, 60], [42, 70], [58, 70]])
    assert geometry.face_box(points).tolist() == pytest.approx([20, 24.6, 80, 92.6])


def test_face_box_of_a_tilted_face_follows_the_chin():
    points = torch.tensor([[[40.0, 50.0], [60.0, 50.0], [50, 60], [42, 70], [58, 70]]])
    angle = np.deg2rad(90)
    turn = torch.tensor([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], dtype=torch.float32)
    box = geometry.face_box(points @ turn.T)[0]
    upright = geometry.face_box(points)[0]
    centre = (upright[:2] + upright[2:]) / 2
    assert torch.allclose((box[:2] + box[2:]) / 2, centre @ turn.T, atol=1e-4)
    assert torch.allclose(box[2:] - box[:2], upright[2:] - upright[:2], atol=1e-4)


def test_iou_counts_shared_area():
    a = torch.tensor([[0.0, 0, 4, 4], [10, 10, 12, 12]])
    b = torch.tensor([[0.0, 0, 4, 4], [2, 2, 6, 6], [20, 20, 30, 30]])
    expected = torch.tensor([[1, 4 / 28, 0], [0, 0, 0]])
    assert torch.allclose(geometry.iou(a, b), expected)


def test_crop_matrix_maps_corners_and_refuses_nothing_boxes():
    matrix = geometry.crop_matrix((10, 20, 30, 60), (80, 40))
    corners = geometry.move_points(matrix, torch.tensor([[10.0, 20.0], [30.0, 60.0]]))
    assert corners.tolist() == [[0, 0], [40, 80]]
    with pytest.raises(ValueError, match="no area"):
        geometry.crop_matrix((10, 20, 10, 60), (80, 40))
