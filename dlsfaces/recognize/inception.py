"""The network of FaceNet's public implementations: Inception blocks around shortcuts."""

from collections.abc import Sequence

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


class Branches(nn.Module):
    """Several looks at one map, their channels side by side: ``(N, C, H, W)`` to ``(N, sum of theirs, H', W')``.

    A branch lists its units, each as ``(channels, kernel)`` or ``(channels, kernel, stride)``.
    """

    def __init__(self, channels_in: int, branches: Sequence[list[tuple]], *others: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList()
        for units in branches:
            widths = [channels_in, *(channels for channels, *_ in units)]
            self.branches.append(nn.Sequential(*(_unit(width, *unit) for width, unit in zip(widths, units))))
        self.branches.extend(others)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], dim=1)


class ScaledResidual(nn.Module):
    """Branches, brought to the input's channels, scaled down and added to it: ``(N, channels, H, W)`` to the same.

    Unscaled, very wide residuals drive the sums until the network dies early in training (section 3.3, figure 20).
    """

    def __init__(self, channels: int, branches: Sequence[list[tuple]], scale: float, relu: bool = True) -> None:
        super().__init__()
        self.branches = Branches(channels, branches)
        self.to_residual = nn.Conv2d(sum(units[-1][0] for units in branches), channels, 1)
        self.scale, self.relu = scale, relu

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.scale * self.to_residual(self.branches(x))
        return F.relu(x) if self.relu else x


BLOCK_A = [(32, 1)], [(32, 1), (32, 3)], [(32, 1), (32, 3), (32, 3)]  # figure 10
REDUCTION_A = [(384, 3, 2)], [(192, 1), (192, 3), (256, 3, 2)]  # figure 7, with the widths in table 1
BLOCK_B = [(128, 1)], [(128, 1), (128, (1, 7)), (128, (7, 1))]  # figure 11
REDUCTION_B = [(256, 1), (384, 3, 2)], [(256, 1), (256, 3, 2)], [(256, 1), (256, 3), (256, 3, 2)]  # figure 12
BLOCK_C = [(192, 1)], [(192, 1), (192, (1, 3)), (192, (3, 1))]  # figure 13


class InceptionResnetV1(Backbone):
    """Inception-ResNet-v1 (Szegedy et al. 2017, section 3.2, figures 7 and 10 to 15): 23 million weights.

    From FaceNet's public implementations come the scales, a sixth block C without scale and ReLU, and a linear layer
    without bias and a batch norm at the end. Weights of facenet-pytorch fit: they stand in the same order. It is for
    images of ``image_size`` and takes others of at least 75 x 75, too.
    """

    def __init__(
        self, embedding_dim: int = 512, dropout: float = 0.6, image_size: tuple[int, int] = (160, 160)
    ) -> None:
        super().__init__(embedding_dim, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))  # images become [-1, 1]
        stem = nn.Sequential(  # figure 14: to 256 channels, an eighth of the size
            _unit(3, 32, 3, 2),
            _unit(32, 32, 3, valid=True),
            _unit(32, 64, 3),
            nn.MaxPool2d(3, 2),
            _unit(64, 80, 1),
            _unit(80, 192, 3, valid=True),
            _unit(192, 256, 3, 2),
        )
        self.body = nn.Sequential(
            stem,
            *(ScaledResidual(256, BLOCK_A, 0.17) for _ in range(5)),
            Branches(256, REDUCTION_A, nn.MaxPool2d(3, 2)),  # to 896 channels, half the size
            *(ScaledResidual(896, BLOCK_B, 0.10) for _ in range(10)),
            Branches(896, REDUCTION_B, nn.MaxPool2d(3, 2)),  # to 1792
            *(ScaledResidual(1792, BLOCK_C, 0.20) for _ in range(5)),
            ScaledResidual(1792, BLOCK_C, 1.0, relu=False),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(1792, embedding_dim, bias=False),
            nn.BatchNorm1d(embedding_dim, eps=1e-3),
        )
        self.settings = {"embedding_dim": embedding_dim, "image_size": list(image_size)}  # to build it again
        self.to(memory_format=torch.channels_last)

    def features(self, images: Tensor) -> Tensor:
        """As every backbone's; ``ValueError`` for images smaller than 75 x 75 pixels too."""
        height, width = images.shape[-2:]
        if min(height, width) < SMALLEST:
            advice = f"resize them to at least {SMALLEST} pixels a side"
            raise ValueError(f"images of {height} x {width} pixels are too small for this network: {advice}")
        return super().features(images)
