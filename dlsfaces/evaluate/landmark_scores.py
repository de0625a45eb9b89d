"""What is said of landmark errors: means, failures, the cumulative curve, by another quantity, and how sure it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from torch import Tensor

from dlsfaces.evaluate.bootstrap import person_bootstrap
from dlsfaces.evaluate.cosines import Array
from dlsfaces.evaluate.landmarks import landmark_errors


@dataclass(frozen=True)
class CumulativeErrors:
    """Cumulative error distribution: float64 arrays of one length, from an error of 0 to the limit.

    The share ``share[i]`` of the faces has an error of at most ``error[i]``, and no more have one below
    ``error[i + 1]``: a step function, which ``drawstyle="steps-post"`` draws.
    """

    error: np.ndarray
    share: np.ndarray

    @property
    def area(self) -> float:
        """The area under the steps divided by the limit, in [0, 1]: the mean of ``1 - min(error / limit, 1)``."""
        return float(np.sum(self.share[:-1] * np.diff(self.error)) / self.error[-1])


@dataclass(frozen=True)
class LandmarkScore:
    """The result; errors are shares of the normaliser's length, and arrays are float64.

    Attributes:
        nme: normalised mean error, over each face's known points, then over faces; infinity where one is infinite.
        failure_rate: share of the faces whose mean error exceeds the limit.
        area: of :class:`CumulativeErrors`.
        pck: share of all faces' known points with an error of at most the limit (percentage of correct keypoints, Yang
            and Ramanan 2013, "Articulated human detection", who divide by the longer side of a box).
        per_landmark: mean error of each landmark over the faces that have it, ``(P,)``; NaN where none has.
        per_face: mean error of each face over its known points, ``(N,)``; NaN where it has none.
        faces: how many have a known point. The others count nowhere.
    """

    nme: float
    failure_rate: float
    area: float
    pck: float
    per_landmark: np.ndarray
    per_face: np.ndarray
    faces: int


class NmeBin(NamedTuple):
    """Mean error ``nme`` (NaN of no faces) of the ``faces`` from ``low`` up to, but without, ``high``."""

    low: float
    high: float
    nme: float
    faces: int


def cumulative_error_curve(errors: Sequence[float] | Array, limit: float = 0.1) -> CumulativeErrors:
    """Which share of the faces has at most which error: exact, with a step at each error up to the limit.

    The area under it is AUC of Yang et al. 2015, "An empirical study of recent face alignment methods". Unlike the mean
    error it is not swayed by how far off a failure is.

    Args:
        errors: mean error of each face, ``(N,)``, or of its landmarks, ``(N, P)``; what is NaN is left out.
        limit: errors above it are failures.
    Raises:
        ValueError: errors below 0 or of another shape, no face with a known one, a limit not above 0 and finite.
    """
    if not 0 < limit < np.inf:
        raise ValueError(f"limit={limit} is not above 0 and finite; it is a share of the normaliser's length")
    faces = _per_face("errors", errors)
    faces = np.sort(faces[~np.isnan(faces)])
    error = np.unique(np.concatenate(([0, limit], faces[faces <= limit])))
    return CumulativeErrors(error, np.searchsorted(faces, error, side="right") / len(faces))


def landmark_score(
    predicted: Tensor, true: Tensor, *, normaliser: str | Tensor = "eyes", limit: float = 0.1
) -> LandmarkScore:
    """All measures of found landmarks at once; arguments and errors of :func:`landmark_errors` and the curve's limit.

    Faces without a known point are left out. A face where nothing was found is not: it is a failure, and ``nme`` is
    infinite; give both scores, with and without such faces, rather than the one without.
    """
    errors = landmark_errors(predicted, true, normaliser).numpy()
    curve = cumulative_error_curve(errors, limit)
    per_face = _mean_of_known(errors, 1)
    found = per_face[~np.isnan(per_face)]
    return LandmarkScore(
        nme=float(found.mean()),
        failure_rate=float((found > limit).mean()),
        area=curve.area,
        pck=float((errors[~np.isnan(errors)] <= limit).mean()),
        per_landmark=_mean_of_known(errors, 0),
        per_face=per_face,
        faces=len(found),
    )


def nme_by(
    errors_per_face: Sequence[float] | Array, values: Sequence[float] | Array, edges: Sequence[float]
) -> list[NmeBin]:
    """Mean error in bins of something else, such as how far faces are turned, in degrees.

    Args:
        errors_per_face: as :func:`cumulative_error_curve` takes them.
        values: that something, ``(N,)``. Faces outside the bins, or of an unknown value (NaN), are in none.
        edges: ascending, at least two; the last bin holds its right edge too.
    Raises:
        ValueError: lengths that differ, edges that do not ascend, or errors that the curve would refuse.
    """
    errors = _per_face("errors_per_face", errors_per_face)
    values, edges = _float64(values), _float64(edges)
    if values.shape != errors.shape:
        raise ValueError(f"values: {len(errors)} faces have errors, but values are {values.shape}; give each face one")
    if edges.ndim != 1 or len(edges) < 2 or not (np.diff(edges) > 0).all():
        raise ValueError(f"edges={edges.tolist()} must be at least two, ascending")
    bins = []
    for low, high in pairwise(edges):
        below = (values < high) | ((values == high) & (high == edges[-1]))
        inside = errors[(low <= values) & below & ~np.isnan(errors)]
        bins.append(NmeBin(float(low), float(high), float(inside.mean()) if len(inside) else np.nan, len(inside)))
    return bins


def nme_interval(
    per_face: Sequence[float] | Array,
    people: Sequence[int] | Array | None = None,
    *,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> np.ndarray:
    """Bootstrap interval of the mean error: float64 ``(2,)``, low and high.

    Args:
        per_face: as :func:`cumulative_error_curve` takes them.
        people: who each face is, ``(N,)`` integers from 0; people are then resampled, else faces.
        level, resamples, seed: as :func:`person_bootstrap` takes them.
    Raises:
        ValueError: infinite errors, unknown people (below 0), fewer than two people, or what the curve or
            :func:`person_bootstrap` refuses.
    """
    errors = _per_face("per_face", per_face)
    if np.isinf(errors).any():
        raise ValueError(
            f"per_face: {np.isinf(errors).sum()} infinite errors, whose mean has no interval; np.minimum(per_face, "
            "limit) has one, which is that of (1 - area) * limit"
        )
    known = ~np.isnan(errors)
    number = _people_numbers(people, known)
    sums, counts = np.bincount(number, errors[known]), np.bincount(number)
    found = person_bootstrap(
        lambda drawn: [drawn @ sums / (drawn @ counts)], len(counts), level=level, resamples=resamples, seed=seed
    )
    return found[0]


def _per_face(name: str, errors: Sequence[float] | Array) -> np.ndarray:
    """Each face's mean error, float64 ``(N,)``; NaN where it has no known point."""
    values = _float64(errors)
    if values.ndim not in (1, 2):
        raise ValueError(f"{name} must be (N,), or (N, P), not {values.shape}")
    if (values < 0).any():
        raise ValueError(f"{name}: face {np.argwhere(values < 0)[0, 0]} has an error below 0; errors are distances")
    faces = values if values.ndim == 1 else _mean_of_known(values, 1)
    if np.isnan(faces).all():
        raise ValueError(f"{name}: no face has a known point; NaN is for points that nobody knows")
    return faces


