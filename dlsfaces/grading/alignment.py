"""Homework 1: faces put upright, heat maps of landmarks, and the hourglass network."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import atan2, cos, degrees, pi, sin

import torch
from torch import Tensor, nn

from dlsfaces.geometry import inverse, move_points, similarity
from dlsfaces.grading import Answer, Mistake, Row, alike, called, compare, gradient, numbers, runs

FACE = torch.tensor([(0.33, 0.44), (0.66, 0.46), (0.5, 0.62), (0.37, 0.8), (0.63, 0.82)])  #: as shares of a crop
Size = tuple[int, int]  #: height, width


def face(seed: int, turned: float, zoom: float, size: Size, off: float = 4.0) -> tuple[Tensor, Tensor]:
    """Landmarks ``(5, 2)`` in a photo and a template ``(5, 2)`` in a crop, which no similarity makes quite equal."""
    random, angle = torch.Generator().manual_seed(seed), turned * pi / 180
    template = FACE * torch.tensor([size[1], size[0]]) + torch.rand(5, 2, generator=random)
    moved = template - template.mean(0) + off * (2 * torch.rand(5, 2, generator=random) - 1)
    turn = torch.tensor([[cos(angle), -sin(angle)], [sin(angle), cos(angle)]])
    return zoom * moved @ turn.T + torch.tensor([62.0, 51.0]), template


def mirrored(points: Tensor, template: Tensor) -> tuple[Tensor, Tensor]:
    """Landmarks of a face that a flip of the photo has mirrored, which no rotation can undo."""
    return points * torch.tensor([-1.0, 1.0]) + torch.tensor([130.0, 0.0]), template


def peaks(seed: int, count: int, size: Size, floor: float = 0.0) -> tuple[Tensor, Tensor]:
    """Heat maps ``(P, H, W)`` with a peak, a lower and wider one elsewhere, and noise; and the peaks ``(P, 2)``."""
    random = torch.Generator().manual_seed(seed)
    at = (torch.rand(count, 2, generator=random) * 0.5 + torch.tensor([0.45, 0.02])) * (torch.tensor(size[::-1]) - 1)
    y, x = torch.meshgrid(*(torch.arange(side) for side in size), indexing="ij")
    wide = 0.5 * (-((x - size[1] * 0.2) ** 2 + (y - size[0] * 0.8) ** 2) / 32).exp()
    high = [(-((x - px) ** 2 + (y - py) ** 2) / 4).exp() for px, py in at.tolist()]
    return torch.stack([one + wide + 0.02 * torch.rand(size, generator=random) + floor for one in high]), at


def _best(points: Tensor, template: Tensor) -> Tensor:
    return similarity(points[None].double(), template.double(), refuse_mirrored=False)[0]


def _about(linear: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """The map with this linear part that carries a point to another."""
    return torch.cat((linear, (end.double() - linear @ start.double())[:, None]), dim=1)


def _shape(matrix: Tensor) -> tuple[float, float, float]:
    """Degrees of turn, scale (negative where it mirrors), and how unequal its two scales are."""
    (a, b), (c, d) = matrix[:, :2].tolist()
    large, small = torch.linalg.svdvals(matrix[:, :2]).tolist()
    scale = (large * small) ** 0.5
    return degrees(atan2(c - b, a + d)), scale if a * d > b * c else -scale, (large - small) / (scale + 1e-9)


def _difference(got: Tensor, right: Tensor, within: float) -> tuple[str, str]:
    """How a map differs from the right one: a kind and a text. ``within`` is so much of a scale, and of a radian."""
    (turn, scale, unequal), (wanted, size, _) = _shape(got), _shape(right)

    def is_turned(by: float) -> bool:
        return abs((turn - by + 180) % 360 - 180) < degrees(within)

    kinds = [
        ("mirrored", scale < 0, "it mirrors the face; its determinant is negative"),
        ("not_turned", is_turned(0) and not is_turned(wanted), "it is not turned: the eyes are as tilted as before"),
        ("affine", unequal > 2 * within, "it shears or stretches: it has more than one scale"),
        ("no_scale", is_turned(wanted) and abs(scale - 1) < within, "the face is as large as it was in the photo"),
        ("scale", is_turned(wanted) and abs(scale / size - 1) > within, "it turns as it should; its scale is another"),
        ("shift", is_turned(wanted), "the turn and the scale are right, and the shift is not"),
        ("turned_back", is_turned(-wanted), "it turns the other way: rows or columns, and the sign of the angle"),
        ("atan", is_turned(wanted + 180), "it is off by half a turn: which angles can atan give, and which atan2?"),
    ]
    other = ("turn", f"it turns by {turn:.0f} degrees instead of {wanted:.0f}")
    return next(((kind, text) for kind, fits, text in kinds if fits), other)


def _other_maps(points: Tensor, template: Tensor, right: Tensor) -> list[tuple[str, Tensor, str]]:
    """What usual mistakes take for the right map, from photo to crop."""
    other_way = "it carries the template to the photo, which is the other way"
    swapped = [
        right[:, [1, 0, 2]],
        right.flip(0),
        _best(points.flip(1), template.flip(1)),
        *(_best(p, t) for p, t in ((points.flip(1), template), (points, template.flip(1)))),
        *(inverse(_best(t, p)) for p, t in ((points.flip(1), template), (points, template.flip(1)))),
    ]
    exchanged = "x and y are exchanged somewhere: a point is (x, y), while an image is [row, column]"
    return [
        ("inverted", inverse(right), other_way),
        ("inverted", _best(template, points), other_way),
        *(("xy_swapped", one, exchanged) for one in swapped),
    ]


def similarity_matrix(answer: Answer, points: Tensor, template: Tensor) -> None:
    """``answer(points, template)``: the similarity ``(2, 3)`` that carries points nearest to the template's.

    Both are float32 pixels ``(5, 2)``, each row (x, y). The squared distances of all five points count.
    """
    got = numbers("the matrix", called(answer, points, template), (2, 3))
    other = numbers("the matrix", called(answer, points, 1.25 * template + 3), (2, 3))
    if alike(got, other, 1e-6):
        raise Mistake("global_template", "another template gives the same matrix: is a template from outside used?")
    right, eyes, middle = _best(points, template), _best(points[:2], template[:2]), (points.mean(0), template.mean(0))
    spread = (template - middle[1]).norm() / (points - middle[0]).norm() / _shape(right)[1]
    two_eyes, fewer = "only the eyes count here; all five points should", "some of the five points were left out"
    mistakes: list[Row] = [
        *_other_maps(points, template, right),
        ("spread", _about(spread * right[:, :2], *middle), "a quotient of spreads is not the scale of least squares"),
        ("eyes_only", eyes, two_eyes),
        ("eyes_only", _about(eyes[:, :2], *middle), two_eyes),
        *(("ransac", _best(points[[*k]], template[[*k]]), fewer) for n in (4, 3, 2) for k in combinations(range(5), n)),
    ]
    kind, text = _difference(got, right, 0.005)
    compare("the matrix", got, right, [*mistakes, (kind, got, text)], within=2e-3)


def _crop(value: object, size: Size) -> Tensor:
    shape = tuple(getattr(value, "shape", ()))
    if shape == (*size, 3):
        raise Mistake("channels_last", f"the crop is {shape}; the channels come first")
    if shape == (3, size[1], size[0]):
        raise Mistake("size_swapped", f"the crop is {shape}; size is the height, then the width")
    crop = numbers("the crop", value, (3, *size))
    if crop.max() > 1.25 or crop.min() < -0.25:
        raise Mistake("range", f"the crop has values from {crop.min():.3g} to {crop.max():.3g}; the image's are 0 to 1")
    return crop


def _pixels(size: Size) -> Tensor:
    """(x, y) of each pixel, ``(height * width, 2)``."""
    return torch.cartesian_prod(*(torch.arange(float(side)) for side in size)).flip(1).double()


def align(answer: Answer, points: Tensor, template: Tensor, size: Size = (64, 56), photo: Size = (104, 120)) -> None:
    """``answer(image, points, template, size)``: the face put upright, ``(3, height, width)``.

    Nearest or bilinear, and both readings of where the middle of pixel 0 is, are right. The colours of the image say
    where in the photo a pixel is: so a crop shows by which map it was made.
    """
    sides, pixels = torch.tensor(photo[::-1]), _pixels(size)
    image = torch.cat(((_pixels(photo) / sides).T.float(), torch.ones(1, photo[0] * photo[1]))).view(3, *photo)
    crop = _crop(called(answer, image, points, template, size), size)
    at, ones = crop.flatten(1).T * torch.tensor([*sides, 50]), torch.ones(len(pixels), 1)

    def inside(at: Tensor) -> Tensor:
        return ((at[:, :2] > 3) & (at[:, :2] < sides - 4)).all(1)

    def shows(matrix: Tensor, within: float = 0.8, at: Tensor = at) -> bool:
        """Whether it is what a map makes of the photo, where this is seen."""
        for start in (0.0, 0.5):
            wanted = torch.cat((move_points(inverse(matrix), pixels + start) - start, 50 * ones), 1)
            judged = inside(wanted)
            if judged.sum() > 30 and (at - wanted)[judged].abs().mean() < within:
                return True
        return False

    right = _best(points, template)
    if shows(right):
        return
    if shows(right, at=crop.flip(0).flatten(1).T * torch.tensor([*sides, 50])):
        raise Mistake("bgr", "the order of the colours has changed")
    if crop.max() > 0.1 and alike(crop, _crop(called(answer, image.flip(1, 2) / 2, points, template, size), size)):
        raise Mistake("global_image", "another image gives the same crop: is an image from outside used?")
    stretched = right @ torch.diag(torch.tensor([size[1] / photo[1], size[0] / photo[0], 1.0]).double())
    mistakes = [
        *_other_maps(points, template, right),
        ("grid_size", stretched, "the sampling grid is divided by the size of the crop; the photo's size counts"),
    ]
    for kind, matrix, text in mistakes:
        if shows(matrix):
            raise Mistake(kind, text)
    seen = inside(at) & ((at[:, 2] - 50).abs() < 0.5)
    back = torch.linalg.lstsq(torch.cat((pixels, ones), 1)[seen], at[seen, :2]).solution.T
    if seen.sum() < 30 or not torch.linalg.svdvals(back[:, :2])[-1] > 0.02:
        raise Mistake("out_of_picture", "the face is not in the crop. Which way is the map used, and in which units?")
    kind, text = _difference(got := inverse(back), right, 0.04)
    middle = move_points(got, sides.double() / 2)
    if kind != "not_turned" and alike(crop, _crop(called(answer, image, points, template + 5, size), size)):
        kind, text = "global_template", "another template gives the same crop: is one from outside used?"
    if kind != "affine" and any((middle - torch.tensor(s[::-1]) / 2).abs().max() < 1.6 for s in (size, photo)):
        kind, text = "about_centre", "the photo is turned about its middle, not about the face"
    raise Mistake(kind, text)


def heatmap_targets(answer: Answer, points: Tensor, size: Size, sigma: float) -> None:
    """``answer(points, size, sigma)``: a heat map of each point, ``(P, height, width)``.

    It is exp(-d^2 / (2 sigma^2)). The middle of pixel 0 may be at 0 or at 0.5; what lies beyond 3 sigma may be 0.
    """
    value, n = called(answer, points, size, sigma), len(points)
    shape = tuple(getattr(value, "shape", ()))
    if shape == size and n > 1:
        raise Mistake("one_map", "all points are in one map; each should have its own")
    if shape == (n, size[1], size[0]) and size[0] != size[1]:
        raise Mistake("size_swapped", f"the maps are {shape}; size is the height, then the width")
    got, p = numbers("the heat maps", value, (n, *size)), points.double()

    def squares(at: Tensor, start: float) -> Tensor:
        return (_pixels(size) + start - at[:, None]).square().sum(2).view(n, *size)

    def bell(at: Tensor, start: float) -> Tensor:
        return (-squares(at, start) / (2 * sigma**2)).exp()

    rights = [bell(p, start) for start in (0.0, 0.5)]
    peaked = [one / one.amax((1, 2), keepdim=True) for one in rights if one.amax((1, 2)).min() > 0.7]
    if any(alike(got, one, 0.012) for one in rights + peaked):
        return
    mistakes: list[Row] = []
    whole, all_points = "the peak is moved to a whole pixel", "each map shows all points; it should show its own"
    for start, right in zip((0.0, 0.5), rights):
        d2 = squares(p, start)
        mistakes += [
            ("xy_swapped", bell(p.flip(1), start), "x and y of the points are exchanged"),
            ("variance", (-d2 / (2 * sigma)).exp(), "sigma is the width, and here it is used as its square"),
            ("no_half", (-d2 / sigma**2).exp(), "the peaks are too narrow: a factor is missing in the exponent"),
            ("not_squared", (-d2.sqrt() / (2 * sigma**2)).exp(), "the distance is not squared"),
            ("sum_one", right / right.sum((1, 2), keepdim=True), "the sum of each map is 1; its peak should be 1"),
            ("sum_one", right / (2 * pi * sigma**2), "the peak is that of a probability density; it should be 1"),
            ("all_points", right.amax(0).expand_as(right), all_points),
            ("all_points", right.sum(0).expand_as(right), all_points),
            ("range", right * 255, "the peaks are 255 high, not 1"),
            ("rounded", bell(p.round(), start), whole),
            ("rounded", bell(p.floor(), start), whole),
        ]
    mistakes.append(
        ("one_hot", (squares(p.round(), 0) == 0).double(), "each map is 1 at one pixel: where is the bell?")
    )
    if got.amax() > 2:
        mistakes.append(("sign", got, f"the maps rise to {got.max():.3g}: is a sign missing in the exponent?"))
    compare("the heat maps", got, min(rights, key=lambda one: (one - got).abs().max()), mistakes, within=0.012)


def read_points(answer: Answer, maps: Tensor, at: Tensor) -> None:
    """``answer(heatmaps)``: where the highest pixel of each map is, ``(P, 2)``, each (x, y) in pixels.

    Of any values. Up to 0.75 pixels off are right; the middle of pixel 0 may be at 0 or at 0.5.
    """
    value, (n, h, w) = called(answer, maps), maps.shape
    if tuple(getattr(value, "shape", ())) == (n,) and n != 2:
        raise Mistake("flat_index", "it gives one number for each map, as argmax of a flat map does; x and y are two")
    got = numbers("the points", value, (n, 2))

    def near(wanted: Tensor) -> bool:
        return any(bool(((got - wanted - start).abs() <= 0.75).all()) for start in (0, 0.5))

    flat, whole = maps.flatten(1).argmax(1).double(), int(maps.argmax())
    best, pixels = torch.stack((flat % w, flat // w), dim=1), _pixels((h, w))
    if near(at) or near(best):
        return
    flat_maps = maps.double().flatten(1)
    kinds = [
        ("row_column", best.flip(1), "it gives (row, column); a point is (x, y)"),
        ("wrong_width", torch.stack((flat % h, flat // h), dim=1), "a flat index counts along rows: how long is one?"),
        ("all_maps", torch.tensor([[whole % w, whole // w % h]]).expand(n, 2), "all maps have the same point"),
        ("all_maps", torch.tensor([[whole % w, whole // w]]).expand(n, 2), "one argmax for all maps together"),
        ("centroid", flat_maps @ pixels / flat_maps.sum(1, keepdim=True), "it is the middle of all weight"),
        ("centroid", flat_maps.softmax(1) @ pixels, "it is an average over the whole map, not the highest pixel"),
        ("marginals", torch.stack((maps.sum(1).argmax(1), maps.sum(2).argmax(1)), 1), "sums of columns and rows count"),
        ("argmin", pixels[flat_maps.argmin(1)], "it is the lowest pixel"),
    ]
    if not got.any():
        raise Mistake("starts_at_zero", "is it (0, 0) because no value is above 0? The highest may be negative")
    for kind, wanted, text in kinds:
        if near(wanted):
            raise Mistake(kind, f"the points: {text}")
    if got.abs().max() <= 1.01:
        raise Mistake("share", "the points are between -1 and 1; pixels are asked for")
    compare("the points", got, best)


def _made(answer: Answer, depth: int, channels: int) -> object:
    """The student's network in evaluation mode: dropout would add noise to what is compared below."""
    net = answer(depth, channels)
    return net.eval() if isinstance(net, nn.Module) else net  # in another process it is so already


