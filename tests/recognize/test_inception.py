"""Inception-ResNet-v1 against facenet-pytorch 2.6.0 (PyPI): beside it, and by numbers that it gave."""

import pytest
import torch
from torch import nn

from dlsfaces import rng
from dlsfaces.recognize import InceptionResnetV1, embed, features_of

# Of `facenet_pytorch.InceptionResnetV1()`: its number of weights, and what its last batch norm gave for `images()` with
# the weights of `filled()`: the first four numbers of each picture.
PEERS_WEIGHTS = 23_482_624
PEERS_FEATURES = [
    [3.213912014787, -1.782107394567, 1.007484163298, 1.861123791878],
    [2.994611195427, -2.488079935388, 1.106461842606, 1.277661939479],
]


def filled(model):
    """A network in float64 with weights, and statistics of batch norms, that are the same on every machine."""
    for number, (name, value) in enumerate(model.state_dict().items()):
        if not value.is_floating_point():
            continue  # the number of batches that a batch norm has seen
        u = rng.uniform(rng.key(number), value.numel()).view(value.shape) - 0.5
        if value.dim() > 1:
            u = u * (24 / value[0].numel()) ** 0.5  # keeps the size of what a layer gives
        else:
            u = 1 + 0.5 * u if name.endswith(("weight", "var")) else 0.2 * u
        value.copy_(u)
    return model.double().eval()


def images(n=2, size=(80, 96)):
    return rng.uniform(rng.key(7), n * 3 * size[0] * size[1]).view(n, 3, *size)


@pytest.fixture(scope="module")
def model():
    """Weights of float32; `filled` makes some of a fixed kind."""
    torch.manual_seed(0)
    return InceptionResnetV1(dropout=0.0).eval()


@pytest.fixture(scope="module")
def fixed():
    return filled(InceptionResnetV1())


def test_as_many_weights_as_the_peer(model):
    assert sum(p.numel() for p in model.parameters()) == PEERS_WEIGHTS


@torch.no_grad()
def test_features_are_the_numbers_that_the_peer_gave(fixed):
    features = fixed.features(images().double())
    assert torch.allclose(features[:, :4], torch.tensor(PEERS_FEATURES, dtype=torch.float64), atol=1e-9)


@torch.no_grad()
def test_features_are_the_peers_own_with_its_weights():
    peer = pytest.importorskip("facenet_pytorch", reason="not installed; the numbers that it gave are tested above")
    theirs, ours = peer.InceptionResnetV1().double().eval(), InceptionResnetV1().double().eval()
    assert sum(p.numel() for p in theirs.parameters()) == PEERS_WEIGHTS
    weights = zip(ours.state_dict(), theirs.state_dict().values(), strict=True)
    ours.load_state_dict(dict(weights))
    outputs = []
    theirs.last_bn.register_forward_hook(lambda module, inputs, output: outputs.append(output))
    for size in ((80, 96), (75, 75)):
        x = images(size=size).double()
        normalised = theirs(2 * x - 1)
        features = ours.features(x)
        assert torch.allclose(features, outputs[-1], rtol=0, atol=1e-9)
        assert torch.allclose(features / features.norm(dim=1, keepdim=True), normalised, rtol=0, atol=1e-9)


@torch.no_grad()
@pytest.mark.parametrize("size", [(75, 75), (80, 80), (112, 96), (160, 160)])
def test_any_image_size_from_75_pixels(model, size):
    assert model(images(1, size)).shape == (1, 512)


@pytest.mark.parametrize("size", [(74, 80), (80, 74), (16, 16)])
def test_smaller_images_are_refused(model, size):
    with pytest.raises(ValueError, match=rf"{size[0]} x {size[1]} pixels.*resize them to at least 75"):
        model(images(1, size))


def test_uint8_is_refused(model):
    with pytest.raises(ValueError, match="float images"):
        model(torch.zeros(1, 3, 80, 80, dtype=torch.uint8))


def test_many_faces_at_once(model):
    faces = (images(3, (80, 80)) * 255).to(torch.uint8)
    features = features_of(model, faces, batch_size=2)
    with torch.no_grad():
        assert torch.allclose(features, model(faces / 255), atol=1e-4)
    assert torch.allclose(embed(model, faces), features / features.norm(dim=1, keepdim=True), atol=1e-5)


def test_dropout_is_before_the_last_linear_layer():
    with torch.device("meta"):  # layers without weights
        body, usual = InceptionResnetV1(embedding_dim=8, dropout=0.25).body, InceptionResnetV1().body
    assert [type(layer) for layer in body[-3:]] == [nn.Dropout, nn.Linear, nn.BatchNorm1d]
    assert body[-3].p == 0.25 and usual[-3].p == 0.6 and body[-1].num_features == 8


def test_every_weight_learns():
    # In evaluation mode: in training the last batch norm takes away what the bias before it adds.
    torch.manual_seed(0)
    model = InceptionResnetV1(dropout=0.0).eval()
    features = model(images())
    (features * torch.randn_like(features)).sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_a_step_lowers_the_loss():
    torch.manual_seed(0)
    model = InceptionResnetV1(embedding_dim=16, dropout=0.0).train()
    x, y = images(4, (80, 80)), torch.tensor([0, 1, 2, 3])
    optimizer = torch.optim.SGD(model.parameters(), lr=3e-4)
    losses = []
    for _ in range(2):
        losses.append(nn.functional.cross_entropy(model(x), y))
        optimizer.zero_grad()
        losses[-1].backward()
        optimizer.step()
    assert losses[1] < losses[0]
