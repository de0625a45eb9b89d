"""Inception-ResNet-v1 against facenet-pytorch 2.6.0 (PyPI): beside it, and by numbers that it gave."""

import pytest
import torch
from torch import nn

from dlsfaces import rng
from dlsfaces.recognize import InceptionResnetV1

# Of `facenet_pytorch.InceptionResnetV1()`: its number of weights, and what its last batch norm gave for `images()` with
# the weights of `filled()`: the first four numbers of each image.
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
    return rng.uniform(rng.key(7), n * 3 * size[0] * size[1]).view(n, 3, *size).double()


@torch.no_grad()
def test_features_are_the_numbers_that_the_peer_gave():
    model = filled(InceptionResnetV1())
    assert sum(p.numel() for p in model.parameters()) == PEERS_WEIGHTS
    assert torch.allclose(model(images())[:, :4], torch.tensor(PEERS_FEATURES, dtype=torch.float64), atol=1e-9)
    assert model(images(1, (75, 75))).shape == (1, 512)
    with pytest.raises(ValueError, match=r"74 x 80 pixels.*resize them to at least 75"):
        model(images(1, (74, 80)))


@torch.no_grad()
def test_features_are_the_peers_own_with_its_weights():
    peer = pytest.importorskip("facenet_pytorch", reason="not installed; the numbers that it gave are tested above")
    theirs, ours = peer.InceptionResnetV1().double().eval(), InceptionResnetV1().double().eval()
    ours.load_state_dict(dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True)))
    for size in ((80, 96), (75, 75)):
        x = images(size=size)
        assert torch.allclose(nn.functional.normalize(ours(x), dim=1), theirs(2 * x - 1), rtol=0, atol=1e-9)
