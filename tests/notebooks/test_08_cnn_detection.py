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


# --- DDFD -----------------------------------------------------------------------------------------------------------


def test_patches_are_labelled_by_their_overlap_and_ignored_faces_teach_nothing():
    whole = scene()
    patches, is_face = taught.patches_of([whole], 300, seed=0)
    assert patches.shape[1:] == (3, 32, 32) and patches.dtype == torch.uint8 and 0.1 < is_face.float().mean() < 0.7
    bright = patches.float().amax(1).mean((1, 2))  # a square that is a face fills at least half of its window
    assert bright[is_face].min() > 255 * 0.4 and bright[is_face].mean() > bright[~is_face].mean()
    fewer, left = taught.patches_of([whole._replace(ignored=torch.tensor([True, True]))], 300, seed=0)
    assert not left.any() and len(fewer) < len(patches)
    nobody = whole._replace(boxes=torch.zeros(0, 4), landmarks=torch.zeros(0, 5, 2), ignored=torch.zeros(0).bool())
    assert not taught.patches_of([nobody], 20)[1].any()


@pytest.mark.parametrize("size", [(32, 32), (45, 71)])
def test_the_convolution_is_the_classifier_at_every_place(size):
    torch.manual_seed(0)
    net, image = taught.patch_net().eval(), torch.rand(1, 3, *size)
    for value in (value for name, value in net.state_dict().items() if "running" in name or value.ndim == 1):
        if value.is_floating_point():
            value.uniform_(0.5, 1.5)
    with torch.no_grad():
        fast = taught.as_convolution(net)(image)[0, 0]
    assert torch.allclose(fast, taught.scan_slowly(net, image), atol=1e-4)
    assert fast.shape == tuple((side - 32) // 4 + 1 for side in size)


def test_the_mean_box_of_a_cluster_and_of_one_window():
    boxes = torch.tensor([[0.0, 0, 10, 10], [1, 0, 11, 10], [50, 50, 60, 60], [2, 0, 12, 10]])
    found = taught.averaged(detect.Detections(boxes, torch.tensor([4.0, 3.0, 2.0, -4.0])))  # the last is too unsure
    p, q = torch.tensor([4.0, 3.0]).sigmoid()
    assert torch.allclose(found.boxes[0], (p * boxes[0] + q * boxes[1]) / (p + q))
    assert found.boxes[1].tolist() == [50, 50, 60, 60] and found.scores.tolist() == [4, 2]
    assert len(taught.averaged(detect.Detections(torch.zeros(0, 4), torch.zeros(0)))) == 0


# --- the cascade ----------------------------------------------------------------------------------------------------


def test_targets_of_windows_and_the_way_back_are_inverses():
    torch.manual_seed(0)
    boxes = torch.rand(20, 2) * 50
    boxes = torch.cat((boxes, boxes + 10 + 40 * torch.rand(20, 2)), dim=1)
    marks, squares = torch.rand(20, 5, 2) * 90, taught.squares_around(boxes + torch.randn(20, 1))
    assert torch.allclose(squares[:, 2] - squares[:, 0], (boxes[:, 2:] - boxes[:, :2]).amax(1), atol=1e-4)
    offsets, points = taught.targets_of(squares, boxes, marks)
    back = taught.placed(squares, torch.cat((torch.zeros(20, 1), offsets, points), dim=1))
    assert torch.allclose(back.boxes, boxes, atol=1e-4) and torch.allclose(back.landmarks, marks, atol=1e-4)
    assert back.scores.tolist() == [0.5] * 20


def test_kinds_of_windows_by_hand():
    """A window is a face, a part, left out, or nothing by its overlap with the square around the face."""
    whole = scene()  # faces of 40 and 24 pixels
    shifted = whole.boxes[0] + torch.tensor([[0.0], [6], [14], [19], [40]])  # IoU 1, 0.74, 0.28... of two shifts
    kinds, face = taught.kinds_of(shifted, whole)
    overlaps = taught.geometry.iou(shifted, whole.boxes[:1])[:, 0]
    limits = [(0.65, taught.FACE), (0.4, taught.PART), (0.3, taught.LEFT_OUT), (-1, taught.NOTHING)]
    assert kinds.tolist() == [next(kind for limit, kind in limits if overlap > limit) for overlap in overlaps]
    assert (face[:2] == 0).all()
    ignored = whole._replace(ignored=torch.tensor([True, False]))
    assert (taught.kinds_of(shifted[:2], ignored)[0] == taught.LEFT_OUT).all()
    nobody = whole._replace(boxes=torch.zeros(0, 4), ignored=torch.zeros(0, dtype=torch.bool))
    assert (taught.kinds_of(shifted, nobody)[0] == taught.NOTHING).all()


def test_the_hardest_of_a_batch_count():
    """The face loss is the mean of the seven hardest of ten; parts have none; boxes are learned by faces and parts."""
    numbers = torch.zeros(12, 15)
    numbers[:, 0] = torch.linspace(-3, 3, 12)
    kinds = torch.tensor([taught.NOTHING] * 8 + [taught.FACE] * 2 + [taught.PART] * 2)
    offsets, marks = torch.full((12, 4), torch.nan), torch.full((12, 10), torch.nan)
    offsets[8:], marks[8] = 0.1, 0.2
    face, box, points = taught.cascade_loss(numbers, kinds, offsets, marks, hard=0.7, landmark_weight=1.0)
    each = torch.nn.functional.softplus(torch.where(kinds == taught.FACE, -1.0, 1.0) * numbers[:, 0])[:10]
    assert face.item() == pytest.approx(each.sort().values[3:].mean().item())
    assert box.item() == pytest.approx(0.5 * 4 * 0.1**2) and points.item() == pytest.approx(10 * 0.2**2)
    face, box, points = taught.cascade_loss(numbers[:3], kinds[:3], offsets[:3], marks[:3])
    assert face > 0 and box == points == 0
