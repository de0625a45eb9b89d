"""Networks that turn a face into a vector; each normalises its images itself."""

from urllib.error import URLError

import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F

from dlsfaces import geometry


class Backbone(nn.Module):
    """What all backbones share. A subclass sets ``body``, from normalised images to ``(N, embedding_dim)``."""

    body: nn.Module

    def __init__(self, embedding_dim: int, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.embedding_dim = embedding_dim
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1), persistent=False)

    def features(self, images: Tensor) -> Tensor:
        """Raw vectors ``(N, embedding_dim)``, whose norm means something; float images ``(N, 3, H, W)`` in [0, 1]."""
        geometry.check_images(images)
        images = ((images.to(self.mean.dtype) - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
        return self.body(images)

    def embed(self, images: Tensor) -> Tensor:
        """Vectors of length 1 ``(N, embedding_dim)``."""
        return F.normalize(self.features(images).float(), dim=1)

    def forward(self, images: Tensor) -> Tensor:
        return self.features(images)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut (He et al. 2016, "Identity mappings", figure 4e: activation first)."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(channels_in)
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        same = channels_in == channels and stride == 1
        self.shortcut = None if same else nn.Conv2d(channels_in, channels, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        active = F.relu(self.bn1(x))
        shortcut = x if self.shortcut is None else self.shortcut(active)
        return shortcut + self.conv2(F.relu(self.bn2(self.conv1(active))))


class GlobalDepthwise(nn.Module):
    """A sum over places with learned weights for each channel (MobileFaceNets, Chen et al. 2018, section 3.1).

    Average pooling treats the middle of a face like its border.
    """

    def __init__(self, channels: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.size = size
        self.weight = nn.Parameter(torch.full((channels, *size), 1 / (size[0] * size[1])))

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[2:] != self.size:  # another input size than the network was built for
            x = F.adaptive_avg_pool2d(x, self.size)
        return (x * self.weight).sum((2, 3))


#: (first width, blocks a stage) of each size of the small residual network.
SIZES = {"small": (24, (1, 1, 1, 1)), "medium": (40, (1, 2, 2, 1)), "large": (64, (2, 2, 2, 2))}


class FaceResNet(Backbone):
    """A small residual network for faces, trained from scratch.

    Args:
        size: ``"small"``, ``"medium"`` or ``"large"``: about 0.7, 2.6 and 11 million weights.
        image_size: of the images it is for, each side at least 32; others are taken, but less well.
        dropout: share of the last feature map that is dropped in training.
        stem_stride: 2 halves the image at once; 1 keeps its detail through the first stage (as in Deng et al. 2019,
            section 3.1) and takes four times the arithmetic.
    """

    def __init__(
        self,
        size: str = "medium",
        embedding_dim: int = 256,
        image_size: tuple[int, int] = (80, 64),
        dropout: float = 0.0,
        stem_stride: int = 2,
    ) -> None:
        super().__init__(embedding_dim, (0.5, 0.45, 0.4), (0.27, 0.25, 0.25))
        if size not in SIZES or stem_stride not in (1, 2):
            raise ValueError(f"size={size!r} is none of {', '.join(SIZES)}, or stem_stride={stem_stride} not 1 or 2")
        if min(image_size) < 32:
            raise ValueError(f"image_size={image_size}: the network needs at least 32 pixels on each side")
        width, blocks = SIZES[size]
        layers: list[nn.Module] = [nn.Conv2d(3, width, 3, stem_stride, 1, bias=False)]
        channels = width
        for stage, count in enumerate(blocks):
            for block in range(count):
                stride = 2 if block == 0 and stage > 0 else 1
                layers.append(ResidualBlock(channels, width << stage, stride))
                channels = width << stage
        last = tuple(-(-side // (8 * stem_stride)) for side in image_size)  # halved three or four times, rounded up
        layers += [nn.BatchNorm2d(channels), nn.ReLU(), nn.Dropout(dropout), GlobalDepthwise(channels, last)]
        layers += [nn.Linear(channels, embedding_dim, bias=False), nn.BatchNorm1d(embedding_dim)]
        self.body = nn.Sequential(*layers)
        self.settings = {"size": size, "embedding_dim": embedding_dim}  # with these it can be built again
        self.settings |= {"image_size": list(image_size), "stem_stride": stem_stride}
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        self.to(memory_format=torch.channels_last)


class ImageNetResNet(Backbone):
    """torchvision's ResNet-18, 34 or 50 with a new last layer; its weights are ImageNet's, or random (None).

    ``OSError`` where the weights cannot be downloaded.
    """

    def __init__(self, depth: int = 18, embedding_dim: int = 512, weights: str | None = "imagenet") -> None:
        super().__init__(embedding_dim, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
        if depth not in (18, 34, 50) or weights not in ("imagenet", None):
            raise ValueError(f"depth={depth} is none of 18, 34, 50, or weights={weights!r} not 'imagenet' or None")
        try:
            self.body = getattr(torchvision.models, f"resnet{depth}")(weights="DEFAULT" if weights else None)
        except URLError as error:
            raise OSError(
                f"the ImageNet weights of ResNet-{depth} cannot be downloaded ({error.reason}). Connect to the "
                "internet (on Kaggle: Settings, Internet), or pass weights=None to start from random ones"
            ) from error
        self.body.fc = nn.Linear(self.body.fc.in_features, embedding_dim)
        self.to(memory_format=torch.channels_last)


@torch.no_grad()
def features_of(model: Backbone, images: Tensor, *, mirror: bool = False, batch_size: int = 256) -> Tensor:
    """Raw features, float32 ``(N, embedding_dim)`` on the CPU, of images ``(N, 3, H, W)``, uint8 or float in [0, 1].

    The network is in evaluation mode. ``mirror`` averages each image's features with its mirror image's.
    """
    geometry.check_images(images, pixels=False)
    was_training = model.training
    model.eval()
    device = next(model.parameters()).device
    parts = []
    try:
        for chunk in images.split(batch_size):
            batch = geometry.to_float(chunk.to(device))
            features = model.features(batch).float()
            if mirror:
                features = (features + model.features(batch.flip(3)).float()) / 2
            parts.append(features.cpu())
    finally:
        model.train(was_training)
    return torch.cat(parts) if parts else torch.empty(0, model.embedding_dim)


def embed(model: Backbone, images: Tensor, *, mirror: bool = False, batch_size: int = 256) -> Tensor:
    """L2-normalised :func:`features_of`: ``(N, embedding_dim)``."""
    return F.normalize(features_of(model, images, mirror=mirror, batch_size=batch_size), dim=1)
