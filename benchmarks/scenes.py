"""How quickly are photos with many people made, and do they fool a detector that was made for real ones?

    python -m benchmarks.scenes [--dry-run] [--scenes 150] [--real FOLDER]

MTCNN (``make peers``) looks for the faces of drawn scenes, and of real portraits pasted before real photos where those
lie on this machine; without it, only the speed is measured. Two sheets for the eye go to ``build``: they may show real
people, and belong nowhere else. ``--dry-run`` records nothing.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader

from benchmarks._peers import Finder, MissingPeerError
from benchmarks._record import ROOT, record
from dlsfaces import data
from dlsfaces.data import PhotoSet
from dlsfaces.data.records import Photo
from dlsfaces.geometry import face_box, iou
from drawpeople import cut_out

log = logging.getLogger(__name__)

SEED = 2024
HIT = 0.3  # intersection over union with the true face box
CLASSES = ((16, 24), (24, 48), (48, 1000))  # widths of the face's box in pixels
WORKERS = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dry-run", action="store_true", help="measure and print, record nothing")
    parser.add_argument("--scenes", type=int, default=150, help="how many of each kind are made and looked at")
    parser.add_argument("--real", type=Path, default=ROOT.parent / "shared" / "data", help="CelebA-500, scenes")
    chosen = parser.parse_args()
    figures = {"bank_people_per_second": bank_people_per_second(), "studio_per_second": studio_per_second()}
    drawn = data.scenes("test", chosen.scenes, seed=SEED)
    figures["scenes_per_second"] = scenes_per_second(drawn)
    sheet(drawn, ROOT / "build" / "scenes.jpg")
    kinds = {"synthetic": drawn, **real_composites(chosen.real, chosen.scenes)}
    figures |= found_by_mtcnn(kinds)
    if chosen.dry_run:
        print(json.dumps({"figures": figures}, indent=1))
        return
    record("scenes", figures, f"python -m benchmarks.scenes --scenes {chosen.scenes}", notes=notes(chosen.scenes))


def notes(count: int) -> list[str]:
    return [
        f"scenes_per_second: 480x640, up to 30 people, {WORKERS} worker processes, the people rendered before; "
        "bank_people_per_second: head and shoulders at 352x304 on the threads that torch has; studio_per_second: 320.",
        f"mtcnn: {count} scenes of each kind, default thresholds; a hit is a box, made from its landmarks as ours are, "
        f"that overlaps a true one by {HIT} or more, each counted once. recall@24-48: of faces whose boxes are so many "
        "pixels wide; precision: of all that it found, at any size.",
    ]


# --- speed ---------------------------------------------------------------------------------------------------------


def bank_people_per_second(count: int = 64) -> float:
    numbers = torch.arange(count)
    cut_out(numbers[:4], numbers[:4], seed=SEED)  # warms up
    start = time.perf_counter()
    cut_out(numbers, numbers, seed=SEED)
    return count / (time.perf_counter() - start)


def studio_per_second(count: int = 100) -> float:
    """Once the people are rendered."""
    photos = data.studio("validation", 320, people=20, images_per_person=7, seed=SEED)
    start = time.perf_counter()
    for i in range(count):
        photos[i % len(photos)]
    return count / (time.perf_counter() - start)


def scenes_per_second(photos: PhotoSet) -> float:
    """By worker processes, as a training loop would have them; the first two, with their start, are left out."""
    loader = iter(DataLoader(photos, batch_size=2, num_workers=WORKERS, prefetch_factor=1, collate_fn=len))
    next(loader), next(loader)
    start = time.perf_counter()
    done = sum(loader)
    return done / (time.perf_counter() - start)


# --- MTCNN ---------------------------------------------------------------------------------------------------------


def real_composites(folder: Path, count: int) -> dict[str, PhotoSet]:
    """Real portraits before real photos, where they are."""
    backgrounds = folder / "non_face_scenes"
    if not backgrounds.is_dir():
        log.warning("%s is not there: only drawn scenes are measured", backgrounds)
        return {}
    faces = data.load("celeba500", "test", folder, framing="loose")
    photos = data.scenes("test", count, faces=faces, backgrounds=backgrounds, seed=SEED)
    sheet(photos, ROOT / "build" / "scenes_real.jpg")
    return {"real": photos}


def found_by_mtcnn(kinds: dict[str, PhotoSet]) -> dict[str, float]:
    try:
        finder = Finder(at_once=1)
    except MissingPeerError as missing:
        log.warning("%s; only the speed is measured", missing)
        return {}
    figures = {}
    for kind, photos in kinds.items():
        widths, hits, found = [], [], 0
        for photo in photos:  # with a bar of its own
            marks = finder.faces(photo.image[None])[0][1]
            true = torch.stack([face.box for face in photo.faces]) if photo.faces else torch.zeros(0, 4)
            widths.append(true[:, 2] - true[:, 0])
            hits.append(matched(true, face_box(marks)))
            found += len(marks)
        figures |= rates(kind, torch.cat(widths), torch.cat(hits), found)
    return figures


def matched(true: Tensor, found: Tensor) -> Tensor:
    """Which true boxes are hit, each by a found one of its own, the best pairs first: bool ``(T,)``."""
    overlaps, hit = iou(true, found), torch.zeros(len(true), dtype=torch.bool)
    while overlaps.numel() and overlaps.max() >= HIT:
        row, column = divmod(int(overlaps.argmax()), overlaps.shape[1])
        hit[row] = True
        overlaps[row], overlaps[:, column] = -1, -1
    return hit


def rates(kind: str, widths: Tensor, hits: Tensor, found: int) -> dict[str, float]:
    figures = {f"mtcnn_precision/{kind}": float(hits.sum()) / max(1, found)}
    for low, high in CLASSES:
        chosen = (widths >= low) & (widths < high)
        name = f"{low}+" if high == CLASSES[-1][1] else f"{low}-{high}"
        if chosen.any():
            figures[f"mtcnn_recall@{name}/{kind}"] = float(hits[chosen].float().mean())
    return figures


# --- sheets ------------------------------------------------------------------------------------------------------


def sheet(photos: Sequence[Photo], path: Path, count: int = 12, columns: int = 4) -> None:
    """The first photos beside each other."""
    tiles = [Image.fromarray(photos[i].image.permute(1, 2, 0).numpy()) for i in range(min(count, len(photos)))]
    if not tiles:
        return
    width, height = tiles[0].size
    whole = Image.new("RGB", (columns * width, -(-len(tiles) // columns) * height))
    for k, tile in enumerate(tiles):
        whole.paste(tile, (k % columns * width, k // columns * height))
    path.parent.mkdir(exist_ok=True)
    whole.save(path, quality=90)


if __name__ == "__main__":
    main()
