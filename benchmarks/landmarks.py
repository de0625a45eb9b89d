"""How near do the landmark networks come, on whom do they fail, and how fast are they, beside a public MTCNN?

    python -m benchmarks.landmarks [--root FOLDER] [--invented] [--write] [--dry-run]

Trains the networks that ship with the course (a run that was made before on this machine is not made again) and
measures them on synthetic people, on CMU+MIT's own landmarks, and on tilted photos of 50 people of CelebA-500 whom none
of them has seen. ``--invented`` trains those of synthetic people alone, and measures the others as they ship.
``--write`` also writes the trained weights and their cards into ``dlsfaces/weights``.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from benchmarks import cmu_mit
from benchmarks._landmarks import RECIPES, held_out_faces, strangers, trained, write_weights
from benchmarks._peers import Finder, MissingPeerError
from benchmarks._record import ROOT, record
from dlsfaces import align, course, evaluate, geometry
from dlsfaces.align.networks import LandmarkNet
from dlsfaces.data import FaceSet

ROUNDS = 5
SPEED_FACES = 256
CROP = 160  # side of what MTCNN gets of each face: it has to find it there first

Find = Callable[[Tensor, Tensor], Tensor]  #: images and boxes to landmarks, NaN where there are none
Faces = tuple[Tensor, Tensor, Tensor]  #: squares around faces, their boxes in them, and the true landmarks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", default=str(ROOT.parent / "shared" / "data"), help="holds CelebA-500 and CMU+MIT")
    parser.add_argument("--invented", action="store_true", help="train the networks of synthetic people alone")
    parser.add_argument("--write", action="store_true", help="write the weights and their cards")
    parser.add_argument("--dry-run", action="store_true", help="measure and print, record nothing")
    chosen = parser.parse_args()
    nets, histories = {}, {}
    for kind in RECIPES:
        for trained_on, root in (("synthetic", None), ("celeba", chosen.root)):
            if chosen.invented and root:
                nets[kind, trained_on] = align.load_landmark_net(kind, trained_on)
                continue
            model, histories[f"{kind}_{trained_on}"] = trained(kind, root)
            nets[kind, trained_on] = model.half().float()  # as the file keeps it
    sets = {
        "synthetic": from_sets([strangers()]),
        "cmu_mit": from_photos(chosen.root),
        "celeba_held_out": from_sets(held_out_faces(chosen.root)),
    }
    finder = a_finder()
    detail = measured(nets, sets, finder)
    figures = of_interest(detail) | speeds(
        {kind: nets[kind, "celeba"] for kind in RECIPES}, sets["celeba_held_out"], finder
    )
    if chosen.dry_run:
        print(figures, detail)
        return
    if chosen.write:
        write_weights({key: net for key, net in nets.items() if "_".join(key) in histories}, detail, histories)
    before = course.recorded("landmarks")["history"]
    command = f"python -m benchmarks.landmarks{' --invented' * chosen.invented} --write"
    record("landmarks", figures, command, detail=detail, history=before | histories, notes=NOTES)


NOTES = [
    "nme: mean distance from the true five landmarks by the distance of the true eyes, mean over faces; failure: share "
    "of faces whose own mean exceeds 0.1. Two looks of the network, from the face's box.",
    "nme_synthetic: weights trained on synthetic people alone, on 1,000 images of 1,000 others, tilted by up to 25 "
    "degrees, zoomed by 0.87 to 1.15, shifted; hidden landmarks count. nme_cmu_mit, *_celeba_held_out: those weights "
    "trained on with CelebA-500's pseudo-landmarks (an MTCNN's) of 450 people; synthetic_only: without that. CMU+MIT: "
    "all 511 faces, from their annotated boxes, annotated in whole pixels; four are upside down, some are drawn. "
    "celeba_held_out: tilted photos of 50 people whom no network has seen; agreement with pseudo-landmarks, no truth.",
    "without_offset: after each landmark's median offset in the other half of the faces is taken away: what CMU+MIT's "
    "annotators call the tip of the nose lies lower, their corners of the mouth further in than those learned from.",
    "peer_mtcnn: facenet-pytorch's MTCNN, on a square of 2.2 face sizes around each face, scaled to 160 pixels; the "
    "face it finds nearest to the middle. nme: of those found; failure: those not found count as failed.",
    "faces_per_second: photos of 178x218 in batches of 128, all of find_landmarks (cutting out, two looks); MTCNN "
    "finds the face, too, which ours is told. Medians of interleaved rounds.",
    "The networks of CelebA began from people of generator 3, with plain colours. Others from generator 4 were tried, "
    "the hourglass on CMU+MIT and celeba_held_out: real and synthetic faces together with strong grain and print "
    "0.113 and 0.051; with mild ones 0.1095 and 0.0447; mild, real faces alone 0.1077 and 0.0436. None was better.",
    "detail: every network on every set: nme by eyes and by box size, failures, area under the cumulative error curve "
    "to 0.1, PCK at 0.1, error of each landmark (left eye, right eye, nose, left and right mouth corner).",
]


def measured(nets: dict, sets: dict[str, Faces], finder: Finder | None) -> dict[str, dict]:
    """Every network and the peer on every set."""
    ways: dict[str, Find] = {
        f"{kind}_{on}": (lambda images, boxes, model=model: align.find_landmarks(model, images, boxes).points)
        for (kind, on), model in nets.items()
    }
    if finder is not None:
        ways["peer_mtcnn"] = lambda images, boxes: by_mtcnn(finder, images, boxes)
    return {f"{way}/{name}": scored(find, faces) for way, find in ways.items() for name, faces in sets.items()}


def of_interest(detail: dict[str, dict]) -> dict[str, float]:
    """Each network where it is at home: on synthetic people the weights that saw only them, on real ones the others."""
    figures = {}
    for name in [*RECIPES, "peer_mtcnn"]:
        for on in ("synthetic", "cmu_mit", "celeba_held_out"):
            weights = "" if name == "peer_mtcnn" else "_synthetic" if on == "synthetic" else "_celeba"
            if score := detail.get(f"{name}{weights}/{on}"):
                figures |= {f"{name}/nme_{on}": score["nme"], f"{name}/failure_{on}": score["failure_rate"]}
        if score := detail.get(f"{name}{'' if name == 'peer_mtcnn' else '_celeba'}/cmu_mit"):
            figures[f"{name}/nme_cmu_mit/without_offset"] = score["nme_without_offset"]
        if other := detail.get(f"{name}_synthetic/cmu_mit"):
            figures[f"{name}/nme_cmu_mit/synthetic_only"] = other["nme"]
    return figures


# --- faces ---------------------------------------------------------------------------------------------------------


def from_sets(sets: list[FaceSet]) -> Faces:
    """Loose photos of sets, with the box that their framing has."""
    images = torch.cat([faces.images() for faces in sets])
    box = geometry.face_box(geometry.LOOSE.template)
    return images, box.expand(len(images), 4), torch.cat([faces.landmarks for faces in sets])


def from_photos(root: str) -> Faces:
    """The faces of CMU+MIT, each on a square of one size with a box's width around it."""
    squares, boxes, points = [], [], []
    for photo in cmu_mit.load(root):
        for face in photo.faces:
            matrix = around(face.box, 2 * CROP)
            squares.append(geometry.warp(photo.image[None], matrix, (2 * CROP, 2 * CROP), "edge")[0])
            boxes.append(geometry.move_points(matrix[0], face.box.view(2, 2)).flatten())
            points.append(geometry.move_points(matrix[0], face.landmarks))
    return (255 * torch.stack(squares)).round().byte(), torch.stack(boxes), torch.stack(points)


