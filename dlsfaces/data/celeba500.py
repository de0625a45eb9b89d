"""CelebA-500, the Deep Learning School's set: 500 people to train on, and an identification-rate set of others."""

from __future__ import annotations

import csv
import logging
from pathlib import Path

import torch
from torch import Tensor

from dlsfaces import geometry
from dlsfaces.data import download, places
from dlsfaces.data.photos import FileReader, list_photos
from dlsfaces.data.records import UNKNOWN, FaceSet

log = logging.getLogger(__name__)

#: The school's public folders, by the folder's name here, and a file without which a copy is not one.
LINKS = {
    "celebA_train_500": "https://disk.yandex.ru/d/S8f03spLIA1wrw",
    "celebA_ir": "https://disk.yandex.com/d/KN4EEkNKrF_ZXQ",
}
ANNOTATION = {"celebA_train_500": "celebA_anno.txt", "celebA_ir": "celebA_anno_query.csv"}
TRAIN_SPLITS = {"train": 0, "validation": 1, "test": 2}  # as celebA_train_split.txt numbers them
ADVICE = (
    "To get it by hand: open "
    + " and ".join(LINKS.values())
    + " in a browser, download, unpack the folders celebA_train_500 and celebA_ir side by side, and name the folder "
    "that holds them with root=... or the environment variable DLSFACES_ROOT; on Kaggle, attach them as a data set."
)


def load(split: str, root: str | Path | None = None, framing: str = "tight", fetch: bool = True) -> FaceSet:
    """One split of CelebA-500; see :func:`dlsfaces.data.load`.

    Train, validation and test share their 500 people; query (51 people) and distractors (identities not given) are
    others, and come as tight crops only.
    """
    if split in TRAIN_SPLITS:
        return _load_train(_folder("celebA_train_500", root, fetch), split, framing)
    if framing != "tight":
        raise ValueError(
            f"celeba500/{split} exists as tight crops only (83x100), so framing={framing!r} cannot be had; "
            "train on framing='tight' to test on it"
        )
    return _load_test(_folder("celebA_ir", root, fetch), split)


def _folder(name: str, root: str | Path | None, fetch: bool) -> Path:
    found = places.find((name,), root, ANNOTATION[name])
    if found is None and fetch and root is None:
        log.info("downloading %s from %s", name, LINKS[name])
        try:
            download.yandex_disk(LINKS[name], places.cache_folder() / name)
        except (OSError, ValueError) as error:
            raise places.DataUnavailable(f"{name} of CelebA-500 could not be downloaded ({error}). {ADVICE}") from error
        found = places.find((name,), root, ANNOTATION[name])
    if found is None:
        where = ", ".join(map(str, places.search_path(root))) or "the usual places"
        raise places.DataUnavailable(f"there is no folder {name} with a {ANNOTATION[name]} in {where}. {ADVICE}")
    return found


def _load_train(folder: Path, split: str, framing: str) -> FaceSet:
    identities = _read_pairs(folder / "celebA_anno.txt")
    splits = _read_pairs(folder / "celebA_train_split.txt")
    names = [name for name in identities if splits.get(name) == TRAIN_SPLITS[split]]
    frame = geometry.FRAMINGS[framing]
    matrix = geometry.crop_matrix(frame.in_loose, frame.size)
    return FaceSet(
        "celeba500",
        split,
        framing,
        names,
        torch.tensor([identities[name] for name in names], dtype=torch.int64),
        [str(i) for i in range(max(identities.values()) + 1)],
        FileReader([folder / "celebA_imgs" / name for name in names], frame.in_loose),
        frame.size,
        _landmarks(folder / "landmarks_mtcnn.csv", names, matrix),
        matrix,
    )


def _load_test(folder: Path, split: str) -> FaceSet:
    if split == "query":
        with (folder / "celebA_anno_query.csv").open(newline="") as file:
            identities = {row["img"]: int(row["id"]) for row in csv.DictReader(file)}
        paths = [folder / "celebA_query" / name for name in identities]
    else:
        paths = list_photos(folder / "celebA_distractors")
        identities = {path.name: UNKNOWN for path in paths}
    ids = torch.tensor(list(identities.values()), dtype=torch.int64)
    size = geometry.TIGHT.size
    people = [str(i) for i in range(int(ids.max()) + 1)] if len(ids) else []
    files = [path.name for path in paths]
    matrix = geometry.crop_matrix(geometry.whole(size), size)
    return FaceSet(
        "celeba500", split, "tight", files, ids, people, FileReader(paths, None), size, photo_to_crop=matrix
    )


def _read_pairs(path: Path) -> dict[str, int]:
    """Lines of ``name number``."""
    if not path.is_file():
        raise places.DataUnavailable(f"{path} is missing: the copy of CelebA-500 is incomplete. {ADVICE}")
    pairs = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        try:
            name, value = line.split()
            pairs[name] = int(value)
        except ValueError:
            raise ValueError(f"{path}, line {number}: expected 'name number', found {line!r}") from None
    return pairs


def _landmarks(path: Path, names: list[str], matrix: Tensor) -> Tensor | None:
    """Pseudo-landmarks, where the copy of the set has them, in pixels of the crop; NaN where a detector found none."""
    if not path.is_file():
        return None
    with path.open(newline="") as file:
        rows = {row[0]: row[6:16] for row in list(csv.reader(file))[1:]}
    values = [[float(v) if v else float("nan") for v in rows.get(name) or [""] * 10] for name in names]
    points = torch.tensor(values, dtype=torch.float32).reshape(-1, 5, 2)
    return geometry.move_points(matrix, points)
