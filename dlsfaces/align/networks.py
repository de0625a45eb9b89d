"""Networks that say where the landmarks are in square images of a face, float in [0, 1], and how sure they are."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlsfaces import geometry
from dlsfaces.align.heatmaps import SIGMA, Landmarks, read_peaks
from dlsfaces.recognize.backbones import ResidualBlock


class LandmarkNet(nn.Module):
    """What both kinds share: images of ``side`` pixels, and a template ``(P, 2)``, mean landmarks as shares of it."""

    template: Tensor
    size: str

    def __init__(self, template: Tensor, side: int) -> None:
        super().__init__()
        if side < 32 or side % 32:
            raise ValueError(f"side={side} is no multiple of 32, and halving it must go on to the end")
        self.side = side
        self.register_buffer("template", torch.as_tensor(template, dtype=torch.float32).clone())

    @property
    def n_points(self) -> int:
        """Number of landmarks, P."""
        return len(self.template)

    def prepared(self, images: Tensor) -> Tensor:
        """Images normalised as the first layer wants them; ``ValueError`` where they are not float, or not squares."""
        geometry.check_images(images)
        if tuple(images.shape[1:]) != (3, self.side, self.side):
            wanted = f"(N, 3, {self.side}, {self.side}); align.find_landmarks cuts such squares out of photos"
            raise ValueError(f"images {tuple(images.shape)}: this network takes {wanted}")
        return ((images.to(self.template.dtype) - 0.45) / 0.25).contiguous(memory_format=torch.channels_last)

    def find(self, images: Tensor) -> Landmarks:
        """Landmarks of square images, in their pixels."""
        raise NotImplementedError


#: First width and blocks of each stage, by size: 0.4, 0.8 and 6.9 million weights.
REGRESSION_SIZES = {"small": (16, (1, 1, 1, 1)), "medium": (24, (1, 1, 1, 1)), "large": (48, (1, 2, 2, 2))}
#: Channels and stacks, by size: 0.1, 0.4 and 3.1 million weights.
HOURGLASS_SIZES = {"small": (48, 1), "medium": (64, 2), "large": (128, 4)}


class LandmarkRegression(LandmarkNet):
    """A residual network that ends in how far each landmark lies from the template, and how far it may be off."""

    def __init__(self, template: Tensor, size: str = "small", side: int = 64) -> None:
        super().__init__(template, side)
        self.size, (width, blocks) = size, _of_size(REGRESSION_SIZES, size)
        layers: list[nn.Module] = [nn.Conv2d(3, width, 3, 2, 1, bias=False)]
        channels = width
        for stage, count in enumerate(blocks):
            for block in range(count):
                layers.append(ResidualBlock(channels, width << stage, 2 if block == 0 and stage > 0 else 1))
                channels = width << stage
        squeezed = 2 * width
        layers += [nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, squeezed, 1, bias=False)]
        layers += [nn.BatchNorm2d(squeezed), nn.ReLU(), nn.Flatten()]  # an average would forget where things were
        layers += [nn.Linear(squeezed * (side // 16) ** 2, 8 * width), nn.ReLU()]
        layers += [nn.Linear(8 * width, 3 * self.n_points)]
        self.body = nn.Sequential(*layers)
        nn.init.normal_(self.body[-1].weight, std=1e-3)  # begins at the template
        nn.init.zeros_(self.body[-1].bias)
        self.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> Tensor:
        """Coordinates as shares of the side, and the logarithm of half the error expected of each: ``(N, P, 3)``."""
        out = self.body(self.prepared(images)).float().unflatten(1, (-1, 3))
        return torch.cat((self.template + out[..., :2], out[..., 2:] - 4.0), dim=-1)  # e^-4: at first errors of 4 %

    def find(self, images: Tensor) -> Landmarks:
        """Landmarks in pixels; the confidence is 1 where no error is expected, 1/e at one of 10 % of the side."""
        out = self(images)
        return Landmarks(out[..., :2] * self.side, torch.exp(-out[..., 2].exp() / 0.05))


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 convolutions around a shortcut, activation first (Newell et al. 2016, figure 4, left)."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        half = channels // 2
        layers: list[nn.Module] = []
        for a, b, kernel in ((channels_in, half, 1), (half, half, 3), (half, channels, 1)):
            layers += [nn.BatchNorm2d(a), nn.ReLU(), nn.Conv2d(a, b, kernel, padding=kernel // 2, bias=False)]
        self.body = nn.Sequential(*layers)
        self.shortcut = nn.Identity() if channels_in == channels else nn.Conv2d(channels_in, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.shortcut(x) + self.body(x)


class Hourglass(nn.Module):
    """Down to few pixels, which see the whole face, and up again, with a bridge at every resolution (figure 3)."""

    def __init__(self, depth: int, channels: int) -> None:
        super().__init__()
        self.bridge, self.before, self.after = (Bottleneck(channels, channels) for _ in range(3))
        self.inner = Hourglass(depth - 1, channels) if depth > 1 else Bottleneck(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        low = self.after(self.inner(self.before(F.max_pool2d(x, 2))))
        return self.bridge(x) + F.interpolate(low, scale_factor=2.0, mode="nearest")


class StackedHourglass(LandmarkNet):
    """Hourglasses one behind the other, each of which sees the heat maps of the one before (Newell et al. 2016)."""

    def __init__(self, template: Tensor, size: str = "medium", side: int = 64) -> None:
        super().__init__(template, side)
        # the heat maps have half the side of the image, not a quarter: faces are smaller than the paper's people
        self.size, (channels, stacks) = size, _of_size(HOURGLASS_SIZES, size)
        self.stem = nn.Sequential(nn.Conv2d(3, channels // 2, 5, 2, 2, bias=False), Bottleneck(channels // 2, channels))
        self.hourglasses = nn.ModuleList(
            nn.Sequential(Hourglass(4, channels), Bottleneck(channels, channels), nn.BatchNorm2d(channels), nn.ReLU())
            for _ in range(stacks)
        )
        self.heads = nn.ModuleList(nn.Conv2d(channels, self.n_points, 1) for _ in range(stacks))
        for head in self.heads:  # begins dark
            nn.init.normal_(head.weight, std=1e-3)
            nn.init.zeros_(head.bias)
        self.back = nn.ModuleList(nn.Conv2d(channels + self.n_points, channels, 1) for _ in range(stacks - 1))
        self.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> Tensor:
        """The heat maps of every stack: ``(N, stacks, P, side / 2, side / 2)``, about 0 to 1."""
        x, maps = self.stem(self.prepared(images)), []
        for k, (hourglass, head) in enumerate(zip(self.hourglasses, self.heads)):
            features = hourglass(x)
            maps.append(head(features))
            if k < len(self.back):
                x = x + self.back[k](torch.cat((features, maps[-1]), dim=1))
        return torch.stack(maps, dim=1).float()

    def find(self, images: Tensor) -> Landmarks:
        """Landmarks in pixels, from the last stack's heat maps; the confidence is the height of the peak."""
        maps = self(images)[:, -1]
        points, confidence = read_peaks(maps, SIGMA)
        return Landmarks(points * (self.side / maps.shape[-1]), confidence)


#: Both kinds by name.
KINDS = {"regression": LandmarkRegression, "hourglass": StackedHourglass}


def _of_size(sizes: dict[str, tuple], size: str) -> tuple:
    if size not in sizes:
        raise ValueError(f"size={size!r} is none of {', '.join(sizes)}")
    return sizes[size]
