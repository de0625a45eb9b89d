"""The joint network and its loss."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from dlsfaces import geometry, recognize
from dlsfaces.joint import AnchorGrid, JointLoss, JointNet, JointOutput, found_in, pack_people

ANCHORS = (((0.5, 0.6), (0.3, 0.3), (0.1, 0.2)), ((0.2, 0.2), (0.1, 0.1), (0.05, 0.06)), ((0.04, 0.04),) * 3)
GRID = AnchorGrid(((5, 5),), ANCHORS[:1])
FINE = AnchorGrid(((5, 5), (11, 11), (19, 19)), ANCHORS)
SIZE = torch.tensor([320.0, 320.0])


class ThreeMaps(nn.Module):
    """A backbone of the user's own."""

    def __init__(self):
        super().__init__()
        self.stages = nn.ModuleList(nn.Conv2d(n, 16, 5, stride, 2) for n, stride in ((3, 2), (16, 2), (16, 2)))

    def forward(self, x):
        maps = {}
        for k, stage in enumerate(self.stages):
            x = maps[str(k)] = F.relu(stage(x))
        return maps


def small_net(grid=GRID, seed=0):
    torch.manual_seed(seed)
    return JointNet(ThreeMaps(), grid, embedding_dim=16, width=32)


@pytest.mark.parametrize("grid", [GRID, FINE])
@pytest.mark.parametrize("size", [(320, 320), (90, 200)])
def test_each_slot_has_an_answer(grid, size):
    out, slots = small_net(grid).eval()(torch.rand(2, 3, *size)), len(grid.slots)
    assert out.numbers.shape == (2, slots, 4) and out.confidence.shape == (2, slots)
    assert out.embeddings.shape == (2, slots, 16) and out.size.tolist() == [size[1], size[0]]


def test_answers_of_a_cell_come_from_that_cell():
    """What is read of one place of the map lies in the slots of that place, anchor by anchor."""
    net = small_net()
    answer = torch.arange(3 * 5).view(1, 15, 1, 1) + 100.0 * torch.arange(25).view(1, 1, 5, 5)
    rows = net._by_slot(answer)[0]
    for slot, (column, row) in enumerate(GRID.slots[:, :2].tolist()):
        assert rows[slot].tolist() == [100 * (5 * row + column) + 5 * (slot % 3) + k for k in range(5)]