def _weights(net: object) -> int:
    return net.weights() if hasattr(net, "weights") else sum(w.numel() for w in net.parameters() if w.requires_grad)


def _run(net: Answer, x: Tensor) -> Tensor:
    with torch.no_grad():
        return numbers("the result", called(net, x), (len(x), None, None, None))


def hourglass(answer: Answer, depth: int, channels: int, sides: Sequence[Size], seed: int = 0) -> None:
    """``answer(depth, channels)``: an ``nn.Module`` that carries ``(N, channels, H, W)`` to the same shape.

    It halves the resolution ``depth`` times and doubles it as often, with a skip connection at each resolution.
    """
    random = torch.Generator().manual_seed(seed)
    net = _made(answer, depth, channels)
    if not callable(net) or isinstance(net, type) or not (isinstance(net, nn.Module) or hasattr(net, "weights")):
        raise Mistake("type", "it should return a network, an object of a class made from nn.Module")
    if not _weights(net):
        raise Mistake("unregistered", "the network has nothing to learn: layers in a plain list or dict do not count")
    for side in sides:
        x = torch.randn(2, channels, *side, generator=random)
        shape = tuple(_run(net, x).shape)
        if shape[1] == channels and any(shape[2:] == (side[0] >> k, side[1] >> k) for k in range(1, depth + 1)):
            raise Mistake("no_upsampling", f"{tuple(x.shape)} becomes {shape}: it is not brought back to full size")
        if shape != tuple(x.shape):
            kind = "size" if shape[1] == channels or shape[2:] != x.shape[2:] else "channels"
            raise Mistake(kind, f"{tuple(x.shape)} becomes {shape}; the shape should stay, whatever the size")
    if not gradient(net, [torch.randn(2, channels, *sides[0], generator=random)]).abs().max() > 0:
        raise Mistake("no_gradient", "the result does not depend on the input")
    _sees_far(answer, channels, random)
    _sees_details(answer, random)


