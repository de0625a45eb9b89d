"""Other people's software as judges of our images: MTCNN finds faces, dlib's network tells people apart.

Both live in ``.venv-peers`` (``make peers``), bring their weights along, and are never needed by the course.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from types import ModuleType

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks._record import ROOT
from dlsfaces.geometry import face_box

PEERS = ROOT / ".venv-peers"
CANVAS, EYES = 440, 100  # what dlib's predictor gets: a square of so many pixels, with so many from eye to eye
DETECTION_HALF = 1.1  # half the side of a dlib detection, in eye distances


class MissingPeerError(ImportError):
    """A judge that is not installed; the message says how to get it."""


def peer(name: str) -> ModuleType:
    """Import a judge from ``.venv-peers``, behind everything else, so that it changes no version of ours.

    Raises:
        MissingPeerError: it is not installed.
    """
    if str(PEERS) not in sys.path:
        sys.path.append(str(PEERS))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pkg_resources announces its end
            return importlib.import_module(name)
    except ImportError as error:
        raise MissingPeerError(f"{name} is not in {PEERS}: `make peers` installs it ({error})") from error


class Finder:
    """MTCNN (Zhang et al. 2016, facenet-pytorch's weights) with its default thresholds, keeping every face."""

    def __init__(self, at_once: int = 100) -> None:
        self.at_once = at_once
        with torch.random.fork_rng():
            self.model = peer("facenet_pytorch").MTCNN(keep_all=True, device="cpu")

    def faces(self, images: Tensor) -> list[tuple[Tensor, Tensor]]:
        """The faces in each of ``images`` uint8 ``(N, 3, H, W)``: boxes ``(F, 4)``, landmarks ``(F, 5, 2)``."""
        found = []
        for part in images.split(self.at_once):
            boxes, _, marks = self.model.detect(part.permute(0, 2, 3, 1).numpy(), landmarks=True)
            found += [(_floats(b, 4), _floats(m, 5, 2)) for b, m in zip(boxes, marks)]
        return found


def _floats(found: object, *shape: int) -> Tensor:
    """What MTCNN gives for one image, None where it found nothing, as float32 ``(faces, *shape)``."""
    return torch.zeros(0, *shape) if found is None else torch.as_tensor(np.asarray(found, np.float32)).view(-1, *shape)


class Judge:
    """dlib's face recognition network (King 2017): 128 numbers a face, made for a Euclidean distance of 0.6.

    Its own predictor places the chip, inside a box made from landmarks that we know: a face that dlib's detector would
    miss counts all the same.
    """

    def __init__(self, points: int = 5) -> None:
        dlib, models = peer("dlib"), peer("face_recognition_models")
        path = {5: models.pose_predictor_five_point_model_location, 68: models.pose_predictor_model_location}[points]
        self.dlib = dlib
        self.predictor = dlib.shape_predictor(path())
        self.network = dlib.face_recognition_model_v1(models.face_recognition_model_location())

    def descriptors(self, images: Tensor, landmarks: Tensor) -> Tensor:
        """``images`` uint8 ``(N, 3, H, W)`` and ``landmarks`` ``(N, 5, 2)`` in pixels to float32 ``(N, 128)``."""
        canvas, landmarks = upright_canvas(images, landmarks)
        chips = [self.chip(*pair) for pair in zip(canvas, landmarks)]
        found = [np.asarray(self.network.compute_face_descriptor(part)) for part in _parts(chips, 32)]
        return torch.from_numpy(np.concatenate(found)).float() if found else torch.zeros(0, 128)

    def chip(self, image: Tensor, landmarks: Tensor) -> np.ndarray:
        """One face of :func:`upright_canvas` as the network wants it: uint8 ``(150, 150, 3)``."""
        image = np.ascontiguousarray(image.permute(1, 2, 0).numpy())
        box = self.dlib.rectangle(*detection_box(landmarks).round().int().tolist())
        return self.dlib.get_face_chip(image, self.predictor(image, box), size=150, padding=0.25)


def upright_canvas(images: Tensor, landmarks: Tensor) -> tuple[Tensor, Tensor]:
    """Every face at one size in the middle of a square, not turned; where the image ends, its edge is repeated.

    Args:
        images: uint8 ``(N, 3, H, W)``.
        landmarks: ``(N, 5, 2)`` pixels.
    Returns:
        uint8 ``(N, 3, CANVAS, CANVAS)`` and its landmarks.
    """
    height, width = images.shape[-2:]
    zoom = EYES / face_size(landmarks)[:, None, None]
    box = face_box(landmarks)
    centre = ((box[:, :2] + box[:, 2:]) / 2)[:, None]
    steps = torch.arange(CANVAS) + 0.5 - CANVAS / 2
    grid = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), dim=-1)
    canvas = []
    for image, factor, middle in zip(images, zoom, centre):
        at = 2 * (grid / factor + middle) / torch.tensor([width, height]) - 1
        big = F.grid_sample(image[None].float(), at[None], "bicubic", "border", align_corners=False)
        canvas.append(big[0].round().clamp(0, 255).byte())
    return torch.stack(canvas), (landmarks - centre) * zoom + CANVAS / 2


def detection_box(landmarks: Tensor) -> Tensor:
    """What dlib's detector would mark: an upright square, ``(..., 4)``, from landmarks ``(..., 5, 2)``."""
    half = DETECTION_HALF * face_size(landmarks)[..., None]
    box = face_box(landmarks)
    centre = (box[..., :2] + box[..., 2:]) / 2
    return torch.cat((centre - half, centre + half), dim=-1)


def face_size(landmarks: Tensor) -> Tensor:
    """The eye distance that the face would show from the front, in pixels: eyes to mouth and eye to eye say it."""
    left, right, _, mouth_left, mouth_right = landmarks.unbind(-2)
    down = ((mouth_left + mouth_right - left - right) / 2).norm(dim=-1)
    return torch.maximum((right - left).norm(dim=-1), down * (39 / 41))


def _parts(items: list, size: int) -> list[list]:
    return [items[k : k + size] for k in range(0, len(items), size)]


def pair_distances(descriptors: Tensor, identities: Tensor) -> tuple[Tensor, Tensor]:
    """Euclidean distances of all pairs: of the same person, and of different people."""
    first, second = torch.triu_indices(len(identities), len(identities), offset=1)
    distances = torch.cdist(descriptors, descriptors, compute_mode="donot_use_mm_for_euclid_dist")[first, second]
    same = identities[first] == identities[second]
    return distances[same], distances[~same]


def verdict(same: Tensor, other: Tensor, fpr: float = 0.01) -> dict[str, float]:
    """What the distances of :func:`pair_distances` say; at most ``fpr`` of others lie below the threshold."""
    threshold = other.sort().values[int(fpr * len(other))]
    return {
        "same": float(same.mean()),
        "other": float(other.mean()),
        "quantile": float(threshold),
        "tpr": float((same < threshold).double().mean()),
    }
