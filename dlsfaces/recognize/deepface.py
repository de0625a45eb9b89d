"""DeepFace: filters that belong to a place in the face, sparse features, and a similarity that is learned for them.

Taigman, Yang, Ranzato and Wolf 2014, "DeepFace: Closing the gap to human-level performance in face verification".
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlsfaces.recognize.backbones import Backbone

SMALLEST = 30  #: pixels a side, of which the last layer's map still has one place
EPSILON = 0.05  #: the smallest number that a component is divided by (section 3, "Normalization")
_CHUNK = 2**20  # numbers in the largest intermediate result: 4 MB of float32, which a CPU takes ten times as fast as 64


class LocallyConnected(nn.Module):
    r"""Like a convolution without padding, but each place has filters of its own (section 3).

    .. math:: y_{n c p} = b_{c p} + \sum_f W_{p c f} \, x_{n f p}

    where f runs through the ``channels_in * kernel_size ** 2`` numbers that the filter sees at place p. In an aligned
    face a place is always the same part, so what is worth looking for there differs from elsewhere.

    Args:
        channels_in: of the input; ``channels``: of the output.
        input_size: ``(height, width)`` of every input.
        kernel_size, stride: in pixels, the same both ways.
    Raises:
        ValueError: an input size that is smaller than the kernel.
    """

    def __init__(
        self, channels_in: int, channels: int, input_size: tuple[int, int], kernel_size: int, stride: int = 1
    ) -> None:
        super().__init__()
        if min(input_size) < kernel_size:
            raise ValueError(f"input_size={tuple(input_size)} is smaller than kernel_size={kernel_size}")
        self.channels_in, self.input_size = channels_in, tuple(input_size)
        self.kernel_size, self.stride = kernel_size, stride
        self.output_size = tuple((side - kernel_size) // stride + 1 for side in input_size)
        fan_in = channels_in * kernel_size**2
        # nn.init would take the places for inputs of a filter; He et al. 2015, equation 10, by hand.
        weight = torch.randn(math.prod(self.output_size), channels, fan_in) * math.sqrt(2 / fan_in)
        self.weight = nn.Parameter(weight)  # (places, channels, fan_in)
        self.bias = nn.Parameter(torch.zeros(channels, *self.output_size))

    def forward(self, x: Tensor) -> Tensor:
        """``(N, channels_in, *input_size)`` to ``(N, channels, *output_size)``.

        Raises:
            ValueError: an input of another size.
        """
        if x.shape[1:] != (self.channels_in, *self.input_size):
            raise ValueError(
                f"this layer has filters for each place of inputs {(self.channels_in, *self.input_size)}, and none for "
                f"{tuple(x.shape[1:])} (channels, height, width)"
            )
        patches = F.unfold(x, self.kernel_size, stride=self.stride)  # (N, fan_in, places)
        y = torch.einsum("pcf,nfp->ncp", self.weight, patches)
        return y.unflatten(2, self.output_size) + self.bias


class DeepFaceNet(Backbone):
    """DeepFace on a smaller scale, for small crops that are aligned: 6 million weights at 80 x 64 pixels.

    Layers as in section 3 and figure 2: C1, M2 and C3 find edges and texture, L4 to L6 are locally connected, F7 gives
    the features. A ReLU comes after each, F7 too, so that features are never negative and many are exactly 0; dropout
    is on F7 alone. Kernels are about half as large as the paper's, whose images are 152 pixels a side.

    Args:
        embedding_dim: length of the vector; 4096 in the paper.
        image_size: ``(height, width)`` of every image: the filters belong to its places.
        dropout: share of the features that is dropped in training.
    Raises:
        ValueError: an image_size below 30 pixels a side.
    """

    def __init__(self, embedding_dim: int = 256, image_size: tuple[int, int] = (80, 64), dropout: float = 0.5) -> None:
        super().__init__(embedding_dim, (0.5, 0.45, 0.4), (0.27, 0.25, 0.25))
        if min(image_size) < SMALLEST:
            raise ValueError(f"image_size={image_size}: the network needs at least {SMALLEST} pixels on each side")
        self.image_size = tuple(image_size)
        # C1 is padded, so that a small crop loses less of its border; half, rounded up, minus 4 for C3.
        size = tuple(-(-(side - 1) // 2) - 4 for side in image_size)
        l4 = LocallyConnected(16, 16, size, 5)
        l5 = LocallyConnected(16, 16, l4.output_size, 3, stride=2)
        l6 = LocallyConnected(16, 16, l5.output_size, 3)
        # In 2014 there was no batch norm yet. Without it, the same number of epochs teaches far less.
        self.body = nn.Sequential(
            *(nn.Conv2d(3, 32, 5, padding=2, bias=False), nn.BatchNorm2d(32), nn.ReLU()),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            *(nn.Conv2d(32, 16, 5, bias=False), nn.BatchNorm2d(16), nn.ReLU()),
            *(l4, nn.ReLU(), l5, nn.ReLU(), l6, nn.ReLU(), nn.Flatten()),
            *(nn.Linear(16 * math.prod(l6.output_size), embedding_dim), nn.ReLU(), nn.Dropout(dropout)),
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        self.to(memory_format=torch.channels_last)

    def features(self, images: Tensor) -> Tensor:
        """Raw vectors ``(N, embedding_dim)``, none negative, of float images in [0, 1], ``(N, 3, *image_size)``.

        Raises:
            ValueError: images of another size, or not float, such as uint8 ones.
        """
        if images.shape[2:] != self.image_size:
            raise ValueError(
                f"the network was built for images of {self.image_size} (height, width), not {tuple(images.shape[2:])}:"
                " resize them, or build it with that image_size"
            )
        return super().features(images)


def _elements(a: Tensor, b: Tensor) -> Tensor:
    """``(a - b)^2 / (a + b)`` of numbers from 0, and 0 where both are 0."""
    return (a - b).square() / (a + b).clamp(min=torch.finfo(a.dtype).tiny)


class ChiSquare(NamedTuple):
    r"""The weighted chi-square similarity of features that are not negative (section 4).

    .. math:: \chi^2(f_1, f_2) = \sum_i w_i \frac{(f_{1i} - f_{2i})^2}{f_{1i} + f_{2i}}

    with 0 for 0 / 0. A difference between two large numbers counts less than the same one between small numbers, as
    with histograms. The similarity is its negative: higher is closer. The weights may be negative where they are
    learned, and a similarity then above 0.
    """

    largest: Tensor  # (D,), what components are divided by
    weights: Tensor  # (D,)

    def normalised(self, features: Tensor) -> Tensor:
        r"""What the similarity compares (section 3, "Normalization").

        .. math:: f = \frac{\bar G}{\lVert \bar G \rVert_2}, \qquad \bar G_i = \frac{G_i}{\max(G_i, \epsilon)}

        where the :math:`G_i` below the line is the component's largest value over the training set, and
        :math:`\epsilon = 0.05`. The formula is for features that come out of a ReLU, as DeepFace's do; those of other
        networks may be negative, and what is below 0 becomes 0.

        Args:
            features: as they come from the network, ``(N, D)``.
        Returns:
            ``(N, D)``, from 0 to 1, of length 1; zeros where no component of a picture is above 0.
        Raises:
            ValueError: features that are not ``(N, D)``.
        """
        if features.dim() != 2 or features.shape[1] != len(self.largest):
            raise ValueError(f"features must be (N, {len(self.largest)}), not {tuple(features.shape)}")
        return F.normalize(features.clamp(min=0) / self.largest, dim=1)

    def similarity(self, a: Tensor, b: Tensor) -> Tensor:
        """Minus chi-square of each of ``a`` ``(N, D)`` with each of ``b`` ``(M, D)``: ``(N, M)``.

        Both as they come from the network: they are normalised here.
        """
        a, b = self.normalised(a), self.normalised(b)
        columns = max(1, min(len(b), _CHUNK // b.shape[1]))
        rows = max(1, _CHUNK // (columns * b.shape[1]))
        parts = [
            torch.cat([-_elements(x[:, None], y) @ self.weights for y in b.split(columns)], dim=1)
            for x in a.split(rows)
        ]
        return torch.cat(parts)

    def paired(self, a: Tensor, b: Tensor) -> Tensor:
        """Minus chi-square of each of ``a`` with the same row of ``b``, both ``(N, D)`` from the network: ``(N,)``.

        Raises:
            ValueError: another number of rows.
        """
        if len(a) != len(b):
            raise ValueError(f"{len(a)} features cannot be paired with {len(b)}")
        return -_elements(self.normalised(a), self.normalised(b)) @ self.weights


def learn_chi_square(
    features: Tensor, identities: Tensor, *, pairs: int = 4000, seed: int = 0, c: float = 1.0
) -> ChiSquare:
    """Learn what DeepFace's similarity divides by, and its weights (section 4).

    The weights are those of a linear support vector machine that tells pairs of one person from pairs of two by the
    elements of the unweighted chi-square. The people need not be those who are recognised later.

    Args:
        features: ``(N, D)``, as from :func:`features_of`.
        identities: int64 ``(N,)``; some person needs two pictures.
        pairs: how many are drawn, with repetition, half of them of one person. The first picture of a pair is any one
            (of those whose person has several), and the second any that makes a pair of its kind with it.
        seed: of the draw.
        c: the machine's C, above 0: the smaller, the more alike the weights. With few people, try 0.01 too.
    Returns:
        The similarity, on the features' device, in float32 or, where they are, float64.
    Raises:
        ValueError: shapes that do not fit, NaN or infinity, an unknown person (an identity below 0), fewer than two
            people, nobody with two pictures, features of which none is above 0 or that do not vary, fewer than two
            pairs, or a c that is not above 0.
    """
    from sklearn.svm import LinearSVC  # takes a second to import, and nothing else in the package needs it

    _check(features, identities, pairs, c)
    dtype = torch.promote_types(features.dtype, torch.float32)
    largest = features.to(dtype).amax(0).clamp(min=EPSILON)
    unweighted = ChiSquare(largest, torch.ones_like(largest))
    f = unweighted.normalised(features.to(dtype)).double().cpu()
    first, second, same = _draw_pairs(identities.cpu(), pairs // 2, torch.Generator().manual_seed(seed))
    elements = _elements(f[first], f[second])
    if not elements.any():
        raise ValueError("the features are the same in all pictures, so they tell nobody apart")
    machine = LinearSVC(C=c, dual=False).fit(elements.numpy(), same.numpy())
    # The machine's score is high for one person; the distance is to be low.
    return unweighted._replace(weights=-torch.from_numpy(machine.coef_[0]).to(largest))


def _check(features: Tensor, identities: Tensor, pairs: int, c: float) -> None:
    if features.dim() != 2 or identities.shape != features.shape[:1]:
        raise ValueError(f"features {tuple(features.shape)} and identities {tuple(identities.shape)}: not (N, D), (N,)")
    if pairs < 2 or c <= 0:
        raise ValueError(f"pairs={pairs} is below 2, or c={c} not above 0")
    if not features.isfinite().all():
        raise ValueError("features hold NaN or infinity")
    if (identities < 0).any():
        raise ValueError("some pictures are of unknown people (an identity below 0): leave them out")
    counts = identities.unique(return_counts=True)[1]
    if len(counts) < 2 or counts.max() < 2:
        raise ValueError(
            f"{len(counts)} people with at most {max(counts.tolist(), default=0)} pictures each: pairs need two "
            "people, and one with two pictures"
        )
    if features.max() <= 0:
        raise ValueError("no feature is above 0; the chi-square similarity is for features that come out of a ReLU")


def _draw_pairs(identities: Tensor, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Draw ``n`` pairs of one person, then ``n`` of two people: first pictures, second ones, whether it is one."""
    order = identities.argsort(stable=True)  # a person's pictures lie together, at start ... start + count - 1
    _, person, counts = identities[order].unique(return_inverse=True, return_counts=True)
    start, count = (counts.cumsum(0) - counts)[person], counts[person]

    def draw(choices: Tensor | int) -> Tensor:
        """A whole number from 0 to below ``choices``, ``n`` times."""
        return (torch.rand(n, generator=generator, dtype=torch.float64) * choices).long()

    several = (count > 1).nonzero()[:, 0]
    anchor = several[draw(len(several))]
    offset = anchor - start[anchor] + 1 + draw(count[anchor] - 1)  # any of the person's pictures but the anchor
    positive = start[anchor] + offset % count[anchor]
    other = draw(len(order))
    stranger = start[other] + count[other] + draw(len(order) - count[other])  # any picture after the person's own,
    first, second = torch.cat((anchor, other)), torch.cat((positive, stranger % len(order)))  # round to those before
    return order[first], order[second], torch.arange(2 * n) < n
