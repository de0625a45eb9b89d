"""Finding landmarks in images, and putting the faces upright."""

import torch
from torch import Tensor
from tqdm.auto import tqdm

from dlsfaces import geometry
from dlsfaces.align.networks import LandmarkNet, Landmarks
from dlsfaces.align.squares import square_matrices
from dlsfaces.data import FaceSet
from dlsfaces.data.warped import warped


@torch.no_grad()
def find_landmarks(
    model: LandmarkNet, images: Tensor, boxes: Tensor, *, looks: int = 2, turns: int = 1, batch_size: int = 128
) -> Landmarks:
    """Landmarks of one face in each image ``(N, 3, H, W)``, uint8 or float in [0, 1]: pixels, float32 on the CPU.

    The network looks at the square around the box, then again at the face as the first look puts it: upright, in the
    middle, of the usual size. That helps most where a face is tilted or a box is off.

    Args:
        images: of one photo with many faces ``photo.expand(len(boxes), -1, -1, -1)``, which copies nothing.
        boxes: ``(N, 4)`` pixels, or ``(4,)`` for all: the course's face boxes.
        looks: how often the network looks, 1 or more.
        turns: 4 where a face may lie on its side or stand on its head: the first look is at all four quarter turns, and
            the one that the network is surest of counts.
    """
    boxes = torch.as_tensor(boxes, dtype=torch.float32)
    if boxes.shape not in ((4,), (len(images), 4)):
        raise ValueError(f"boxes {tuple(boxes.shape)} for {len(images)} images; give each its own, or one (4,) for all")
    geometry.check_images(images, pixels=False)
    if looks < 1:
        raise ValueError(f"looks={looks}: the network has to look at least once")
    if turns not in (1, 4):
        raise ValueError(f"turns={turns}: 1 for faces that are about upright, or 4")
    boxes, was_training = boxes.expand(len(images), 4), model.training
    model.eval()
    chunks = zip(images.split(batch_size), boxes.split(batch_size))
    parts = [_find(model, *chunk, looks, turns) for chunk in chunks if len(chunk[0])]
    model.train(was_training)
    return _joined(parts, model)


def _joined(parts: list[Landmarks], model: LandmarkNet) -> Landmarks:
    nothing = Landmarks(torch.zeros(0, model.n_points, 2), torch.zeros(0, model.n_points))
    return Landmarks(*(torch.cat(part) for part in zip(nothing, *parts)))


def _find(model: LandmarkNet, images: Tensor, boxes: Tensor, looks: int, turns: int) -> Landmarks:
    device, side = model.template.device, model.side
    images, matrices = images.to(device), square_matrices(boxes.to(device), side)
    if turns > 1:
        matrices = _surest_turn(model, images, matrices, turns)
    for look in range(looks):
        found = model.find(geometry.warp(images, matrices, (side, side), "edge"))
        points = geometry.move_points(geometry.inverse(matrices), found.points)
        if look + 1 < looks:
            matrices = _second_look(points, model.template * side, matrices)
    return Landmarks(points.cpu(), found.confidence.cpu())


def _surest_turn(model: LandmarkNet, images: Tensor, matrices: Tensor, turns: int) -> Tensor:
    """Of each image the map, of so many turned about the square's middle, whose landmarks are found most surely."""
    side, middle = model.side, torch.full((2,), model.side / 2, device=matrices.device)
    angles = torch.arange(turns, device=matrices.device) * (2 * torch.pi / turns)
    ways = geometry.compose(geometry.turned(angles, torch.ones_like(angles), middle, middle)[:, None], matrices)
    sure = [model.find(geometry.warp(images, way, (side, side), "edge")).confidence.mean(1) for way in ways]
    return ways[torch.stack(sure).argmax(0), torch.arange(len(images), device=matrices.device)]


def _second_look(points: Tensor, template: Tensor, matrices: Tensor) -> Tensor:
    """Maps that put the points found upright in the square; the maps as they were where these cannot be a face's."""
    # not where they lie in one place, or make the face 4 times larger or smaller, as mirrored points do
    spread = (points - points.mean(1, keepdim=True)).norm(dim=-1).amax(1)
    apart = spread > 1e-3 + 1e-5 * points.abs().amax((1, 2))
    good = (points.isfinite().flatten(1).all(1) & apart).nonzero()[:, 0]
    upright = matrices.clone()
    upright[good] = geometry.similarity(points[good], template, refuse_mirrored=False)
    zoom = torch.linalg.det(upright[..., :2]) / torch.linalg.det(matrices[..., :2])
    return torch.where(((zoom > 1 / 16) & (zoom < 16))[:, None, None], upright, matrices)


def landmarks_of(model: LandmarkNet, faces: FaceSet, box: Tensor | None = None, *, looks: int = 2) -> Landmarks:
    """Landmarks of every face of a set, in pixels of its crops; by default the box is where the framing has faces."""
    if box is None:
        if faces.framing not in geometry.FRAMINGS:
            raise ValueError(f"{faces!r} has no framing of the course's, so box= has to say where the faces are")
        framing = geometry.FRAMINGS[faces.framing]
        scale = torch.tensor([faces.crop_size[1] / framing.width, faces.crop_size[0] / framing.height] * 2)
        box = geometry.face_box(framing.template) * scale
    boxes = box if box.dim() == 2 else box.expand(len(faces), 4)
    found = []
    for start in tqdm(range(0, len(faces), 256), desc="landmarks", unit=" chunks", leave=False, delay=2):
        images = faces.read(range(start, min(start + 256, len(faces))), None)
        found.append(find_landmarks(model, images, boxes[start : start + len(images)], looks=looks))
    return _joined(found, model)


def cropped(faces: FaceSet, framing: geometry.Framing = geometry.TIGHT) -> FaceSet:
    """The alternative to alignment: a set in the loose framing cut where an aligned image would have its face."""
    if faces.framing != "loose":
        raise ValueError(f"{faces!r} is not in the loose framing, of which a crop could be taken")
    matrix = geometry.crop_matrix(framing.in_loose, framing.size).expand(len(faces), -1, -1)
    return warped(faces, matrix, framing.name, framing.size)


def aligned(
    faces: FaceSet,
    landmarks: Tensor,
    framing: geometry.Framing = geometry.TIGHT,
    padding: str = "edge",
    refuse_mirrored: bool = True,
) -> FaceSet:
    """The faces put upright: warped so that their landmarks lie where the framing's template has them.

    Images are warped when they are read; landmarks and ``photo_to_crop`` are carried along.

    Args:
        landmarks: ``(N, 5, 2)`` or ``(N, 68, 2)`` pixels of the crops; not NaN, in one place, mirrored or, most of
            them, in another order.
        refuse_mirrored: False where a network's rare nonsense, such as of a profile, must not stop a whole set.
    """
    points = geometry.five_of(landmarks).float()
    geometry.refuse_other_order(points)
    matrices = geometry.similarity(points, framing.template, refuse_mirrored)
    return warped(faces, matrices, framing.name, framing.size, padding)