def _sees_far(answer: Answer, channels: int, random: torch.Generator) -> None:
    """At depth 4 the middle of the hourglass is one pixel, which sees all of 16 x 16."""
    net, x = _made(answer, 4, channels), torch.randn(1, channels, 16, 16, generator=random).repeat(6, 1, 1, 1)
    for k in range(1, 5):
        x[k, :, :4, :4] = 3 * k * torch.randn(channels, 4, 4, generator=random)
    out = _run(net, x)
    changes = (out[1:] - out[:1]).abs()[:, :, 12:, 12:]
    sees = float(changes[:4].max()) > 4 * float(changes[4].max()) + 1e-7 * float(out.abs().max())
    grows, text = _weights(net) > _weights(answer(1, channels)), "at depth 4 far corners of 16 x 16 pixels do not meet"
    if not sees:
        raise Mistake("short_sighted" if grows else "depth_ignored", f"{text}: is the size halved 4 times?")
    if not grows:
        raise Mistake("unregistered", "a deeper network learns no more: layers in a plain list or dict do not count")


def _sees_details(answer: Answer, random: torch.Generator) -> None:
    """Without a skip at full resolution, what can change in 8 x 8 x 16 outputs has a quarter of the dimensions."""
    for _ in range(3):  # new weights, so that a narrow but right network is not unlucky
        net, x = _made(answer, 3, 16), torch.randn(1, 16, 8, 8, generator=random)
        moved = x + 1e-3 * torch.randn(320, 16, 8, 8, generator=random)
        others = torch.randn(320, 16, 8, 8, generator=random)  # so that batch normalisation sees usual numbers
        changes = (_run(net, torch.cat((x, moved, others)))[:321]).diff(dim=0).flatten(1)
        values = torch.linalg.svdvals(changes.float())
        if values[288] > 3e-4 * values[0]:  # 256 of them without a skip; the others are rounding errors
            return
    raise Mistake("no_skip", "fine details do not reach the result: is there a skip connection at each resolution?")


PUBLIC = {
    "similarity_matrix": runs(
        *((similarity_matrix, *face(0, turned, 1.6, (64, 56))) for turned in (25, 150)),
        (similarity_matrix, *mirrored(*face(2, 15, 1.4, (64, 56)))),
    ),
    "align": runs((align, *face(1, -35, 1.3, (64, 56), 6.0)), (align, *face(0, 140, 1.2, (56, 68), 6.0), (56, 68))),
    "heatmap_targets": runs((heatmap_targets, torch.tensor([[9.3, 4.7], [15.7, 8.2]]), (14, 20), 1.6)),
    "read_points": runs((read_points, *peaks(0, 4, (18, 26))), (read_points, *peaks(1, 3, (16, 16), -5.0))),
    "hourglass": runs((hourglass, 2, 16, [(16, 16), (8, 20)])),
}
