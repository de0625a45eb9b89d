"""Where faces come from: one record and one call for every data set of the course."""

import os
from collections.abc import Mapping
from pathlib import Path

from dlsfaces.data import celeba, celeba500, folder
from dlsfaces.data.augment import Augmentation
from dlsfaces.data.batches import batches, check_same_people
from dlsfaces.data.built_in import load_built_in
from dlsfaces.data.folders import DataUnavailable
from dlsfaces.data.images import read_image
from dlsfaces.data.mosaics import mosaics
from dlsfaces.data.records import UNKNOWN, FaceSet, PhotoSet, joined, split_people
from dlsfaces.data.scenes import SceneSettings, scenes, studio
from dlsfaces.data.trash import TRASH, plant_trash
from dlsfaces.data.warped import unaligned
from dlsfaces.geometry import to_float

__all__ = [
    "SPLITS",
    "TRASH",
    "UNKNOWN",
    "Augmentation",
    "DataUnavailable",
    "FaceSet",
    "PhotoSet",
    "SceneSettings",
    "batches",
    "check_same_people",
    "joined",
    "load",
    "load_built_in",
    "mosaics",
    "plant_trash",
    "read_image",
    "scenes",
    "split_people",
    "studio",
    "to_float",
    "unaligned",
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
    images_per_person: int | None = None,
    seed: int | None = None,
    dials: Mapping[str, float] | None = None,
) -> FaceSet:
    """One split of a data set of cropped faces, without the images that cannot be read (``FaceSet.skipped``).

    Train, validation and test share their people; query and distractors (of identity ``UNKNOWN``) are other people.

    Args:
        name_or_path: ``"synthetic"``, ``"celeba500"``, ``"celeba"``, ``"lfw"``, or a folder of ``person/photo.jpg``.
        root: the folder that holds the set. By default ``$DLSFACES_ROOT``, ``~/.cache/dlsfaces``, ``./data`` and
            ``/kaggle/input`` are searched, and what is not there is downloaded.
        framing: ``"tight"`` (brows to chin) or ``"loose"`` (with hair and background).
        people: only the so many best-covered people (of ``"celeba"``'s train, validation and test, since its others are
            apart); of ``"synthetic"``, how many there are (100).
        images_per_person, seed, dials: of ``"synthetic"``; see :func:`load_built_in`.
    """
    name = str(name_or_path)
    if split not in SPLITS:
        raise ValueError(f"split={split!r} is none of {', '.join(SPLITS)}")
    if framing not in ("tight", "loose"):
        raise ValueError(f"framing={framing!r} is neither 'tight' nor 'loose'")
    for what, value in ("the name of the set", name), ("root", root):
        if value is not None and not str(value).strip():
            raise ValueError(f"{what} is empty; give one of {', '.join(NAMES)}, or a folder")
    given = {"people": people, "images_per_person": images_per_person, "seed": seed, "dials": dials}
    options = {option: value for option, value in given.items() if value is not None}
    if name == "synthetic":
        if root is not None:
            raise ValueError(f"'synthetic' is built in and takes no root, but root={str(root)!r}")
        return load_built_in(split, framing, **options)
    if unknown := sorted(options.keys() - ({"people"} if name != "celeba500" else set())):
        raise ValueError(f"{name!r} does not take {unknown[0]}; 'synthetic' does")
    if name == "celeba500":
        return celeba500.load(split, root, framing)
    if name == "celeba":
        return celeba.load(split, root, framing, people)
    if framing == "loose":
        raise ValueError(f"{name!r} does not take framing='loose'; the aligned sets celeba500 and celeba do")
    if name == "lfw":
        return folder.load_lfw(split, root, people)
    name, top = os.path.expanduser(name), os.path.expanduser(root or ".")
    if root is not None and os.path.isabs(name):
        raise ValueError(f"{name!r} is a whole path already and takes no root, but root={str(root)!r}")
    path = Path(top, name)
    if not os.path.isdir(path):  # unlike Path.is_dir, no error for a name that no folder can have
        raise FileNotFoundError(f"{str(path)!r} is no folder, and {name!r} is none of {', '.join(NAMES)}")
    return folder.load(path, split, people=people)
