"""The affine camera that shows the mean face as a photo shows a person.

Taigman, Yang, Ranzato, Wolf 2014, "DeepFace: Closing the Gap to Human-Level Performance in Face Verification", section
2.1.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from dlsfaces.align.shape3d import FIDUCIALS, mean_shape


def fit_camera(points: Tensor, covariance: Tensor | None = None) -> Tensor:
    """The affine cameras that explain the fiducials best, by generalised least squares (section 2.1, "3D alignment").

    Minimises ``r^T Sigma^-1 r`` with ``r = x_2d - X_3d vec(P)``. With Sigma's Cholesky factor ``L`` that is ordinary
    least squares of ``L^-1 x_2d`` on ``L^-1 X_3d``. Points that are not known are left out: their rows, and their rows
    and columns of Sigma.

    Args:
        points: ``(N, 68, 2)`` pixels in 300-W's order; NaN where a point is not known.
        covariance: ``(136, 136)`` of the points' errors ``x0, y0, x1, ...``, positive definite, in any scale; by
            default all err alike and on their own.
    Returns:
        ``(N, 2, 4)`` from ``(x, y, z, 1)`` of :func:`mean_shape` to pixels, in the type of ``points`` on its device.
    Raises:
        ValueError: infinite points, fewer than 4 known, known ones in one place, in a line, or on one plane of the
            face, from which no camera follows; names the faces by number. A covariance that is none.
    """
    known = _known(points)
    # 8 unknowns a face: on the CPU, which has float64 on every machine
    patterns, which = known.cpu().unique(dim=0, return_inverse=True)
    solvers = _solvers(_factor(covariance), patterns)
    given = torch.where(known[..., None], points, 0.0).cpu().double().view(-1, 2 * FIDUCIALS, 1)
    return (solvers[which] @ given).view(-1, 2, 4).to(points)


def _known(points: Tensor) -> Tensor:
    """Which points are known, bool ``(N, 68)``; refuses what no camera follows from."""
    if points.dim() != 3 or points.shape[1:] != (FIDUCIALS, 2) or not points.is_floating_point():
        raise ValueError(f"points must be floats (N, 68, 2) in 300-W's order, not {points.dtype} {tuple(points.shape)}")
    refuse(points.isinf().flatten(1).any(1), "infinite", "leave them out or make the points NaN")
    known = ~points.isnan().any(-1)
    refuse(known.sum(1) < 4, "fewer than 4 known", "an affine camera needs 4; leave such faces out")
    thin = _thickness(points, known) < 1e-4
    refuse(thin, "in one place or on a line", "they are no face's; leave such faces out")
    flat = _thickness(mean_shape()[:FIDUCIALS].to(points).expand(len(points), -1, -1), known) < 1e-3
    refuse(flat, "known on one plane of the face only", "know more of them, such as the tip of the nose")
    return known


def refuse(bad: Tensor, what: str, way_out: str) -> None:
    """Raise ``ValueError`` that names the faces, bool ``(N,)``, whose points are what they must not be."""
    if bad.any():
        rows = bad.nonzero()[:, 0].tolist()
        more = f" and {len(rows) - 5} more" if len(rows) > 5 else ""
        raise ValueError(f"points: those of face {', '.join(map(str, rows[:5]))}{more} are {what}; {way_out}")


def _thickness(points: Tensor, known: Tensor) -> Tensor:
    """The least extent of known points ``(N, 68, D)`` as a share of the greatest: 0 in a plane, a line or a place."""
    weight = known[..., None].to(points)
    points = torch.where(known[..., None], points, 0.0)
    centred = (points - points.sum(1, keepdim=True) / weight.sum(1, keepdim=True).clamp(min=1)) * weight
    extents = torch.linalg.svdvals(centred.cpu().double()).to(points)
    return extents[:, -1] / (extents[:, 0] + 1e-6 * (1 + points.abs().amax((1, 2))))


def _factor(covariance: Tensor | None) -> Tensor:
    """A checked covariance ``(136, 136)`` in float64 on the CPU."""
    many = 2 * FIDUCIALS
    if covariance is None:
        return torch.eye(many, dtype=torch.float64)
    if tuple(covariance.shape) != (many, many):
        raise ValueError(f"covariance must be ({many}, {many}), x and y of each point, not {tuple(covariance.shape)}")
    covariance = covariance.cpu().double()
    uneven = (covariance - covariance.T).abs().max() > 1e-4 * covariance.abs().max()
    if not covariance.isfinite().all() or uneven or torch.linalg.cholesky_ex(covariance).info > 0:
        raise ValueError("covariance is not symmetric and positive definite; fiducial_covariance(residuals) makes one")
    return covariance


def _solvers(covariance: Tensor, known: Tensor) -> Tensor:
    """What makes cameras of points, one matrix for each pattern of known points ``(U, 68)``: ``(U, 8, 136)``."""
    both = known.repeat_interleave(2, dim=1)
    # an unknown point is no longer tied to any other and, as its rows are 0, no longer asks for anything
    sigma = torch.where(both[:, :, None] & both[:, None], covariance, torch.eye(len(covariance)).double())
    place = F.pad(mean_shape()[:FIDUCIALS].double(), (0, 1), value=1.0)
    design = torch.einsum("ik,cd->icdk", place, torch.eye(2).double()).reshape(-1, 8) * both[..., None]
    rows = torch.cat((design, torch.diag_embed(both.double())), dim=2)
    white = torch.linalg.solve_triangular(torch.linalg.cholesky(sigma), rows, upper=False)
    return torch.linalg.lstsq(white[..., :8], white[..., 8:]).solution


def fiducial_covariance(residuals: Tensor, shrinkage: float = 0.05) -> Tensor:
    """The covariance of the points' errors, for :func:`fit_camera`.

    About zero, not about their mean: that a point lies off in the same way every time makes it no better. Shrunk
    towards equal, unrelated errors (Ledoit and Wolf 2004, "A well-conditioned estimator for large-dimensional
    covariance matrices", section 2), as few faces leave it singular.

    Args:
        residuals: ``(M, 68, 2)`` errors of one scale, such as pixels of aligned crops or shares of the eye distance.
        shrinkage: how far, above 0 and at most 1.
    Returns:
        ``(136, 136)``, positive definite.
    Raises:
        ValueError: another shape, residuals that are not finite or all 0, or another shrinkage.
    """
    if residuals.dim() != 3 or residuals.shape[1:] != (FIDUCIALS, 2) or len(residuals) == 0:
        raise ValueError(f"residuals must be (M, 68, 2) with M at least 1, not {tuple(residuals.shape)}")
    if not 0 < shrinkage <= 1:
        raise ValueError(f"shrinkage={shrinkage} must be above 0 and at most 1; 0.05 is a little")
    if not residuals.isfinite().all() or not residuals.any():
        raise ValueError("residuals are all 0, or some are not finite; give those of faces whose points are all known")
    rows = residuals.flatten(1)
    moments = rows.T @ rows / len(rows)
    return (1 - shrinkage) * moments + shrinkage * moments.trace() / len(moments) * torch.eye(len(moments)).to(moments)


def view_of(camera: Tensor) -> Tensor:
    """Where cameras ``(N, 2, 4)`` stand, as seen by the face: unit vectors ``(N, 3)``; from the front ``(0, 0, 1)``."""
    across, down = camera[..., :3].unbind(-2)
    return F.normalize(torch.linalg.cross(down, across), dim=-1)


def yaw_of(camera: Tensor) -> Tensor:
    """Degrees by which faces are turned in their cameras ``(N, 2, 4)``: ``(N,)``; positive: to the viewer's right."""
    return torch.rad2deg(torch.asin(-view_of(camera)[..., 0].clamp(-1, 1)))
