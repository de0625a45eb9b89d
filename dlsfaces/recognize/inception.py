"""The network of FaceNet's public implementations: Inception blocks around shortcuts."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlsfaces.recognize.backbones import Backbone

SMALLEST = 75  #: pixels a side, of which the last blocks' maps still have one place


def _unit(
    channels_in: int, channels: int, kernel: int | tuple[int, int], stride: int = 1, valid: bool = False
) -> nn.Sequential:
    """Convolution, batch norm, ReLU. Strided and ``valid`` ones (the paper's "V") are not padded."""
    padding = "valid" if valid or stride > 1 else "same"
    convolution = nn.Conv2d(channels_in, channels, kernel, stride, padding, bias=False)
    # The eps is that of the public implementations: PyTorch's own, 1e-5, changes what their weights give.
    return nn.Sequential(convolution, nn.BatchNorm2d(channels, eps=1e-3), nn.ReLU())


def _branch(channels_in: int, *units: tuple) -> nn.Sequential:
    """Units one after another, each given as ``(channels, kernel)`` or ``(channels, kernel, stride)``."""
    layers = []
    for channels, *shape in units:
        layers.append(_unit(channels_in, channels, *shape))
        channels_in = channels
    return nn.Sequential(*layers)


class Branches(nn.Module):
    """Several looks at one map, their channels side by side: ``(N, C, H, W)`` to ``(N, sum of theirs, H', W')``."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], dim=1)


class ScaledResidual(nn.Module):
    """Branches, brought to the input's channels, scaled down and added to it: ``(N, channels, H, W)`` to the same.

    Unscaled, very wide residuals drive the sums until the network dies early in training (section 3.3, figure 20).
    """

    def __init__(self, channels: int, scale: float, *branches: list[tuple], relu: bool = True) -> None:
        super().__init__()
        self.branches = Branches(*(_branch(channels, *units) for units in branches))
        self.to_residual = nn.Conv2d(sum(units[-1][0] for units in branches), channels, 1)
        self.scale, self.relu = scale, relu

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.scale * self.to_residual(self.branches(x))
        return F.relu(x) if self.relu else x


def _stem() -> nn.Sequential:
    """Figure 14: an image ``(N, 3, H, W)`` to ``(N, 256, about H / 8, about W / 8)``."""
    return nn.Sequential(
        _unit(3, 32, 3, 2),
        _unit(32, 32, 3, valid=True),
        _unit(32, 64, 3),
        nn.MaxPool2d(3, 2),
        _unit(64, 80, 1),
        _unit(80, 192, 3, valid=True),
        _unit(192, 256, 3, 2),
    )


def _block_a() -> ScaledResidual:
    """Figure 10."""
    return ScaledResidual(256, 0.17, [(32, 1)], [(32, 1), (32, 3)], [(32, 1), (32, 3), (32, 3)])


def _reduction_a() -> Branches:
    """Figure 7, with the widths in table 1: 256 channels to 896, half the size."""
    one = _branch(256, (384, 3, 2))
    two = _branch(256, (192, 1), (192, 3), (256, 3, 2))
    return Branches(one, two, nn.MaxPool2d(3, 2))


def _block_b() -> ScaledResidual:
    """Figure 11."""
    return ScaledResidual(896, 0.10, [(128, 1)], [(128, 1), (128, (1, 7)), (128, (7, 1))])


def _reduction_b() -> Branches:
    """Figure 12: 896 channels to 1792, half the size."""
    one = _branch(896, (256, 1), (384, 3, 2))
    two = _branch(896, (256, 1), (256, 3, 2))
    three = _branch(896, (256, 1), (256, 3), (256, 3, 2))
    return Branches(one, two, three, nn.MaxPool2d(3, 2))


def _block_c(scale: float, relu: bool = True) -> ScaledResidual:
    """Figure 13."""
    return ScaledResidual(1792, scale, [(192, 1)], [(192, 1), (192, (1, 3)), (192, (3, 1))], relu=relu)


class InceptionResnetV1(Backbone):
    """Inception-ResNet-v1 (Szegedy et al. 2017, section 3.2, figures 7 and 10 to 15): 23 million weights.

    From FaceNet's public implementations come the scales, a sixth block C without scale and ReLU, and a linear layer
    without bias and a batch norm at the end. Weights of facenet-pytorch fit: they stand in the same order.
    """

    def __init__(self, embedding_dim: int = 512, dropout: float = 0.6) -> None:
        super().__init__(embedding_dim, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))  # images become [-1, 1]
        self.body = nn.Sequential(
            _stem(),
            *(_block_a() for _ in range(5)),
            _reduction_a(),
            *(_block_b() for _ in range(10)),
            _reduction_b(),
            *(_block_c(0.20) for _ in range(5)),
            _block_c(1.0, relu=False),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(1792, embedding_dim, bias=False),
            nn.BatchNorm1d(embedding_dim, eps=1e-3),
        )
        self.to(memory_format=torch.channels_last)

    def features(self, images: Tensor) -> Tensor:
        """As every backbone's; ``ValueError`` for images smaller than 75 x 75 pixels too."""
        height, width = images.shape[2:]
        if min(height, width) < SMALLEST:
            advice = f"resize them to at least {SMALLEST} pixels a side"
            raise ValueError(f"images of {height} x {width} pixels are too small for this network: {advice}")
        return super().features(images)
