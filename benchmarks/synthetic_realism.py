"""Does software made for real faces believe the built-in people? And how quickly are they drawn?

    python -m benchmarks.synthetic_realism [--dry-run] [--people 1000] [--real FOLDER]

MTCNN looks for the faces, dlib's network tells the people apart, beside the real faces of the identification-rate set
where that lies on this machine. Needs ``make peers``; a sheet and a plot for the eye go to ``build``. ``--dry-run``
records nothing.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import statistics
import time
from pathlib import Path

import numpy as np
import torch
from matplotlib import pyplot as plt
from PIL import Image
from torch import Tensor

from benchmarks._peers import Finder, Judge, pair_distances, verdict
from benchmarks._record import ROOT, record
from dlsfaces import rng
from dlsfaces.geometry import LOOSE, TIGHT, Framing, iou
from drawpeople import people, render, shots
from drawpeople.rendering import Rendering

SEED = 2024
HIT = 0.3  # intersection over union with the true face box
FRONTAL = 30  # degrees of yaw
WIDE = {"yaw": 75, "pitch": 30, "roll": 40}  # degrees to either side, drawn evenly
IMAGES_EACH = 10
BINS = np.linspace(0, 1.5, 61)  # of distances
Faces = dict[str, Tensor]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dry-run", action="store_true", help="measure and print, record nothing")
    parser.add_argument("--people", type=int, default=1000, help="for MTCNN; a fifth as many for dlib's network")
    parser.add_argument("--real", type=Path, default=ROOT / "data" / "celebA_ir", help="the identification-rate set")
    chosen = parser.parse_args()
    figures, more = found_by_mtcnn(chosen.people)
    told, distances = told_apart(chosen.people // 5, chosen.real)
    figures |= told | {"faces_per_second": faces_per_second()}
    more |= distances
    if chosen.dry_run:
        print(json.dumps({"figures": figures, **more}, indent=1))
        return
    record("synthetic_realism", figures, "python -m benchmarks.synthetic_realism", **more, notes=notes(chosen.people))


def notes(count: int) -> list[str]:
    return [
        f"mtcnn_recall: {count} people, one image each at 178x218; a hit is a box that overlaps that of the 68 true "
        f"landmarks by {HIT} or more. frontal: the default draw, nothing worn, yaw within {FRONTAL} degrees. all: yaw "
        "within 75, pitch within 30, roll within 40 degrees, drawn evenly, worn or not.",
        "mtcnn_nme_median: mean error of five landmarks in eye distances, yaw within 30 degrees.",
        f"dlib: {count // 5} people, {IMAGES_EACH} images each, default draw, 178x218; the predictor's box comes "
        "from the true landmarks. Distances are Euclidean; tpr@0.01: same pairs below the 1 % quantile of others.",
        "dlib, synthetic tight and real: crops of 83x100, synthetic and of the identification-rate set, both placed "
        "in the same way, with the framing's landmarks for every face.",
    ]


# --- MTCNN ---------------------------------------------------------------------------------------------------------


def found_by_mtcnn(count: int) -> tuple[dict[str, float], dict[str, object]]:
    """Figures, and recall by yaw, sex, skin and age; the misses go to ``build/mtcnn_misses.png``."""
    finder, numbers = Finder(), torch.arange(count)
    person, default = people(numbers, SEED), shots(numbers, numbers, SEED)
    wide = default | wide_poses(count)
    drawn = {name: render(person, shot, LOOSE) for name, shot in (("default", default), ("wide", wide))}
    results = {name: matched(finder.faces(one.images), outlines(one), one.landmarks) for name, one in drawn.items()}
    hit, error = results["default"]
    wide_hit, _ = results["wide"]
    covered = sum(default[name] for name in ("sunglasses", "hat", "mask", "hand")) > 0
    frontal = (default["yaw"].abs() <= FRONTAL) & ~covered
    figures = {
        "mtcnn_recall/frontal": share(hit[frontal]),
        "mtcnn_recall/all": share(wide_hit),
        "mtcnn_nme_median": float(error[hit & frontal].median()),
    }
    worst = torch.cat([one.images[~results[name][0]][:60] for name, one in drawn.items()])
    contact_sheet(worst, ROOT / "build" / "mtcnn_misses.png")
    recall = {"default draw": share(hit)} | by_yaw(wide["yaw"], wide_hit) | by_person(person, wide_hit)
    return figures, {"mtcnn_recall": recall, "mtcnn_misses": misses(wide, wide_hit)}


def wide_poses(count: int) -> Faces:
    """Yaw, pitch and roll drawn evenly."""
    u = 2 * rng.uniform(rng.key(SEED, torch.arange(count), 1), len(WIDE)) - 1
    return {name: limit * u[:, k] for k, (name, limit) in enumerate(WIDE.items())}


def outlines(made: Rendering) -> Tensor:
    """The boxes ``(N, 4)`` of the 68 landmarks: the course's is made of the eye distance, which a profile lacks."""
    return torch.cat((made.dense.amin(1), made.dense.amax(1)), dim=1)