def around(box: Tensor, side: int) -> Tensor:
    """The map ``(1, 2, 3)`` to a square of ``side`` pixels with a face of this box in its middle."""
    middle, size = (box[:2] + box[2:]) / 2, float((box[2:] - box[:2]).prod().sqrt())
    scale = torch.tensor([side / (2.2 * size)])
    return geometry.turned(torch.zeros(1), scale, middle, torch.tensor([side / 2, side / 2]))


# --- measures ------------------------------------------------------------------------------------------------------


def scored(find: Find, faces: Faces) -> dict[str, float | list[float]]:
    """All measures of what ``find`` gives for images and boxes; NaN where it found no face."""
    images, boxes, true = faces
    found = find(images, boxes)
    found = torch.where(found.isnan(), torch.inf, found)  # an infinite error: a failure
    by_eyes, by_box = (evaluate.landmark_score(found, true, normaliser=by) for by in ("eyes", "box"))
    seen = np.isfinite(by_eyes.per_face)
    offset_free = evaluate.landmark_score(without_offset(found, true), true).per_face
    return {
        "nme": float(by_eyes.per_face[seen].mean()),
        "nme_by_box": float(by_box.per_face[seen].mean()),
        "failure_rate": by_eyes.failure_rate,
        "area": by_eyes.area,
        "pck": by_eyes.pck,
        "per_landmark": evaluate.landmark_score(found[seen], true[seen]).per_landmark.round(4).tolist(),
        "found": float(seen.mean()),
        "faces": len(true),
        "nme_without_offset": float(offset_free[seen].mean()),
    }


