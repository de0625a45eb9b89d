"""CelebA-500, the Deep Learning School's set: 500 people to train on, and an identification-rate set of others."""

import csv
import logging
import math
from dataclasses import replace
from pathlib import Path

import torch

from dlsfaces import geometry
from dlsfaces.data import download
from dlsfaces.data.folder import read_set
from dlsfaces.data.folders import DataUnavailable, cache_folder, find_folder, missing_of
from dlsfaces.data.images import list_images, readable
from dlsfaces.data.records import UNKNOWN, FaceSet

log = logging.getLogger(__name__)

#: The school's public folders, by the folder's name here, and what each holds; without the first it is not one.
LINKS = {
    "celebA_train_500": "https://disk.yandex.ru/d/S8f03spLIA1wrw",
    "celebA_ir": "https://disk.yandex.com/d/KN4EEkNKrF_ZXQ",
}
PARTS = {
    "celebA_train_500": ("celebA_anno.txt", "celebA_train_split.txt", "celebA_imgs"),
    "celebA_ir": ("celebA_anno_query.csv", "celebA_query", "celebA_distractors"),
}
TRAIN_SPLITS = {"train": 0, "validation": 1, "test": 2}  # as celebA_train_split.txt numbers them
MOST_PEOPLE = 1_000_000  # a name is kept for each number up to the largest
ADVICE = (
    f"To get it by hand: download {' and '.join(LINKS.values())}, unpack celebA_train_500 and celebA_ir side by "
    "side, and name the folder around them with root=... or DLSFACES_ROOT; on Kaggle, attach them as a data set."
)


def load(split: str, root: str | Path | None = None, framing: str = "tight") -> FaceSet:
    """One split of CelebA-500; see :func:`dlsfaces.data.load`.

    Query (51 people) and distractors come as tight crops only. A ``ValueError`` names file and line of a damaged list.
    """
    if split in TRAIN_SPLITS:
        return _load_train(_folder("celebA_train_500", root), split, framing)
    if framing != "tight":
        raise ValueError(f"celeba500/{split} has tight crops only, no framing={framing!r}; train on 'tight', too")
    return _load_test(_folder("celebA_ir", root), split)


def _folder(name: str, root: str | Path | None) -> Path:
    first = PARTS[name][0]
    found = find_folder((name,), root, *PARTS[name]) or find_folder((name,), root, first)
    if found is None and root is None:
        try:
            return download.yandex_disk(LINKS[name], cache_folder() / name, first)
        except (OSError, ValueError) as error:
            raise DataUnavailable(f"{name} of CelebA-500 could not be downloaded ({error}). {ADVICE}") from error
    if found is None:
        raise DataUnavailable(f"there is no folder {name} with a {first} in {root}. {ADVICE}")
    if missing := ", ".join(missing_of(found, *PARTS[name])):
        raise DataUnavailable(f"{found}: {missing} is missing: the copy of CelebA-500 is incomplete. {ADVICE}")
    return found


def _load_train(folder: Path, split: str, framing: str) -> FaceSet:
    identities = read_numbers(folder / "celebA_anno.txt", MOST_PEOPLE)
    splits = read_numbers(folder / "celebA_train_split.txt", len(TRAIN_SPLITS))
    if unlike := identities.keys() ^ splits.keys():
        log.warning("%s: its two lists do not name the same images; %d are ignored", folder, len(unlike))
    images = folder / "celebA_imgs"
    listed = {name: i for name, i in identities.items() if splits.get(name) == TRAIN_SPLITS[split]}
    if not listed:
        raise ValueError(f"the lists beside {images} name no image of the split {split!r}; copy them again")
    people = [str(i) for i in range(max(identities.values()) + 1)]
    shapes = readable([images / file for file in listed], images, f"celeba500/{split}", geometry.LOOSE.in_loose)
    faces = read_set("celeba500", split, images, listed, people, shapes, geometry.FRAMINGS[framing].in_loose)
    faces = replace(faces, framing=framing)
    if not (marks := folder / "landmarks_mtcnn.csv").is_file():  # a detector's; some copies of the set lack them
        return faces
    found, nowhere = read_landmarks(marks), (math.nan,) * 10
    points = torch.tensor([found.get(name, nowhere) for name in faces.files], dtype=torch.float32).reshape(-1, 5, 2)
    return replace(faces, landmarks=geometry.move_points(faces.photo_to_crop, points))


