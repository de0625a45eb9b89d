"""CMU+MIT on a small copy of its layout made here: which landmarks go with which box, and what damage is said to be."""

import pytest
import torch
from PIL import Image

from benchmarks import cmu_mit
from benchmarks.cmu_mit import match
from dlsfaces import data, geometry


def row(name, x, y, distance=10):
    """A line of an upright face whose left eye is at x, y: eyes, nose, the mouth's left, middle and right."""
    d = distance
    points = [(x, y), (x + d, y), (x + d / 2, y + d / 2), (x, y + d), (x + d / 2, y + d + 1), (x + d, y + d)]
    return " ".join([name, *(f"{value:g}" for point in points for value in point)])


def five(x, y, distance=10):
    values = torch.tensor(list(map(float, row("_", x, y, distance).split()[1:])))
    return values.view(6, 2)[[0, 1, 2, 3, 5]]


def box_line(name, box):
    return f"{name} " + " ".join(f"{value:g}" for value in box)


@pytest.fixture
def root(tmp_path):
    """Two overlapping faces in b.png, whose rows come in the other order, one without landmarks; none in a.png."""
    images = tmp_path / "cmu_mit" / "images"
    images.mkdir(parents=True)
    for name, size in (("b.png", (80, 60)), ("a.png", (30, 20)), ("c.png", (50, 50))):
        Image.new("L", size, 40 * ord(name[0]) % 256).save(images / name)
    boxes = [
        ("b.png", (5, 5, 35, 39)),
        ("b.png", (12, 9, 42, 43)),
        ("b.png", (60, 10, 75, 30)),
        ("c.png", (0, 0, 9, 9)),
    ]
    write(tmp_path, "bboxes", "".join(box_line(*b) + "\n" for b in boxes))
    write(
        tmp_path, "landmarks", "\r\n".join([row("b.png", 22, 21), row("elsewhere.png", 15, 17), row("b.png", 15, 17)])
    )
    return tmp_path


def write(root, which, text):
    (root / "cmu_mit" / f"ground_truth_{which}.txt").write_text(text)


def test_every_photo_is_in_the_set(root):
    photos = cmu_mit.load(root)
    assert repr(photos) == "PhotoSet(cmu_mit/test: 3 photos, 4 faces in 2 of them)"
    assert [(p.source.file, len(p.faces), tuple(p.image.shape)) for p in photos] == [
        ("a.png", 0, (3, 20, 30)),
        ("b.png", 3, (3, 60, 80)),
        ("c.png", 1, (3, 50, 50)),
    ]
    assert photos[0].source.set == "cmu_mit" and photos[0].source.split == "test"
    assert photos[1].image.dtype == torch.uint8 and (photos[1].image[0] == photos[1].image[2]).all()


def test_overlapping_faces_get_their_own_landmarks(root):
    """Both rows lie in both boxes; numbers are taken as they are, and the mouth's middle is left out."""
    first, second, third = cmu_mit.load(root)[1].faces
    assert first.box.tolist() == [5, 5, 35, 39] and first.box.dtype == torch.float32
    assert torch.equal(first.landmarks, five(15, 17)) and torch.equal(second.landmarks, five(22, 21))
    assert third.landmarks is None and third.identity == data.UNKNOWN
    assert cmu_mit.load(root)[2].faces[0].landmarks is None  # a photo that the list of landmarks leaves out


def test_match_is_one_to_one_and_the_best_pair_first():
    points = torch.stack([five(15, 17), five(16, 17)])
    exact = geometry.face_box(points[0])
    boxes = torch.stack([exact - 1, exact, exact + 1])
    assert match(boxes, points) == [None, 0, 1]
    assert match(boxes, points[:0]) == [None, None, None] and match(boxes[:0], points) == []


@pytest.mark.parametrize(
    ("which", "content", "message"),
    [
        ("bboxes", "\nb.png 1 2 3\n", r"bboxes\.txt, line 2: expected a name and 4 numbers, found 'b.png 1 2 3'"),
        ("bboxes", "b.png 1 2 3 nan", "line 1: expected a name and 4 numbers"),
        ("bboxes", "b.png 1 2 3 x", "line 1: expected a name and 4 numbers"),
        ("bboxes", "\n", r"bboxes\.txt is empty"),
        ("landmarks", row("b.png", 1, 2) + " 3", r"landmarks\.txt, line 1: expected a name and 12 numbers"),
    ],
)
def test_damaged_lists(root, which, content, message):
    write(root, which, content)
    with pytest.raises(ValueError, match=message):
        cmu_mit.load(root)


def test_incomplete_copies(root):
    folder = root / "cmu_mit"
    (folder / "images" / "b.png").unlink()
    with pytest.raises(data.DataUnavailable, match=r"images lacks b\.png and 0 other photos"):
        cmu_mit.load(root)
    (folder / "ground_truth_landmarks.txt").unlink()
    with pytest.raises(data.DataUnavailable, match=r"landmarks\.txt is missing"):
        cmu_mit.load(root)
    (folder / "ground_truth_bboxes.txt").unlink()
    with pytest.raises(data.DataUnavailable, match=r"no folder cmu_mit with a ground_truth.*DLSFACES_ROOT"):
        cmu_mit.load(root)
