from urllib.error import URLError

import pytest
import torch
import torchvision
from torch.utils.data import DataLoader

from dlsfaces import align, data, geometry, train
from dlsfaces.recognize import CrossEntropy, FaceResNet, ImageNetResNet, embed, features_of
from dlsfaces.recognize.backbones import GlobalDepthwise
from dlsfaces.recognize.inception import InceptionResnetV1


@pytest.mark.parametrize(("size", "millions"), [("small", 0.7), ("medium", 2.6), ("large", 11.3)])
def test_sizes_are_as_documented(size, millions):
    assert sum(p.numel() for p in FaceResNet(size).parameters()) / 1e6 == pytest.approx(millions, abs=0.1)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [(32, 32), (33, 50), (80, 64)])
def test_any_image_size_and_a_stem_that_keeps_it(stride, size):
    model = FaceResNet("small", 32, size, stem_stride=stride).eval()
    images = torch.rand(2, 3, *size)
    features = model.features(images)
    assert features.shape == FaceResNet("small", 32).eval()(images).shape == (2, 32)
    assert torch.allclose(model.embed(images), features / features.norm(dim=1, keepdim=True), atol=1e-6)
    normalised = ((images - model.mean) / model.std).contiguous(memory_format=torch.channels_last)
    assert torch.equal(features, model.body(normalised))
    assert model.body[0](images).shape[2:] == tuple(-(-side // stride) for side in size)
    assert model.body[-3].size == model.body[:-3](images).shape[2:]  # no pooling to another size at the end


def test_pooling_learns_places():
    pool = GlobalDepthwise(4, (5, 3))
    x = torch.rand(2, 4, 5, 3)
    assert torch.allclose(pool(x), x.mean((2, 3)))
    with torch.no_grad():
        pool.weight.zero_()[:, 1, 2] = 1
    assert torch.equal(pool(x), x[:, :, 1, 2])


@pytest.mark.parametrize(
    "make",
    [
        lambda: FaceResNet("huge"),
        lambda: FaceResNet("small", stem_stride=3),
        lambda: FaceResNet(image_size=(16, 64)),
        lambda: FaceResNet("small").eval()(torch.zeros(1, 3, 80, 64, dtype=torch.uint8)),
        lambda: ImageNetResNet(19),
        lambda: ImageNetResNet(18, weights="vggface"),
    ],
)
def test_bad_arguments(make):
    with pytest.raises(ValueError):
        make()


def test_imagenet_resnet_without_weights_and_without_network(monkeypatch):
    model = ImageNetResNet(18, embedding_dim=8, weights=None).eval()
    assert model.embed(torch.rand(2, 3, 64, 64)).norm(dim=1).tolist() == pytest.approx([1, 1])

    def offline(weights):
        raise URLError("no route to host")

    monkeypatch.setattr(torchvision.models, "resnet18", offline)
    with pytest.raises(OSError, match=r"cannot be downloaded.*weights=None"):
        ImageNetResNet(18)


def test_many_faces_in_batches_with_mirror_images():
    model = FaceResNet("small")
    images = (torch.rand(5, 3, 80, 64) * 255).to(torch.uint8)
    plain = features_of(model, images, batch_size=2)
    assert model.training and torch.allclose(plain, model.eval()(images.float() / 255), atol=1e-4)
    mirrored = features_of(model, images.flip(3))
    assert torch.allclose(features_of(model, images, mirror=True), (plain + mirrored) / 2, atol=1e-4)
    assert torch.allclose(embed(model, images, mirror=True), embed(model, images.flip(3), mirror=True), atol=1e-4)
    assert embed(model, images[:0]).shape == (0, 256)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_by_its_formula_in_float64(smoothing):
    loss = CrossEntropy(6, 4, smoothing)
    x, y = torch.randn(5, 6), torch.tensor([0, 3, 1, 1, 2])
    w, b = loss.head.weight.detach().double(), loss.head.bias.detach().double()
    z = x.double() @ w.T + b
    log_p = z - z.exp().sum(1, keepdim=True).log()
    target = (1 - smoothing) * torch.eye(4).double()[y] + smoothing / 4
    assert loss(x, y).item() == pytest.approx(-(target * log_p).sum(1).mean().item(), rel=1e-5)
    assert torch.allclose(loss.logits(x).double(), z, atol=1e-5)


@pytest.mark.fault("pixel range")
@pytest.mark.parametrize("entry", ["embed", "model", "landmarks", "augmentation", "training", "warp"])
def test_pixels_outside_of_0_to_1_are_refused_wherever_images_enter(entry):
    images = torch.arange(6 * 3 * 32 * 32).view(6, 3, 32, 32).remainder(251).to(torch.uint8)
    torch.manual_seed(0)
    model = FaceResNet("small", 16, (32, 32)).eval()
    enter = {
        "embed": lambda x: embed(model, x),
        "model": lambda x: model.embed(data.to_float(x) if x is images else x),
        "landmarks": lambda x: (
            align.find_landmarks(align.load_landmark_net(), x, torch.tensor([8.0, 8, 24, 24])).points
        ),
        "augmentation": lambda x: data.Augmentation()(x, torch.arange(6)),
        "training": lambda x: weights_after_training(x),
        "warp": lambda x: geometry.warp(x, torch.eye(2, 3).expand(6, -1, -1), (32, 32)),
    }[entry]
    right = enter(images)
    for same in (images.float() / 255, images.double() / 255):
        assert torch.allclose(enter(same), right, atol=1e-4)
    for wrong, said in (
        (images.float(), "from 0 to 250: divide them by 255"),
        (images / 127.5 - 1, "from -1 to 0.9608: networks normalise images themselves, so undo yours"),
        ((images / 255 - 0.45) / 0.25, "from -1.8 to"),
        (images.float() * torch.nan, "from nan to nan"),
        (images.long(), r"takes float images in \[0, 1\], not torch.int64"),
    ):
        with pytest.raises(ValueError, match=said):
            enter(wrong)
    enter(images / 255 * 1.4 - 0.2)  # as far beyond as a sharp edge enlarged by cubic interpolation


def weights_after_training(images):
    torch.manual_seed(0)
    model = FaceResNet("small", 16, (32, 32))
    batches = DataLoader([(i, k % 2, k) for k, i in enumerate(images)], 6)
    train.fit(model, CrossEntropy(16, 2), batches, train.Settings(1, lr=0.01, precision="no"))
    return model.body[0].weight.detach()


@pytest.mark.fault("pixel range")
@pytest.mark.parametrize(
    ("way", "move"),
    [
        (".movedim(3, 1)", lambda x: x.movedim(1, 3)),
        ("[None].movedim(3, 1)", lambda x: x[0].movedim(0, 2)),
        ("[None]", lambda x: x[0]),
        (".expand(-1, 3, -1, -1)", lambda x: x[:, :1]),
        ("[None].expand(-1, 3, -1, -1)", lambda x: x[0, :1]),
    ],
)
def test_images_in_another_layout_are_refused_with_the_way_back(way, move):
    model, images = FaceResNet("small", 16, (32, 40)).eval(), torch.rand(1, 1, 32, 40).expand(2, 3, -1, -1)
    for enter in (lambda x: embed(model, x), model.embed):
        with pytest.raises(ValueError, match="a batch of RGB images") as refused:
            enter(move(images))
        assert str(refused.value).endswith(f"; give images{way}")
        assert torch.equal(
            eval(f"images{way}", {"images": move(images)}), images[: len(move(images)) if way[0] == "." else 1]
        )
        with pytest.raises(ValueError, match=r"images \(32, 40\): a network takes a batch"):
            enter(images[0, 0])


def test_a_network_is_as_it_was_after_an_error():
    model = InceptionResnetV1(16, image_size=(80, 80)).train()
    with pytest.raises(ValueError, match="too small"):
        features_of(model, torch.zeros(1, 3, 40, 40, dtype=torch.uint8))
    assert model.training
