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
from dlsfaces.data.folders import DataUnavailable, find_folder
from dlsfaces.data.images import Box, FileReader, by_name, composed, find_broken, list_images, read_image
from dlsfaces.data.records import UNKNOWN, FaceSet

log = logging.getLogger(__name__)

#: The tight framing in a 250x250 image of the funneled or deep-funneled LFW, by its usual eye line and distance.
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

    People with one image are distractors. Of the others, a fifth (at least two, if there are four or more) are held
    out: half as query, half as distractors. Those of the rest are divided into train, validation and test.

    Images that cannot be read count when people are divided, so that the others' splits do not depend on them, and are
    then left out (``FaceSet.skipped``, and a log warning).

    Args:
        folder: holds one folder a person. Images beside these folders are ignored, with a log warning.
        split: one of ``data.SPLITS``.
        crop: the tight framing in each image, ``(x1, y1, x2, y2)``; None: the images are tight crops already.
        people: only the so many best-covered people.
    Raises:
        FileNotFoundError: no such folder.
        ValueError: no people, the split is empty, or most of its images cannot be read.
    """
    name = name or folder.resolve().name
    photos = best_covered(find_people(folder), people)
    persons, files = divide(photos, split)
    paths = [path for person in persons for path in files[person]]
    if not paths:
        raise ValueError(
            f"{folder} has no images for the split {split!r}: it holds {len(photos)} people with "
            f"{sum(map(len, photos.values()))} images, too few to set some aside"
        )
    broken = find_broken(paths, folder, f"{name}/{split}", crop)
    sound = [path for path in paths if path not in broken]
    number = {path: i for i, person in enumerate(persons) for path in files[person]}
    if crop is None:  # the first one's size
        size = tuple(read_image(sound[0]).shape[1:])
    else:
        size = (round(crop[3] - crop[1]), round(crop[2] - crop[0]))
    return FaceSet(
        name,
        split,
        "tight",
        [str(path.relative_to(folder)) for path in sound],
        torch.tensor([UNKNOWN if split == "distractors" else number[path] for path in sound], dtype=torch.int64),
        [] if split == "distractors" else persons,
        FileReader(sound, crop),
        size,
        photo_to_crop=geometry.crop_matrix(crop or geometry.whole(size), size),
        skipped=[str(path.relative_to(folder)) for path in paths if path in broken],
    )


def find_people(folder: Path) -> dict[str, list[Path]]:
    """The images of each person in a folder of people, by name in Unicode's composed form.

    Hidden folders and macOS's ``__MACOSX`` are no people, nor are folders without images. What may not be listed is
    left out with a log warning.

    Raises:
        FileNotFoundError: no such folder.
        ValueError: nobody in it, or it cannot be listed.
    """
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"there is no folder {folder}")
    loose = list_images(folder)
    people: dict[str, list[Path]] = {}
    for person in sorted(folder.iterdir(), key=by_name):
        if os.path.isdir(person) and not person.name.startswith((".", "__MACOSX")):
            try:
                people.setdefault(composed(person.name), []).extend(list_images(person))
            except ValueError as error:
                log.warning("%s: this person is left out", error)
    people = {person: paths for person, paths in people.items() if paths}
    if not people:
        lie = f"; {len(loose)} images lie loose in it" if loose else ""
        raise ValueError(f"{folder} holds no person: it needs folders of images, such as {folder}/Ada/1.jpg{lie}")
    if loose:
        log.warning("%s: %d images beside the people's folders are ignored: %s", folder, len(loose), loose[0].name)
    return people


def load_lfw(split: str, root: str | Path | None = None, people: int | None = None) -> FaceSet:
    """Labeled Faces in the Wild (Huang et al. 2007), from a local copy, funneled or deep-funneled."""
    folder = find_folder(LFW_FOLDERS, root)
    if folder is None and root is None and os.path.isdir(home := os.path.expanduser("~/scikit_learn_data")):
        folder = find_folder(LFW_FOLDERS, home)
    if folder is None:
        raise DataUnavailable(f"there is no copy of LFW here. {LFW_ADVICE}")
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
