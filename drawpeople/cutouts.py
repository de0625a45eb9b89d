"""People to paste into photos: an image, how much of each pixel they cover, and what is known of the face."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from tqdm.auto import tqdm

from drawpeople.framing import LOOSE, Framing, face_box
from drawpeople.people import people, shots
from drawpeople.rendering import render

EYES = 40  #: pixels between the eyes of a cutout, seen from the front
_WIDE, _HIGH, _EYE_LINE = 8.8, 8.2, 0.415  # of a cutout in eye distances: the bust reaches its lower edge
_CHUNK = 16  # cutouts rendered at a time
_SOLID = 250  # covered so far that no background shows
_MORE_THAN_A_TRACE = [0] * 4 + [255] * 252
# The photo's own camera takes them; the hand that a person holds before the face has no arm to belong to.
_CUT_OUT = {
    "shift_x": 0,
    "shift_y": 0,
    "scale": 1,
    "hand": 0,
    "blur": 0,
    "shake": 0,
    "noise": 0,
    "vignette": 0,
    "jpeg": 100,
    "low_resolution": 0,
    "back_kind": 0,
    "back_contrast": 0,
    "back_colour": 0,
    "back_light": 0.5,
}
_STUDIO_LIGHT = {"light_hardness": 0, "light_fill": 0.5, "ambient": 0.9, "sunglasses": 0, "mask": 0, "hat": 0}


@dataclass(frozen=True, eq=False)
class Cutout:
    """A person to paste.

    Attributes:
        image: Pillow's RGBA; alpha is how much of a pixel the person covers. The last row belongs to the bust.
        landmarks, visibility: float32 ``(5, 2)`` in pixels of ``image``, bool ``(5,)``.
        identity: the person's number, or -1.
        eyes: the distance between the eyes as it would be seen from the front, in pixels.
        faces_us: False for people who are seen from behind, and have no face in the photo.
    """

    image: Image.Image
    landmarks: Tensor
    visibility: Tensor
    identity: int
    eyes: float
    faces_us: bool = True

    @property
    def box(self) -> Tensor:
        """The face's box ``(4,)``."""
        return face_box(self.landmarks)

    def scaled(self, factor: float) -> Cutout:
        """The cutout in another size. The scale is exact: what does not fill a pixel at the right or below is cut."""
        width, height = (max(1, int(side * factor + 1e-6)) for side in self.image.size)
        box = (0, 0, min(self.image.width, width / factor), min(self.image.height, height / factor))
        image = self.image.resize((width, height), Image.Resampling.BILINEAR, box)
        return replace(self, image=image, landmarks=self.landmarks * factor, eyes=self.eyes * factor)

    def cropped(self) -> Cutout:
        """The cutout without the columns and rows that show nothing of the person; the last row stays."""
        box = self.image.getchannel("A").point(_MORE_THAN_A_TRACE).getbbox()
        if box is None:
            raise ValueError("the cutout covers nothing; leave it out")
        left, top, right, _ = box
        image = self.image.crop((left, top, right, self.image.height))
        return replace(self, image=image, landmarks=self.landmarks - torch.tensor([float(left), float(top)]))


