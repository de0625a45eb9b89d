"""CelebA (Liu et al. 2015): 202,599 aligned pictures of 10,177 people, through torchvision."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import torch
from torchvision.datasets import CelebA

from dlsfaces import geometry
from dlsfaces.data import folder, places
from dlsfaces.data.photos import FileReader
from dlsfaces.data.records import UNKNOWN, FaceSet

QUERY_PEOPLE = 100
ADVICE = (
    "CelebA's Google Drive folder often answers with its quota page; then try again a day later, or download "
    "img_align_celeba.zip and the list_*.txt and identity_CelebA.txt files by hand from the page "
    "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html into a folder called celeba, and name the folder around it with "
    "root=... or DLSFACES_ROOT."
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
    """
    table = _open("test" if split in ("query", "distractors") else "train", root, fetch)
    numbers = defaultdict(list)  # person -> rows of the table
    for row, person in enumerate(table.identity[:, 0].tolist()):
        numbers[f"{person:05d}"].append(row)
    persons, rows = _divide(numbers, split, people)
    chosen = [row for person in persons for row in rows[person]]
    if not chosen:
        raise ValueError(f"CelebA's split {split!r} is empty for people={people}")
    frame = geometry.FRAMINGS[framing]
    matrix = geometry.crop_matrix(frame.in_loose, frame.size)
    identities = [UNKNOWN if split == "distractors" else i for i, p in enumerate(persons) for _ in rows[p]]
    images = Path(table.root) / table.base_folder / "img_align_celeba"
    return FaceSet(
        "celeba",
        split,
        framing,
        [table.filename[row] for row in chosen],
        torch.tensor(identities, dtype=torch.int64),
        [] if split == "distractors" else persons,
        FileReader([images / table.filename[row] for row in chosen], frame.in_loose),
        frame.size,
        geometry.move_points(matrix, table.landmarks_align[chosen].float().reshape(-1, 5, 2)),
        matrix,
    )


def _divide(numbers: dict[str, list[int]], split: str, people: int | None) -> tuple[list[str], dict[str, list[int]]]:
    if split in ("query", "distractors"):
        query = folder.best_covered(numbers, QUERY_PEOPLE)
        persons = sorted(query) if split == "query" else sorted(set(numbers) - set(query))
        return persons, {p: numbers[p] for p in persons}
    known = folder.best_covered({p: rows for p, rows in numbers.items() if len(rows) > 1}, people)
    return sorted(known), {p: folder.divide_photos(rows, split) for p, rows in known.items()}


def _open(partition: str, root: str | Path | None, fetch: bool) -> CelebA:
    found = places.find((CelebA.base_folder,), root)
    # A download that failed has left its folder in the cache; torchvision goes on with what is missing in it.
    unfinished = found is not None and found.parent == places.cache_folder()
    download = fetch and root is None and (found is None or unfinished)
    if found is None and not download:
        raise places.DataUnavailable(f"there is no folder {CelebA.base_folder}. {ADVICE}")
    parent = found.parent if found else places.cache_folder()
    try:
        return CelebA(str(parent), partition, ["identity", "landmarks"], download=download)
    except Exception as error:  # gdown and torchvision raise many kinds, RuntimeError and bare Exception among them
        raise places.DataUnavailable(f"CelebA could not be opened in {parent} ({error}). {ADVICE}") from error
