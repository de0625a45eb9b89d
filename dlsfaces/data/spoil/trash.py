"""Sets with known defects: a share of the photos becomes trash, and the set says which and why.

What a chapter on cleaning a collection needs: it searches, and the answer is known.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor
from tqdm.auto import tqdm

from dlsfaces import geometry
from dlsfaces.data.records import FaceSet, Photo, Reader
from dlsfaces.data.spoil import defects
from dlsfaces.data.spoil.choice import KINDS, Choice, choose, number_of
from dlsfaces.data.spoil.defects import Change
from dlsfaces.data.spoil.no_faces import Nobodies, nobodies

TRASH = KINDS  #: the kinds of trash


def plant_trash(
    faces: FaceSet,
    rate: float = 0.2,
    mix: Mapping[str, float] | None = None,
    *,
    seed: int = 0,
    not_faces: str | Path | Sequence[Photo] | Sequence[Tensor] | None = None,
    strangers: FaceSet | None = None,
) -> FaceSet:
    """A set in which a share of the photos is trash, at most one defect each, and ``defects`` names it.

    The given set stays as it is; the photos are spoilt when they are read, alike at any size and in any order. What
    happens to a photo depends on the seed, its file's name, and the names in the set. Labels stay what they were. The
    kinds (``data.TRASH``):

    - ``"blurred"``: out of focus or shaken, see :data:`~dlsfaces.data.spoil.spoiling.DEFOCUS`;
    - ``"dark"``: underexposed by 3.5 to 5 stops, and noisy;
    - ``"occluded"``: a hand, paper, cloth, leaves or a thing before 40 to 70 % of the face box (of its part in the
      picture; of a face that is turned aside, of the box that it would have from the front);
    - ``"cropped"``: a third to a half of the face is in the picture, or only a cheek;
    - ``"not_a_face"``: nobody; landmarks unknown;
    - ``"wrong_identity"``: somebody else. Without ``strangers``, such photos change places, so that no picture is there
      twice; only what cannot change places, since too many are one person's, shows a clean photo of the set again;
    - ``"duplicate"``: another, clean picture of the same person once more: its very copy, or saved as JPEG, trimmed, or
      brightened (:data:`~dlsfaces.data.spoil.spoiling.COPIES`).

    Landmarks are those of the picture shown, also where they lie outside it, and ``visibility`` says which are seen
    (where the set has landmarks; what it does not say of a clean photo is taken as seen). ``origins``, and a photo's
    ``source.origin``, name the file whose picture is shown by a duplicate or a wrong identity.

    Args:
        rate: the share of all photos, in [0, 1); exact to rounding.
        mix: kind to weight; kinds not named are left out. All kinds equally where None. Exact to rounding.
        not_faces: what to show where there is no face: a folder of photos, or photos or images (uint8 ``(3, H, W)``)
            in a sequence such as a set; random crops of them are shown. Drawn things where None.
        strangers: other people, of the same framing, such as the distractors, to show as ``"wrong_identity"``.
    Raises:
        FileNotFoundError: ``not_faces`` is no folder.
        ValueError: a rate, a mix, or a set for which this cannot be done; the message says what can.
    """
    if strangers is not None and strangers.framing != faces.framing:
        raise ValueError(
            f"strangers have the framing {strangers.framing!r}, the faces {faces.framing!r}; load both in one framing"
        )
    chosen = choose(faces, rate, mix, seed, strangers)
    if not chosen:
        return replace(faces, defects=[()] * len(faces), origins=[""] * len(faces))
    nobody = nobodies(not_faces) if any(c.kind == "not_a_face" for c in chosen.values()) else None
    changes = {i: _change(faces, i, choice, seed, nobody, strangers) for i, choice in chosen.items()}
    truth = _Truth(faces)
    for i, change in tqdm(changes.items(), desc="planting trash", unit=" photos", leave=False, delay=2):
        truth.follow(i, change, strangers)
    return replace(
        faces,
        read=_Planted(faces.read, changes),
        landmarks=truth.landmarks,
        visibility=truth.visibility,
        photo_to_crop=truth.matrices,
        defects=[(chosen[i].kind,) if i in chosen else () for i in range(len(faces))],
        origins=[_origin(faces, chosen.get(i), strangers) for i in range(len(faces))],
    )


def _change(
    faces: FaceSet, i: int, choice: Choice, seed: int, nobody: Nobodies | None, strangers: FaceSet | None
) -> Change:
    """What is done to photo ``i`` when it is read."""
    parts, shows, native = (number_of(faces.files[i]), seed), choice.shows, faces.crop_size
    if choice.kind == "not_a_face":
        return defects.Nobody(index=None, parts=parts, native=native, shown=nobody)
    if choice.kind == "wrong_identity":
        if strangers is None:
            return defects.Change(index=shows)
        return defects.Stranger(index=shows, others=strangers.read, native=native)
    if choice.kind == "duplicate":
        return defects.duplicate(parts, shows, native)
    make = getattr(defects, choice.kind)
    return make(parts, i, _points(faces, i), native)


def _points(faces: FaceSet, i: int) -> Tensor:
    """Where the landmarks are ``(5, 2)``, or on an average face of this framing would be, in picture widths."""
    width = faces.crop_size[1]
    if faces.landmarks is not None and faces.landmarks[i].isfinite().all():
        return faces.landmarks[i] / width
    framing = geometry.FRAMINGS.get(faces.framing, geometry.TIGHT)
    places = torch.tensor(framing.landmarks) / torch.tensor([framing.width, framing.height])
    return places * torch.tensor([1.0, faces.crop_size[0] / width])


def _origin(faces: FaceSet, choice: Choice | None, strangers: FaceSet | None) -> str:
    if choice is None or choice.shows is None:
        return ""
    others = strangers if choice.kind == "wrong_identity" and strangers is not None else faces
    return others.files[choice.shows]


@dataclass(frozen=True, eq=False)
class _Planted:
    """A :data:`~dlsfaces.data.records.Reader` over another one's photos, some of them changed."""

    read: Reader
    changes: Mapping[int, Change]

    def __call__(self, indices: Sequence[int], size: tuple[int, int] | None) -> Tensor:
        clean = [i for i in indices if i not in self.changes]
        if len(clean) == len(indices):
            return self.read(indices, size)
        images = iter(self.read(clean, size) if clean else ())
        return torch.stack([self.changes[i](self.read, size) if i in self.changes else next(images) for i in indices])


