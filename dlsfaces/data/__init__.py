"""Where faces come from: one record and one call for every data set of the course."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from dlsfaces.data import celeba, celeba500, folder, invented, places
from dlsfaces.data.augment import Augmentation, to_float
from dlsfaces.data.batches import batches
from dlsfaces.data.cmu_mit import load_photos as cmu_mit
from dlsfaces.data.mosaics import mosaics
from dlsfaces.data.photos import Box, read_photo
from dlsfaces.data.photosets import PhotoSet
from dlsfaces.data.places import DataUnavailable
from dlsfaces.data.records import UNKNOWN, Face, FaceSet, Photo, Source, joined, split_people
from dlsfaces.data.scenes import SceneSettings, scenes, studio
from dlsfaces.data.trash import TRASH, plant_trash
from dlsfaces.data.warped import unaligned, warped

__all__ = [
    "SPLITS",
    "TRASH",
    "UNKNOWN",
    "Augmentation",
    "DataUnavailable",
    "Face",
    "FaceSet",
    "Photo",
    "PhotoSet",
    "SceneSettings",
    "Source",
    "batches",
    "cmu_mit",
    "joined",
    "load",
    "mosaics",
    "plant_trash",
    "read_photo",
    "scenes",
    "split_people",
    "studio",
    "to_float",
    "unaligned",
    "warped",
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
    dials: Mapping[str, float] | None = None,
    crop: Box | None = None,
    landmarks: int = 5,
) -> FaceSet:
    """One split of a data set of cropped faces.

    Photos that cannot be read are left out: ``FaceSet.skipped`` names them, a log warning counts them. Every photo is
    looked at the first time it is loaded, which takes a while for a large set, and what proved sound is remembered.

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
        dials: of ``synthetic``, values that all people or pictures have instead of what is drawn for each, such as
            ``{"yaw": 0, "glasses": 0}``; names and ranges in ``drawpeople.PERSON_RANGES`` and ``SHOT_RANGES``.
        crop: of a folder, the tight framing in each photo, ``(x1, y1, x2, y2)``; by default the photos are tight.
        landmarks: 5; of ``synthetic`` also the 68 of 300-W.
    Raises:
        DataUnavailable: the set is neither here nor to be had; the message says what to do.
        FileNotFoundError: the name is no set's, and no folder's (``DataUnavailable`` is one too).
        ValueError: an unknown name or split, a framing that the set does not have, an option it does not take, nothing
            in the split, a damaged list, or a set whose photos for the most part cannot be read.
    """
    name = str(name_or_path)
    if split not in SPLITS:
        raise ValueError(f"split={split!r} is none of {', '.join(SPLITS)}")
    if framing not in ("tight", "loose"):
        raise ValueError(f"framing={framing!r} is neither 'tight' nor 'loose'")
    is_folder = name not in NAMES
    _refuse(name, "pictures", pictures is not None and name != "synthetic", "only synthetic people")
    _refuse(name, "dials", dials is not None and name != "synthetic", "only synthetic people")
    _refuse(name, f"landmarks={landmarks}", landmarks != 5 and name != "synthetic", "only synthetic people")
    _refuse(name, "people", people is not None and name == "celeba500", "sets other than celeba500")
    _refuse(name, "crop", crop is not None and not is_folder, "only a folder of people")
    _refuse(name, "framing='loose'", framing == "loose" and (is_folder or name == "lfw"), "aligned sets only")
    if name == "synthetic":
        counts = {k: v for k, v in (("people", people), ("pictures", pictures)) if v is not None}
        return invented.load(
            split, framing, seed=seed, cache=places.cache_folder(), dials=dials, landmarks=landmarks, **counts
        )
    if name == "celeba500":
        return celeba500.load(split, root, framing)
    if name == "celeba":
        return celeba.load(split, root, framing, people)
    if name == "lfw":
        return folder.load_lfw(split, root, people)
    path = Path(root or ".", name).expanduser()
    if not os.path.isdir(path):  # unlike Path.is_dir, no error for a name that no folder can have
        raise FileNotFoundError(f"{name!r} is neither one of {', '.join(NAMES)} nor a folder")
    return folder.load(path, split, crop, people)


def _refuse(name: str, option: str, given: bool, who: str) -> None:
    if given:
        raise ValueError(f"{name!r} does not take {option}; {who} do")
