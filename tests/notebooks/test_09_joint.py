"""Chapter 09's own code: anchors, the loops beside the package, other backgrounds, the network without anchors."""

from types import SimpleNamespace

import pytest
import torch
from torchvision.transforms.v2.functional import to_pil_image

from dlsfaces import joint
from dlsfaces.geometry import iou
from tests.from_notebook import definitions

NAMES = (
    *("size_overlap", "anchors_of", "encode_slowly", "decode_slowly", "place_slowly", "on_other_background"),
    *("fitted_grid", "CentreNet", "centre_loss", "mirrored", "surest", "folder_photos", "fitted"),
)


@pytest.fixture(scope="module")
def taught():
    return SimpleNamespace(**dict(zip(NAMES, definitions("09_joint", *NAMES))))


def random_boxes(count, seed=0, side=320.0):
    generator = torch.Generator().manual_seed(seed)
    centre, half = side * torch.rand(count, 2, generator=generator), 3 + 60 * torch.rand(count, 2, generator=generator)
    return torch.cat((centre - half, centre + half), dim=1)


def test_anchors_are_a_fixed_point_of_k_means_by_overlap(taught):
    generator = torch.Generator().manual_seed(1)
    middles = torch.tensor([[0.1, 0.12], [0.3, 0.3], [0.5, 0.7]])
    sizes = (middles[:, None] * (1 + 0.1 * torch.randn(3, 200, 2, generator=generator))).flatten(0, 1)
    anchors = taught.anchors_of(sizes, 3)
    torch.testing.assert_close(anchors, middles, rtol=0.03, atol=0)
    nearest = joint.size_iou(sizes, anchors).argmax(1)
    torch.testing.assert_close(torch.stack([sizes[nearest == k].mean(0) for k in range(3)]), anchors)


@pytest.mark.parametrize("sizes", [torch.rand(2, 2), torch.zeros(9, 2), torch.rand(9, 3)])
def test_wrong_sizes_for_anchors_are_refused(taught, sizes):
    with pytest.raises(ValueError, match="sizes"):
        taught.anchors_of(sizes, 3)


def test_a_fitted_grid_gives_the_coarsest_cells_the_largest_anchors(taught):
    grid = taught.fitted_grid(torch.rand(500, 2) * 0.5 + 0.05, ((5, 5), (11, 11), (19, 19)))
    areas = [[w * h for w, h in anchors] for anchors in grid.anchors]
    assert min(areas[0]) > max(areas[1]) and min(areas[1]) > max(areas[2])
    assert len(grid.slots) == 3 * (25 + 121 + 361)


