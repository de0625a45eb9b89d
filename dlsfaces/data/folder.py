"""Sets that are a folder of people, ``person/photo.jpg``: your own, and LFW. CelebA is divided by the same rule.

Such a set comes without the course's splits; they are made here, always the same for the same names.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from dlsfaces import geometry
from dlsfaces.data import places
from dlsfaces.data.checks import find_broken
from dlsfaces.data.photos import Box, FileReader, by_name, composed, list_photos, read_photo
from dlsfaces.data.records import UNKNOWN, FaceSet

log = logging.getLogger(__name__)

#: The tight framing in a 250x250 picture of the funneled or deep-funneled LFW, by its usual eye line and distance.
LFW_CROP: Box = (77.0, 73.0, 166.0, 181.0)
LFW_FOLDERS = ("lfw-deepfunneled", "lfw_funneled", "lfw-funneled", "lfw")
LFW_ADVICE = (
    "LFW is no longer served from its old home. To get a copy: install scikit-learn and run "
    '`python -c "from sklearn.datasets import fetch_lfw_people; fetch_lfw_people()"` (it comes from figshare, into '
    "~/scikit_learn_data/lfw_home/lfw_funneled), or attach a copy of LFW on Kaggle; elsewhere, name the folder that "
    "holds lfw_funneled or lfw-deepfunneled with root=... or DLSFACES_ROOT."
)


def load(folder: Path, split: str, crop: Box | None = None, people: int | None = None, name: str = "") -> FaceSet:
    """One split of a folder of people.

    People with one picture are distractors. Of the others, a fifth (at least two, if there are four or more) are held
    out: half as query, half as distractors. The pictures of the rest are divided into train, validation and test.

    Photos that cannot be read count when people are divided, so that the others' splits do not depend on them, and are
    then left out (``FaceSet.skipped``, and a log warning).

    Args:
        folder: holds one folder a person. Photos beside these folders are ignored, with a log warning.
        split: one of ``data.SPLITS``.
        crop: the tight framing in each photo, ``(x1, y1, x2, y2)``; None: the photos are tight crops already.
        people: only the so many best-covered people.
    Raises:
        FileNotFoundError: no such folder.
        ValueError: no people, the split is empty, or most of its photos cannot be read.
    """
    name = name or folder.resolve().name
    photos = best_covered(find_people(folder), people)
    persons, files = divide(photos, split)
    paths = [path for person in persons for path in files[person]]
    if not paths:
        raise ValueError(
            f"{folder} has no pictures for the split {split!r}: it holds {len(photos)} people with "
            f"{sum(map(len, photos.values()))} pictures, too few to set some aside"
        )
    broken = find_broken(paths, folder, f"{name}/{split}", crop)
    sound = [path for path in paths if path not in broken]
    number = {path: i for i, person in enumerate(persons) for path in files[person]}
    identities = [UNKNOWN if split == "distractors" else number[path] for path in sound]
    box, size = _crop_and_size(sound[0], crop)
    return FaceSet(
        name,
        split,
        "tight",
        [str(path.relative_to(folder)) for path in sound],
        torch.tensor(identities, dtype=torch.int64),
        [] if split == "distractors" else persons,
        FileReader(sound, crop),
        size,
        photo_to_crop=geometry.crop_matrix(box, size),
        skipped=[str(path.relative_to(folder)) for path in paths if path in broken],
    )


def find_people(folder: Path) -> dict[str, list[Path]]:
    """The photos of each person in a folder of people, by name, in Unicode's composed form wherever they were stored.

    Hidden folders and macOS's ``__MACOSX`` are no people, nor are folders without photos. What may not be listed is
    left out with a log warning.

    Raises:
        FileNotFoundError: no such folder.
        ValueError: nobody in it.
    """
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"there is no folder {folder}")
    try:
        entries = sorted(folder.iterdir(), key=by_name)
    except OSError as error:
        raise ValueError(f"{folder} cannot be listed ({error}); make it readable") from error
    people: dict[str, list[Path]] = {}
    for person in entries:
        if os.path.isdir(person) and not person.name.startswith((".", "__MACOSX")):
            people.setdefault(composed(person.name), []).extend(_list_photos(person))
    people = {person: paths for person, paths in people.items() if paths}
    loose = _list_photos(folder)
    if not people:
        lie = f"; {len(loose)} photos lie loose in it" if loose else ""
        raise ValueError(f"{folder} holds no person: it needs folders of pictures, such as {folder}/Ada/1.jpg{lie}")
    if loose:
        log.warning(
            "%s: %d photos beside the people's folders are ignored, such as %s", folder, len(loose), loose[0].name
        )
    return people


def _list_photos(person: Path) -> list[Path]:
    try:
        return list_photos(person)
    except ValueError as error:
        log.warning("%s: this person is left out", error)
        return []


def load_lfw(split: str, root: str | Path | None = None, people: int | None = None) -> FaceSet:
    """Labeled Faces in the Wild (Huang et al. 2007), from a local copy, funneled or deep-funneled."""
    folder = places.find(LFW_FOLDERS, root)
    if folder is None and root is None:
        folder = places.find(LFW_FOLDERS, home) if (home := Path.home() / "scikit_learn_data").is_dir() else None
    if folder is None:
        raise places.DataUnavailable(f"there is no copy of LFW here. {LFW_ADVICE}")
    nested = folder / folder.name  # the copies on Kaggle hold the folder in a folder of its own name
    return load(nested if nested.is_dir() else folder, split, LFW_CROP, people, "lfw")


def best_covered(photos: Mapping[str, Sequence], people: int | None) -> dict[str, Sequence]:
    """The ``people`` with the most photos (the name decides between equals), by name; all where None."""
    if people is not None and people < 1:
        raise ValueError(f"people={people}: at least 1 is needed")
    chosen = sorted(photos, key=lambda p: (-len(photos[p]), p))[:people]
    return {person: photos[person] for person in sorted(chosen)}


def divide(photos: Mapping[str, Sequence], split: str) -> tuple[list[str], dict[str, Sequence]]:
    """The people of a split, and their photos in it."""
    paired = sorted((p for p in photos if len(photos[p]) > 1), key=_rank)
    held_out = max(2, len(paired) // 5) if len(paired) >= 4 else 0
    query = paired[: held_out // 2]
    strangers = [*paired[held_out // 2 : held_out], *(p for p in photos if len(photos[p]) == 1)]
    if split in ("query", "distractors"):
        persons = sorted(query if split == "query" else strangers)
        return persons, {p: photos[p] for p in persons}
    persons = sorted(paired[held_out:])
    return persons, {p: divide_photos(photos[p], split) for p in persons}


def divide_photos(photos: Sequence, split: str) -> list:
    """A known person's photos in ``split``: of seven, five are for training, one each for validation and test.

    With fewer than three photos there is none for validation.
    """
    ranked = sorted(photos, key=lambda p: _rank(p.name if isinstance(p, Path) else str(p)))
    test = max(1, round(len(ranked) / 7))
    validation = test if len(ranked) >= 3 else 0
    parts = {
        "test": ranked[:test],
        "validation": ranked[test : test + validation],
        "train": ranked[test + validation :],
    }
    return sorted(parts[split], key=lambda p: by_name(p) if isinstance(p, Path) else p)


def _rank(name: str) -> str:
    """A fixed order that has nothing to do with the alphabet, nor with how a system stores accents."""
    return hashlib.sha256(composed(name).encode("utf-8", "surrogateescape")).hexdigest()


def _crop_and_size(first: Path, crop: Box | None) -> tuple[Box, tuple[int, int]]:
    """The crop and its size, which where the photos are crops already is the first one's."""
    if crop is not None:
        return crop, (round(crop[3] - crop[1]), round(crop[2] - crop[0]))
    size = tuple(read_photo(first).shape[1:])
    return geometry.whole(size), size
