"""Where faces come from: one record and one call for every data set of the course."""

from __future__ import annotations

from pathlib import Path

from dlsfaces.data import celeba, celeba500, folder, invented, places
from dlsfaces.data.augment import Augmentation, to_float
from dlsfaces.data.batches import batches
from dlsfaces.data.photos import Box, read_photo
from dlsfaces.data.places import DataUnavailable
from dlsfaces.data.records import UNKNOWN, Face, FaceSet, Photo, Source

__all__ = [
    "SPLITS",
    "UNKNOWN",
    "Augmentation",
    "DataUnavailable",
    "Face",
    "FaceSet",
    "Photo",
    "Source",
    "batches",
    "load",
    "read_photo",
    "to_float",
]

SPLITS = ("train", "validation", "test", "query", "distractors")
NAMES = ("synthetic", "celeba500", "celeba", "lfw")


def load(
    name_or_path: str | Path,
    split: str = "train",
    root: str | Path | None = None,
    *,
    framing: str = "tight",
    people: int | None = None,
    pictures: int | None = None,
    seed: int = 0,
    crop: Box | None = None,
) -> FaceSet:
    """One split of a data set of cropped faces.

    Train, validation and test share their people; query and distractors are other people, and distractors' identities
    are ``UNKNOWN``.

    Args:
        name_or_path: ``"synthetic"`` (embedded), ``"celeba500"``, ``"celeba"``, ``"lfw"``, or a folder of people,
            ``person/photo.jpg``.
        split: ``"train"``, ``"validation"``, ``"test"``, ``"query"`` or ``"distractors"``.
        root: the folder that holds the set. By default ``$DLSFACES_ROOT``, ``~/.cache/dlsfaces``, ``./data`` and
            ``/kaggle/input`` are searched, and what is not there is downloaded where it can be.
        framing: ``"tight"`` (brows to chin) or ``"loose"`` (the aligned picture with hair and background); which of
            them a set has is part of its contract.
        people: only so many people: the best covered of ``celeba``, ``lfw`` or a folder; of ``synthetic``, the number
            to invent (100).
        pictures: of ``synthetic``, the pictures a person (20).
        seed: of ``synthetic``, which people.
        crop: of a folder, the tight framing in each photo, ``(x1, y1, x2, y2)``; by default the photos are tight.
    Raises:
        DataUnavailable: the set is neither here nor to be had; the message says what to do.
        ValueError: an unknown name or split, a framing that the set does not have, or an option it does not take.
    """
    name = str(name_or_path)
    if split not in SPLITS:
        raise ValueError(f"split={split!r} is none of {', '.join(SPLITS)}")
    if framing not in ("tight", "loose"):
        raise ValueError(f"framing={framing!r} is neither 'tight' nor 'loose'")
    is_folder = name not in NAMES
    _refuse(name, "pictures", pictures is not None and name != "synthetic", "only synthetic people")
    _refuse(name, "people", people is not None and name == "celeba500", "sets other than celeba500")
    _refuse(name, "crop", crop is not None and not is_folder, "only a folder of people")
    _refuse(name, "framing='loose'", framing == "loose" and (is_folder or name == "lfw"), "aligned sets only")
    if name == "synthetic":
        counts = {k: v for k, v in (("people", people), ("pictures", pictures)) if v is not None}
        return invented.load(split, framing, seed=seed, cache=places.cache_folder(), **counts)
    if name == "celeba500":
        return celeba500.load(split, root, framing)
    if name == "celeba":
        return celeba.load(split, root, framing, people)
    if name == "lfw":
        return folder.load_lfw(split, root, people)
    path = Path(root or ".", name).expanduser()
    if not path.is_dir():
        raise FileNotFoundError(f"{name!r} is neither one of {', '.join(NAMES)} nor a folder")
    return folder.load(path, split, crop, people)


def _refuse(name: str, option: str, given: bool, who: str) -> None:
    if given:
        raise ValueError(f"{name!r} does not take {option}; {who} do")
