"""How many faces does a detector find, and how often does it see one where there is none? In float64 on the CPU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torchvision.ops import box_iou

from dlsfaces.evaluate.bootstrap import person_bootstrap


@dataclass(frozen=True)
class Matches:
    """The detections in all photos by descending score, without those that lie on faces to be ignored."""

    score: np.ndarray  # (D,) float64
    hit: np.ndarray  # whether it found a face that nothing with a higher score had found, (D,)
    photo: np.ndarray  # its photo's number, (D,)
    faces: np.ndarray  # how many there are to find in each photo, (photos,)


@dataclass(frozen=True)
class DetectionScore:
    """Point ``i`` of the curves is about all detections that score at least ``thresholds[i]``, the highest first."""

    average_precision: float  # area under the precision-recall curve once no precision is below one to its right
    precision: np.ndarray  # share of the detections that are right
    recall: np.ndarray  # share of the faces that are found
    thresholds: np.ndarray  # the distinct scores: no threshold lies between equal ones
    false_positives: np.ndarray  # false alarms in all photos
    faces: int  # without those to be ignored
    matches: Matches

    def detection_rate(self, false_positives: float = 50) -> float:
        """The largest recall with at most so many false alarms in all photos (Viola and Jones 2001, table 3)."""
        if not false_positives >= 0:
            raise ValueError(f"false_positives={false_positives} is a count over all photos: give 0 or more")
        points = int(np.searchsorted(self.false_positives, false_positives, side="right"))
        return float(self.recall[points - 1]) if points else 0.0


def detection_score(
    boxes: Sequence[Tensor],
    scores: Sequence[Tensor],
    faces: Sequence[Tensor],
    ignored: Sequence[Tensor] | None = None,
    iou_threshold: float = 0.5,
) -> DetectionScore:
    """Average precision and its curve, with detections matched as COCO does (Lin et al. 2014).

    In the order of their scores, each detection takes the free face with the highest intersection over union (IoU) at
    or above the threshold; a face counts once. A second detection of it is a false alarm (Everingham et al. 2010, "The
    PASCAL visual object classes challenge"). Faces to be ignored, such as tiny ones, need not be found, and any number
    of detections may lie on them.

    Args:
        boxes: found boxes of each photo, ``(N, 4)``: x1, y1, x2, y2 in pixels, with x2 - x1 as the width.
        scores: how sure each is, ``(N,)``; of one photo's equal scores the first takes its face first.
        faces: true boxes of each photo, ``(F, 4)``.
        ignored: Boolean ``(F,)`` of each photo; without it every face is to be found.
    """
    if not 0 < iou_threshold <= 1:
        raise ValueError(f"iou_threshold={iou_threshold} is not above 0 and at most 1")
    if ignored is None:
        ignored = [torch.zeros(len(true), dtype=torch.bool) for true in faces]
    if not len(boxes) == len(scores) == len(faces) == len(ignored):
        counts = f"{len(boxes)} boxes, {len(scores)} scores, {len(faces)} faces, {len(ignored)} ignored"
        raise ValueError(f"give one item a photo of each, not {counts}")
    photos = [_checked(number, *photo) for number, photo in enumerate(zip(boxes, scores, faces, ignored))]
    to_find = np.array([int((~photo[3]).sum()) for photo in photos], np.int64)
    if not to_find.sum():
        raise ValueError(f"faces: none to find in {len(photos)} photos; give photos with a face that is not ignored")
    matched = [_match(*photo, iou_threshold) for photo in photos]
    score, hit, counts = (np.concatenate(parts) for parts in zip(*matched))
    photo = np.repeat(np.arange(len(photos)), [len(parts[0]) for parts in matched])[counts]
    order = np.argsort(-score[counts], kind="stable")
    matches = Matches(score[counts][order], hit[counts][order], photo[order], to_find)
    return _score(matches, np.ones(len(photos), np.int64))


def detection_score_interval(score: DetectionScore, *, false_positives: float = 50, **options: float) -> np.ndarray:
    """Intervals of the average precision and of the detection rate, float64 ``(2, 2)``, by resampling photos.

    One photo's detections stand and fall together, so photos are what :func:`person_bootstrap` draws here; options are
    its own. As many photos are drawn as there are, so the same number of false alarms is allowed.
    """
    score.detection_rate(false_positives)  # refuses what is no count

    def measure(drawn: np.ndarray) -> tuple[float, float]:
        if not drawn @ score.matches.faces:
            return np.nan, np.nan
        found = _score(score.matches, drawn)
        return found.average_precision, found.detection_rate(false_positives)

    return person_bootstrap(measure, len(score.matches.faces), **options)


def _score(matches: Matches, drawn: np.ndarray) -> DetectionScore:
    """The score as if each photo were there so many times, ``(photos,)`` integers."""
    ascending, times = np.unique(matches.score, return_counts=True)
    last = np.cumsum(times[::-1]) - 1  # of each run of equal scores
    weight, faces = drawn[matches.photo], int(drawn @ matches.faces)
    hits, alarms = (np.cumsum(weight * kind)[last] for kind in (matches.hit, ~matches.hit))
    precision, recall = hits / np.maximum(hits + alarms, 1), hits / faces
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    area = float(np.sum(np.diff(recall, prepend=0) * envelope))
    return DetectionScore(area, precision, recall, ascending[::-1], alarms, faces, matches)


def _match(
    boxes: Tensor, scores: Tensor, faces: Tensor, ignored: Tensor, threshold: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of one photo: the scores, whether each detection found a face, and whether it counts; all ``(N,)``."""
    overlap = box_iou(boxes, faces).numpy()  # of two boxes without area NaN, which reaches no threshold
    free, beside = overlap[:, ~ignored.numpy()], overlap[:, ignored.numpy()]
    hit = np.zeros(len(boxes), bool)
    near = (free >= threshold).any(1)
    for number in np.argsort(-scores.numpy(), kind="stable"):
        if near[number] and free[number].max() >= threshold:
            hit[number] = True
            free[:, free[number].argmax()] = 0  # found once, free no more
    return scores.numpy(), hit, hit | ~(beside >= threshold).any(1)


def _checked(number: int, *photo: Tensor) -> list[Tensor]:
    """Boxes, scores, faces and ignored of one photo on the CPU, numbers in float64; ``ValueError`` where wrong."""
    boxes, scores, faces, ignored = (torch.as_tensor(values).detach().cpu() for values in photo)
    for name, values, shape in (
        ("boxes", boxes, (len(boxes), 4)),
        ("scores", scores, (len(boxes),)),
        ("faces", faces, (len(faces), 4)),
        ("ignored", ignored, (len(faces),)),
    ):
        if values.shape != shape:
            raise ValueError(f"{name} of photo {number} must be {shape}, not {tuple(values.shape)}")
    boxes, scores, faces = boxes.double(), scores.double(), faces.double()
    if scores.isnan().any():
        raise ValueError(f"scores of photo {number}: NaN has no place in their order; leave such detections out")
    if ignored.dtype != torch.bool:
        raise ValueError(f"ignored of photo {number} must be Boolean, not {ignored.dtype}")
    for name, values in (("boxes", boxes), ("faces", faces)):
        if not values.isfinite().all() or (values[:, 2:] < values[:, :2]).any():
            raise ValueError(f"{name} of photo {number} must be finite x1, y1, x2, y2 with x1 <= x2 and y1 <= y2")
    return [boxes, scores, faces, ignored]
