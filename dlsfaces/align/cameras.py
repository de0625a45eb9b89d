"""The affine camera that shows the mean face as a photo shows a person (Taigman et al. 2014, "DeepFace", 2.1)."""

import torch
from torch import Tensor
from torch.nn import functional as F

from dlsfaces.align.shape3d import FIDUCIALS, mean_shape


def fit_camera(points: Tensor, covariance: Tensor | None = None) -> Tensor:
    """The affine cameras ``(N, 2, 4)``, from ``(x, y, z, 1)`` of :func:`mean_shape` to pixels, that fit fiducials best.

    Generalised least squares (section 2.1, "3D alignment") minimise ``r^T Sigma^-1 r`` with ``r = x_2d - X_3d vec(P)``:
    with Sigma's Cholesky factor ``L`` these are ordinary least squares of ``L^-1 x_2d`` on ``L^-1 X_3d``. Points are
    ``(N, 68, 2)`` pixels in 300-W's order, finite and not on a line. Sigma is the covariance ``(136, 136)`` of their
    errors ``x0, y0, x1, ...`` in any scale; the identity by default.
    """
    if points.dim() != 3 or points.shape[1:] != (FIDUCIALS, 2):
        raise ValueError(f"points must be (N, 68, 2) in 300-W's order, not {tuple(points.shape)}")
    refuse(~points.isfinite().flatten(1).all(1), "NaN or infinite", "leave such faces out")
    place = F.pad(mean_shape()[:FIDUCIALS].double(), (0, 1), value=1.0)
    # one row for the x and one for the y of each point, one column for each number of the camera
    design = torch.einsum("ik,cd->icdk", place, torch.eye(2).double()).reshape(-1, 8)
    both = torch.cat((design, points.flatten(1).T.cpu().double()), dim=1)  # the CPU always has float64
    covariance = torch.eye(2 * FIDUCIALS) if covariance is None else covariance
    factor, failed = torch.linalg.cholesky_ex(covariance.cpu().double())
    if len(factor) != 2 * FIDUCIALS or failed:
        raise ValueError("covariance is not positive definite (136, 136); fiducial_covariance(residuals) makes one")
    white = torch.linalg.solve_triangular(factor, both, upper=False)
    camera = torch.linalg.lstsq(white[:, :8], white[:, 8:]).solution.T.view(-1, 2, 4)
    large, small = torch.linalg.svdvals(camera[..., :3]).unbind(-1)
    refuse(small <= 1e-4 * large + 1e-6, "in one place or on a line", "they are no face's; leave such faces out")
    return camera.to(points)


def refuse(bad: Tensor, what: str, way_out: str) -> None:
    """Raise ``ValueError`` that names the faces, bool ``(N,)``, whose points are bad."""
    if bad.any():
        rows = bad.nonzero()[:, 0].tolist()
        more = f" and {len(rows) - 5} more" if len(rows) > 5 else ""
        raise ValueError(f"points: those of face {', '.join(map(str, rows[:5]))}{more} are {what}; {way_out}")


def fiducial_covariance(residuals: Tensor, shrinkage: float = 0.05) -> Tensor:
    """The covariance ``(136, 136)`` of the points' errors ``(M, 68, 2)``, all in one scale, for :func:`frontalise`.

    About zero, as a constant error is an error, too. Shrunk towards equal, independent errors, since it is singular
    where faces are few (Ledoit and Wolf 2004, "A well-conditioned estimator", section 2).
    """
    if not residuals.isfinite().all() or not residuals.any():
        raise ValueError("residuals are all 0, or some are not finite; leave such faces out")
    rows = residuals.flatten(1)
    moments = rows.T @ rows / len(rows)
    return (1 - shrinkage) * moments + shrinkage * moments.trace() / len(moments) * torch.eye(len(moments)).to(moments)


def view_of(camera: Tensor) -> Tensor:
    """Where cameras ``(N, 2, 4)`` stand, as seen by the face: unit vectors ``(N, 3)``; from the front ``(0, 0, 1)``."""
    across, down = camera[..., :3].unbind(-2)
    return F.normalize(torch.linalg.cross(down, across), dim=-1)


def yaw_of(camera: Tensor) -> Tensor:
    """Degrees ``(N,)`` by which faces are turned in their cameras ``(N, 2, 4)``; positive: to the viewer's right."""
    return torch.rad2deg(torch.asin(-view_of(camera)[..., 0].clamp(-1, 1)))