def matched(found: list[tuple[Tensor, Tensor]], boxes: Tensor, landmarks: Tensor) -> tuple[Tensor, Tensor]:
    """Of MTCNN's faces in each image the one that overlaps most: whether it hits, and its landmarks' error.

    Args:
        found: boxes and landmarks, an image each.
        boxes: the true ``(N, 4)``.
        landmarks: the true ``(N, 5, 2)``.
    Returns:
        bool ``(N,)`` and float ``(N,)`` in eye distances, infinite where nothing was found.
    """
    hit, error = torch.zeros(len(boxes), dtype=torch.bool), torch.full((len(boxes),), torch.inf)
    for k, ((seen, marks), box, own) in enumerate(zip(found, boxes, landmarks)):
        if len(marks):
            overlap, best = iou(seen, box[None])[:, 0].max(0)
            hit[k] = overlap >= HIT
            error[k] = (marks[best] - own).norm(dim=-1).mean() / (own[1] - own[0]).norm()
    return hit, error


def share(hit: Tensor) -> float:
    return round(float(hit.double().mean()), 4) if len(hit) else 0.0


def by_yaw(yaw: Tensor, hit: Tensor) -> dict[str, float]:
    edges = (0, 15, 30, 45, 60, 75)
    groups = {f"yaw {a} to {b}": (yaw.abs() >= a) & (yaw.abs() < b) for a, b in itertools.pairwise(edges)}
    return {name: share(hit[mask]) for name, mask in groups.items()}


def by_person(person: Faces, hit: Tensor) -> dict[str, float]:
    """Recall of groups of people, over all poses."""
    groups = {"women": person["sex"] < 0.5, "men": person["sex"] >= 0.5}
    for name in ("skin_tone", "age"):
        for part in range(4):
            low, high = part / 4, (part + 1) / 4
            groups[f"{name} {low} to {high}"] = (person[name] >= low) & (person[name] <= high)
    return {name: share(hit[mask]) for name, mask in groups.items()}


def misses(shot: Faces, hit: Tensor) -> dict[str, dict[str, float]]:
    """Dials of the image that differ most between missed and found faces, in standard deviations."""
    if hit.all() or not hit.any():
        return {}
    sizes = {f"|{name}|": value.abs() for name, value in shot.items() if name in WIDE} | shot
    gaps = {k: float((v[~hit].mean() - v[hit].mean()) / v.std().clamp(min=1e-6)) for k, v in sizes.items()}
    return {"shot": dict(sorted(gaps.items(), key=lambda row: -abs(row[1]))[:8])}


# --- dlib ----------------------------------------------------------------------------------------------------------


