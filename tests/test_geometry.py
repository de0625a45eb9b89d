import math

import numpy as np
import pytest
import torch
from skimage.transform import SimilarityTransform

from dlsfaces import geometry
from tests.align.dots import dots, dotted


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


def turn_matrix(degrees, scale, shift):
    """Written out, in float64."""
    a = math.radians(degrees)
    return torch.tensor(
        [
            [scale * math.cos(a), -scale * math.sin(a), shift[0]],
            [scale * math.sin(a), scale * math.cos(a), shift[1]],
        ],
        dtype=torch.float64,
    )


def random_points(n=20, p=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return 100 * torch.rand(n, p, 2, dtype=torch.float64, generator=generator)


def umeyama(source, target):
    """scikit-image's."""
    found = SimilarityTransform()
    if hasattr(SimilarityTransform, "from_estimate"):
        found = SimilarityTransform.from_estimate(source.numpy(), target.numpy())
    else:
        assert found.estimate(source.numpy(), target.numpy())
    return torch.from_numpy(found.params[:2])


@pytest.mark.parametrize("p", [2, 3, 5, 68])
def test_similarity_equals_scikit_images(p):
    source, target = random_points(p=p), random_points(p=p, seed=1)
    expected = torch.stack([umeyama(s, t) for s, t in zip(source, target)])
    found = geometry.similarity(source, target, refuse_mirrored=False)
    assert found.dtype == torch.float64 and (found - expected).abs().max() < 1e-10
    single = geometry.similarity(source.float(), target.float(), refuse_mirrored=False)
    assert single.dtype == torch.float32 and (single - expected).abs().max() < 1e-3
    assert (geometry.move_points(single, source.float()) - geometry.move_points(expected, source)).abs().max() < 2e-4


def test_similarity_finds_a_known_turn_scale_and_shift():
    known = torch.stack([turn_matrix(30, 2, (5, -7)), turn_matrix(-170, 0.1, (0, 300)), turn_matrix(90, 1, (0, 0))])
    source = random_points(3)
    assert torch.allclose(geometry.similarity(source, geometry.move_points(known, source)), known, atol=1e-10)


def test_similarity_of_many_is_that_of_each():
    source = random_points()
    together = geometry.similarity(source, geometry.TIGHT.template, refuse_mirrored=False)
    alone = [geometry.similarity(s[None], geometry.TIGHT.landmarks, refuse_mirrored=False) for s in source]
    assert torch.allclose(together, torch.cat(alone), atol=1e-12)


def test_similarity_never_mirrors_and_names_faces_that_are():
    template = geometry.TIGHT.template.double()
    source = template.expand(8, 5, 2).clone()
    source[2] = source[2, [1, 0, 2, 4, 3]]  # left and right exchanged
    source[5, :, 0] *= -1
    with pytest.raises(ValueError, match=r"face 2, 5 resembles the target's mirror image"):
        geometry.similarity(source, template)
    wild = random_points(50, seed=3)
    linear = geometry.similarity(wild, template, refuse_mirrored=False)[..., :2]
    assert (torch.linalg.det(linear) > 0).all()
    assert torch.allclose(linear @ linear.mT, torch.linalg.det(linear)[:, None, None] * torch.eye(2).double())


def test_points_in_a_line_are_not_taken_for_mirrored():
    """They are their own mirror image, whatever rounding says."""
    generator = torch.Generator().manual_seed(0)
    source, target = 200 * torch.rand(2, 500, 2, 2, generator=generator)
    found = geometry.move_points(geometry.similarity(source, target), source)
    assert torch.allclose(found, target, atol=1e-2)
    along = torch.rand(500, 5, 1, generator=generator) * torch.tensor([70.0, 30.0])
    turned = geometry.move_points(turn_matrix(40, 0.5, (9, 3)).float(), along)
    assert torch.allclose(geometry.move_points(geometry.similarity(along, turned), along), turned, atol=1e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda s: s.index_put((torch.tensor(3), torch.tensor(1)), torch.tensor(torch.nan)),
            "source: NaN.* in face 3;",
        ),
        (lambda s: s.index_put((torch.tensor(0),), torch.tensor(torch.inf)), "source: NaN or infinite.* face 0;"),
        (
            lambda s: torch.where(torch.arange(8)[:, None, None] < 7, 5.0, s),
            "one place in face 0, 1, 2, 3, 4 and 2 more",
        ),
        (lambda s: s[:, :4], r"source \(8, 4, 2\) and target \(5, 2\) do not match"),
        (lambda s: s[0], r"source \(5, 2\)"),
        (lambda s: s[..., :1], r"source \(8, 5, 1\)"),
    ],
)
def test_similarity_says_what_is_wrong(change, message):
    with pytest.raises(ValueError, match=message):
        geometry.similarity(change(random_points(8).float()), geometry.TIGHT.template)
    with pytest.raises(ValueError, match="target: all points lie in one place"):
        geometry.similarity(random_points(2), torch.ones(5, 2))


