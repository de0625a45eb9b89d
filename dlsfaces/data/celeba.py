"""CelebA (Liu et al. 2015): 202,599 aligned images of 10,177 people, through torchvision."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import torch
from torchvision.datasets import CelebA

from dlsfaces import geometry
from dlsfaces.data import download, folder
from dlsfaces.data.folders import DataUnavailable, cache_folder, find_folder
from dlsfaces.data.images import FileReader, find_broken
from dlsfaces.data.records import UNKNOWN, FaceSet

QUERY_PEOPLE = 100
ADVICE = (
    "CelebA's Google Drive folder often answers with its quota page; then try again a day later, or download "
    "img_align_celeba.zip and the list_*.txt and identity_CelebA.txt files by hand from the page "
    "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html into a folder called celeba, unpack the zip there, and name the "
    "folder around it with root=... or DLSFACES_ROOT."
)


def load(
    split: str,
    root: str | Path | None = None,
    framing: str = "tight",
    people: int | None = None,
    fetch: bool = True,
) -> FaceSet:
    """One split of CelebA; see :func:`dlsfaces.data.load`.

    Train, validation and test share the people of CelebA's own training partition (or the ``people`` best covered of
    them); query are the 100 best-covered people of its test partition, distractors all others there.

    Raises:
        DataUnavailable: the set is neither here nor to be had.
        ValueError: the split is empty, or most of its photos cannot be read; a few that cannot are left out
            (``FaceSet.skipped``, and a log warning).
    """
    table = _open("test" if split in ("query", "distractors") else "train", root, fetch)
    numbers = defaultdict(list)  # person -> rows of the table
    for row, person in enumerate(table.identity[:, 0].tolist()):
        numbers[f"{person:05d}"].append(row)
    persons, rows = _divide(numbers, split, people)
    chosen = [row for person in persons for row in rows[person]]
    if not chosen:
        raise ValueError(f"CelebA's split {split!r} is empty for people={people}")
    images = Path(table.root) / table.base_folder / "img_align_celeba"
    paths = {row: images / table.filename[row] for row in chosen}
    # Looked at as whole aligned images in either framing, so that both skip the same ones.
    broken = find_broken(list(paths.values()), images, f"celeba/{split}", geometry.LOOSE.in_loose)
    skipped = [table.filename[row] for row in chosen if paths[row] in broken]
    chosen = [row for row in chosen if paths[row] not in broken]
    number = {row: i for i, person in enumerate(persons) for row in rows[person]}
    identities = [UNKNOWN if split == "distractors" else number[row] for row in chosen]
    frame = geometry.FRAMINGS[framing]
    matrix = geometry.crop_matrix(frame.in_loose, frame.size)
    return FaceSet(
        "celeba",
        split,
        framing,
        [table.filename[row] for row in chosen],
        torch.tensor(identities, dtype=torch.int64),
        [] if split == "distractors" else persons,
        FileReader([paths[row] for row in chosen], frame.in_loose),
        frame.size,
        geometry.move_points(matrix, table.landmarks_align[chosen].float().reshape(-1, 5, 2)),
        matrix,
        skipped,
    )


def _divide(numbers: dict[str, list[int]], split: str, people: int | None) -> tuple[list[str], dict[str, list[int]]]:
    if split in ("query", "distractors"):
        query = folder.best_covered(numbers, QUERY_PEOPLE)
        persons = sorted(query) if split == "query" else sorted(set(numbers) - set(query))
        return persons, {p: numbers[p] for p in persons}
    known = folder.best_covered({p: rows for p, rows in numbers.items() if len(rows) > 1}, people)
    return sorted(known), {p: folder.divide_photos(rows, split) for p, rows in known.items()}


def _open(partition: str, root: str | Path | None, fetch: bool) -> CelebA:
    found = find_folder((CelebA.base_folder,), root)
    # A download that failed has left its folder in the cache; the next one goes on with what is missing in it.
    may_download = fetch and root is None and (found is None or found.parent == cache_folder())
    if found is None and not may_download:
        raise DataUnavailable(f"there is no folder {CelebA.base_folder}. {ADVICE}")
    parent = found.parent if found else cache_folder()
    try:
        if may_download:
            _complete(parent / CelebA.base_folder)
        return CelebA(str(parent), partition, ["identity", "landmarks"], download=False)
    except Exception as error:  # torchvision raises many kinds over files that are not what they should be
        raise DataUnavailable(f"CelebA could not be opened in {parent} ({error}). {ADVICE}") from error


def _complete(into: Path) -> None:
    """Download what is missing of the files that torchvision lists, and unpack the images."""
    images = into / "img_align_celeba"
    for file_id, md5, name in CelebA.file_list:
        if not (name == "img_align_celeba.zip" and images.is_dir()):
            download.google_drive(file_id, into / name, md5)
    download.unpack(images.with_suffix(".zip"), images)
