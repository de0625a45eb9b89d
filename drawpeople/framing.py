"""How much of a head an image shows, and where a face's box lies. Pixels throughout; a point is ``(x, y)``."""

from typing import NamedTuple

import torch
from torch import Tensor


class Framing(NamedTuple):
    """How much of the head a crop shows: its size in pixels and where an average face's landmarks lie in it."""

    name: str
    width: int
    height: int
    landmarks: tuple[tuple[float, float], ...]  # left eye, right eye, nose, left and right mouth corner
    in_loose: tuple[float, float, float, float]  # its box in an image of the loose framing

    @property
    def size(self) -> tuple[int, int]:
        """``(height, width)``."""
        return self.height, self.width

    @property
    def template(self) -> Tensor:
        """``landmarks`` as float32 ``(5, 2)``."""
        return torch.tensor(self.landmarks, dtype=torch.float32)


#: The aligned CelebA image (median landmarks of 12,000 photos): hair, chin, some background.
LOOSE = Framing("loose", 178, 218, ((70, 112), (109, 112), (89, 137), (72, 153), (107, 153)), (0.0, 0.0, 178.0, 218.0))

#: The box of the tight framing inside the loose one: brows to chin, ear to ear. Found by matching the mean of
#: faces that were cut so with crops of the mean loose one: they correlate to 0.997 here, to 0.84 4 pixels off.
TIGHT_IN_LOOSE = (44.0, 75.0, 127.0, 175.0)

#: Brows to chin: what face recognition is trained on.
TIGHT = Framing(
    "tight",
    83,
    100,
    tuple((x - TIGHT_IN_LOOSE[0], y - TIGHT_IN_LOOSE[1]) for x, y in LOOSE.landmarks),
    TIGHT_IN_LOOSE,
)


def five_of(landmarks: Tensor) -> Tensor:
    """The five landmarks ``(..., 5, 2)`` of five, or of 300-W's 68 ``(..., 68, 2)``.

    Of 68 an eye is the mean of its six points, the nose the tip (point 30), the mouth's corners are points 48 and 54.

    Raises:
        ValueError: neither 5 nor 68 landmarks.
    """
    if landmarks.shape[-2] == 5:
        return landmarks
    if landmarks.shape[-2] != 68:
        raise ValueError(f"landmarks {tuple(landmarks.shape)}: the five are known of 5 and of 68")
    eyes = [landmarks[..., k : k + 6, :].mean(-2, keepdim=True) for k in (36, 42)]
    return torch.cat((*eyes, landmarks[..., [30, 48, 54], :]), dim=-2)


def face_box(landmarks: Tensor) -> Tensor:
    """The course's face box from landmarks, after the CMU+MIT test set's own boxes.

    3.0 eye distances wide, 3.4 high, centred 0.43 eye distances below the eyes (along the face, so that a tilted
    face's box moves with its chin); the sides stay parallel to the photo's.

    Args:
        landmarks: ``(..., 5, 2)`` pixels, or ``(..., 68, 2)``.
    Returns:
        ``(..., 4)`` boxes.
    """
    landmarks = five_of(landmarks)
    left, right = landmarks[..., 0, :], landmarks[..., 1, :]
    across = right - left
    distance = across.norm(dim=-1, keepdim=True)
    down = torch.stack((-across[..., 1], across[..., 0]), dim=-1)  # across, turned by 90 degrees; same length
    centre = (left + right) / 2 + 0.43 * down
    half = distance * torch.tensor([1.5, 1.7], dtype=landmarks.dtype, device=landmarks.device)
    return torch.cat((centre - half, centre + half), dim=-1)
