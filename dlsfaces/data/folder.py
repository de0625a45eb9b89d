"""Sets that are a folder of people, ``person/photo.jpg``: your own, and LFW. CelebA is divided by the same rule.

Such a set comes without the course's splits; they are made here, always the same for the same names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from dlsfaces import geometry
from dlsfaces.data import places
from dlsfaces.data.photos import Box, FileReader, list_photos, read_photo
from dlsfaces.data.records import UNKNOWN, FaceSet

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

    Args:
        folder: holds one folder a person.
        split: one of ``data.SPLITS``.
        crop: the tight framing in each photo, ``(x1, y1, x2, y2)``; None: the photos are tight crops already.
        people: only the so many best-covered people.
    Raises:
        ValueError: no people, or the split is empty.
    """
    photos = {d.name: list_photos(d) for d in sorted(p for p in folder.iterdir() if p.is_dir())}
    photos = {person: paths for person, paths in photos.items() if paths}
    if not photos:
        raise ValueError(f"{folder} holds no person: it needs folders of pictures, such as {folder}/Ada/1.jpg")
    photos = best_covered(photos, people)
    persons, files = divide(photos, split)
    paths = [path for person in persons for path in files[person]]
    if not paths:
        raise ValueError(
            f"{folder} has no pictures for the split {split!r}: it holds {len(photos)} people with "
            f"{sum(map(len, photos.values()))} pictures, too few to set some aside"
        )
    identities = [UNKNOWN if split == "distractors" else i for i, p in enumerate(persons) for _ in files[p]]
    box, size = _crop_and_size(paths[0], crop)
    return FaceSet(
        name or folder.name,
        split,
        "tight",
        [str(path.relative_to(folder)) for path in paths],
        torch.tensor(identities, dtype=torch.int64),
        [] if split == "distractors" else persons,
        FileReader(paths, crop),
        size,
        photo_to_crop=geometry.crop_matrix(box, size),
    )


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
    ranked = sorted(photos, key=lambda p: _rank(str(p.name if isinstance(p, Path) else p)))
    test = max(1, round(len(ranked) / 7))
    validation = test if len(ranked) >= 3 else 0
    parts = {
        "test": ranked[:test],
        "validation": ranked[test : test + validation],
        "train": ranked[test + validation :],
    }
    return sorted(parts[split])


def _rank(name: str) -> str:
    """A fixed order that has nothing to do with the alphabet."""
    return hashlib.sha256(name.encode()).hexdigest()


def _crop_and_size(first: Path, crop: Box | None) -> tuple[Box, tuple[int, int]]:
    """The crop and its size, which where the photos are crops already is the first one's."""
    if crop is not None:
        return crop, (round(crop[3] - crop[1]), round(crop[2] - crop[0]))
    size = tuple(read_photo(first).shape[1:])
    return geometry.whole(size), size
