"""Sets that are a folder of people, ``person/photo.jpg``: your own, and LFW, divided into splits by names alone."""

import hashlib
import logging
import os
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median_low

import torch

from dlsfaces import geometry
from dlsfaces.data.folders import DataUnavailable, find_folders, place_of
from dlsfaces.data.images import Box, FileReader, by_name, composed, list_images, middle, readable, told_apart
from dlsfaces.data.records import UNKNOWN, FaceSet

log = logging.getLogger(__name__)

LFW_CROP: Box = (77.0, 73.0, 166.0, 181.0)  #: the tight framing in a 250x250 image, funneled or deep-funneled
LFW_FOLDERS = ("lfw-deepfunneled", "lfw_funneled", "lfw-funneled", "lfw")
LITTER = (".txt", ".csv", ".json", ".xml", ".md", ".db", ".ini")  #: endings of files that nobody takes for photos
PARTS = {*("train", "training", "val", "valid", "validation", "test", "testing"), *("query", "gallery", "distractors")}
LFW_ADVICE = (
    'Run `python -c "from sklearn.datasets import fetch_lfw_people; fetch_lfw_people()"`, or attach a copy of LFW on '
    "Kaggle, or name the folder that holds lfw_funneled or lfw-deepfunneled with root=... or DLSFACES_ROOT."
)


def load(folder: Path, split: str, crop: Box | None = None, people: int | None = None, name: str = "") -> FaceSet:
    """One split of a folder of people's folders; see :func:`find_people` for what is left out.

    People with one image are distractors. Of the others, a fifth (at least two, if there are four or more) are held
    out: half as query, half as distractors. The images of the rest are divided into train, validation and test.
    Images that cannot be read count there, so that the others' splits do not depend on them.
    """
    name = name or folder.resolve().name
    photos = best_covered(find_people(folder), people)
    chosen = divide(photos, split)
    if not any(chosen.values()):
        holds = f"it holds {len(photos)} people with {sum(map(len, photos.values()))} images, too few to set some aside"
        needs = "validation takes people with three images or more, query and distractors four people with two or more"
        raise ValueError(f"{folder} has no images for the split {split!r}: {holds}: {needs}")
    files = {person: [str(path.relative_to(folder)) for path in paths] for person, paths in chosen.items()}
    shapes = readable([path for of_person in photos.values() for path in of_person], folder, name, crop)
    return read_set(name, split, folder, numbered(files), list(files), shapes, crop)