def test_similarity_far_from_the_origin():
    """In a photo of 20,000 pixels float32 knows a place to 1/500 pixel."""
    template, corner = geometry.TIGHT.template, torch.tensor([20_000.0, 16_000.0])
    source = (geometry.move_points(turn_matrix(25, 1.3, (0, 0)).float(), template) + corner)[None]
    matrix = geometry.similarity(source, template)
    assert matrix.dtype == torch.float32
    assert torch.allclose(matrix[0, :, :2].double(), turn_matrix(-25, 1 / 1.3, (0, 0))[:, :2], atol=1e-3)
    assert (geometry.move_points(matrix, source) - template).abs().max() < 0.02
    far = (random_points(1) + 1e6)[0]
    assert torch.allclose(geometry.similarity(far[None], far)[0, :, :2], torch.eye(2).double(), atol=1e-6)


def test_inverse_and_compose_lead_there_and_back():
    first, second = turn_matrix(30, 2, (5, -7)), turn_matrix(-70, 0.3, (100, 20))
    points = random_points()
    both = geometry.compose(second, first)
    assert torch.allclose(
        geometry.move_points(both, points), geometry.move_points(second, geometry.move_points(first, points))
    )
    maps = torch.stack([first, second, both])
    nothing = geometry.compose(geometry.inverse(maps), maps)
    assert torch.allclose(nothing, torch.eye(2, 3, dtype=torch.float64).expand(3, 2, 3), atol=1e-10)
    assert torch.allclose(geometry.inverse(both), geometry.compose(geometry.inverse(first), geometry.inverse(second)))
    with pytest.raises(ValueError, match="1 of the maps cannot be undone"):
        geometry.inverse(torch.stack([first, torch.tensor([[1.0, 2, 0], [2, 4, 0]]).double()]))


def test_each_map_moves_its_own_points():
    maps, points = torch.stack([turn_matrix(a, 1 + a / 90, (a, 0)) for a in range(20)]), random_points()
    moved = geometry.move_points(maps, points)
    for matrix, before, after in zip(maps, points, moved):
        expected = np.c_[before.numpy(), np.ones(5)] @ matrix.numpy().T
        assert np.allclose(after.numpy(), expected)


def test_turned_is_clockwise_about_a_point():
    about, to = torch.tensor([10.0, 20.0]), torch.tensor([50.0, 60.0])
    quarter, zoomed = geometry.turned(torch.tensor([math.pi / 2, 0.0]), torch.tensor([1.0, 3.0]), about, to)
    right = torch.tensor([[10.0, 20.0], [11.0, 20.0]])
    assert torch.allclose(geometry.move_points(quarter, right), torch.tensor([[50.0, 60], [50, 61]]), atol=1e-5)
    assert torch.allclose(geometry.move_points(zoomed, right), torch.tensor([[50.0, 60], [53, 60]]), atol=1e-5)


def test_framings_agree_with_their_boxes_in_the_loose_one():
    for framing in geometry.FRAMINGS.values():
        assert framing.template.shape == (5, 2) and framing.template.dtype == torch.float32
        x, y = framing.template.unbind(1)
        assert (x > 0).all() and (x < framing.width).all() and (y > 0).all() and (y < framing.height).all()
    loose, arcface = geometry.LOOSE.template[None], geometry.ARCFACE
    fitted = geometry.similarity(loose, arcface.template)
    cut = geometry.crop_matrix(arcface.in_loose, arcface.size)
    corners = torch.tensor([[0.0, 0], [112, 0], [112, 112], [0, 112]])
    back, expected = (geometry.move_points(geometry.inverse(m), corners) for m in (cut, fitted[0]))
    assert (back - expected).abs().max() < 0.7  # the best map turns a little, a box cannot
    assert (geometry.move_points(fitted, loose) - arcface.template).abs().max() < 4.5
    exact = geometry.similarity(loose, geometry.TIGHT.template)[0]
    assert torch.allclose(exact, geometry.crop_matrix(geometry.TIGHT.in_loose, geometry.TIGHT.size), atol=1e-5)


def random_images(n=2, size=(24, 32)):
    return torch.rand(n, 3, *size, generator=torch.Generator().manual_seed(7))


def shift_matrix(dx, dy, n=2):
    return torch.tensor([[1.0, 0, dx], [0, 1, dy]]).expand(n, 2, 3)


def test_warp_with_the_identity_returns_the_image():
    images = random_images()
    assert torch.allclose(geometry.warp(images, shift_matrix(0, 0), (24, 32)), images, atol=1e-5)
    bytes_ = (images * 255).round().to(torch.uint8)
    shown = geometry.warp(bytes_, shift_matrix(0, 0), (24, 32))
    assert shown.dtype == torch.float32 and torch.equal((255 * shown).round().to(torch.uint8), bytes_)


