"""Homework 1: faces put upright, heat maps of landmarks, and the hourglass network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from math import atan2, cos, degrees, pi, sin

import torch
from torch import Tensor, nn

from dlsfaces.grading import Answer, Mistake, alike, compare, gradient, numbers

FACE = torch.tensor([(0.33, 0.44), (0.66, 0.46), (0.5, 0.62), (0.37, 0.8), (0.63, 0.82)])  #: as shares of a crop


def face(seed: int, turned: float, zoom: float, size: tuple[int, int], off: float = 4.0) -> tuple[Tensor, Tensor]:
    """Landmarks ``(5, 2)`` in a photo and a template ``(5, 2)`` in a crop, which no similarity makes quite equal."""
    random, angle = torch.Generator().manual_seed(seed), turned * pi / 180
    template = FACE * torch.tensor([size[1], size[0]]) + torch.rand(5, 2, generator=random)
    moved = template - template.mean(0) + off * (2 * torch.rand(5, 2, generator=random) - 1)
    turn = torch.tensor([[cos(angle), -sin(angle)], [sin(angle), cos(angle)]])
    return zoom * moved @ turn.T + torch.tensor([62.0, 51.0]), template


def _map(linear: Tensor, start: Tensor, end: Tensor) -> Tensor:
    return torch.cat((linear, (end - linear @ start)[:, None]), dim=1)


def _best(points: Tensor, template: Tensor) -> Tensor:
    """The least-squares similarity ``(2, 3)``, by the normal equations in the plane."""
    p, t = points.double(), template.double()
    s, d = p - p.mean(0), t - t.mean(0)
    a, b = (s * d).sum() / s.square().sum(), (s[:, 0] * d[:, 1] - s[:, 1] * d[:, 0]).sum() / s.square().sum()
    return _map(torch.stack((a, -b, b, a)).view(2, 2), p.mean(0), t.mean(0))


def _affine(points: Tensor, template: Tensor) -> Tensor:
    ones = torch.cat((points.double(), torch.ones(len(points), 1)), dim=1)
    return torch.linalg.lstsq(ones, template.double()).solution.T


def _inverse(matrix: Tensor) -> Tensor:
    back = torch.linalg.inv(matrix[:, :2])
    return torch.cat((back, -back @ matrix[:, 2:]), dim=1)


def _swapped(points: Tensor, template: Tensor, matrix: Tensor) -> list[Tensor]:
    """The maps that come out where x and y are exchanged somewhere."""
    again = _best(points.flip(1), template.flip(1))
    return [
        matrix[:, [1, 0, 2]],
        matrix.flip(0),
        _best(points.flip(1), template),
        _best(points, template.flip(1)),
        again,
    ]


def _shape(matrix: Tensor) -> tuple[float, float, float, bool]:
    """Degrees of turn, scale, how unequal its two scales are, and whether it mirrors."""
    (a, b), (c, d) = matrix[:, :2].tolist()
    large, small = torch.linalg.svdvals(matrix[:, :2]).tolist()
    scale = (large * small) ** 0.5
    return degrees(atan2(c - b, a + d)), scale, (large - small) / (scale + 1e-9), a * d < b * c


def _untouched(answer: Answer, points: Tensor, template: Tensor, *, of: Callable[..., tuple]) -> None:
    """Also in another process: two arguments that share rows come out wrong where one of them is changed."""
    text = "it changes what it was given (as -= and += do), so the second call begins with other points: make a copy"
    given = points.clone(), template.clone()
    answer(*of(*given))
    shared = torch.cat((points[:3], template))
    apart, together = (
        torch.as_tensor(answer(*of(*two))).double()
        for two in ((shared[:5].clone(), shared[3:].clone()), (shared[:5], shared[3:]))
    )
    if not (given[0].equal(points) and given[1].equal(template) and alike(apart, together)):
        raise Mistake("in_place", text)


def similarity_matrix(answer: Answer, points: Tensor, template: Tensor) -> None:
    """``answer(points, template)``: the similarity ``(2, 3)`` that carries points nearest to the template's.

    Both are float32 pixels ``(5, 2)``, each row (x, y). The matrix times (x, y, 1) is the point in the crop. It turns,
    has one scale and shifts; it neither shears nor mirrors. The squared distances of all five points count.
    """
    got = numbers("the matrix", answer(points.clone(), template.clone()), (2, 3))
    other = numbers("the matrix", answer(points.clone(), 1.25 * template + 3), (2, 3))
    right, centre = _best(points, template), (points.double().mean(0), template.double().mean(0))
    if alike(got, other, 1e-6):
        raise Mistake("global_template", "another template gives the same matrix: is a template from outside used?")
    turn, _, unequal, mirrored = _shape(got)
    linear, unit = right[:, :2], right[:, :2] / _shape(right)[1]
    eyes = _best(points[:2], template[:2])
    fewer = [list(rows) for n in (4, 3, 2) for rows in combinations(range(5), n)]
    spread = (template.double() - centre[1]).norm() / (points.double() - centre[0]).norm()
    same_turn = abs((turn - _shape(right)[0] + 180) % 360 - 180) < 0.2 and unequal < 0.01 and not mirrored
    two_eyes = "only the eyes count here; all five points should"
    exchanged = "x and y are exchanged somewhere: a point is (x, y), while an image is [row, column]"
    mistakes = [
        ("inverted", _inverse(right), "it carries the template to the photo, which is the other way"),
        ("inverted", _best(template, points), "it carries the template to the photo, which is the other way"),
        *(("xy_swapped", one, exchanged) for one in _swapped(points, template, right)),
        ("no_scale", _map(unit, *centre), "it turns and shifts as it should, and leaves the size as it was"),
        ("spread", _map(unit * spread, *centre), "a quotient of two spreads is not the scale of the least squares"),
        ("turned_back", _map(linear.T, *centre), "it turns the other way: rows or columns, and the sign of the angle"),
        ("atan", _map(-linear, *centre), "it is off by half a turn: which angles can atan give, and which atan2?"),
        ("shift", torch.cat((linear, got[:, 2:]), 1), "the turn and the scale are right, and the shift is not"),
        *(("eyes_only", sign * eyes, two_eyes) for sign in (1, -1)),
        *(("eyes_only", _map(sign * eyes[:, :2], *centre), two_eyes) for sign in (1, -1)),
        *(("ransac", _best(points[k], template[k]), "some of the five points were left out") for k in fewer),
        ("mirrored", got if mirrored else right, "it mirrors the face; its determinant is negative"),
        ("affine", got if unequal > 0.01 else right, "it shears or stretches: it has more than one scale"),
        ("scale", got if same_turn else right, "it turns as it should; its scale is another"),
    ]
    compare("the matrix", got, right, mistakes, within=2e-3)
    _untouched(answer, points, template, of=lambda points, template: (points, template))


def _photo(size: tuple[int, int], marks: Tensor, radius: float) -> Tensor:
    """A blob in each channel; between the two readings of where pixel 0 is."""
    y, x = torch.meshgrid(*(torch.arange(side) for side in size), indexing="ij")
    away = [(x + 0.25 - mx) ** 2 + (y + 0.25 - my) ** 2 for mx, my in marks.tolist()]
    return torch.stack(away).div(-2 * radius**2).exp()


def _blobs(crop: Tensor) -> Tensor:
    """Where the blob of each channel is, NaN where there is none: ``(3, 2)``."""
    weights = torch.where(crop > 0.35, crop, 0.0)
    y, x = torch.meshgrid(*(torch.arange(side) + 0.25 for side in crop.shape[1:]), indexing="ij")
    return torch.stack([(weights * one).sum((1, 2)) / weights.sum((1, 2)) for one in (x, y)], dim=1)


def _lands(found: Tensor, matrix: Tensor, marks: Tensor, size: tuple[int, int]) -> bool:
    """Whether the blobs ``(6, 2)`` are where a map carries the marks; those at the border do not count."""
    wanted = marks.double() @ matrix[:, :2].T + matrix[:, 2]
    edge = torch.tensor([size[1], size[0]])
    inside, outside = ((wanted > 5) & (wanted < edge - 5)).all(1), ((wanted < -5) | (wanted > edge + 5)).any(1)
    near = (found - wanted).abs().amax(1) < 1.6  # False for NaN
    return bool(inside.sum() > 1 and near[inside].all() and found[outside].isnan().all())


def align(
    answer: Answer,
    points: Tensor,
    template: Tensor,
    size: tuple[int, int] = (64, 56),
    photo: tuple[int, int] = (104, 120),
) -> None:
    """``answer(image, points, template, size)``: the face put upright, ``(3, height, width)``.

    The image is float32 ``(3, H, W)`` in [0, 1], ``points`` are its landmarks ``(5, 2)``, each (x, y) in pixels, and
    ``template`` is where they should be in the crop, ``(5, 2)`` in its pixels; ``size`` is (height, width). The map is
    the least-squares similarity. Nearest or bilinear, and both readings of where the middle of pixel 0 is, are right.
    """
    right = _best(points, template)
    marks = torch.cat((points, points[:2].mean(0, keepdim=True) * 1.4 - points[3:].mean(0, keepdim=True) * 0.4))
    images = [_photo(photo, one, 2 / _shape(right)[1]) for one in (marks[:3], marks[3:])]
    given = [image.clone() for image in images]
    crops = [_crop(answer(image, points.clone(), template.clone(), size), size) for image in given]
    found = torch.cat([_blobs(crop) for crop in crops])
    if not any(_lands(found, one, marks, size) for one in (right, _inverse(_best(template, points)))):
        seen = crops[0].max() > 0.35
        if seen and alike(crops[0], crops[1]):
            raise Mistake("global_image", "another image gives the same crop: is an image from outside used?")
        other = template + torch.tensor([6.0, -5.0])
        moved = _crop(answer(images[0].clone(), points.clone(), other, size), size)

        def look(image: Tensor) -> object:
            return answer(image, points.clone(), template.clone(), size)

        _why(look, found, right, marks, points, template, size, photo, bool(seen and alike(crops[0], moved)))
    if not all(image.equal(before) for image, before in zip(given, images)):
        raise Mistake("in_place", "it changes the image that it was given: make a copy")
    _untouched(answer, points, template, of=lambda points, template: (images[0].clone(), points, template, size))


def _crop(value: object, size: tuple[int, int]) -> Tensor:
    shape = tuple(getattr(value, "shape", ()))
    if shape == (*size, 3):
        raise Mistake("channels_last", f"the crop is {shape}; the channels come first")
    if shape == (3, size[1], size[0]):
        raise Mistake("size_swapped", f"the crop is {shape}; size is the height, then the width")
    crop = numbers("the crop", value, (3, *size))
    if crop.max() > 1.25 or crop.min() < -0.25:
        raise Mistake("range", f"the crop has values from {crop.min():.3g} to {crop.max():.3g}; the image's are 0 to 1")
    return crop


def _is_map(look: Callable[[Tensor], object], matrix: Tensor, size: tuple[int, int], photo: tuple[int, int]) -> bool:
    """Whether the crop is what a map makes of the photo: blobs where they would be seen are seen there."""
    crop = torch.cartesian_prod(*(torch.arange(7.0, side - 6, 4) for side in (size[1], size[0]))).double()
    back = _inverse(matrix)
    at = crop @ back[:, :2].T + back[:, 2]
    at = at[((at > 4) & (at < torch.tensor([photo[1], photo[0]]) - 4)).all(1)]
    if len(at) < 9:
        return False
    at = at[torch.randperm(len(at), generator=torch.Generator().manual_seed(0))[:3]]
    return _lands(_blobs(_crop(look(_photo(photo, at, 2 / _shape(matrix)[1])), size)), matrix, at, size)


def _why(
    look: Callable[[Tensor], object],
    found: Tensor,
    right: Tensor,
    marks: Tensor,
    points: Tensor,
    template: Tensor,
    size: tuple[int, int],
    photo: tuple[int, int],
    same_for_other: bool,
) -> None:
    """Name the mistake of a crop whose blobs are not where they should be."""
    eyes, middles = (
        _best(points[:2], template[:2]),
        [torch.tensor([s[1] / 2, s[0] / 2]).double() for s in (photo, size)],
    )
    along = (points[1] - points[0]).double() / (points[1] - points[0]).norm()
    level = torch.stack((along, torch.stack((-along[1], along[0]))))
    units = [level, *(one[:, :2] / _shape(one)[1] for one in (right, eyes))]
    stretched = right @ torch.diag(torch.tensor([size[1] / photo[1], size[0] / photo[0], 1.0]).double())
    exchanged = "x and y are exchanged somewhere: a point is (x, y), while an image is [row, column]"
    about = "the photo is turned about its middle, not about the face"
    back = [_inverse(_best(template, points.flip(1))), _inverse(_best(template.flip(1), points))]
    swapped = [*_swapped(points, template, right), *back]
    mistakes = [
        (
            "inverted",
            [_inverse(right), _best(template, points)],
            "the matrix is used the wrong way round",
        ),
        ("xy_swapped", swapped, exchanged),
        ("grid_size", [stretched], "the sampling grid is divided by the size of the crop; the photo's size counts"),
        ("about_centre", [_map(u, middles[0], to) for u in (*units, right[:, :2]) for to in middles], about),
    ]
    for kind, maps, text in mistakes:
        if any(_is_map(look, one, size, photo) for one in maps):
            raise Mistake(kind, text)
    if _lands(found[[2, 1, 0, 5, 4, 3]], right, marks, size):
        raise Mistake("bgr", "the order of the colours has changed")
    seen = ~found.isnan().any(1)
    if seen.sum() < 3:
        raise Mistake(
            "out_of_picture", "the face is not in the crop. Which way does the matrix go, and in which units?"
        )
    (turn, scale, unequal, mirrored), (wanted, size_wanted, *_) = (
        _shape(_affine(marks[seen], found[seen])),
        _shape(right),
    )
    off = abs((turn - wanted + 180) % 360 - 180)
    for kind, fits, text in (
        ("mirrored", mirrored, "the face is mirrored"),
        ("not_turned", abs(turn) < 3 < abs(wanted), "the face is not turned: its eyes stay as tilted as they were"),
        ("global_template", same_for_other, "another template gives the same crop: is one from outside used?"),
        ("affine", unequal > 0.1, "the face is sheared or stretched: it has more than one scale"),
        ("upside_down", off > 170, "the face is upside down: which angles can atan give, and which atan2?"),
        ("turned_back", abs(turn + wanted) < 4 < off, "the face is turned the other way"),
        ("no_scale", off < 4 and abs(scale - 1) < 0.04, "the face is upright, and as large as it was in the photo"),
        ("scale", off < 4 and abs(scale / size_wanted - 1) > 0.07, "the face is upright, but its size is wrong"),
        ("shift", off < 4, "turn and size are right, but the face stands elsewhere"),
        ("turn", True, f"the face is turned by {turn:.0f} degrees instead of {wanted:.0f}"),
    ):
        if fits:
            raise Mistake(kind, text)


def heatmap_targets(answer: Answer, points: Tensor, size: tuple[int, int], sigma: float) -> None:
    """``answer(points, size, sigma)``: a heat map of each point, ``(P, height, width)``.

    ``points`` are float32 pixels ``(P, 2)``, each (x, y), not rounded; ``size`` is (height, width), ``sigma`` is in
    pixels. A map is the Gaussian exp(-d^2 / (2 sigma^2)) of the distance d from its point: 1 at the point itself. The
    middle of pixel 0 may be at 0 or at 0.5, and what lies beyond 3 sigma may be 0.
    """
    given, n = points.clone(), len(points)
    value = answer(given, size, sigma)
    shape = tuple(getattr(value, "shape", ()))
    if shape == size and n > 1:
        raise Mistake("one_map", "all points are in one map; each should have its own")
    if shape == (n, size[1], size[0]) and size[0] != size[1]:
        raise Mistake("size_swapped", f"the maps are {shape}; size is the height, then the width")
    got, p = numbers("the heat maps", value, (n, *size)), points.double()
    y, x = torch.meshgrid(*(torch.arange(side).double() for side in size), indexing="ij")
    starts = (0.0, 0.5)

    def squares(at: Tensor, start: float) -> Tensor:
        return (x + start - at[:, 0, None, None]) ** 2 + (y + start - at[:, 1, None, None]) ** 2

    rights = [(-squares(p, start) / (2 * sigma**2)).exp() for start in starts]
    rights += [one / one.amax((1, 2), keepdim=True) for one in rights if one.amax((1, 2)).min() > 0.7]
    if any(alike(got, one, 0.012) for one in rights):
        if not given.equal(points):
            raise Mistake("in_place", "it changes the points that it was given: make a copy")
        return
    mistakes: list[tuple[str, object, str]] = []
    for start, right in zip(starts, rights):
        d2, flat = squares(p, start), right / right.sum((1, 2), keepdim=True)
        mistakes += [
            ("xy_swapped", (-squares(p.flip(1), start) / (2 * sigma**2)).exp(), "x and y of the points are exchanged"),
            ("variance", (-d2 / (2 * sigma)).exp(), "sigma is the width, and here it is used as its square"),
            ("no_half", (-d2 / sigma**2).exp(), "the peaks are too narrow: a factor is missing in the exponent"),
            ("not_squared", (-d2.sqrt() / (2 * sigma**2)).exp(), "the distance is not squared"),
            ("sum_one", flat, "the sum of each map is 1; its peak should be 1"),
            ("sum_one", right / (2 * pi * sigma**2), "the peak is that of a probability density; it should be 1"),
            ("all_points", right.amax(0).expand_as(right), "each map shows all points; it should show its own"),
            ("all_points", right.sum(0).expand_as(right), "each map shows all points; it should show its own"),
            ("range", right * 255, "the peaks are 255 high, not 1"),
        ]
        near = "the peak is moved to a whole pixel; a point lies between pixels"
        mistakes += [("rounded", (-squares(at, start) / (2 * sigma**2)).exp(), near) for at in (p.round(), p.floor())]
    spots = torch.stack([((x == a.round()) & (y == b.round())).double() for a, b in p])
    mistakes.append(("one_hot", spots, "each map is 1 at one pixel, and 0 elsewhere: where is the Gaussian?"))
    if got.max() > 2 and not alike(got, 255 * rights[0], 0.012) and not alike(got, 255 * rights[1], 0.012):
        raise Mistake("sign", f"the maps rise to {got.max():.3g}: is a sign missing in the exponent?")
    compare("the heat maps", got, min(rights, key=lambda one: (one - got).abs().max()), mistakes, within=0.012)


def peaks(seed: int, count: int, size: tuple[int, int], floor: float = 0.0) -> tuple[Tensor, Tensor]:
    """Heat maps ``(P, H, W)`` with a peak, a lower and wider one elsewhere, and noise; and the peaks ``(P, 2)``."""
    random = torch.Generator().manual_seed(seed)
    sides = torch.tensor([size[1], size[0]])
    at = (torch.rand(count, 2, generator=random) * 0.5 + torch.tensor([0.45, 0.02])) * (sides - 1)
    y, x = torch.meshgrid(*(torch.arange(side) for side in size), indexing="ij")
    maps = []
    for px, py in at.tolist():
        high = (-((x - px) ** 2 + (y - py) ** 2) / 4).exp()
        wide = (-((x - size[1] * 0.2) ** 2 + (y - size[0] * 0.8) ** 2) / 32).exp()
        maps.append(high + 0.5 * wide + 0.02 * torch.rand(size, generator=random) + floor)
    return torch.stack(maps), at


def read_points(answer: Answer, maps: Tensor, at: Tensor) -> None:
    """``answer(heatmaps)``: where the highest pixel of each map is, ``(P, 2)``, each (x, y) in pixels.

    The maps are float32 ``(P, H, W)``, of any values. Fractions of a pixel are welcome; 0.75 pixels off are right. The
    middle of pixel 0 may be at 0 or at 0.5.
    """
    given, (n, h, w) = maps.clone(), maps.shape
    value = answer(given)
    flat = maps.flatten(1).argmax(1).double()
    if tuple(getattr(value, "shape", ())) == (n,) and n != 2:
        raise Mistake("flat_index", "it gives one number for each map, as argmax of a flat map does; x and y are two")
    got = numbers("the points", value, (n, 2))

    def near(wanted: Tensor) -> bool:
        return any(bool(((got - wanted - start).abs() <= 0.75).all()) for start in (0, 0.5))

    best = torch.stack((flat % w, flat // w), dim=1)
    y, x = torch.meshgrid(torch.arange(h).double(), torch.arange(w).double(), indexing="ij")
    weights = [maps.double() / maps.sum((1, 2), keepdim=True), maps.flatten(1).double().softmax(1).view(n, h, w)]
    means = [torch.stack(((one * x).sum((1, 2)), (one * y).sum((1, 2))), dim=1) for one in weights]
    whole = int(maps.argmax())
    low = maps.flatten(1).argmin(1)
    sums = torch.stack((maps.sum(1).argmax(1), maps.sum(2).argmax(1)), dim=1)
    if near(at) or near(best):
        if not given.equal(maps):
            raise Mistake("in_place", "it changes the heat maps that it was given: make a copy")
        return
    if got.abs().max() == 0:
        raise Mistake("starts_at_zero", "is it (0, 0) because no value is above 0? The highest may be negative")
    if got.abs().max() <= 1.01:
        raise Mistake("share", "the points are between -1 and 1; pixels are asked for")
    for kind, wanted, text in (
        ("row_column", best.flip(1), "it gives (row, column); a point is (x, y)"),
        ("wrong_width", torch.stack((flat % h, flat // h), dim=1), "a flat index counts along rows: how long is one?"),
        ("all_maps", torch.tensor([[whole % w, whole // w % h]]).expand(n, 2), "all maps have the same point"),
        ("all_maps", torch.tensor([[whole % w, whole // w]]).expand(n, 2), "one argmax for all maps together"),
        ("centroid", means[0], "it is the middle of all weight; a second, lower peak draws it away"),
        ("centroid", means[1], "it is an average over the whole map, not the highest pixel"),
        ("marginals", sums, "sums of columns and rows were compared; a wide, low peak wins there"),
        ("argmin", torch.stack((low % w, low // w), dim=1), "it is the lowest pixel"),
    ):
        if near(wanted):
            raise Mistake(kind, f"the points: {text}")
    if near(torch.cat((got[:, :1], best[:, 1:]), 1)) or near(torch.cat((best[:, :1], got[:, 1:]), 1)):
        raise Mistake("one_side", "one of the two coordinates is right, the other is not")
    compare("the points", got, best)


def _weights(net: object) -> int:
    return net.weights() if hasattr(net, "weights") else sum(w.numel() for w in net.parameters() if w.requires_grad)


def _run(net: Answer, x: Tensor) -> Tensor:
    with torch.no_grad():
        return numbers("the result", net(x.clone()), (len(x), None, None, None))


def hourglass(answer: Answer, depth: int, channels: int, sides: Sequence[tuple[int, int]], seed: int = 0) -> None:
    """``answer(depth, channels)``: an ``nn.Module`` that carries ``(N, channels, H, W)`` to the same shape.

    It halves the resolution ``depth`` times and doubles it as often, with a skip connection at each resolution. H and W
    are multiples of ``2**depth``, and need not be equal. What happens between is free.
    """
    random = torch.Generator().manual_seed(seed)
    net = answer(depth, channels)
    if not callable(net) or isinstance(net, type) or not (isinstance(net, nn.Module) or hasattr(net, "weights")):
        raise Mistake("type", "it should return a network, an object of a class made from nn.Module")
    if not _weights(net):
        raise Mistake("unregistered", "the network has nothing to learn: layers in a plain list or dict do not count")
    for side in sides:
        x = torch.randn(2, channels, *side, generator=random)
        shape = tuple(_run(net, x).shape)
        if shape[1] == channels and any(shape[2:] == (side[0] >> k, side[1] >> k) for k in range(1, depth + 1)):
            raise Mistake("no_upsampling", f"{tuple(x.shape)} becomes {shape}: it is not brought back to full size")
        if shape[2:] == x.shape[2:] and shape[1] != channels:
            raise Mistake("channels", f"{tuple(x.shape)} becomes {shape}: the channels have changed")
        if shape != tuple(x.shape):
            raise Mistake("size", f"{tuple(x.shape)} becomes {shape}; the shape should stay, whatever the size")
    x = torch.randn(2, channels, *sides[0], generator=random)
    try:
        slope = gradient(net, [x], 0)
    except (RuntimeError, Mistake) as error:
        if "in-place" in str(error):
            raise Mistake(
                "in_place", "it changes what it was given, such as by ReLU(inplace=True) at its start"
            ) from None
        raise
    if not slope.abs().max() > 0:
        raise Mistake("no_gradient", "the result does not depend on the input")
    _sees_far(answer, channels, random)
    _sees_details(answer, random)


def _sees_far(answer: Answer, channels: int, random: torch.Generator) -> None:
    """At depth 4 the middle of the hourglass is one pixel, which sees all of 16 x 16."""
    net, x = answer(4, channels), torch.randn(1, channels, 16, 16, generator=random).repeat(6, 1, 1, 1)
    for k in range(1, 5):
        x[k, :, :4, :4] = 3 * k * torch.randn(channels, 4, 4, generator=random)
    out = _run(net, x)
    changes = (out[1:] - out[:1]).abs()[:, :, 12:, 12:]
    sees = float(changes[:4].max()) > 4 * float(changes[4].max()) + 1e-7 * float(out.abs().max())
    grows = _weights(net) > _weights(answer(1, channels))
    if not sees and not grows:
        raise Mistake("depth_ignored", "a depth of 4 is like a depth of 1: far corners of 16 x 16 pixels do not meet")
    if not sees:
        raise Mistake(
            "short_sighted", "at depth 4 far corners of 16 x 16 pixels do not meet: is the size halved 4 times?"
        )
    if not grows:
        raise Mistake("unregistered", "a deeper network learns no more: layers in a plain list or dict do not count")


def _sees_details(answer: Answer, random: torch.Generator) -> None:
    """Without a skip at full resolution, what can change in 8 x 8 x 16 outputs has a quarter of the dimensions."""
    for _ in range(3):  # new weights, so that a narrow but right network is not unlucky
        net, x = answer(3, 16), torch.randn(1, 16, 8, 8, generator=random)
        moved = x + 1e-3 * torch.randn(320, 16, 8, 8, generator=random)
        others = torch.randn(320, 16, 8, 8, generator=random)  # so that batch normalisation sees usual numbers
        changes = (_run(net, torch.cat((x, moved, others)))[:321]).diff(dim=0).flatten(1)
        values = torch.linalg.svdvals(changes.float())
        if int((values > 3e-4 * values[0]).sum()) > 160 and values[200] < 100 * values[275]:
            return
    raise Mistake("no_skip", "fine details do not reach the result: is there a skip connection at each resolution?")


def mirrored(points: Tensor, template: Tensor) -> tuple[Tensor, Tensor]:
    """Landmarks of a face that a flip of the photo has mirrored, which no rotation can undo."""
    return points * torch.tensor([-1.0, 1.0]) + torch.tensor([130.0, 0.0]), template


def _public_matrix(answer: Answer) -> None:
    for turned in (25, 150):
        similarity_matrix(answer, *face(0, turned, 1.6, (64, 56)))
    similarity_matrix(answer, *mirrored(*face(2, 15, 1.4, (64, 56))))


def _public_align(answer: Answer) -> None:
    align(answer, *face(1, -35, 1.3, (64, 56), 6.0))
    align(answer, *face(0, 140, 1.2, (56, 68), 6.0), (56, 68))


PUBLIC = {
    "similarity_matrix": _public_matrix,
    "align": _public_align,
    "heatmap_targets": lambda answer: heatmap_targets(answer, torch.tensor([[9.3, 4.7], [15.7, 8.2]]), (14, 20), 1.6),
    "read_points": lambda answer: read_points(answer, *peaks(0, 4, (18, 26))),
    "hourglass": lambda answer: hourglass(answer, 2, 16, [(16, 16), (8, 20)]),
}
