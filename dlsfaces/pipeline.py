"""Photo in, faces and vectors out: detect, align, embed. :mod:`dlsfaces.gallery` says who they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as V

from dlsfaces import align, detect, gallery, geometry, recognize, weights
from dlsfaces.align.heatmaps import Landmarks
from dlsfaces.data import read_image
from dlsfaces.detect import Detections, Detector

DETECTORS = {"synthetic": "synthetic", "celeba": "wider"}  #: the detector that goes with each face network
PHOTOS = 16  #: that are looked at together
IN_BOX = ((0.33, 0.37), (0.67, 0.37), (0.5, 0.55), (0.38, 0.7), (0.62, 0.7))  # where landmarks of a face mostly are

FindLandmarks = Callable[[Tensor, Tensor], Landmarks]  #: a photo uint8 (3, H, W), and boxes (N, 4)
Embed = Callable[[Tensor], Tensor]  #: upright crops float (N, 3, 100, 83) to vectors (N, D) of length 1


class FoundFace(NamedTuple):
    """A face of a photo."""

    box: Tensor  # (4,), the course's face box
    score: float  # the detector's
    landmarks: Tensor  # (5, 2)
    vector: Tensor  # (D,), of length 1
    doubt: str | None  # why it should get no name: "too small", "too turned", "uncertain"


class Verdict(NamedTuple):
    """What :func:`verify` says."""

    same: bool  # the cosine is above the threshold
    cosine: float
    threshold: float


@dataclass(frozen=True)
class Pipeline:
    """The faces of photos, with vectors. You can replace each part by a function with the same input and output.

    A face is *too small* with fewer pixels between its eyes than ``smallest``. It is *too turned* where the nose lies
    further to one side of the middle between eyes and mouth than ``turned`` eye distances. It is *uncertain* where the
    mean confidence of its landmarks is below ``sure``.
    """

    detect: Detector  # boxes in the course's convention
    find_landmarks: FindLandmarks
    embed: Embed
    network: str  # the fingerprint of what makes the vectors, for the gallery
    smallest: float = 10.0  # pixels
    turned: float = 0.4
    sure: float = 0.1

    def __call__(self, photos: Iterable[Tensor]) -> list[list[FoundFace]]:
        """The faces of each photo uint8 ``(3, H, W)``, each of its own size; the surest first."""
        photos, found = iter(photos), []
        while some := list(islice(photos, PHOTOS)):
            found += self._faces(some)
        return found

    def _faces(self, photos: list[Tensor]) -> list[list[FoundFace]]:
        detections = list(self.detect(photos))
        landmarks = [
            _usable(self.find_landmarks(photo, found.boxes), found.boxes)
            for photo, found in zip(photos, detections, strict=True)
        ]
        crops = [upright(photo, marks.points) for photo, marks in zip(photos, landmarks)]
        vectors = self.embed(torch.cat(crops)).split([len(part) for part in crops])  # of all photos at once
        return [
            [
                FoundFace(box, score, points, vector, self._doubt(points, confidence.mean().item()))
                for box, score, points, confidence, vector in zip(
                    found.boxes, found.scores.tolist(), *marks, of_photo, strict=True
                )
            ]
            for found, marks, of_photo in zip(detections, landmarks, vectors)
        ]

    def _doubt(self, points: Tensor, confidence: float) -> str | None:
        left, right, nose = points[:3]
        eyes = right - left
        apart = eyes.norm().item()
        if apart < self.smallest:
            return "too small"
        middle = (points[:2].mean(0) + points[3:].mean(0)) / 2
        if abs(((nose - middle) @ eyes).item()) > self.turned * apart**2:
            return "too turned"
        return "uncertain" if confidence < self.sure else None


def _usable(landmarks: Landmarks, boxes: Tensor) -> Landmarks:
    """Landmarks that are NaN or lie all in one place become those of any face in the box, with confidence 0."""
    points, confidence = landmarks
    fine = (points - points.mean(1, keepdim=True)).abs().amax((1, 2)) > 0
    anywhere = boxes[:, None, :2] + torch.tensor(IN_BOX) * (boxes[:, None, 2:] - boxes[:, None, :2])
    return Landmarks(torch.where(fine[:, None, None], points, anywhere), confidence * fine[:, None])


def upright(photo: Tensor, landmarks: Tensor) -> Tensor:
    """The faces of a photo by landmarks ``(N, 5, 2)``, put upright: tight crops, float ``(N, 3, 100, 83)``."""
    to_crop = geometry.similarity(landmarks, geometry.TIGHT.landmarks, refuse_mirrored=False)
    return geometry.warp(photo.expand(len(landmarks), -1, -1, -1), to_crop, geometry.TIGHT.size)


def load_pipeline(trained_on: str = "synthetic", threshold: float = 0.5, **limits: float) -> Pipeline:
    """The course's own networks, on the CPU: ``"synthetic"`` (MIT) or ``"celeba"`` (real people; research only).

    ``trained_on`` may also be the file of a face network, which then makes the vectors. ``threshold`` is the
    detector's; ``limits`` are ``smallest``, ``turned`` and ``sure`` of :class:`Pipeline`.
    """
    recogniser, base = face_net(trained_on)
    detector = detect.load_detector(DETECTORS[base], threshold=threshold)
    aligner = align.load_landmark_net("hourglass", base)
    to_course, size = detect.TO_WIDER.inverse(), list(recogniser.settings["image_size"])
    return Pipeline(
        partial(_in_course_boxes, detector, to_course),
        lambda photo, boxes: align.find_landmarks(aligner, photo.expand(len(boxes), -1, -1, -1), boxes),
        lambda crops: recognize.embed(recogniser, V.resize(crops, size), mirror=True),
        gallery.fingerprint(recogniser),
        **limits,
    )


def verify(
    first: str | Path | Tensor, second: str | Path | Tensor, fpr: float = 0.01, trained_on: str = "celeba"
) -> Verdict:
    """Do two photos, files or uint8 ``(3, H, W)``, show the same person? Each has to show one face.

    Drawn strangers give the threshold: a share ``fpr`` of them is more similar to the first face.

    Raises:
        ValueError: a photo shows no face, or one that should get no name; the message says which and why.
    """
    run = load_pipeline(trained_on)
    photos = {"the first photo": first, "the second photo": second}
    found = run(photo if isinstance(photo, Tensor) else read_image(Path(photo)) for photo in photos.values())
    for (name, photo), faces in zip(photos.items(), found):
        if why := why_not(faces):
            raise ValueError(
                f"{name if isinstance(photo, Tensor) else photo}: {why}; take one that shows one face well"
            )
    one = gallery.Gallery(run.network, load_strangers(trained_on).draw(), fpr)
    one.enrol("first", found[0][0].vector[None])
    match = one.identify(found[1][0].vector[None])[0]
    return Verdict(match.name is not None, match.score, one.threshold)


def why_not(faces: Sequence[FoundFace]) -> str | None:
    """Why a photo is of no use for one person; None where it shows one face, and well."""
    return "no face" if not faces else f"{len(faces)} faces" if len(faces) > 1 else faces[0].doubt


def load_strangers(trained_on: str = "synthetic") -> gallery.Strangers:
    """The strangers that go with a network of :func:`load_pipeline`; for a network's file they lie beside it."""
    known = trained_on in DETECTORS
    path = weights.path_of(f"strangers_{trained_on}") if known else strangers_file(trained_on)
    return weights.load(path, lambda about: gallery.Strangers(int(about["dim"])), "strangers")


def strangers_file(network: str | Path) -> Path:
    """Where the strangers of a network's file are kept: beside it."""
    return Path(network).with_name(f"{Path(network).stem}_strangers.safetensors")


def face_net(trained_on: str) -> tuple[recognize.Backbone, str]:
    """The network, and which of the course's detectors and aligners goes with it."""
    if trained_on in DETECTORS:
        return recognize.load_face_net(trained_on=trained_on), trained_on
    if not Path(trained_on).is_file():
        raise ValueError(f"trained_on={trained_on!r} is none of {', '.join(DETECTORS)}, and no file of a face network")
    about = weights.read(Path(trained_on))[1]
    return recognize.load_face_net(trained_on), "synthetic" if about.get("data") == "synthetic" else "celeba"


def _in_course_boxes(detector: Detector, to_course: detect.BoxShift, photos: Iterable[Tensor]) -> list[Detections]:
    return [to_course(found) for found in detector(photos)]
