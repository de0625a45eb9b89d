"""The one-stage network: its code for boxes and points, sizes, fusing, export, and the detector around it."""

import numpy as np
import pytest
import skimage.data
import torch
from torch.nn import functional as F
from torchvision.transforms.v2 import functional as V

from dlsfaces import detect, weights
from dlsfaces.detect import DetectionLoss, OneStageDetector, OneStageNet, export_onnx, fused, pack_faces
from dlsfaces.detect.one_stage import Candidates, cells_of, decode, encode
from dlsfaces.geometry import face_box, iou


def network(width=16):
    """One whose layers all matter: normalisation that moves and scales, and large numbers at the end."""
    torch.manual_seed(0)
    model = OneStageNet(width)
    for value in [value for value in model.state_dict().values() if value.ndim == 1]:  # of the normalisations
        value.uniform_(0.1, 1.1)
    model.read.weight.data.normal_(0, 0.5)
    return model.eval()


class Squares(torch.nn.Module):
    """Sees bright squares of 16 pixels: each fine cell asks its surroundings; of points it gives corners and middle."""

    def __init__(self):
        super().__init__()
        self.nothing, self.seen = torch.nn.Parameter(torch.zeros(())), []

    def forward(self, images):
        self.seen.append(tuple(images.shape))
        cells = cells_of(images.shape[2:])
        x = F.pad(images.mean(1, keepdim=True), (4, 4 + -images.shape[3] % 32, 4, 4 + -images.shape[2] % 32))
        fine = F.avg_pool2d(x, 16, 8).flatten(1)
        logits = torch.cat((fine * 40 - 36, torch.full((len(images), len(cells) - fine.shape[1]), -9.0)), dim=1)
        middle = (cells[:, :2] + 0.5) * cells[:, 2:]
        boxes = torch.cat((middle - 8, middle + 8), dim=1)
        points = torch.stack((boxes[:, :2], boxes[:, [2, 1]], middle, boxes[:, [0, 3]], boxes[:, 2:]), dim=1)
        return Candidates(logits, *(part.expand(len(images), *part.shape) for part in (boxes, points)), cells)


def square(height, width, x, y, side=16):
    image = torch.zeros(3, height, width, dtype=torch.uint8)
    image[:, y : y + side, x : x + side] = 255
    return image


def test_the_code_by_hand():
    assert cells_of((33, 70)).tolist()[96 + 6] == [0, 1, 16] and len(cells_of((33, 70))) == 12 * 8 + 6 * 4 + 3 * 2
    numbers = torch.tensor([[0.5, -0.25, 0.0, torch.tensor(2.0).log(), *range(10)]])
    box, points = decode(numbers, torch.tensor([[3.0, 5.0, 16.0]]))
    assert box[0].tolist() == pytest.approx([56 - 8, 76 - 16, 56 + 8, 76 + 16])
    assert points[0].tolist() == [[48 + 16 * x, 80 + 16 * (x + 1)] for x in (0, 2, 4, 6, 8)]


def test_encode_and_decode_are_inverses():
    cells = cells_of((96, 64)).double()
    numbers = 8 * torch.rand(2, len(cells), 14, dtype=torch.float64) - 4
    assert torch.allclose(encode(*decode(numbers, cells), cells), numbers, atol=1e-9)


@pytest.mark.parametrize("size", [(64, 96), (33, 70), (5, 3), (1, 65)])
def test_a_small_network_takes_any_size(size):
    out = network()(torch.rand(2, 3, *size))
    assert torch.equal(out.cells, cells_of(size)) and out.landmarks.shape == (2, len(out.cells), 5, 2)
    assert 50_000 < sum(p.numel() for p in OneStageNet().parameters()) < 80_000


def test_a_cell_sees_what_is_around_it():
    """A bright spot changes most the cell where it is, and through the coarser grids also one far away."""
    spot, dark = V.pad(torch.ones(1, 3, 10, 10), [36, 100, 146, 18]), torch.zeros(1, 3, 128, 192)
    change = (network()(spot).logits - network()(dark).logits)[0, : 16 * 24].abs()
    row, column = divmod(int(change.argmax()), 24)
    assert abs(row - 12.5) <= 1.5 and abs(column - 4.5) <= 1.5 and change.view(16, 24)[:, 15:].any()


