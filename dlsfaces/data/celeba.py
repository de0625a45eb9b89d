"""CelebA (Liu et al. 2015): 202,599 aligned images of 10,177 people, through torchvision."""

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from torchvision.datasets import CelebA

from dlsfaces import geometry
from dlsfaces.data import download, folder
from dlsfaces.data.folders import DataUnavailable, cache_folder, find_folder, missing_of
from dlsfaces.data.images import readable
from dlsfaces.data.records import FaceSet

QUERY_PEOPLE = 100
ADVICE = (
    "Where Google Drive answers with its quota page, try again a day later, or download img_align_celeba.zip and the "
    "*.txt files from https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html into a folder called celeba, unpack the zip "
    "there, and name the folder around it with root=... or DLSFACES_ROOT."
)


def load(split: str, root: str | Path | None = None, framing: str = "tight", people: int | None = None) -> FaceSet:
    """One split of CelebA; see :func:`dlsfaces.data.load`.

    CelebA's training partition is divided; query are the 100 best-covered people of its test one, distractors the rest.
    """
    table = _open("test" if split in ("query", "distractors") else "train", root)
    numbers = defaultdict(list)  # person -> rows of the table
    for row, person in enumerate(table.identity[:, 0].tolist()):
        numbers[f"{person:05d}"].append(row)
    chosen = {p: [table.filename[row] for row in rows] for p, rows in _divide(numbers, split, people).items()}
    if not any(chosen.values()):
        raise ValueError(f"CelebA's split {split!r} is empty for people={people}")
    images = Path(table.root) / table.base_folder / "img_align_celeba"
    identities, framed = folder.numbered(chosen), geometry.FRAMINGS[framing].in_loose
    shapes = readable([images / file for file in identities], images, f"celeba/{split}", geometry.LOOSE.in_loose)
    faces = folder.read_set("celeba", split, images, identities, list(chosen), shapes, framed)
    row = {file: i for i, file in enumerate(table.filename)}
    points = table.landmarks_align[[row[file] for file in faces.files]].float().reshape(-1, 5, 2)
    return replace(faces, framing=framing, landmarks=geometry.move_points(faces.photo_to_crop, points))


def _divide(numbers: dict[str, list[int]], split: str, people: int | None) -> dict[str, list[int]]:
    """The people of a split, ordered by name, and their rows in it."""
    if split in ("query", "distractors"):
        query = folder.best_covered(numbers, QUERY_PEOPLE)
        return query if split == "query" else {p: numbers[p] for p in sorted(numbers.keys() - query.keys())}
    known = folder.best_covered({p: rows for p, rows in numbers.items() if len(rows) > 1}, people)
    return {p: folder.divide_photos(rows, split) for p, rows in known.items()}


def _open(partition: str, root: str | Path | None) -> CelebA:
    parts = ["img_align_celeba", *(name for _, _, name in CelebA.file_list if name.endswith(".txt"))]
    found = find_folder((CelebA.base_folder,), root, *parts) or find_folder((CelebA.base_folder,), root)
    # A download that failed has left its folder in the cache; the next one goes on with what is missing in it.
    may_download = root is None and (found is None or found.parent == cache_folder())
    if found is None and not may_download:
        raise DataUnavailable(f"there is no folder {CelebA.base_folder}. {ADVICE}")
    parent = found.parent if found else cache_folder()
    try:
        if may_download:  # what is missing of the files that torchvision lists
            images = parent / CelebA.base_folder / "img_align_celeba"
            for file_id, md5, name in CelebA.file_list:
                if name != f"{images.name}.zip" or not images.is_dir():
                    download.google_drive(file_id, images.with_name(name), md5)
            download.unpack(images.with_suffix(".zip"), images)
        return CelebA(str(parent), partition, ["identity", "landmarks"], download=False)
    except Exception as error:  # torchvision raises many kinds over files that are not what they should be
        why = f"{error}; missing: {', '.join(missing_of(parent / CelebA.base_folder, *parts)) or 'nothing'}"
        raise DataUnavailable(f"CelebA could not be opened in {parent} ({why}). {ADVICE}") from error
