"""How far are found landmarks from the true ones?

Landmarks are ``(N, P, 2)`` pixels of any floating type, on any device; all is measured in float64 on the CPU.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dlsfaces import geometry

_EYES = {5: (0, 1), 68: (36, 45)}  # by how many landmarks there are; of 68 the eyes' outer corners


def eye_distance(landmarks: Tensor) -> Tensor:
    """Distance between the eyes in pixels, ``(N,)``; NaN where one of them is unknown.

    Of 5 landmarks between their first two; of 68 between the outer corners, points 36 and 45 counted from 0 (Sagonas et
    al. 2013, "300 Faces in-the-Wild Challenge"). In profile it goes to 0, and errors divided by it grow.

    Raises:
        ValueError: neither 5 nor 68 landmarks.
    """
    points = _measurable(landmarks)
    left, right = _EYES[points.shape[1]]
    return torch.linalg.vector_norm(points[:, left] - points[:, right], dim=1)


def box_size(landmarks: Tensor) -> Tensor:
    """Square root of the area of the face's box in pixels, ``(N,)``; NaN where a point that it needs is unknown.

    Of 68 landmarks the box is the smallest that holds them. Of 5 it is :func:`dlsfaces.geometry.face_box`, 3.19 eye
    distances in size: errors are smaller by that factor, and no kinder to profiles.

    Raises:
        ValueError: neither 5 nor 68 landmarks.
    """
    points = _measurable(landmarks)
    if points.shape[1] == 5:
        box = geometry.face_box(points)
        return (box[:, 2:] - box[:, :2]).prod(1).sqrt()
    return (points.amax(1) - points.amin(1)).prod(1).sqrt()


def landmark_errors(predicted: Tensor, true: Tensor, normaliser: str | Tensor = "eyes") -> Tensor:
    """Distance of each found landmark from the true one, as a share of a length that belongs to the true face.

    Args:
        predicted: ``(N, P, 2)`` pixels; infinity where nothing was found, which is an infinite error.
        true: ``(N, P, 2)`` pixels, NaN where unknown.
        normaliser: ``"eyes"`` (:func:`eye_distance`) or ``"box"`` (:func:`box_size`) of ``true``, or pixels ``(N,)``.
    Returns:
        float64 ``(N, P)`` on the CPU; NaN where ``true`` is unknown.
    Raises:
        ValueError: shapes that do not match, no faces, NaN in ``predicted`` where ``true`` is known, infinity in
            ``true``, another normaliser, or a length of a face with known points that is not above 0 and finite.
    """
    if predicted.shape != true.shape or true.dim() != 3 or true.shape[2] != 2 or 0 in true.shape:
        shapes = f"{tuple(predicted.shape)} and {tuple(true.shape)}"
        raise ValueError(f"predicted and true must be (N, P, 2) both, with faces and points in them, not {shapes}")
    predicted, true = (points.detach().cpu().double() for points in (predicted, true))
    known = ~true.isnan().any(2)
    lengths = _lengths(true, normaliser)
    _refuse("true: infinity", true.isinf().flatten(1).any(1), "NaN is for unknown points")
    lost = (predicted.isnan().any(2) & known).any(1)
    _refuse("predicted: NaN for a known point", lost, "where nothing was found give infinity, which is a failure")
    bad = known.any(1) & ~((lengths > 0) & lengths.isfinite())
    name = f"{normaliser!r}" if isinstance(normaliser, str) else "lengths"
    _refuse(f"normaliser {name}: not above 0 and finite", bad, "give lengths (N,) in pixels, or leave such faces out")
    errors = torch.linalg.vector_norm(predicted - true, dim=2) / lengths[:, None]
    return errors.masked_fill(~known, torch.nan)


def _measurable(landmarks: Tensor) -> Tensor:
    """Landmarks of which it is known where a face's eyes are."""
    if landmarks.dim() != 3 or landmarks.shape[1] not in _EYES or landmarks.shape[2] != 2:
        raise ValueError(
            f"landmarks must be (N, 5, 2) or (N, 68, 2), not {tuple(landmarks.shape)}; errors of others can be divided "
            "by lengths (N,) of your own"
        )
    return landmarks.detach().cpu().double()


def _lengths(true: Tensor, normaliser: str | Tensor) -> Tensor:
    """What each face's errors are divided by, float64 ``(N,)``; not checked yet."""
    if isinstance(normaliser, str):
        if normaliser not in ("eyes", "box"):
            raise ValueError(f"normaliser={normaliser!r} is neither 'eyes' nor 'box' nor lengths (N,) in pixels")
        return eye_distance(true) if normaliser == "eyes" else box_size(true)
    lengths = torch.as_tensor(normaliser).detach().cpu().double()
    if lengths.shape != true.shape[:1]:
        raise ValueError(f"normaliser: {len(true)} faces but lengths {tuple(lengths.shape)}; give each face one")
    return lengths


def _refuse(what: str, bad: Tensor, way_out: str) -> None:
    """Raise ``ValueError`` where something is wrong with a face."""
    rows = bad.nonzero()[:, 0].tolist()
    if rows:
        more = f" and {len(rows) - 5} more" if len(rows) > 5 else ""
        raise ValueError(f"{what} in face {', '.join(map(str, rows[:5]))}{more}; {way_out}")