def _people_numbers(people: Sequence[int] | Array | None, known: np.ndarray) -> np.ndarray:
    """Who each known face is, as numbers from 0 without gaps."""
    people = np.arange(len(known)) if people is None else people
    ids = np.asarray(people.cpu() if isinstance(people, Tensor) else people)
    if ids.shape != known.shape or ids.dtype.kind not in "iu":
        raise ValueError(f"people must be {len(known)} integers, one for each face, not {ids.dtype} {ids.shape}")
    if (ids[known] < 0).any():
        raise ValueError("people: an identity below 0 is an unknown person; leave such faces out")
    names, number = np.unique(ids[known], return_inverse=True)
    if len(names) < 2:
        raise ValueError("people: at least two (or two faces) are needed; the interval is about who else was drawn")
    return number


def _mean_of_known(errors: np.ndarray, axis: int) -> np.ndarray:
    """The mean of what is not NaN; NaN of nothing."""
    known = ~np.isnan(errors)
    count = known.sum(axis)
    return np.divide(np.where(known, errors, 0).sum(axis), count, out=np.full(count.shape, np.nan), where=count > 0)


def _float64(values: Sequence[float] | Array) -> np.ndarray:
    return np.asarray(values.detach().cpu().double() if isinstance(values, Tensor) else values, dtype=np.float64)