def _load_test(folder: Path, split: str) -> FaceSet:
    images = folder / f"celebA_{split}"
    identities = {path.name: UNKNOWN for path in list_images(images)}
    if split == "query":
        identities = read_identities(folder / PARTS["celebA_ir"][0])
    if not identities:
        raise ValueError(f"{images} or its list holds no image; copy it again")
    people = [str(i) for i in range(max(identities.values()) + 1)]
    shapes = readable([images / file for file in identities], images, f"celeba500/{split}")
    return read_set("celeba500", split, images, identities, people, shapes)


def read_numbers(path: Path, below: int) -> dict[str, int]:
    """Number by name, of lines of ``name number``; ``ValueError`` with file and line where a list is damaged."""
    return _numbers(read_rows(path), below)


def read_identities(path: Path) -> dict[str, int]:
    """Identity by name, of a table (CSV) with the columns ``img`` and ``id``."""
    (first, header), *rows = read_rows(path, table=True)
    if not {"img", "id"} <= set(header):
        raise ValueError(f"{first}: expected the columns 'img' and 'id', found {header}")
    columns = header.index("img"), header.index("id")
    return _numbers([(line, [row[k] for k in columns]) for line, row in rows], MOST_PEOPLE)


def read_landmarks(path: Path) -> dict[str, tuple[float, ...]]:
    """``x, y, x, y, …`` by name, of a table of name, confidence, box (4) and landmarks (10), empty where unknown."""
    (first, header), *rows = read_rows(path, table=True)
    if len(header) < 16:
        raise ValueError(f"{first}: expected 16 columns (name, confidence, box, five landmarks), found {header}")
    landmarks = {}
    for line, row in rows:
        try:
            landmarks[row[0]] = tuple(float(value) if value else math.nan for value in row[6:16])
        except ValueError as error:
            raise ValueError(f"{line}: a landmark is no number ({error})") from None
    return landmarks


def _numbers(rows: list[tuple[str, list[str]]], below: int) -> dict[str, int]:
    numbers: dict[str, int] = {}
    for line, fields in rows:
        if len(fields) != 2:
            raise ValueError(f"{line}: expected 'name number', found {' '.join(fields)!r}")
        name, text = fields
        if not (text.isdecimal() and len(text) < 10 and int(text) < below):
            raise ValueError(f"{line}: expected a number from 0 to {below - 1}, found {text!r}")
        if numbers.setdefault(name, int(text)) != int(text):
            raise ValueError(f"{line}: {name} is listed a second time, with another number")
    return numbers


def read_rows(path: Path, table: bool = False) -> list[tuple[str, list[str]]]:
    """Where each line that is not blank stands, and its fields; all lines of a table (CSV) have as many."""
    split = (lambda line: next(csv.reader([line]))) if table else str.split
    try:
        lines = enumerate(path.read_text(encoding="utf-8-sig").splitlines(), 1)
        rows = [(f"{path}, line {number}", split(line)) for number, line in lines if line.strip()]
    except (OSError, UnicodeError, csv.Error) as error:
        raise ValueError(f"{path} cannot be read ({error}); copy it again") from error
    if not rows:
        raise ValueError(f"{path} is empty; copy it again")
    for line, row in rows if table else ():
        if len(row) != len(rows[0][1]):
            raise ValueError(f"{line}: {len(row)} fields, but the header has {len(rows[0][1])}")
    return rows