def random_output(count=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    random = [torch.randn(count, len(GRID.slots), n, generator=generator) for n in (4, 1, 16)]
    return JointOutput(random[0].sigmoid(), random[1][..., 0], random[2], SIZE)


def test_the_loss_is_the_sum_over_faces_and_slots():
    torch.manual_seed(0)
    out, head = random_output(), recognize.CrossEntropy(16, 5)
    boxes = [torch.tensor([[20.0, 30, 80, 110], [200, 180, 260, 250]]), torch.tensor([[100.0, 100, 220, 240]])]
    boxes.append(torch.zeros(0, 4))
    who = [torch.tensor([1, -1]), torch.tensor([4]), torch.tensor([], dtype=torch.int64)]
    parts = JointLoss(GRID, head, box=2.0, identity=3.0).parts(out, pack_people(boxes, who))
    box, sure, vectors = 0.0, 0.0, []
    for k in range(3):
        slots, free = GRID.place(boxes[k][None], SIZE)
        there = torch.zeros(75)
        for slot, true, name in zip(slots[0], boxes[k], who[k]):
            there[slot] = 1
            numbers = GRID.encode(true, slot, SIZE)
            box += sum(F.smooth_l1_loss(a, b, beta=0.1) for a, b in zip(out.numbers[k, slot], numbers))
            vectors += [(out.embeddings[k, slot], name)] if name >= 0 else []
        for slot in range(75):
            p = out.confidence[k, slot].sigmoid()
            sure -= 0 if free[0, slot] else (p if there[slot] else 1 - p).log()
    name = sum(-head.logits(x).log_softmax(0)[y] for x, y in vectors) / len(vectors)
    torch.testing.assert_close(parts["box"], 2 * box / 3)
    torch.testing.assert_close(parts["confidence"], sure / 3)
    torch.testing.assert_close(parts["identity"], 3 * name)


def test_images_without_faces_or_names_teach_only_that():
    out = random_output()
    out = out._replace(embeddings=out.embeddings.requires_grad_(), numbers=out.numbers.requires_grad_())
    loss = JointLoss(GRID, recognize.arcface(16, 5))
    nobody = loss.parts(out, torch.zeros(3, 0, 5))
    assert nobody["box"] == 0 and nobody["identity"] == 0 and nobody["confidence"] > 0
    unknown = pack_people([torch.tensor([[20.0, 30, 80, 110]])] * 3, [torch.tensor([-1])] * 3)
    sum(loss.parts(out, unknown).values()).backward()
    assert out.numbers.grad.abs().sum() > 0 and out.embeddings.grad.abs().sum() == 0


def test_wrong_targets_are_refused():
    with pytest.raises(ValueError, match="pack_people"):
        JointLoss(GRID, nn.Identity())(random_output(), torch.zeros(3, 2, 15))


def test_it_learns_four_photos_by_heart():
    torch.manual_seed(0)
    images, net = torch.full((4, 3, 80, 80), 0.5), JointNet(ThreeMaps(), GRID, embedding_dim=16, width=32)
    corners = torch.tensor([[6, 6], [50, 6], [6, 50], [50, 50]])
    for k, (x, y) in enumerate(corners.tolist()):
        images[k, :, y : y + 18, x : x + 18] = torch.tensor([0.0, 0.3, 0.7, 1.0])[k]
    boxes = list(torch.cat((corners, corners + 18), dim=1)[:, None].float())
    loss = JointLoss(GRID, recognize.CrossEntropy(16, 4))
    targets = pack_people(boxes, [torch.tensor([k]) for k in range(4)])
    optimizer = torch.optim.AdamW([*net.parameters(), *loss.parameters()], 3e-3)
    for _ in range(150):
        optimizer.zero_grad()
        loss(net(images), targets).backward()
        optimizer.step()
    for k, found in enumerate(found_in(GRID, net.eval()(images))):
        assert len(found.faces) == 1 and loss.identify.logits(found.embeddings)[0].argmax() == k
        torch.testing.assert_close(found.faces.boxes[0], boxes[k][0], atol=2.0, rtol=0)


def test_faces_that_overlap_are_found_once():
    net = small_net().eval()
    net.where[0][-1].bias.data[4::5] = 9.0  # sure everywhere
    (found,) = found_in(GRID, net(torch.rand(1, 3, 320, 320)), iou_threshold=0.3)
    overlap = geometry.iou(found.faces.boxes, found.faces.boxes)
    assert len(found.faces) < 75 and (overlap - torch.eye(len(overlap))).max() <= 0.3 + 1e-6
    assert len(found.embeddings) == len(found.faces)


def test_more_grids_than_maps_are_refused():
    grid = AnchorGrid(((5, 5),) * 5, ANCHORS[:1] * 5)
    with pytest.raises(ValueError, match="bridge"):
        JointNet(ThreeMaps(), grid)


def test_images_too_small_for_the_grid_are_refused():
    with pytest.raises(ValueError, match="larger ones"):
        small_net()(torch.rand(1, 3, 40, 320))


@pytest.mark.parametrize(
    ("box", "who"),
    [
        (torch.tensor([[20.0, 30, 20, 50]]), torch.tensor([0])),  # without area: its loss would be infinite
        (torch.tensor([[80.0, 110, 20, 30]]), torch.tensor([0])),
        (torch.tensor([20.0, 30, 80, 110]), torch.tensor([0])),
        (torch.tensor([[20.0, 30, 80, 110]]), torch.tensor([0, 1])),
        (torch.tensor([[20.0, 30, 80, 110]]), torch.tensor([-2])),
    ],
)
def test_wrong_faces_are_refused_by_their_image(box, who):
    with pytest.raises(ValueError, match="image 0"):
        pack_people([box], [who])


def test_whole_numbers_keep_their_identity():
    packed = pack_people([torch.tensor([[20, 30, 80, 110]], dtype=torch.uint8)], [torch.tensor([3001])])
    assert packed.tolist() == [[[20, 30, 80, 110, 3001]]]


def test_what_is_frozen_in_the_backbone_stays_so():
    backbone = nn.Sequential(ThreeMaps())
    backbone.train()
    backbone[0].eval()
    JointNet(backbone, GRID, embedding_dim=16, width=32)
    assert backbone.training and not backbone[0].training


def test_another_grid_and_other_thresholds_are_refused():
    with pytest.raises(ValueError, match="own grid"):
        JointLoss(FINE, recognize.CrossEntropy(16, 5))(random_output(), torch.zeros(3, 0, 5))
    with pytest.raises(ValueError, match="from 0 to 1"):
        found_in(GRID, random_output(), threshold=50)