def test_slow_encoding_is_the_packages_and_its_own_inverse(taught):
    grid, size = joint.AnchorGrid(((4, 6),), (((0.1, 0.2), (0.4, 0.5)),)), torch.tensor([320.0, 320.0])
    for k, box in enumerate(random_boxes(60)):
        anchor = grid.anchors[0][k % 2]
        cell, numbers = taught.encode_slowly(box.tolist(), (320, 320), (4, 6), anchor)
        slot = torch.tensor((cell[0] * 6 + cell[1]) * 2 + k % 2)
        torch.testing.assert_close(grid.encode(box, slot, size), torch.tensor(numbers), atol=1e-4, rtol=1e-4)
        back = taught.decode_slowly(cell, numbers, (320, 320), (4, 6), anchor)
        torch.testing.assert_close(torch.tensor(back), box, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_slow_placing_is_the_packages(taught, seed):
    anchors, boxes = ((0.06, 0.06), (0.15, 0.2), (0.3, 0.3)), random_boxes(40, seed)
    slots = joint.AnchorGrid(((5, 5),), (anchors,)).place(boxes[None], torch.tensor([320.0, 320.0]))[0]
    assert slots[0].tolist() == taught.place_slowly(boxes.tolist(), (320, 320), (5, 5), anchors)


def test_the_face_stays_and_the_background_goes(taught):
    photos, boxes = torch.full((2, 3, 100, 100), 200, dtype=torch.uint8), torch.tensor([[30.0, 30, 60, 64]] * 2)
    moved = taught.on_other_background(photos, boxes, torch.zeros(3, 3, 100, 100, dtype=torch.uint8))
    assert (moved[..., 33:61, 36:54] == 200).all()  # what is in the oval
    assert (moved[..., :, :20] == 0).all() and (moved[..., 80:, :] == 0).all()


def test_the_mirror_moves_boxes_with_the_pixels(taught):
    photos = torch.zeros(1, 3, 20, 30, dtype=torch.uint8)
    photos[..., 5:9, 2:8] = 255
    image, box = taught.mirrored(photos, torch.tensor([[2.0, 5, 8, 9]]))
    x1, y1, x2, y2 = box[0].int().tolist()
    assert (image[..., y1:y2, x1:x2] == 255).all() and image.sum() == photos.sum()


def test_a_network_without_anchors_learns_a_face_by_heart(taught):
    torch.manual_seed(0)
    net, maps = taught.CentreNet(channels=8, width=16, embedding_dim=4), torch.randn(2, 8, 10, 10)
    boxes = torch.tensor([[1.0, 2, 5, 6.5], [4, 3, 9, 9]])
    marks = torch.rand(2, 5, 2) * 3 + torch.tensor([[[1.0, 2.0]], [[5.0, 5.0]]])
    teacher = torch.nn.functional.normalize(torch.randn(2, 4), dim=1)
    optimizer = torch.optim.AdamW(net.parameters(), 0.01)
    for _ in range(120):
        optimizer.zero_grad()
        taught.centre_loss(net(maps), boxes, marks, teacher).backward()
        optimizer.step()
    logits, said, said_marks, vectors = net(maps)
    cell = logits.argmax(1)
    assert cell.tolist() == [4 * 10 + 3, 6 * 10 + 6]  # row and column of the middles
    rows = torch.arange(2)
    assert (iou(said[rows, cell], boxes).diagonal() > 0.85).all()
    assert (said_marks[rows, cell] - marks).abs().mean() < 0.2
    assert ((vectors[rows, cell] * teacher).sum(1) > 0.9).all()


@pytest.fixture
def folder(tmp_path):
    """Two people with five photos each: a white face on black, whose box boxes.csv holds."""
    rows = ["file,x1,y1,x2,y2," + ",".join(f"p{k}" for k in range(10)) + ",score"]
    for who in ("anna", "bert"):
        (tmp_path / "faces" / who).mkdir(parents=True)
        for k in range(5):
            image = torch.zeros(3, 60, 80, dtype=torch.uint8)
            image[:, 20:40, 10 + k : 30 + k] = 255
            to_pil_image(image).save(tmp_path / "faces" / who / f"{k}.png")
            points = [10 + k, 20, 30 + k, 20, 20 + k, 30, 10 + k, 40, 30 + k, 40]
            rows.append(",".join(map(str, [f"faces/{who}/{k}.png", 10 + k, 20, 30 + k, 40, *points, 1])))
    (tmp_path / "boxes.csv").write_text("\n".join(rows))
    return tmp_path


def test_a_folder_of_photos_is_split_by_name_and_its_boxes_follow_the_pixels(taught, folder):
    parts = taught.folder_photos(folder, 160)
    assert [part[2].tolist() for part in parts] == [[0, 0, 0, 1, 1, 1], [0, 1], [0, 1]]
    for images, boxes, _, marks in parts:
        assert images.shape[1:] == (3, 160, 160)
        for image, box, points in zip(images, boxes.round().int().tolist(), marks):
            x1, y1, x2, y2 = box
            assert (x2 - x1, y2 - y1) == (40, 40)
            assert (image[:, y1 + 2 : y2 - 2, x1 + 2 : x2 - 2] > 250).all()
            assert points[0].tolist() == [x1, y1] and points[4].tolist() == [x2, y2]


def test_a_photo_without_a_face_is_named_and_not_dropped(taught, folder, monkeypatch):
    table = folder / "boxes.csv"
    table.write_text("\n".join(line for line in table.read_text().splitlines() if "bert/3" not in line))
    monkeypatch.setitem(taught.folder_photos.__globals__, "first_face", lambda image: None)
    with pytest.raises(ValueError, match=r"1 photos, such as faces/bert/3\.png.*boxes\.csv"):
        taught.folder_photos(folder, 160)
