import pytest
import torch

from dlsfaces import data, geometry
from dlsfaces.data.records import Face, Photo, Source


def photo(identity, size=(60, 80), at=(30, 25), faces=1):
    """A grey photo with a white square of 5 pixels on the nose of its first face."""
    image = torch.full((3, *size), 40 + 10 * (identity % 10), dtype=torch.uint8)
    image[:, at[1] - 2 : at[1] + 3, at[0] - 2 : at[0] + 3] = 255
    x, y = at[0] + 0.5, at[1] + 0.5
    points = torch.tensor([[x - 4, y - 5], [x + 4, y - 5], [x, y], [x - 3, y + 5], [x + 3, y + 5]])
    face = Face(identity, geometry.face_box(points), points, torch.tensor([True, False, True, True, True]))
    matrix = torch.tensor([[1.0, 0, -3], [0, 1, 2]])
    others = [Face(identity, photo_to_crop=matrix)] * (faces - 1)
    return Photo(image, Source(f"{identity}.png", "mine", "train"), (face, *others))


PHOTOS = [photo(k % 12, (60 + 3 * k, 130 - 2 * k), (25 + k, 24 + k)) for k in range(24)]


@pytest.mark.parametrize("grid", [(2, 2), (3, 1), None])
def test_points_move_with_the_pixels(grid):
    made = data.mosaics(PHOTOS, 12, (200, 240), grid=grid)
    assert len(made) == 12
    for mosaic in made:
        assert mosaic.image.shape == (3, 200, 240)
        assert grid is None or len(mosaic.faces) == grid[0] * grid[1]
        assert len(mosaic.faces) >= 2
        for face in mosaic.faces:
            assert torch.allclose(face.box, geometry.face_box(face.landmarks), atol=1e-3)
            assert face.visibility.tolist() == [True, False, True, True, True]
            x1, y1, x2, y2 = (round(v) for v in face.box.tolist())
            part = mosaic.image[0, max(0, y1) : y2, max(0, x1) : x2]
            rows, columns = (part > 200).nonzero().float().unbind(1)
            found = torch.stack((columns.mean() + max(0, x1) + 0.5, rows.mean() + max(0, y1) + 0.5))
            assert (found - face.landmarks[2]).abs().max() < 0.6


def test_no_face_is_cut_and_nobody_is_twice():
    for mosaic in data.mosaics(PHOTOS, 20, (200, 240)):
        known = [face.identity for face in mosaic.faces]
        assert len(known) == len(set(known))
        for face in mosaic.faces:
            x1, y1, x2, y2 = face.box.tolist()
            assert x1 > -0.01 and y1 > -0.01 and x2 < 240.01 and y2 < 200.01


def test_too_few_people_are_named():
    with pytest.raises(ValueError, match=r"only 2 photos .* mosaic of 4"):
        data.mosaics([photo(0), photo(1), photo(0), photo(1)], 1, grid=(2, 2))[0]


def test_what_is_not_known_stays_unknown_and_maps_go_on():
    photos = [photo(k, faces=2) for k in range(2)]
    (mosaic,) = data.mosaics(photos, 1, (60, 160), grid=(1, 2))
    first, second = mosaic.faces[:2]
    assert second.box is None and second.landmarks is None
    scale = (first.landmarks[1] - first.landmarks[0]).norm() / 8
    shift = first.landmarks[2] - scale * torch.tensor([30.5, 25.5])
    expected = scale * torch.tensor([[1.0, 0, -3], [0, 1, 2]]) + torch.cat((torch.zeros(2, 2), shift[:, None]), 1)
    assert torch.allclose(second.photo_to_crop, expected, atol=1e-3)


def test_a_mosaic_depends_on_its_number_alone_and_splits_differ():
    few, many = (data.mosaics(PHOTOS, count, (100, 120)) for count in (3, 30))
    assert torch.equal(few[2].image, many[2].image)
    assert not torch.equal(few[2].image, data.mosaics(PHOTOS, 3, (100, 120), split="test")[2].image)
    assert not torch.equal(few[2].image, data.mosaics(PHOTOS, 3, (100, 120), seed=1)[2].image)


def test_bad_arguments_are_named():
    for wrong, message in (
        (dict(photos=[]), "0 photos: a mosaic needs photos"),
        (dict(count=-1), "count=-1"),
        (dict(grid=(0, 2)), "grid="),
        (dict(size=(30, 30), grid=(4, 4)), "at least 16 pixels"),
    ):
        with pytest.raises(ValueError, match=message):
            data.mosaics(**(dict(photos=PHOTOS, count=1) | wrong))
