"""How far are found landmarks from the true ones? In float64 on the CPU."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dlsfaces import geometry
from dlsfaces.evaluate.pairs import Array

_EYES = {5: (0, 1), 68: (36, 45)}  # by how many landmarks there are; of 68 the eyes' outer corners


@dataclass(frozen=True)
class CumulativeErrors:
    """Cumulative error distribution: steps to ``share[i]`` of the faces with an error of at most ``error[i]``."""

    error: np.ndarray
    share: np.ndarray

    @property
    def area(self) -> float:
        """The area under the steps divided by the limit, in [0, 1]: the mean of ``1 - min(error / limit, 1)``."""
        return float(np.sum(self.share[:-1] * np.diff(self.error)) / self.error[-1])


@dataclass(frozen=True)
class LandmarkScore:
    """Errors as shares of the normaliser's length; faces without a known point count nowhere."""

    nme: float  # normalised mean error, over each face's known points, then over faces; infinity where one is infinite
    failure_rate: float  # share of the faces whose mean error exceeds the limit
    area: float  # of CumulativeErrors
    pck: float  # percentage of correct keypoints: share of all known points with an error of at most the limit
    per_landmark: np.ndarray  # mean error of each landmark over the faces that have it, (P,); NaN where none has
    per_face: np.ndarray  # mean error of each face over its known points, (N,); NaN where it has none


def landmark_score(
    predicted: Tensor, true: Tensor, *, normaliser: str | Tensor = "eyes", limit: float = 0.1
) -> LandmarkScore:
    """All measures of found landmarks at once. A face where nothing was found is a failure, and ``nme`` is infinite.

    Args:
        predicted: ``(N, P, 2)`` pixels; infinity where nothing was found.
        true: ``(N, P, 2)`` pixels, NaN where unknown.
        normaliser: ``"eyes"`` (their distance; of 68 the outer corners', Sagonas et al. 2013, "300 Faces in-the-Wild
            Challenge"), ``"box"`` (:func:`box_size`), or lengths in pixels ``(N,)``.
    """
    errors = landmark_errors(predicted, true, normaliser)
    per_face = errors.nanmean(1).numpy()
    curve = cumulative_error_curve(per_face, limit)
    found = per_face[~np.isnan(per_face)]
    return LandmarkScore(
        nme=float(found.mean()),
        failure_rate=float((found > limit).mean()),
        area=curve.area,
        pck=float((errors[~errors.isnan()] <= limit).double().mean()),
        per_landmark=errors.nanmean(0).numpy(),
        per_face=per_face,
    )


def cumulative_error_curve(errors: Sequence[float] | Array, limit: float = 0.1) -> CumulativeErrors:
    """Which share of the faces has at most which mean error ``(N,)``, with a step at each error up to the limit.

    The area is AUC of Yang et al. 2015, "An empirical study of recent face alignment methods". NaN is left out.
    """
    faces = np.asarray(errors, np.float64)
    if not 0 < limit < np.inf or faces.ndim != 1 or (faces < 0).any() or np.isnan(faces).all():
        raise ValueError(f"errors must be distances (N,), some known, and the limit {limit} above 0 and finite")
    faces = np.sort(faces[~np.isnan(faces)])
    error = np.unique(np.concatenate(([0, limit], faces[faces <= limit])))
    return CumulativeErrors(error, np.searchsorted(faces, error, side="right") / len(faces))


def box_size(landmarks: Tensor) -> Tensor:
    """Root of the area in pixels, ``(N,)``, of the smallest box around 68 landmarks, or of 5 landmarks' face box."""
    return _length(landmarks.detach().cpu().double(), "box")


def landmark_errors(predicted: Tensor, true: Tensor, normaliser: str | Tensor = "eyes") -> Tensor:
    """Each landmark's distance from the true one by the normaliser's length: float64 ``(N, P)``, NaN where unknown."""
    if predicted.shape != true.shape or true.dim() != 3 or true.shape[2] != 2 or 0 in true.shape:
        raise ValueError(f"predicted and true must be (N, P, 2), not {tuple(predicted.shape)} and {tuple(true.shape)}")
    predicted, true = (points.detach().cpu().double() for points in (predicted, true))
    known = ~true.isnan().any(2)
    lengths = _length(true, normaliser)
    for faces, message in (
        (true.isinf().any(2).any(1), "true: infinity (NaN is for unknown points)"),
        ((predicted.isnan().any(2) & known).any(1), "predicted: NaN (where nothing was found give infinity)"),
        (known.any(1) & ~(lengths.isfinite() & (lengths > 0)), "normaliser: not above 0 (leave such faces out)"),
    ):
        if faces.any():
            raise ValueError(f"{message} in face {int(faces.nonzero()[0])}")
    errors = torch.linalg.vector_norm(predicted - true, dim=2) / lengths[:, None]
    return errors.masked_fill(~known, torch.nan)


def _length(points: Tensor, normaliser: str | Tensor) -> Tensor:
    """What each face's errors are divided by, float64 ``(N,)``."""
    if not isinstance(normaliser, str):
        lengths = torch.as_tensor(normaliser).detach().cpu().double()
        if lengths.shape != points.shape[:1]:
            raise ValueError(f"normaliser: {len(points)} faces but lengths {tuple(lengths.shape)}; give each face one")
        return lengths
    if normaliser not in ("eyes", "box"):
        raise ValueError(f"normaliser={normaliser!r} is neither 'eyes' nor 'box' nor lengths (N,) in pixels")
    if points.dim() != 3 or points.shape[1] not in _EYES or points.shape[2] != 2:
        raise ValueError(f"landmarks must be (N, 5, 2) or (N, 68, 2), not {tuple(points.shape)}; or give lengths (N,)")
    if normaliser == "eyes":
        left, right = _EYES[points.shape[1]]
        return torch.linalg.vector_norm(points[:, left] - points[:, right], dim=1)
    # of 5 landmarks 3.19 eye distances
    box = geometry.face_box(points) if points.shape[1] == 5 else torch.cat((points.amin(1), points.amax(1)), 1)
    return (box[:, 2:] - box[:, :2]).prod(1).sqrt()
