"""Real portraits cut out by their landmarks, on painted shoulders: people to paste whom a camera has seen."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageChops, ImageDraw, ImageFilter
from torch import Tensor

from dlsfaces import geometry, rng
from dlsfaces.data.celeba500 import read_landmarks
from dlsfaces.data.compose.cutouts import Cutout
from dlsfaces.data.images import FileReader, find_broken
from dlsfaces.data.records import UNKNOWN, FaceSet

TABLE = "landmarks.csv"  #: the landmarks of a folder of portraits, see :func:`from_folder`
# All in eye distances from the middle between the eyes, y down.
_HEAD = (0.0, -0.02, 1.38, 1.98)  # an oval's middle and half its sides: crown to chin, hair included
_NECK = (0.62, 1.0, 2.1, 0.4)  # half its width, where it begins and ends, and how far the collar hangs below
_CORE = (0.2, 1.18, 1.65)  # an oval that is face and neck for sure: its middle's height and half its sides
_ABOVE, _BELOW, _BESIDE = 2.3, 4.4, 3.0  # what a cutout shows
_SHOULDERS = ((0.66, 2.05), (1.0, 2.35), (1.75, 2.62), (2.15, 2.95), (2.32, 3.6), (2.32, 5.0))  # half the outline
_SOFT = 0.07  # the edge's blur
_FEW = 8  # eyes closer than so many pixels show no face
_SHOULDER_SEED = 31


@dataclass(frozen=True, eq=False)
class Portraits:
    """A bank of cutouts, as :class:`~dlsfaces.data.compose.cutouts.Cutouts`, made from a set when asked for.

    The head's outline is an oval that follows the eyes, so that a little of the portrait's own background stays between
    hair and oval: real faces in real light, in a rougher frame than the rendered people's.

    Args:
        faces: portraits with landmarks, such as ``data.load("celeba500", framing="loose")``.
    Raises:
        ValueError: no portrait of the set has usable landmarks.
    """

    faces: FaceSet

    def __post_init__(self) -> None:
        if len(self._usable) == 0:
            raise ValueError(
                f"{self.faces!r} has no landmarks, by which its faces could be cut out; use a set that has them, such "
                "as data.load('celeba500', framing='loose')"
            )
        if self.faces.framing != "loose":
            raise ValueError(f"{self.faces!r} is cut too closely to hold a whole head; load it with framing='loose'")

    @functools.cached_property
    def _usable(self) -> list[int]:
        """The portraits whose eyes are known, and far enough from each other."""
        if self.faces.landmarks is None:
            return []
        across = self.faces.landmarks[:, 1] - self.faces.landmarks[:, 0]
        known = ~self.faces.landmarks.isnan().flatten(1).any(1)
        return (known & (across.norm(dim=1) >= _FEW) & (across[:, 0] > 0)).nonzero()[:, 0].tolist()

    def __len__(self) -> int:
        return len(self._usable)

    @property
    def identities(self) -> Tensor:
        """int64 ``(N,)``."""
        return self.faces.identities[self._usable]

    @property
    def faces_us(self) -> Tensor:
        """bool ``(N,)``: all do."""
        return torch.ones(len(self), dtype=torch.bool)

    def get(self, index: int, eyes: float = math.inf) -> Cutout:
        """A cutout, as a bank of rendered people gives it; always in the portrait's own size, whatever is asked for."""
        number = self._usable[index]
        landmarks = self.faces.landmarks[number].float()
        across = landmarks[1] - landmarks[0]
        eyes = float(across.norm())  # it has only this size
        middle = landmarks[:2].mean(0)
        tilt = torch.rad2deg(torch.atan2(across[1], across[0]))
        portrait = Image.fromarray(self.faces.read([number], None)[0].permute(1, 2, 0).numpy())
        size = (round(2 * _BESIDE * eyes), round((_ABOVE + _BELOW) * eyes))
        origin = torch.tensor([size[0] / 2, _ABOVE * eyes]).round()
        corner = (origin - middle).round()  # whole pixels, so that the portrait is not resampled
        at = tuple((middle + corner).tolist())
        image = _shoulders(size, at, eyes, rng.Dice(_SHOULDER_SEED, number), portrait)
        shape = _head(size, at, eyes, float(tilt))
        held = Image.new("L", size)
        left, top = corner.int().tolist()
        held.paste(_unlike_background(portrait, tuple(middle.tolist()), eyes), (left, top))
        held = ImageChops.multiply(held, _faded(size, (left, top), portrait.size, eyes))
        over = Image.new("RGB", size)
        over.paste(portrait, (left, top))
        over.putalpha(ImageChops.multiply(shape, held))
        image.alpha_composite(over)
        identity = int(self.faces.identities[number])
        return Cutout(image, landmarks + corner, torch.ones(5, dtype=torch.bool), identity, eyes)


def _head(size: tuple[int, int], at: tuple[float, float], eyes: float, tilt: float) -> Image.Image:
    """The soft outline of head and neck: Pillow's L."""
    shape = Image.new("L", size)
    draw = ImageDraw.Draw(shape)
    x, y, wide, high = _HEAD
    draw.ellipse(_around(at, eyes, x, y, wide, high), 255)
    half, top, bottom, hanging = _NECK
    draw.rectangle(_around(at, eyes, 0, (top + bottom) / 2, half, (bottom - top) / 2), 255)
    draw.ellipse(_around(at, eyes, 0, bottom, half, hanging), 255)
    shape = shape.rotate(-tilt, Image.Resampling.BILINEAR, center=at)
    return shape.filter(ImageFilter.BoxBlur(_SOFT * eyes)).filter(ImageFilter.BoxBlur(_SOFT * eyes))


