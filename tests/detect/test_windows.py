"""The sliding window against windows cut out one by one; the pyramid; photos of unusual kinds."""

import pytest
import torch
from torch.nn import functional as F
from torchvision.transforms.v2 import functional as V

from dlsfaces.detect import WindowDetector, windows
from dlsfaces.detect.windows import pyramid
from dlsfaces.geometry import iou

TEMPLATE = torch.randn(1, 3, 14, 14, generator=torch.Generator().manual_seed(0))  # a window of 12, a margin of 1


def correlation(image):
    return F.conv2d(image, TEMPLATE, stride=2)[0, 0]


def photo(height, width, seed=1):
    return torch.randint(0, 256, (3, height, width), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


def brightness(image):
    """The mean of each window of 16, with a stride of 4."""
    return F.avg_pool2d(image.mean(1, keepdim=True), 16, 4)[0, 0]


@pytest.mark.parametrize("size", [(40, 57), (12, 12), (31, 90)])
def test_scan_gives_the_scores_of_windows_cut_out_one_by_one(size, monkeypatch):
    monkeypatch.setattr(windows, "TILE", 16)  # several tiles, the last ones smaller
    how, image = WindowDetector(correlation, 12, 2, margin=1), photo(*size)
    found = windows.scan(how.score, image, how)
    edge = how.beyond + 1
    padded = F.pad(image[None].float() / 255, (edge,) * 4, mode="replicate")
    rows, columns = ((side + 2 * how.beyond - 12) // 2 + 1 for side in size)
    assert found.shape == (rows, columns)
    for row in range(rows):
        for column in range(columns):
            window = padded[:, :, 2 * row : 2 * row + 14, 2 * column : 2 * column + 14]
            assert found[row, column] == pytest.approx(float((window * TEMPLATE).sum()), abs=1e-4)


def test_the_pyramid_ends_where_the_photo_is_one_window():
    """The last scale is not lost: a face that fills the photo is found."""
    sizes = pyramid((64, 128), 16, 8, 2.0)
    assert sizes == [(128, 256), (64, 128), (32, 64), (16, 32)]


@pytest.mark.parametrize("step", [1.1, 2 ** (1 / 6), 1.3])
def test_every_size_of_face_is_near_a_scale(step):
    for height, width in ((241, 333), (50, 600)):
        sides = [16 * height / level[0] for level in pyramid((height, width), 16, 10, step)]
        assert sides[0] == pytest.approx(10, rel=0.02) and sides[-1] >= 0.97 * height / step
        ratios = torch.tensor(sides[1:]) / torch.tensor(sides[:-1])
        assert (ratios < step * 1.08).all()  # sizes are rounded to pixels


@pytest.mark.parametrize("wrong", [{"window": 0}, {"smallest": 0}, {"step": 1.0}])
def test_a_pyramid_without_end_is_refused(wrong):
    with pytest.raises(ValueError, match="step"):
        pyramid((100, 100), **{"window": 16, "smallest": 16, "step": 1.2, **wrong})


def bright_on_dark(image):
    """How much brighter a window of 16 is than itself with 4 pixels around it."""
    grey = image.mean(1, keepdim=True)
    return (F.avg_pool2d(grey[..., 4:-4, 4:-4], 16, 4) - F.avg_pool2d(grey, 24, 4))[0, 0]


@pytest.mark.parametrize("side", [16, 23, 40, 77])
@pytest.mark.parametrize("corner", [(12, 9), (30, 51)])
def test_a_bright_square_is_found_where_it_is(side, corner):
    """Boxes come back in fractions of the photo's pixels, also where a scale's sides were rounded."""
    image = torch.zeros(3, 151, 209, dtype=torch.uint8)
    y, x = corner
    image[:, y : y + side, x : x + side] = 255
    (found,) = WindowDetector(bright_on_dark, 16, 4, margin=4, smallest=14, threshold=0.3)([image])
    true = torch.tensor([[x, y, x + side, y + side]], dtype=torch.float32)
    assert iou(found.boxes[:1], true).item() > 0.7


def test_a_face_that_the_border_cuts_is_found_beyond_it():
    image = torch.zeros(3, 100, 100, dtype=torch.uint8)
    image[:, 40:56, :12] = 255  # a square of 16, four pixels of which are outside: its edge goes on there
    (found,) = WindowDetector(brightness, 16, 4, smallest=16, threshold=0.95)([image])
    assert found.boxes[0].tolist() == [-4, 40, 12, 56]


def test_photos_of_different_sizes_are_answered_in_their_order():
    detector = WindowDetector(brightness, 16, 4, smallest=16, threshold=0.6)
    images = [photo(40, 90), torch.full((3, 64, 32), 255, dtype=torch.uint8), photo(200, 20)]
    together, alone = detector(images), [detector([image])[0] for image in images]
    assert [len(found) for found in together][::2] == [0, 0] and len(together[1]) > 0
    for one, other in zip(together, alone):
        assert torch.equal(one.boxes, other.boxes) and torch.equal(one.scores, other.scores)


def test_a_photo_smaller_than_a_face_has_none():
    detector = WindowDetector(brightness, 16, 4, smallest=24, threshold=-1)
    (found,) = detector([photo(20, 300)])
    assert found.boxes.shape == (0, 4)


def test_float_and_uint8_photos_are_the_same():
    image, detector = photo(60, 60), WindowDetector(brightness, 16, 4, smallest=16, threshold=-1)
    (one,), (other,) = detector([image]), detector([image.float() / 255])
    assert torch.equal(one.boxes, other.boxes) and torch.equal(one.scores, other.scores)


@pytest.mark.parametrize(("wrong", "message"), [((1, 40, 40), "expand"), ((40, 40), "3, height, width")])
def test_what_is_no_photo_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        WindowDetector(brightness, 16, 4)([torch.zeros(wrong)])


def test_a_large_photo_is_scored_in_tiles():
    """No piece that a score sees is larger than a tile and a window, however large the photo."""
    seen = []

    def noted(image):
        seen.append(image.shape[-2:])
        return brightness(image)

    image = V.resize(photo(30, 40), [3000, 4000])
    WindowDetector(noted, 16, 4, smallest=100, step=2.0, threshold=2)([image])
    assert max(max(size) for size in seen) <= windows.TILE + 16
