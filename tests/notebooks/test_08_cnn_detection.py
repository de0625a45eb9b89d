"""The detectors that chapter 08 defines."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from dlsfaces import detect
from tests.from_notebook import definitions

taught = SimpleNamespace(**definitions("08_cnn_detection", "random_crop").__globals__)
Scene = taught.Scene


def scene(height=120, width=160):
    """A black photo with two bright squares for faces, of two colours; landmarks are corners and middle."""
    image = torch.zeros(3, height, width, dtype=torch.uint8)
    image[0, 20:60, 30:70], image[1, 70:94, 100:124] = 255, 255
    boxes = torch.tensor([[30.0, 20.0, 70.0, 60.0], [100.0, 70.0, 124.0, 94.0]])
    x1, y1, x2, y2 = boxes.T
    marks = [(x1, y1), (x2, y1), ((x1 + x2) / 2, (y1 + y2) / 2), (x1, y2), (x2, y2)]
    return Scene(image, boxes, torch.stack([torch.stack(p, 1) for p in marks], 1), torch.zeros(2, dtype=torch.bool))


FILE_COLUMNS = ["blur", "expression", "illumination", "invalid", "occlusion", "pose"]


def row(x, y, width, height, **columns):
    """A line of WIDER FACE's annotation file, its columns in the order of the set's readme."""
    return " ".join(map(str, (x, y, width, height, *(columns.get(name, 0) for name in FILE_COLUMNS))))


def test_wider_face_through_torchvision(tmp_path):
    """A miniature of its folders: faces of all kinds, no face, one that is tiny; grey files, too."""
    folder = tmp_path / "widerface"
    for split in ("train", "val", "test"):
        (folder / f"WIDER_{split}" / "images" / "0--Parade").mkdir(parents=True)
    (folder / "wider_face_split").mkdir()
    rows = {
        "a": [row(10, 20, 30, 40, pose=1), row(50, 60, 12, 14, occlusion=2), row(1, 2, 20, 20, invalid=1)],
        "b": [row(0, 0, 0, 0)],
        "c": [row(5, 5, 6, 7, blur=2)],
    }
    lines = []
    for name, faces in rows.items():
        Image.fromarray(np.full((100, 120), 200, np.uint8)).save(folder / f"WIDER_train/images/0--Parade/{name}.jpg")
        lines += [f"0--Parade/{name}.jpg", str(0 if name == "b" else len(faces)), *faces]
    (folder / "wider_face_split" / "wider_face_train_bbx_gt.txt").write_text("\n".join(lines) + "\n")
    photos = taught.WiderScenes(tmp_path)
    first, second, third = (photos[k] for k in range(len(photos)))
    assert first.image.shape == (3, 100, 120) and first.image.dtype == torch.uint8
    assert first.boxes.tolist() == [[10, 20, 40, 60], [50, 60, 62, 74], [1, 2, 21, 22]]
    assert first.ignored.tolist() == [False, False, True] and third.ignored.tolist() == [True]
    assert first.landmarks.shape == (3, 5, 2) and first.landmarks.isnan().all()
    assert second.boxes.shape == (0, 4) and second.landmarks.shape == (0, 5, 2)


@pytest.mark.parametrize("seed", range(12))
def test_a_random_crop_moves_boxes_and_landmarks_with_the_pixels(seed):
    generator, whole = np.random.default_rng(seed), scene()
    image, boxes, marks, ignored = taught.random_crop(whole, 96, generator)
    assert image.shape == (3, 96, 96) and len(boxes) == len(marks) == len(ignored)
    for box, points, left_out in zip(boxes, marks, ignored):
        x1, y1, x2, y2 = box.round().int().tolist()
        inside = image[:2, y1:y2, x1:x2].float().amax(0)
        assert x2 - x1 < 4 or y2 - y1 < 4 or inside.mean() > 200  # the square fills its box
        if not left_out and (box > 0).all() and (box < 96).all():
            corners = torch.stack((box[:2], box[[2, 1]], (box[:2] + box[2:]) / 2, box[[0, 3]], box[2:]))
            assert torch.allclose(points, corners, atol=0.01)  # also mirrored: left stays the viewer's left


def test_a_small_network_learns_what_is_bright():
    """Trained for a minute's fraction on squares, it finds them in another photo."""
    network, losses = taught.train_one_stage([scene()], width=16, steps=60, batch=4, side=96, seed=1)
    assert losses.shape == (60, 3) and losses[-10:].sum(1).mean() < 0.6 * losses[:10].sum(1).mean()
    (found,) = detect.OneStageDetector(network, threshold=0.02)([scene().image])
    overlap = taught.geometry.iou(scene().boxes, found.boxes[:4])
    assert len(found) and overlap.max() > 0.5