def test_fused_normalisation_gives_the_same():
    model, images = network(width=64), torch.rand(2, 3, 70, 90)
    quick = fused(model.train())
    assert model.training and not any(isinstance(part, torch.nn.BatchNorm2d) for part in quick.modules())
    for one, other in zip(model.eval()(images), quick(images)):
        assert one.std() > 0.1 and torch.allclose(one, other, rtol=1e-4, atol=1e-3)


def test_onnxruntime_gives_the_same(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is of requirements-dev.txt")
    model = network()
    export_onnx(model, tmp_path / "net.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "net.onnx"))
    for images in (torch.rand(1, 3, 64, 96), torch.rand(3, 3, 33, 5)):
        logits, boxes, landmarks, _ = model(images)
        found = session.run(["scores", "boxes", "landmarks"], {"images": images.numpy()})
        for one, other in zip((logits.sigmoid(), boxes, landmarks), found):
            assert torch.allclose(one, torch.from_numpy(other), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(("enlarge", "longest"), [(1.0, 201), (2.0, 402), (0.5, 201), (2.0, 100)])
def test_boxes_and_landmarks_come_back_in_the_photos_pixels(enlarge, longest):
    """Where sides of 201 and 153 are made smaller, they are rounded."""
    detector, factor = OneStageDetector(Squares(), enlarge=enlarge, longest=longest), min(enlarge, longest / 201)
    side, x, y = (round(of_scaled / factor) for of_scaled in (16, 60, 44))
    (found,) = detector([square(153, 201, x, y, side)])
    height, width = round(153 * factor), round(201 * factor)
    corners = torch.tensor([[60.0, 44], [76, 44], [68, 52], [60, 60], [76, 60]]) * torch.tensor(
        [201 / width, 153 / height]
    )
    assert torch.allclose(found.boxes, corners[[0, 4]].view(1, 4)) and torch.allclose(found.landmarks, corners[None])
    assert detector.model.seen == [(1, 3, height, width)] and found.scores[0] > 0.7


def test_photos_of_one_size_go_together_and_keep_their_order(monkeypatch):
    places = [(100, 60, 4, 4), (100, 60, 20, 12), (100, 60, 28, 60), (40, 90, 60, 20), (100, 60, 4, 76)]
    monkeypatch.setattr("dlsfaces.detect.one_stage.AT_ONCE", 2 * 100 * 60)
    detector = OneStageDetector(Squares())
    found = detector(square(*place) for place in places)
    assert detector.model.seen == [(2, 3, 100, 60), (1, 3, 100, 60), (1, 3, 40, 90), (1, 3, 100, 60)]
    assert [one.boxes[0, :2].tolist() for one in found] == [[x, y] for _, _, x, y in places]


def test_unusual_photos():
    """One smaller than a cell, none, a float one, a grey one; a model that is being trained stays as it is."""
    model, photo = network().train(), torch.randint(0, 256, (3, 60, 60), dtype=torch.uint8)
    before, detector = model.stem[0][1].running_mean.clone(), OneStageDetector(model, threshold=0.0)
    assert len(detector([torch.zeros(3, 1, 5)])[0]) and detector([]) == []
    (one,), (other,) = detector([photo]), detector([photo.float() / 255])
    assert len(one) and torch.equal(one.boxes, other.boxes) and torch.equal(one.landmarks, other.landmarks)
    assert model.training and torch.equal(model.stem[0][1].running_mean, before)
    for grey_or_empty in (photo[:1], photo[:, :0]):
        with pytest.raises(ValueError, match=r"3, height, width.*expand"):
            detector([grey_or_empty])


def test_one_photo_is_learned_by_heart():
    """Three patches, of which one has no landmarks, are found where they are, with those of the others."""
    torch.manual_seed(0)
    boxes = torch.tensor([[20.0, 30, 44, 60], [90, 10, 110, 34], [60, 60, 120, 124]])
    image = torch.full((3, 128, 128), 0.5)
    for x1, y1, x2, y2 in boxes.int().tolist():
        image[:, y1:y2, x1:x2] = torch.rand(3, 1, 1)
    points = boxes[:, None, :2] + torch.rand(3, 5, 2) * (boxes[:, None, 2:] - boxes[:, None, :2])
    points[2] = torch.nan
    targets, model, loss = pack_faces([boxes], [points]), OneStageNet(32), DetectionLoss()
    optimizer = torch.optim.AdamW(model.parameters(), 0.01)
    for _ in range(150):
        optimizer.zero_grad()
        loss(model(image[None]), targets).backward()
        optimizer.step()
    (found,) = OneStageDetector(model, threshold=0.5)([image])
    overlap, which = iou(boxes, found.boxes).max(1)
    assert len(found) == 3 and (overlap > 0.7).all()
    assert (found.landmarks[which[:2]] - points[:2]).norm(dim=-1).max() < 4


def test_a_step_and_its_inverse():
    box = torch.tensor([[10.0, 20, 70, 88], [0, 0, 30, 34]])
    moved = detect.TO_WIDER(detect.Detections(box, torch.ones(2)))
    assert torch.allclose(moved.boxes[0], torch.tensor([17.8, 23.468, 62.2, 81.268]), atol=1e-3)
    assert torch.allclose(detect.TO_WIDER.inverse()(moved).boxes, box, atol=1e-4)


@pytest.mark.parametrize("name", ["synthetic", "wider"])
def test_the_shipped_detectors_find_the_astronaut(name):
    """In a photo that none has learned from: her face first, its landmarks where we marked them by hand."""
    photo = torch.from_numpy(skimage.data.astronaut()).permute(2, 0, 1)
    marks = torch.tensor([(203.0, 101.0), (246.5, 103.5), (225.0, 127.0), (204.0, 140.0), (245.0, 141.0)])
    (found,) = detect.load_detector(name)([photo])
    box = detect.TO_WIDER.inverse()(found).boxes[0]
    assert iou(box[None], face_box(marks)[None]) > 0.5
    assert (found.landmarks[0] - marks).norm(dim=1).mean() < 0.2 * 43.5  # of the distance between the eyes
    path = weights.path_of(f"detector_{name}")
    assert path.stat().st_size < 300_000 and path.with_suffix(".md").is_file()


def test_a_detector_from_a_file_of_ones_own(tmp_path):
    model = network()
    weights.write(tmp_path / "mine.safetensors", model, model.settings)
    loaded = detect.load_detector(tmp_path / "mine.safetensors", threshold=0.9).model
    image = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        assert torch.allclose(loaded(image).logits, model(image).logits, atol=0.05)  # half precision
    with pytest.raises(FileNotFoundError, match="no weights"):
        detect.load_detector("real")
    face_net = weights.path_of("faces_synthetic")
    with pytest.raises(ValueError, match="is not a one-stage detector's file"):
        detect.load_detector(face_net)


@pytest.mark.parametrize("name", ["synthetic", "wider"])
def test_a_large_portrait(name):
    """A photo of 1,800 pixels that her head fills, as a phone makes it."""
    photo = V.resize(torch.from_numpy(skimage.data.astronaut()).permute(2, 0, 1)[:, :240, 104:344], [1800, 1800])
    (found,) = detect.load_detector(name)([photo])
    marks = (
        torch.tensor([(203.0, 101.0), (246.5, 103.5), (225.0, 127.0), (204.0, 140.0)]) - torch.tensor([104, 0])
    ) * 7.5
    assert (found.landmarks[0, :4] - marks).norm(dim=1).mean() < 0.25 * 43.5 * 7.5


@pytest.mark.parametrize("options", [{"threshold": 30}, {"threshold": float("nan")}, {"iou_threshold": 45}])
def test_what_is_no_share_is_refused(options):
    with pytest.raises(ValueError, match="from 0 to 1"):
        detect.load_detector(**options)


@pytest.mark.parametrize("photo", [torch.zeros(64, 64), np.zeros((64, 64, 3), np.uint8), torch.zeros(1, 3, 64, 64)])
def test_what_is_no_photo_is_refused(photo):
    with pytest.raises(ValueError, match="list of tensors"):
        detect.load_detector()([photo])
