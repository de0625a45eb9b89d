import pytest
import torch

from dlsfaces import data, geometry, rng
from dlsfaces.align import landmarks
from dlsfaces.data.warped import warped
from tests.align.dots import dots, dotted_set


def people(n=12, size=(218, 178)):
    """Faces of the loose framing, each a little its own."""
    wobble = 6 * (rng.uniform(rng.key(3, torch.arange(n)), 10).view(n, 5, 2) - 0.5)
    return dotted_set(geometry.LOOSE.template + wobble, size)


def only_points(n):
    """A set that has no images."""
    points, ids = geometry.LOOSE.template.expand(n, 5, 2), torch.zeros(n, dtype=torch.int64)
    return data.FaceSet("n", "train", "loose", [""] * n, ids, ["a"], None, (218, 178), points)


def on_file(faces, scale=2.0, border=10.0):
    """The same, as a crop of a file of another size: a map for each."""
    matrix = torch.tensor([[1 / scale, 0, -border / scale], [0, 1 / scale, 0]])
    return warped(
        data.FaceSet(**{**vars(faces), "photo_to_crop": matrix.expand(len(faces), 2, 3)}),
        torch.eye(2, 3).expand(len(faces), 2, 3),
        "loose",
        faces.crop_size,
    )


def test_landmarks_are_carried_along_with_the_image():
    faces = people()
    moved = data.unaligned(faces)
    assert moved.crop_size == (218, 178) and moved.framing == "loose" and moved.split == "train"
    assert (moved.landmarks - faces.landmarks).norm(dim=-1).amax(1).min() > 2
    assert (dots(moved.images()) - moved.landmarks).abs().max() < 0.1
    half = moved.images((109, 89))
    assert half.dtype == torch.uint8 and (2 * dots(half) - moved.landmarks).abs().max() < 0.2
    photo = moved[3]
    assert (dots(photo.image[None])[0] - photo.faces[0].landmarks).abs().max() < 0.1


def test_the_way_from_the_file_goes_on():
    faces = on_file(people(4))
    in_file = geometry.move_points(geometry.inverse(faces.photo_to_crop), faces.landmarks)
    assert torch.allclose(in_file, 2 * faces.landmarks + torch.tensor([10.0, 0]), atol=1e-3)
    moved = data.unaligned(faces)
    assert torch.allclose(geometry.move_points(moved.photo_to_crop, in_file), moved.landmarks, atol=1e-3)
    one = data.unaligned(data.FaceSet(**{**vars(people(4)), "photo_to_crop": faces.photo_to_crop[0]}))
    assert torch.allclose(one.photo_to_crop, moved.photo_to_crop, atol=1e-5)  # one map for all


def test_the_same_seed_and_place_give_the_same_image():
    faces = people()
    moved = data.unaligned(faces)
    assert torch.equal(moved.images(), data.unaligned(people()).images())
    assert torch.equal(moved.landmarks, data.unaligned(people()).landmarks)
    assert not torch.equal(moved.landmarks, data.unaligned(faces, seed=1).landmarks)
    assert torch.equal(data.unaligned(faces.subset(range(5))).landmarks, moved.landmarks[:5])


def test_a_subset_is_what_it_was_in_the_whole():
    """Also where each photo is shrunk by another factor."""
    faces = people()
    scales = torch.linspace(0.15, 1, len(faces))
    matrices = geometry.turned(torch.zeros(len(faces)), scales, torch.tensor([89.0, 109]), torch.tensor([30.0, 40]))
    for moved in (data.unaligned(faces), warped(faces, matrices, "own", (80, 60))):
        whole = moved.images()
        for chosen in ([3], [7, 0, 11]):
            part = moved.subset(chosen)
            assert torch.equal(part.images(), whole[chosen])
            assert torch.equal(part.landmarks, moved.landmarks[chosen])
            assert torch.equal(moved.read(chosen, None), whole[chosen])


def test_strengths_are_kept_and_used():
    faces = only_points(300)
    matrices = geometry.similarity(faces.landmarks, data.unaligned(faces, rotation=20, zoom=0.5, shift=0.1).landmarks)
    degrees = torch.rad2deg(torch.atan2(matrices[:, 1, 0], matrices[:, 0, 0]))
    assert 18 < degrees.max() <= 20.01 and -20.01 <= degrees.min() < -18
    zoom = torch.linalg.det(matrices[..., :2]).sqrt()
    assert 1.4 < zoom.max() <= 1.501 and 1 / 1.501 <= zoom.min() < 1 / 1.4
    middle = torch.tensor([[89.0, 109.0]])
    shift = (geometry.move_points(matrices, middle) - middle).abs()
    assert 20 < shift.max() <= 21.81
    still = data.unaligned(faces, rotation=0, zoom=0, shift=0)
    assert torch.allclose(still.landmarks, faces.landmarks, atol=1e-3)


def test_the_tight_box_stays_within_a_loose_image():
    """But for a corner of one in some thousands, by 3 pixels at most."""
    n = 20_000
    faces = only_points(n)
    x1, y1, x2, y2 = geometry.TIGHT_IN_LOOSE
    corners = torch.tensor([[x1, y1], [x2, y1], [x2, y2], [x1, y2]]).expand(n, 4, 2)
    matrices = geometry.similarity(faces.landmarks, data.unaligned(faces).landmarks)
    moved = geometry.move_points(matrices, corners)
    beyond = torch.maximum(-moved, moved - torch.tensor([178.0, 218.0])).amax((1, 2))
    assert beyond.max() < 3.2 and (beyond > 0).float().mean() < 1 / 2000


def test_nothing_of_the_padding_is_seen_in_what_is_put_upright():
    n = 16
    white = dotted_set(geometry.LOOSE.template.expand(n, 5, 2), (218, 178))
    white.read.read.images.fill_(255)
    moved = data.unaligned(white, padding="black")
    assert (moved.images() < 255).any()  # it is seen in the images themselves
    assert (landmarks.aligned(moved, moved.landmarks, padding="black").images() == 255).all()


def test_padding_repeats_the_edge_by_default():
    faces = dotted_set(geometry.LOOSE.template.expand(4, 5, 2), (218, 178))
    faces.read.read.images.fill_(200)
    assert (data.unaligned(faces).images() == 200).all()


def test_maps_that_are_none_are_refused():
    faces, same = people(3), torch.eye(2, 3).expand(3, 2, 3)
    with pytest.raises(ValueError, match=r"dots/train.*shape \(2, 2, 3\), not \(3, 2, 3\)"):
        warped(faces, same[:2], "own", (9, 9))
    with pytest.raises(ValueError, match="cannot be undone"):
        warped(faces, 0 * same, "own", (9, 9)).images()
    with pytest.raises(ValueError, match="NaN or infinity"):
        warped(faces, torch.nan * same, "own", (9, 9)).images()


def test_unknown_landmarks_stay_unknown_and_none_stay_none():
    faces = people(3)
    faces.landmarks[1] = torch.nan
    moved = data.unaligned(faces)
    assert moved.landmarks[1].isnan().all() and moved.landmarks[[0, 2]].isfinite().all()
    assert moved[1].faces[0].landmarks is None
    without = data.unaligned(data.FaceSet(**{**vars(faces), "landmarks": None}))
    assert without.landmarks is None and without.images().shape == (3, 3, 218, 178)