def told_apart(count: int, real: Path) -> tuple[dict[str, float], dict[str, object]]:
    """Figures, and counts of distances; drawn beside each other in ``build/dlib_distances.png``."""
    judge = Judge()
    identities = torch.arange(count).repeat_interleave(IMAGES_EACH)
    pairs = {"synthetic": pair_distances(judge.descriptors(*loose_faces(count)), identities)}
    pairs["synthetic tight"] = pair_distances(judge.descriptors(*tight_faces(count)), identities)
    if (real / "celebA_anno_query.csv").exists():
        images, landmarks, known = real_faces(real)
        pairs["real"] = pair_distances(judge.descriptors(images, landmarks), known)
    else:
        print(f"no real faces in {real}: they are left out")
    histograms(pairs, ROOT / "build" / "dlib_distances.png")
    found = {name: verdict(*p) for name, p in pairs.items()}
    names = {"tpr": "dlib_tpr@0.01", "same": "dlib_distance/same", "other": "dlib_distance/other"}
    figures = {names[key]: found["synthetic"][key] for key in names}
    counts = {
        name: {kind: np.histogram(d, BINS)[0].tolist() for kind, d in zip(("same", "other"), p)}
        for name, p in pairs.items()
    }
    return figures, {"dlib": found, "dlib_counts": {"bins": BINS.round(3).tolist(), **counts}}


def rendered(count: int, framing: Framing) -> Rendering:
    """``IMAGES_EACH`` default images of each of ``count`` people."""
    identities = torch.arange(count).repeat_interleave(IMAGES_EACH)
    numbers = torch.arange(IMAGES_EACH).repeat(count)
    return render(people(identities, SEED), shots(identities, numbers, SEED), framing)


def loose_faces(count: int) -> tuple[Tensor, Tensor]:
    drawn = rendered(count, LOOSE)
    return drawn.images, drawn.landmarks


def tight_faces(count: int) -> tuple[Tensor, Tensor]:
    """As the real set comes: small crops, and nothing known but the framing's landmarks."""
    images = rendered(count, TIGHT).images
    return images, framing_landmarks(len(images))


def framing_landmarks(count: int) -> Tensor:
    return torch.tensor(TIGHT.landmarks).float().expand(count, 5, 2)


def real_faces(folder: Path) -> tuple[Tensor, Tensor, Tensor]:
    """The set's query: images ``(N, 3, 100, 83)``, the framing's landmarks, identities."""
    with open(folder / "celebA_anno_query.csv", newline="") as lines:
        rows = list(csv.DictReader(lines))
    files = (Image.open(folder / "celebA_query" / row["img"]).convert("RGB") for row in rows)
    images = torch.stack([torch.from_numpy(np.array(image)).permute(2, 0, 1) for image in files])
    return images, framing_landmarks(len(images)), torch.tensor([int(row["id"]) for row in rows])


# --- speed and figures --------------------------------------------------------------------------------------------


def faces_per_second(batches: int = 7, size: int = 128) -> float:
    """The median of some batches at 112x112, on two threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    rates = []
    for batch in range(batches + 1):
        numbers = torch.arange(batch * size, (batch + 1) * size)
        person, shot = people(numbers, SEED), shots(numbers, numbers, SEED)
        start = time.perf_counter()
        render(person, shot, TIGHT, (112, 112))
        rates.append(size / (time.perf_counter() - start))
    torch.set_num_threads(before)
    return statistics.median(rates[1:])  # the first warms up


def contact_sheet(images: Tensor, path: Path, columns: int = 12) -> None:
    """Images ``(N, 3, H, W)`` beside each other; none at all draws nothing."""
    if len(images) == 0:
        return
    empty = -len(images) % columns
    tiles = torch.cat((images, images.new_zeros(empty, *images.shape[1:])))
    rows = tiles.unflatten(0, (-1, columns)).permute(0, 3, 1, 4, 2)
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(rows.flatten(0, 1).flatten(1, 2).numpy()).save(path)


def histograms(pairs: dict[str, tuple[Tensor, Tensor]], path: Path) -> None:
    figure, axes = plt.subplots(1, len(pairs), figsize=(5 * len(pairs), 3.2), sharey=True, layout="constrained")
    for axis, (name, (same, other)) in zip(axes, pairs.items()):
        for distances, label in ((same, "same person"), (other, "different people")):
            axis.hist(distances, BINS, density=True, alpha=0.6, label=label)
        axis.set(title=name, xlabel="distance")
    axes[0].legend()
    figure.savefig(path, dpi=120)
    plt.close(figure)


if __name__ == "__main__":
    main()