def _faded(size: tuple[int, int], corner: tuple[int, int], held: tuple[int, int], eyes: float) -> Image.Image:
    """All where the portrait, ``held`` wide and high, lies, and less and less towards its edges: Pillow's L."""
    inside = Image.new("L", size)
    inside.paste(255, (*corner, corner[0] + held[0], corner[1] + held[1]))
    return inside.filter(ImageFilter.BoxBlur(_SOFT * eyes)).point([max(0, 2 * k - 255) for k in range(256)])


def _around(at: tuple[float, float], eyes: float, x: float, y: float, wide: float, high: float) -> list[float]:
    """The box of an oval or a rectangle, from its middle and half its sides."""
    left, top, right, bottom = x - wide, y - high, x + wide, y + high
    return [at[0] + left * eyes, at[1] + top * eyes, at[0] + right * eyes, at[1] + bottom * eyes]


def _unlike_background(portrait: Image.Image, middle: tuple[float, float], eyes: float) -> Image.Image:
    """How little each pixel looks like what is at the portrait's sides, where that is plain and light: L.

    A white wall between hair and oval would be seen from afar. Face and neck stay whole, whatever their colour.
    """
    pixels = np.asarray(portrait, dtype=np.float32)
    high, wide = pixels.shape[:2]
    rows, strip = slice(0, max(1, high // 2)), max(1, wide // 16)
    alpha = np.ones((high, wide), np.float32)
    for side in (pixels[rows, :strip], pixels[rows, -strip:]):
        wall, rough = np.median(side, (0, 1)), side.std((0, 1)).mean()
        plain = (1.5 - rough / 30).clip(0, 1) * ((wall.mean() - 90) / 50).clip(0, 1)  # dark, it could be hair
        unlike = (2 * np.abs(pixels - wall).max(2) / (18 + 1.5 * rough) - 1).clip(0, 1)
        alpha *= 1 - plain * (1 - unlike)
    kept = Image.fromarray((255 * alpha).astype(np.uint8)).filter(ImageFilter.BoxBlur(1))
    y, across, down = _CORE
    core = Image.new("L", portrait.size)
    ImageDraw.Draw(core).ellipse(_around(middle, eyes, 0, y, across, down), 255)
    kept.paste(255, (0, 0), core.filter(ImageFilter.BoxBlur(_SOFT * eyes)))
    return kept


def _shoulders(
    size: tuple[int, int], at: tuple[float, float], eyes: float, dice: rng.Dice, portrait: Image.Image
) -> Image.Image:
    """A plain pullover in a colour of its own, as light as the portrait: RGBA."""
    mask = Image.new("L", (2 * size[0], 2 * size[1]))
    outline = [(at[0] + side * x * eyes, at[1] + y * eyes) for side in (1, -1) for x, y in _SHOULDERS[::side]]
    ImageDraw.Draw(mask).polygon([(2 * x, 2 * y) for x, y in outline], 255)
    mask = mask.resize(size, Image.Resampling.BOX).filter(ImageFilter.BoxBlur(0.03 * eyes))
    light = np.asarray(portrait.resize((1, 1), Image.Resampling.BOX)).mean() / 255
    colour = np.array([dice(0.25, 1.0) for _ in range(3)]) * (0.3 + light) * dice(0.4, 1.2)
    x = (np.arange(size[0]) + 0.5 - at[0]) / (2.32 * eyes)
    shade = 0.55 + 0.45 * np.sqrt(np.clip(1 - x * x, 0, 1))
    row = (255 * shade[:, None] * colour).clip(0, 255).astype(np.uint8)
    image = Image.fromarray(np.broadcast_to(row, (size[1], *row.shape)).copy())
    image.putalpha(mask)
    return image


def from_folder(folder: Path) -> FaceSet:
    """Portraits in a folder, ``person/photo.jpg`` or ``photo.jpg`` of somebody unknown, by tables of their landmarks.

    A ``landmarks.csv`` lies beside the photos that it names. Its columns are name, confidence, box (4 numbers) and five
    landmarks (10), with a header line. Photos that it leaves out, or whose landmarks it leaves empty, are not used.

    Raises:
        FileNotFoundError: no such folder, no table in it, or no photo that a table names.
        ValueError: a table is damaged, or none names a photo with landmarks.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"faces={str(folder)!r} is no folder; it takes 'synthetic', a FaceSet, or a folder")
    tables = [table for table in (folder / TABLE, *sorted(folder.glob(f"*/{TABLE}"))) if table.is_file()]
    if not tables:
        raise FileNotFoundError(f"{folder} has no {TABLE}, by which its faces could be cut out; see data.scenes")
    known = {
        str((table.parent / name).relative_to(folder)): points
        for table in tables
        for name, points in read_landmarks(table).items()
        if not math.isnan(sum(points))
    }
    paths = [folder / name for name in known]
    if missing := [path for path in paths if not path.is_file()]:
        raise FileNotFoundError(f"a {TABLE} names {len(missing)} photos that are not there, such as {missing[0]}")
    if not paths:
        raise ValueError(f"no {TABLE} in {folder} names a photo with landmarks")
    broken = find_broken(paths, folder, folder.name)
    sound = [name for name, path in zip(known, paths) if path not in broken]
    of = [Path(name).parent.name for name in sound]  # empty where the photo lies beside the people's folders
    persons = sorted(set(of) - {""})
    identities = [persons.index(person) if person else UNKNOWN for person in of]
    return FaceSet(
        folder.name,
        "train",
        "loose",
        sound,
        torch.tensor(identities, dtype=torch.int64),
        persons,
        FileReader([folder / name for name in sound]),
        geometry.LOOSE.size,
        torch.tensor([known[name] for name in sound], dtype=torch.float32).view(-1, 5, 2),
        skipped=[path.name for path in paths if path in broken],
    )