def numbered(files: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Each file's identity: the person's place in the order given."""
    return {file: i for i, of_person in enumerate(files.values()) for file in of_person}


def read_set(
    name: str,
    split: str,
    folder: Path,
    identities: Mapping[str, int],
    people: Sequence[str],
    shapes: Mapping[Path, tuple[int, int]],
    crop: Box | None = None,
) -> FaceSet:
    """The set of those images in a folder that can be read; the others are ``skipped``.

    Args:
        identities: identity by file, in the set's order; of distractors it becomes ``UNKNOWN``, and nobody is named.
        shapes: what :func:`~dlsfaces.data.images.readable` says of these images or more, for one size in all splits.
        crop: the tight framing in each image, ``(x1, y1, x2, y2)``; None: the images are such crops already, of the
            median height and width. Of other proportions the middle is shown, so that no face is stretched.
    """
    files = [file for file in identities if folder / file in shapes]
    if not files:
        raise ValueError(f"{name}/{split}: none of the {len(identities)} images in {folder} can be read")
    x1, y1, x2, y2 = crop or geometry.whole(tuple(map(median_low, zip(*shapes.values()))))
    size = (round(y2 - y1), round(x2 - x1))
    boxes = [crop or middle(shapes[folder / file], size) for file in files]
    cut = [file for file, box in zip(files, boxes) if box != geometry.whole(shapes[folder / file])]
    if cut and crop is None:
        several = f"{len(cut)} images, such as {cut[0]}, are not of the proportions of {size[1]}x{size[0]}"
        log.warning("%s/%s: %s; their middle is shown", name, split, several)
    if split == "distractors":
        identities, people = dict.fromkeys(identities, UNKNOWN), []
    ids, read = torch.tensor([identities[f] for f in files]), FileReader([folder / f for f in files], boxes, size)
    maps = {box: geometry.crop_matrix(box, size) for box in boxes}
    one = torch.stack([maps[box] for box in boxes]) if len(maps) > 1 else maps[boxes[0]]
    skipped = [file for file in identities if folder / file not in shapes]
    return FaceSet(name, split, "tight", files, ids, people, read, size, photo_to_crop=one, skipped=skipped)


def find_people(folder: Path) -> dict[str, list[Path]]:
    """The images of each person in a folder of people, and in folders of theirs, by name in Unicode's composed form.

    Hidden files and ``LITTER`` are passed over; a log warning counts, by reason, what else is left out. ``ValueError``
    where there is nobody, or the folders hold people instead of being people.
    """
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"there is no folder {folder}")
    people, left_out = defaultdict(list), defaultdict(list)
    places, entered, direct = [folder], set(), set()
    for place in places:
        try:
            real, (images, inner, others) = place_of(place), told_apart(place)
        except (OSError, ValueError):
            left_out["folders that cannot be listed"].append(place)
            continue
        if real in entered:
            left_out["links to folders that are here already"].append(place)
            continue
        entered.add(real)
        places += sorted(inner, key=Path.is_symlink)  # the loop gets to them after the folders of this level
        left_out["files that are no images"] += [path for path in others if path.suffix.lower() not in LITTER]
        if place == folder:
            left_out["images beside the people's folders"] += images
        elif images:
            person, *below = map(composed, place.relative_to(folder).parts)
            people[person] += images
            direct |= set() if below else {person}
        elif not inner:
            left_out["folders without images"].append(place)
    said = ", ".join(f"{len(paths)} {why} ({paths[0].name})" for why, paths in left_out.items() if paths)
    if not people:
        also = f"; left out are {said}" if said else ""
        raise ValueError(f"{folder} holds no person: it needs folders of images, such as {folder}/Ada/1.jpg{also}")
    # Val_Kilmer's folder holds photos; train_set's holds people, and is a part of a set.
    words = {p: p.casefold() if p in direct else re.split(r"[\W\d_]", p.casefold())[0] for p in people}
    parts = [person for person in people if words[person] in PARTS]
    if len(parts) > 1 or (not direct & set(parts or people) and len(parts or people) == 1):
        who = f"in {folder}, {' and '.join(parts or people)} hold people rather than being people"
        raise ValueError(f"{who}: give one of them as the folder, or put the folders of all people side by side")
    if said:
        log.warning("%s: left out are %s", folder, said)
    return {person: sorted(people[person], key=lambda path: (by_name(path), path)) for person in sorted(people)}


def load_lfw(split: str, root: str | Path | None = None, people: int | None = None) -> FaceSet:
    """Labeled Faces in the Wild (Huang et al. 2007), from a local copy, funneled or deep-funneled."""
    home = os.path.expanduser("~/scikit_learn_data")
    for top in (root, home) if root is None and os.path.isdir(home) else (root,):
        for folder in find_folders(LFW_FOLDERS, top):  # some hold a folder of their own name, some are empty
            if any(list_images(person) for person in told_apart(folder)[1]):
                return load(folder, split, LFW_CROP, people, "lfw")
    raise DataUnavailable(f"there is no copy of LFW here, or none that holds people's folders. {LFW_ADVICE}")


def best_covered(photos: Mapping[str, Sequence], people: int | None) -> dict[str, Sequence]:
    """The ``people`` with the most photos (between equals the name decides), ordered by name; all where None."""
    if people is not None and (people < 1 or people != int(people)):
        raise ValueError(f"people={people}: a whole number is needed, at least 1")
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