def without_offset(found: Tensor, true: Tensor) -> Tensor:
    """What was found, less what each landmark is off by in the median of the other half of the faces.

    Along the eyes and across: one annotator's tip of the nose, or corner of the mouth, is not another's, and a network
    that learned from one cannot know where the other put it.
    """
    across = true[:, 1] - true[:, 0]
    frame = torch.stack((across, torch.stack((-across[:, 1], across[:, 0]), dim=1)), dim=2)
    missed = torch.where(found.isfinite(), found - true, torch.nan)
    local = torch.linalg.solve(frame, missed.mT).mT  # in eye distances
    odd = (torch.arange(len(true)) % 2 == 1)[:, None, None]
    usual = torch.where(odd, *(local[rest::2].nanmedian(0).values for rest in (0, 1)))
    return (true + (frame @ (local - usual).mT).mT).nan_to_num(torch.inf)


def a_finder() -> Finder | None:
    try:
        return Finder(at_once=32)
    except MissingPeerError as missing:
        print(f"{missing}; measured without a peer")
        return None


def by_mtcnn(finder: Finder, images: Tensor, boxes: Tensor) -> Tensor:
    """What MTCNN finds nearest to the middle of each box: ``(N, 5, 2)``, NaN where nothing."""
    matrices = torch.cat([around(box, CROP) for box in boxes])
    squares = (255 * geometry.warp(images, matrices, (CROP, CROP), "edge")).round().byte()
    points = torch.full((len(images), 5, 2), torch.nan)
    for k, (_, marks) in enumerate(finder.faces(squares)):
        if len(marks):
            away = (marks.mean(1) - CROP / 2).norm(dim=1)
            points[k] = marks[away.argmin()]
    return geometry.move_points(geometry.inverse(matrices), points)


def speeds(nets: dict[str, LandmarkNet], faces: Faces, finder: Finder | None) -> dict[str, float]:
    """Faces a second on this machine, one after the other in each round: medians."""
    images, boxes = faces[0][:SPEED_FACES], faces[1][:SPEED_FACES]
    runs = {kind: lambda model=model: align.find_landmarks(model, images, boxes) for kind, model in nets.items()}
    if finder is not None:
        runs["peer_mtcnn"] = lambda: finder.faces(images)
    seconds = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    return {f"{name}/faces_per_second": len(images) / statistics.median(took) for name, took in seconds.items()}


if __name__ == "__main__":
    main()
