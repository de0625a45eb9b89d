"""Sets that are a folder of people, ``person/photo.jpg``: your own, and LFW, divided into splits by names alone."""

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
    """One split of a folder that holds one folder a person; images beside these are ignored, with a log warning.

    People with one image are distractors. Of the others, a fifth (at least two, if there are four or more) are held
    out: half as query, half as distractors. The images of the rest are divided into train, validation and test.
    Images that cannot be read count there, so that the others' splits do not depend on them.

    Args:
        crop: the tight framing in each image, ``(x1, y1, x2, y2)``; None: the images are tight crops already.
        people: only so many people, the best covered.
    Raises:
        FileNotFoundError: no such folder.
        ValueError: no people, the split is empty, or most of its images cannot be read.
    """
    name = name or folder.resolve().name
    photos = best_covered(find_people(folder), people)
    chosen = divide(photos, split)
    if not any(chosen.values()):
        raise ValueError(
            f"{folder} has no images for the split {split!r}: it holds {len(photos)} people with "
            f"{sum(map(len, photos.values()))} images, too few to set some aside: validation takes people with "
            "three images or more, query and distractors four people with two or more"
        )
    files = {person: [str(path.relative_to(folder)) for path in paths] for person, paths in chosen.items()}
    return read_set(name, split, folder, numbered(files, split), [] if split == "distractors" else list(files), crop)


def numbered(files: Mapping[str, Sequence[str]], split: str) -> dict[str, int]:
    """Each file's identity: the person's place in the order given, or ``UNKNOWN`` for distractors."""
    known = split != "distractors"
    return {file: i if known else UNKNOWN for i, of_person in enumerate(files.values()) for file in of_person}


def read_set(
    name: str,
    split: str,
    folder: Path,
    identities: Mapping[str, int],
    people: Sequence[str],
    crop: Box | None = None,
    framing: str = "tight",
    must_hold: Box | None = None,
) -> FaceSet:
    """The set of the images in a folder that can be read; the others are ``skipped``, and a log warning counts them.

    Args:
        identities: identity by file, in the set's order.
        crop: the framing in each image; None: the images are such crops already, all of the first one's size.
        must_hold: a larger box that has to lie in each image, so that sets of both framings skip the same ones.
    Raises:
        ValueError: most of the images cannot be read.
    """
    paths = {file: folder / file for file in identities}
    broken = find_broken(list(paths.values()), folder, f"{name}/{split}", must_hold or crop)
    files = [file for file in identities if paths[file] not in broken]
    box = crop or geometry.whole(tuple(read_image(paths[files[0]]).shape[1:]))
    size = (round(box[3] - box[1]), round(box[2] - box[0]))
    return FaceSet(
        name,
        split,
        framing,
        files,
        torch.tensor([identities[file] for file in files], dtype=torch.int64),
        people,
        FileReader([paths[file] for file in files], crop),
        size,
        photo_to_crop=geometry.crop_matrix(box, size),
        skipped=[file for file in identities if paths[file] in broken],
    )


def find_people(folder: Path) -> dict[str, list[Path]]:
    """The images of each person in a folder of people, by name in Unicode's composed form.

    Folders that are hidden, macOS's ``__MACOSX``, or empty are nobody; one that cannot be listed is, too, with a log
    warning. Raises as :func:`load` does.
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
    """The ``people`` with the most photos (between equals the name decides), ordered by name; all where None."""
    if people is not None and people < 1:
        raise ValueError(f"people={people}: at least 1 is needed")
    chosen = sorted(photos, key=lambda p: (-len(photos[p]), p))[:people]
    return {person: photos[person] for person in sorted(chosen)}


def divide(photos: Mapping[str, Sequence], split: str) -> dict[str, Sequence]:
    """The people of a split, ordered by name, and their photos in it."""
    paired = sorted((p for p in photos if len(photos[p]) > 1), key=name_hash)
    held_out = max(2, len(paired) // 5) if len(paired) >= 4 else 0
    query = paired[: held_out // 2]
    strangers = [*paired[held_out // 2 : held_out], *(p for p in photos if len(photos[p]) == 1)]
    if split in ("query", "distractors"):
        return {p: photos[p] for p in sorted(query if split == "query" else strangers)}
    return {p: divide_photos(photos[p], split) for p in sorted(paired[held_out:])}


def divide_photos(photos: Sequence, split: str) -> list:
    """A known person's photos in ``split``: of seven, five train, one validation, one test; of two, no validation."""
    ranked = sorted(photos, key=lambda p: name_hash(p.name if isinstance(p, Path) else str(p)))
    test = max(1, round(len(ranked) / 7))
    train = 2 * test if len(ranked) >= 3 else test
    part = {"test": slice(test), "validation": slice(test, train), "train": slice(train, None)}[split]
    return sorted(ranked[part], key=lambda p: by_name(p) if isinstance(p, Path) else p)


def name_hash(name: str) -> str:
    """SHA-256 of a name, however a system stores its accents: orders names, but not by the alphabet."""
    return hashlib.sha256(composed(name).encode("utf-8", "surrogateescape")).hexdigest()