class _Truth:
    """What is known of the photos after the changes; see :class:`~dlsfaces.data.records.FaceSet` for the forms."""

    def __init__(self, faces: FaceSet) -> None:
        self.faces, (height, width) = faces, faces.crop_size
        self.size = torch.tensor([width, height], dtype=torch.float32)
        self.landmarks, self.visibility, self.matrices = faces.landmarks, faces.visibility, faces.photo_to_crop
        if self.matrices is not None:
            self.matrices = self.matrices.expand(len(faces), 2, 3).clone()
        if self.landmarks is not None:
            self.landmarks = self.landmarks.clone()
            seen = self._inside(self.landmarks) if self.visibility is None else self.visibility
            self.visibility = seen.clone()

    def follow(self, i: int, change: Change, strangers: FaceSet | None) -> None:
        """Take over what a change of photo ``i`` does to its landmarks and to the map from its file."""
        moved = self._in_pixels(change.moved)
        if self.matrices is not None:
            self.matrices[i] = _after(moved, self.matrices[i]) if change.index == i else math.nan
        if self.landmarks is None:
            return
        points, seen = self._shown(change, strangers)
        seen = seen & ~change.hides(points / self.size[0])
        self.landmarks[i] = geometry.move_points(moved, points)
        self.visibility[i] = seen & self._inside(self.landmarks[i])

    def _shown(self, change: Change, strangers: FaceSet | None) -> tuple[Tensor, Tensor]:
        """Landmarks and visibility of the picture that a change shows, before it."""
        of = strangers if isinstance(change, defects.Stranger) else self.faces
        if change.index is None or of.landmarks is None:
            return torch.full((5, 2), math.nan), torch.zeros(5, dtype=torch.bool)
        points = of.landmarks[change.index] * (self.size / torch.tensor([of.crop_size[1], of.crop_size[0]]))
        seen = points.isfinite().all(-1) if of.visibility is None else of.visibility[change.index]
        return points, seen

    def _in_pixels(self, moved: Tensor) -> Tensor:
        """A map ``(2, 3)`` of shares of the crop's sides as one of its pixels."""
        linear = moved[:, :2] * self.size[:, None] / self.size
        return torch.cat((linear, moved[:, 2:] * self.size[:, None]), dim=1)

    def _inside(self, points: Tensor) -> Tensor:
        """Whether points lie in the picture; those unknown do not."""
        return ((points >= 0) & (points <= self.size)).all(-1)


def _after(second: Tensor, first: Tensor) -> Tensor:
    """One map ``(2, 3)`` after another."""
    both = second[:, :2] @ first
    both[:, 2] += second[:, 2]
    return both