@dataclass(frozen=True, eq=False)
class Cutouts:
    """Many rendered people, held as compressed files in memory.

    Attributes:
        files: uint8 ``(B,)``: of each cutout a JPEG of the colours and a PNG of the coverage, one behind the other.
        ends: int64 ``(N, 2)`` where each of them ends.
        landmarks, visibility: ``(N, 5, 2)`` pixels and bool ``(N, 5)``.
        identities: int64 ``(N,)``, -1 of those who are seen from behind.
        eyes: pixels between the eyes of a head seen from the front.
    """

    files: Tensor
    ends: Tensor
    landmarks: Tensor
    visibility: Tensor
    identities: Tensor
    faces_us: Tensor  # bool (N,)
    eyes: float

    def __len__(self) -> int:
        return len(self.ends)

    def __repr__(self) -> str:
        return f"Cutouts({len(self)} of {self.identities.unique().numel()} people, {len(self.files) / 2**20:.1f} MiB)"

    def get(self, index: int, eyes: float = math.inf) -> Cutout:
        """A cutout, at a half, quarter or eighth of its size where it still has ``eyes`` pixels between its eyes."""
        start = int(self.ends.view(-1)[2 * index - 1]) if index else 0
        middle, end = self.ends[index].tolist()
        blob = self.files[start:end].numpy().tobytes()
        halved = max(k for k in (1, 2, 4, 8) if k == 1 or eyes * k <= self.eyes)
        colours = Image.open(io.BytesIO(blob[: middle - start]))
        colours.draft("RGB", (-(-colours.width // halved), -(-colours.height // halved)))
        image = colours.convert("RGB")
        image.putalpha(Image.open(io.BytesIO(blob[middle - start :])).reduce(halved))
        return Cutout(
            image,
            self.landmarks[index] / halved,
            self.visibility[index],
            int(self.identities[index]),
            self.eyes / halved,
            bool(self.faces_us[index]),
        )


def bust(eyes: int = EYES) -> Framing:
    """Head and shoulders, with ``eyes`` pixels between the eyes; sides are multiples of 16, to be halved exactly."""
    width, height = (round(side * eyes / 16) * 16 for side in (_WIDE, _HIGH))
    (left, line), (right, _) = LOOSE.landmarks[:2]
    zoom = eyes / (right - left)
    places = [
        (width / 2 + zoom * (x - (left + right) / 2), _EYE_LINE * height + zoom * (y - line))
        for x, y in LOOSE.landmarks
    ]
    return Framing(f"bust{eyes}", width, height, tuple(places), (0.0, 0.0, float(width), float(height)))


def cut_out(
    identities: Tensor,
    numbers: Tensor,
    *,
    away: Tensor | None = None,
    style: str = "crowd",
    seed: int = 0,
    eyes: int = EYES,
) -> Cutouts:
    """Render people and cut them out.

    Args:
        identities, numbers: int64 ``(N,)``: who, and which shot of them.
        away: bool ``(N,)``, who is seen from behind; nobody where None.
        style: ``"crowd"``: any light, expression and hat, turned by up to 40 degrees; ``"studio"``: plain light,
            mild poses and expressions.
        seed: which population.
        eyes: pixels between the eyes.
    Raises:
        ValueError: an unknown style, or no people.
    """
    if style not in _STYLES:
        raise ValueError(f"style={style!r} is none of {', '.join(_STYLES)}")
    if len(identities) == 0:
        raise ValueError("no people to cut out; name at least one")
    away = torch.zeros_like(identities, dtype=torch.bool) if away is None else away
    frame, files, parts = bust(eyes), [], []
    with tqdm(total=len(identities), desc="rendering people to paste", unit=" people", leave=False, delay=2) as bar:
        for start in range(0, len(identities), _CHUNK):
            rows = slice(start, start + _CHUNK)
            dials = _STYLES[style](shots(identities[rows], numbers[rows], seed))
            dials["yaw"] = torch.where(away[rows], 180 + 0.8 * dials["yaw"], dials["yaw"])
            made = render(people(identities[rows], seed), dials, frame)
            for image, coverage in zip(_bleed(made.images, made.coverage), made.coverage):
                files += _compressed(image, coverage)
            parts.append((made.landmarks, made.visibility))
            bar.update(len(made.images))
    landmarks, visibility = (torch.cat(part) for part in zip(*parts))
    ends = torch.tensor([len(f) for f in files]).cumsum(0).view(-1, 2)
    joined = torch.frombuffer(bytearray(b"".join(files)), dtype=torch.uint8)
    return Cutouts(joined, ends, landmarks, visibility, torch.where(away, -1, identities), ~away, float(eyes))


def _crowd(dials: dict[str, Tensor]) -> dict[str, Tensor]:
    """The face's box follows the distance between the eyes, which a profile has none of: heads turn only so far."""
    turned = {"yaw": (0.8 * dials["yaw"]).clamp(-40, 40), "pitch": dials["pitch"].clamp(-15, 15)}
    return dials | turned | _all_alike(dials, _CUT_OUT)


def _studio(dials: dict[str, Tensor]) -> dict[str, Tensor]:
    mild = {name: 0.4 * dials[name] for name in ("yaw", "pitch", "roll", "light_azimuth")}
    mild["yaw"] = mild["yaw"].clamp(-25, 25)
    return dials | mild | _all_alike(dials, _STUDIO_LIGHT | _CUT_OUT)


_STYLES = {"crowd": _crowd, "studio": _studio}


def _all_alike(dials: dict[str, Tensor], values: dict[str, float]) -> dict[str, Tensor]:
    return {name: torch.full_like(dials["yaw"], value) for name, value in values.items()}


def _bleed(images: Tensor, coverage: Tensor) -> Tensor:
    """Let people's colours run over their edge, so that nothing of the background is pasted along with them.

    What is covered only in part, or not at all, gets the colour of what is near and covered.
    """
    solid = (coverage >= _SOLID).float()[:, None]
    painted = images * solid
    result = painted.sum((2, 3), keepdim=True) / solid.sum((2, 3), keepdim=True).clamp(min=1)
    for reach in (12, 4, 1):  # the nearer the better
        weight = F.avg_pool2d(solid, 2 * reach + 1, 1, reach)
        near = F.avg_pool2d(painted, 2 * reach + 1, 1, reach) / weight.clamp(min=1e-6)
        result = torch.where(weight > 1e-4, near, result)
    return torch.where(solid > 0, images, result.round().clamp(0, 255).to(torch.uint8))


def _compressed(image: Tensor, coverage: Tensor) -> tuple[bytes, bytes]:
    colours, alpha = io.BytesIO(), io.BytesIO()
    Image.fromarray(image.permute(1, 2, 0).numpy()).save(colours, "JPEG", quality=93, subsampling=0)
    Image.fromarray(np.ascontiguousarray(coverage.numpy())).save(alpha, "PNG", compress_level=6)
    return colours.getvalue(), alpha.getvalue()