def test_warp_by_whole_pixels_and_what_is_beyond():
    images = random_images()
    rows, columns = (np.arange(n) - d for n, d in ((24, 3), (32, -5)))
    for padding, mode in (("black", "constant"), ("edge", "edge"), ("mirror", "symmetric")):
        shown = geometry.warp(images, shift_matrix(-5, 3), (24, 32), padding)
        around = np.pad(images.numpy(), ((0, 0), (0, 0), (8, 8), (8, 8)), mode)
        expected = torch.from_numpy(around[:, :, rows + 8][:, :, :, columns + 8])
        assert torch.allclose(shown, expected, atol=1e-4), padding
    assert (geometry.warp(images, shift_matrix(100, 0), (24, 32)) == 0).all()


def test_warp_that_shrinks_averages():
    y, x = torch.meshgrid(torch.arange(128.0), torch.arange(128.0), indexing="ij")
    quarter = torch.tensor([[0.25, 0, 0], [0, 0.25, 0]]).expand(2, 2, 3)
    for period in (1, 2):  # every second pixel white, or every second pair
        board = ((x // period + y // period) % 2).expand(2, 3, 128, 128)
        assert (geometry.warp(board, quarter, (32, 32)) - 0.5).abs()[..., 1:-1, 1:-1].max() < 0.13, period
    smooth = (0.5 + 0.3 * torch.sin(x / 9) * torch.cos(y / 7)).expand(2, 3, 128, 128)
    noisy = smooth + 0.2 * (torch.rand(2, 3, 128, 128, generator=torch.Generator().manual_seed(0)) - 0.5)
    averaged = torch.nn.functional.avg_pool2d(noisy, 4)
    assert (geometry.warp(noisy, quarter, (32, 32), "edge") - averaged).abs().mean() < 0.01
    strided = (noisy[..., 2::4, 2::4] - averaged).abs().mean()  # what one sample a pixel would be off by
    assert strided > 0.04


def test_a_warped_image_does_not_depend_on_its_batch():
    images = random_images(3, (64, 64))
    matrices = torch.stack([geometry.crop_matrix((0, 0, 64, 64), s) for s in ((60, 60), (30, 30), (9, 9))])
    together = geometry.warp(images, matrices, (60, 60))
    for i in range(3):
        assert torch.equal(together[i], geometry.warp(images[i : i + 1], matrices[i : i + 1], (60, 60))[0])


def test_one_image_expanded_gives_what_its_copies_give():
    one = (255 * random_images(1, (64, 64))).to(torch.uint8)
    matrices = torch.stack([geometry.crop_matrix((i, 0, 40 + 8 * i, 40), (16, 16)) for i in range(4)])
    expected = geometry.warp(one.repeat(4, 1, 1, 1), matrices, (16, 16))
    assert torch.equal(geometry.warp(one.expand(4, -1, -1, -1), matrices, (16, 16)), expected)


@pytest.mark.parametrize("scale", [0.4, 1.0, 1.4])
def test_a_dot_lands_where_the_points_are_moved_to(scale):
    points = geometry.LOOSE.template.expand(6, 5, 2)
    images = dotted(points, (218, 178), sigma=3)
    angles, scales = torch.linspace(-1, 1, 6), torch.full((6,), scale)
    matrices = geometry.turned(angles, scales, torch.tensor([89.0, 130.0]), torch.tensor([60.3, 55.8]))
    for given in (images, (images * 255).round().to(torch.uint8)):
        found = dots(geometry.warp(given, matrices, (120, 130)))
        assert (found - geometry.move_points(matrices, points)).abs().max() < 0.1


def test_warp_says_what_is_wrong():
    images = random_images()
    with pytest.raises(ValueError, match="padding='wrap' is none of black, edge, mirror"):
        geometry.warp(images, shift_matrix(0, 0), (24, 32), "wrap")
    with pytest.raises(ValueError, match="2 images but 3 matrices"):
        geometry.warp(images, shift_matrix(0, 0, 3), (24, 32))
    with pytest.raises(ValueError, match="cannot be undone"):
        geometry.warp(images, torch.zeros(2, 2, 3), (24, 32))
    with pytest.raises(ValueError, match="NaN or infinity in a map"):
        geometry.warp(images, shift_matrix(torch.nan, 0), (24, 32))
    assert geometry.warp(images[:0], torch.zeros(0, 2, 3), (5, 6)).shape == (0, 3, 5, 6)


def test_a_single_point_stays_one():
    moved = geometry.move_points(geometry.crop_matrix((10.0, 20.0, 30.0, 60.0), (80, 40)), torch.tensor([20.0, 40.0]))
    assert moved.tolist() == [20.0, 40.0]
