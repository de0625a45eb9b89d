"""Boxes, points, crops and warps. Pixels throughout; a box is ``(x1, y1, x2, y2)``, a point ``(x, y)``.

The centre of the top left pixel is at ``(0.5, 0.5)``: a box ``(0, 0, w, h)`` holds a whole image of ``w`` by ``h``.
"""

from itertools import permutations

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import box_iou

from drawpeople.framing import LOOSE, TIGHT, TIGHT_IN_LOOSE, Framing, face_box, five_of  # noqa: F401  re-exported

#: The template of ArcFace's authors (Deng et al. 2019, section 3.1: five points, a 112x112 crop), to which most public
#: networks align. Its eyes are nearer to each other than CelebA's: its box in a loose image is where a face of the
#: loose framing is carried to by least squares.
ARCFACE = Framing(
    "arcface",
    112,
    112,
    ((38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)),
    (29.5, 56.3, 149.5, 176.3),
)

FRAMINGS = {f.name: f for f in (TIGHT, LOOSE, ARCFACE)}
NAMES = ("left eye", "right eye", "nose", "left mouth corner", "right mouth corner")  #: left is the viewer's left
OUTSIDE = 0.25  #: so far beyond [0, 1] a pixel may lie, as interpolation makes them


def iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of every box of ``a`` ``(N, 4)`` with every box of ``b`` ``(M, 4)``: ``(N, M)``."""
    return box_iou(a, b)


def crop_matrix(box: tuple[float, float, float, float], size: tuple[int, int]) -> Tensor:
    """The map ``(2, 3)`` from a photo to the crop of ``size`` that shows ``box``: ``crop_point = map @ (x, y, 1)``."""
    x1, y1, x2, y2 = box
    if x2 <= x1 or y2 <= y1:
        raise ValueError(f"the crop box {box} has no area; it is (x1, y1, x2, y2) with x1 < x2 and y1 < y2")
    sx, sy = size[1] / (x2 - x1), size[0] / (y2 - y1)
    return torch.tensor([[sx, 0.0, -sx * x1], [0.0, sy, -sy * y1]])


def whole(size: tuple[int, int]) -> tuple[float, float, float, float]:
    """The box of a whole image of ``size`` (height, width)."""
    return 0.0, 0.0, float(size[1]), float(size[0])


def move_points(matrix: Tensor, points: Tensor) -> Tensor:
    """Points ``(..., 2)`` through one ``(2, 3)`` map, or ``(..., P, 2)`` through one each, ``(..., 2, 3)``."""
    shift = matrix[:, 2] if matrix.dim() == 2 else matrix[..., None, :, 2]
    return points @ matrix[..., :2].mT + shift


def inverse(matrix: Tensor) -> Tensor:
    """The way back of ``(..., 2, 3)`` maps, such as from the crop to the photo; a ValueError where there is none."""
    linear = matrix[..., :2]
    if (flat := torch.linalg.det(linear).abs() < 1e-12).any():
        raise ValueError(f"matrix: {int(flat.sum())} of the maps cannot be undone: they make a line of the image")
    back = torch.linalg.inv(linear)
    return torch.cat((back, -back @ matrix[..., 2:]), dim=-1)


def compose(second: Tensor, first: Tensor) -> Tensor:
    """The map that does ``first``, then ``second``; both ``(..., 2, 3)``."""
    linear = second[..., :2] @ first[..., :2]
    return torch.cat((linear, second[..., :2] @ first[..., 2:] + second[..., 2:]), dim=-1)


def turned(angle: Tensor, scale: Tensor, about: Tensor, to: Tensor) -> Tensor:
    """Similarities ``(N, 2, 3)`` that turn and scale about a point, and carry it elsewhere.

    ``angle`` is radians ``(N,)``, clockwise as one looks at the image; ``scale`` is ``(N,)``; ``about`` and ``to`` are
    pixels, ``(2,)`` or ``(N, 2)``.
    """
    cos, sin = scale * angle.cos(), scale * angle.sin()
    linear = torch.stack((cos, -sin, sin, cos), dim=-1).view(-1, 2, 2)
    about, to = (p.to(linear).expand(len(linear), 2)[..., None] for p in (about, to))
    return torch.cat((linear, to - linear @ about), dim=-1)


def similarity(
    source: Tensor, target: Tensor | tuple[tuple[float, float], ...], refuse_mirrored: bool = True
) -> Tensor:
    """The similarities that carry points nearest to others, in least squares (Umeyama 1991, equations 40 to 43).

    A similarity is a rotation, one scale and a shift, never a mirror image.

    Args:
        source: ``(N, P, 2)`` pixels, P at least 2, such as landmarks in photos.
        target: ``(P, 2)`` for all, such as ``geometry.TIGHT.landmarks``, or ``(N, P, 2)``.
        refuse_mirrored: points that resemble the mirror image, as after a flip that left left and right as they were,
            are an error; the paper gives the best similarity all the same.
    Returns:
        ``(N, 2, 3)`` maps from source to target, in the floating type of ``source``, on its device.
    Raises:
        ValueError: points that are not finite, lie all in one place or are mirrored, or shapes that do not match.
    """
    target = torch.as_tensor(target, dtype=source.dtype, device=source.device)
    if source.dim() != 3 or source.shape[1] < 2 or target.shape[-2:] != source.shape[1:] or source.shape[2] != 2:
        raise ValueError(
            f"source {tuple(source.shape)} and target {tuple(target.shape)} do not match; they are (N, P, 2) and "
            "(P, 2) or (N, P, 2), with P at least 2"
        )
    target = target.expand_as(source)
    _refuse_degenerate(source, target)
    mean_s, mean_t = source.mean(1, keepdim=True), target.mean(1, keepdim=True)
    s, t = source - mean_s, target - mean_t
    # In the plane the paper's singular value decomposition has a closed form: with both as complex numbers the best
    # factor is sum(t * conj(s)) / sum(|s|^2), which turns and scales and cannot mirror.
    xx, yy, xy, yx = ((s[..., i] * t[..., j]).sum(1) for i, j in ((0, 0), (1, 1), (0, 1), (1, 0)))
    if refuse_mirrored and source.shape[1] > 2:
        _refuse_mirrored(xx, yy, xy, yx)
        if source.shape[1] == 5:
            refuse_other_order(source, target)
    power = (s * s).sum((1, 2))
    real, imaginary = (xx + yy) / power, (xy - yx) / power
    linear = torch.stack((real, -imaginary, imaginary, real), dim=-1).view(-1, 2, 2)
    shift = mean_t[:, 0, :, None] - linear @ mean_s[:, 0, :, None]
    return torch.cat((linear, shift), dim=-1)


def refuse_other_order(points: Tensor, target: Tensor = TIGHT.template) -> None:
    """ValueError where the five landmarks of most faces ``(N, 5, 2)`` are in another order than the target's.

    The best similarity to the tight template leaves landmarks 0.1 of their spread away from it, those of profiles 0.8:
    no bound tells these from another order, but of one face no order leaves less than 0.65 of what the right one does.
    """
    points, target = points.detach().float(), target.to(points.device, torch.float32).expand_as(points)
    known = points.isfinite().flatten(1).all(1).nonzero()[:, 0]
    known = known[:: 1 + len(known) // 200]  # some of a large set
    points, target = points[known], target[known]
    if not len(known) or (found := _misfit(points, target)[0]) < 0.34:
        return
    orders = {", ".join(NAMES[o.index(k)] for k in range(5)): list(o) for o in permutations(range(5))}
    ways = {f"{names}; give landmarks[:, {order}]": points[:, order] for names, order in orders.items()}
    ways["(y, x); give landmarks.flip(2)"] = points.flip(2)
    ways["all x, then all y; give landmarks.reshape(-1, 2, 5).mT"] = points.reshape(-1, 2, 5).mT
    ways["(x, y) by turns; give landmarks.mT.reshape(-1, 5, 2)"] = points.mT.reshape(-1, 5, 2)
    left = {way: _misfit(moved, target) for way, moved in ways.items()}
    way = min(left, key=lambda way: left[way][0] - 0.2 * (left[way][1] > 0.7))  # rather upright
    if min(left.values())[0] < 0.6 * found:
        like = (
            f"look like {way}" if left[way][0] < 0.34 else "fit in no order, such as dlib's five, which have no mouth"
        )
        raise ValueError(f"landmarks must be {', '.join(NAMES)} (the viewer's left), each (x, y), but these {like}")


def _misfit(points: Tensor, target: Tensor) -> tuple[float, float]:
    """How far the best similarity leaves most points ``(N, P, 2)``, by the target's spread, and its turn's cosine."""
    s, t = (torch.view_as_complex((p - p.mean(1, keepdim=True)).contiguous()) for p in (points, target))
    factor = (t * s.conj()).sum(1) / s.abs().square().sum(1).clamp(min=1e-12)
    left = (factor[:, None] * s - t).abs().mean(1) / t.abs().mean(1)
    return float(left.median()), float(factor.angle().cos().median())


def to_float(images: Tensor) -> Tensor:
    """uint8 images as float32 in [0, 1]; float images in [0, 1] in float32. ValueError where they are neither."""
    if images.dtype == torch.uint8:
        return images.float() / 255
    if not images.is_floating_point():
        raise ValueError(f"a network takes float images in [0, 1], not {images.dtype}")
    low, high = images.detach().aminmax() if images.numel() else (0.0, 0.0)
    if not (low >= -OUTSIDE and high <= 1 + OUTSIDE):  # NaN is refused too
        way = "divide them by 255" if low >= 0 and high > 2 else "networks normalise images themselves, so undo yours"
        raise ValueError(f"float images lie in [0, 1], but these have pixels from {low:.4g} to {high:.4g}: {way}")
    return images.float()


def check_images(images: Tensor, pixels: bool = True) -> None:
    """ValueError where these are no images for a network: float ``(N, 3, H, W)`` in [0, 1]; or only their shape."""
    if images.dim() != 4 or images.shape[1] != 3:
        way = "[None]" if images.dim() == 3 else ""
        _, second, _, last = images[None].shape if way else images.shape if images.dim() == 4 else (0, 0, 0, 0)
        way += ".movedim(3, 1)" if last == 3 != second else ".expand(-1, 3, -1, -1)" if second == 1 else ""
        advice = f"; give images{way}" if way else ""
        raise ValueError(f"images {tuple(images.shape)}: a network takes a batch of RGB images (N, 3, H, W){advice}")
    if pixels and not (images.is_cuda and torch.is_grad_enabled()):  # a look would make a GPU wait in every step
        if images.dtype == torch.uint8:
            raise ValueError("a network takes float images in [0, 1], not torch.uint8: use data.to_float")
        to_float(images)


def _refuse_degenerate(source: Tensor, target: Tensor) -> None:
    for name, points in (("source", source), ("target", target)):
        if (unknown := ~points.isfinite().flatten(1).all(1)).any():
            raise ValueError(f"{name}: NaN or infinite points in {_numbers(unknown)}; leave such faces out first")
        spread = (points - points.mean(1, keepdim=True)).norm(dim=-1).amax(1)
        if (together := spread <= 1e-6 * (1 + points.abs().amax((1, 2)))).any():
            raise ValueError(f"{name}: all points lie in one place in {_numbers(together)}; no scale follows from them")


def _refuse_mirrored(xx: Tensor, yy: Tensor, xy: Tensor, yx: Tensor) -> None:
    """The best mirror image fits better than the best similarity where the determinant is negative."""
    rounding = 100 * torch.finfo(xx.dtype).eps  # points in a line are their own mirror image; their determinant is 0
    mirrored = xx * yy - xy * yx < -rounding * (xx.abs() + yy.abs() + xy.abs() + yx.abs()) ** 2
    if mirrored.any():
        raise ValueError(
            f"source: {_numbers(mirrored)} resembles the target's mirror image; are left and right exchanged (a flip "
            "has to exchange them)? refuse_mirrored=False gives the best map that is no mirror image"
        )


def _numbers(chosen: Tensor) -> str:
    """Faces by their number in the batch, not all of many."""
    rows = chosen.nonzero()[:, 0].tolist()
    return f"face {', '.join(map(str, rows[:5]))}" + (f" and {len(rows) - 5} more" if len(rows) > 5 else "")


PADDING = {"black": "zeros", "edge": "border", "mirror": "reflection"}  #: what is beyond an image, in torch's words


def warp(images: Tensor, matrices: Tensor, size: tuple[int, int], padding: str = "black") -> Tensor:
    """Images as the maps show them, bilinear; where a map shrinks, averaged, so that nothing flickers.

    Args:
        images: uint8, or float in [0, 1], ``(N, C, H, W)``; one image expanded to N is not copied.
        matrices: ``(N, 2, 3)`` from each image's pixels to the result's.
        size: ``(height, width)`` of the result, float32 in [0, 1] ``(N, C, height, width)``.
        padding: what is shown beyond the image: ``"black"``, its ``"edge"`` repeated, or its ``"mirror"`` image.
    Raises:
        ValueError: another padding, a map that is not finite or cannot be undone, or not one map an image.
    """
    if padding not in PADDING:
        raise ValueError(f"padding={padding!r} is none of {', '.join(PADDING)}")
    if len(images) != len(matrices):
        raise ValueError(f"{len(images)} images but {len(matrices)} matrices; give each image its own")
    matrices = matrices.to(images.device, torch.float32)
    if not matrices.isfinite().all():
        raise ValueError("matrices: NaN or infinity in a map; leave such images out first")
    count, is_one = len(images), len(images) > 1 and images.stride(0) == 0
    images = images[:1] if is_one else images
    images = to_float(images)
    back = inverse(matrices)
    # A pixel that stands for k x k of the photo's is the mean of k x k samples. Half a step is left to bilinear
    # sampling, which itself averages two. Each image has its own k: it must look the same in any batch.
    step = torch.linalg.det(back[..., :2]).abs().sqrt()
    often = (step / 1.5 - 1e-3).ceil().clamp(1, 8).long()
    shown = images.new_empty(count, images.shape[1], *size)
    for k in often.unique().tolist():
        rows = (often == k).nonzero()[:, 0]
        some = images.expand(len(rows), -1, -1, -1) if is_one else images if len(rows) == count else images[rows]
        shown[rows] = _sampled(some, back[rows], size, k, PADDING[padding])
    return shown


def _sampled(images: Tensor, back: Tensor, size: tuple[int, int], often: int, padding: str) -> Tensor:
    """The means of ``often`` x ``often`` samples a pixel, taken where the maps back to the images say."""
    height, width = images.shape[2:]
    y, x = (torch.arange(n * often, device=images.device).add(0.5) / often for n in size)
    places = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1).view(1, -1, 2)
    at = 2 * move_points(back, places) / torch.tensor([width, height], device=images.device) - 1
    grid = at.view(len(images), size[0] * often, size[1] * often, 2)
    shown = F.grid_sample(images, grid, "bilinear", padding, align_corners=False)
    return F.avg_pool2d(shown, often) if often > 1 else shown
