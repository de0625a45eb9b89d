"""How well and how fast do the course's detectors find faces in real photos, beside other people's?

    python -m benchmarks.detection [--root FOLDER] [--only NAME ...] [--write] [--dry-run]

The code of the course's detectors stands in chapter 07 and is taken from there; here it learns from real faces
(Caltech's crops against photos of places). Each detector then looks at each set in a process of its own, on one thread;
two at a time, but one at a time where speed and memory are measured.
``--write`` also writes the HOG template that comes with the course. ``--only`` measures some anew and keeps the others'
figures; with ``--folder`` a run that was stopped need not learn again.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks import _networks
from benchmarks._peers import Finder, MissingPeerError, peer
from benchmarks._photos import (
    Scene,
    cmu_mit_photos,
    crops,
    drawn_photos,
    portraits,
    split_boxes,
    wider_photos,
    without_faces,
)
from benchmarks._record import ROOT, machine, record
from dlsfaces import course, evaluate, weights
from dlsfaces.detect import BoxShift, Detections, Detector
from tests.from_notebook import definitions

CHAPTER = "07_classical_detection"
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
FALSE_POSITIVES = 50
FITTED_ON = 200  # photos of WIDER's training part, for the shift to WIDER's boxes
RESAMPLES = 200
MINED = (400, 600)  # photos of WIDER's training part for hard windows
CHOSEN_ON = 120  # its first photos, on which HOG's recipe was chosen; faces under 20 pixels are ignored there
#: The smallest face that each looks for, pixels of its own box; CMU+MIT's narrowest box is 28 wide.
SMALLEST = {"hog": 28, "viola_jones": 24, "bag_of_features": 28, "peer_haar": 24, "peer_dlib": 20, "peer_mtcnn": 20}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=ROOT.parent / "shared" / "data", help="the real photos")
    parser.add_argument("--only", nargs="+", choices=[*LEARNED, *PEERS], default=[], help="these detectors alone")
    parser.add_argument("--write", action="store_true", help="write the HOG template and its card")
    parser.add_argument("--clocks", action="store_true", help="of these the speed alone, on a quiet machine")
    parser.add_argument("--dry-run", action="store_true", help="measure and print, record nothing")
    parser.add_argument("--folder", type=Path, help="where what was learned stays, and is found again")
    parser.add_argument("--step", nargs=3, metavar=("STEP", "NAME", "FILE"), help=argparse.SUPPRESS)  # in a process
    chosen = parser.parse_args()
    if chosen.step:
        step, name, file = chosen.step
        print(json.dumps(STEPS[step](name, Path(file), chosen.root)))
        return
    names = chosen.only or [*LEARNED, *PEERS]
    with TemporaryDirectory() as temporary, ThreadPoolExecutor(2) as two:  # two processes at a time, one for clocks
        folder = chosen.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        run = partial(in_own_process, folder=folder, root=chosen.root)
        tried = two.submit(run, "trials", "hog") if not chosen.only else None
        detail = {name: {} for name in names}
        if not chosen.clocks:
            detail = dict(zip(names, two.map(partial(run, "accuracy"), names)))
        recipes = tried.result() if tried else {}
        for name in names:
            detail[name] |= run("clock", name)
            print(name, json.dumps(detail[name]), flush=True)
        if chosen.write and "hog" in names:
            write_template(torch.load(folder / "hog.pt"), detail["hog"])
    figures = {f"{name}/{figure}": row[figure] for name, row in detail.items() for figure in FIGURES if figure in row}
    if chosen.dry_run:
        print(json.dumps(figures, indent=1))
        return
    command = f"python -m benchmarks.detection{' --write' * chosen.write}"
    if chosen.only:
        kept = course.recorded("detection")
        figures, recipes = kept["figures"] | figures, kept["trials"]
        before = kept["detail"] if chosen.clocks else {}
        detail = kept["detail"] | {name: before.get(name, {}) | row for name, row in detail.items()}
        again = f"again with --only {' '.join(names)}{' --clocks' * chosen.clocks}"
        command = "; ".join(dict.fromkeys([*kept["command"].split("; "), again]))
    record("detection", figures, command, learned_from=LEARNED_FROM, detail=detail, trials=recipes, notes=NOTES)


FIGURES = (
    *("ap@0.3", "ap@0.5", "rate@50fp", "photos_per_second", "megapixels_per_cpu_second", "peak_mib"),
    *("parameters", "wider_val_ap@0.5", "wider_val_printed_ap@0.5", "nme_cmu_mit", "ms_640x480"),  # of networks
)
CALTECH = "6,713 grey crops of Caltech's web faces and 274 photos of places"
LEARNED_FROM = {
    "hog": f"{CALTECH}; hard windows of these and of 200 WIDER photos",
    "viola_jones": CALTECH,
    "bag_of_features": CALTECH,
    "ddfd": _networks.LEARNED_FROM,
    "faceness": f"parts: drawn portraits; the rest: {_networks.LEARNED_FROM}",
    "cascade": _networks.LEARNED_FROM,
    "one_stage": "WIDER's small training part (1,400 photos), CelebA-500's portraits, drawn scenes",
    "one_stage_drawn": "600 drawn scenes",
    "one_stage_onnx": "the same network as one_stage, run by onnxruntime",
    "peer_yunet": "WIDER FACE (12,880 photos)",
    "peer_haar": "OpenCV's frontal faces (Lienhart 2002: 5,000 faces)",
    "peer_dlib": "3,000 faces of LFW",
    "peer_mtcnn": "WIDER FACE and CelebA",
}
NOTES = [
    "CMU+MIT, all 130 photos and 511 faces; one thread, a process for each detector; clocks one after another. ap@0.3: "
    "average precision (the area under the whole curve) at an intersection over union of 0.3 with the annotated box; "
    "rate@50fp: share of the faces found with 50 false alarms in the whole set. peak_mib: what a process's memory grew "
    "by while it looked at the photos; megapixels are the photo's own. Nothing was chosen on these photos.",
    "Each detector's boxes are carried to the set's convention by one shift and scale (detail: shift), fitted without "
    "scores on the Caltech photos of one person each, and on 200 photos of WIDER's training part.",
    f"trials: average precision at 0.3 of HOG's recipes on {CHOSEN_ON} photos of WIDER's training part, on which the "
    "last was chosen; faces under 20 pixels are ignored there.",
    "wider: 250 photos, all sizes from 8 pixels, so that most faces are smaller than any of these looks for.",
    "wider_val_printed_ap@0.5: the same photos, as they come, in grey, with grain, half with dots and half blurred. "
    "one_stage was chosen on both; before its last 6,000 steps, with such colours, it had 0.303 there, 0.666 on the "
    "photos as they are, and 0.950 and 0.924 on CMU+MIT.",
]


# --- the course's own ----------------------------------------------------------------------------------------------


def learn_hog(root: Path, cell: int = 3, signed: bool = True, mined: bool = True) -> dict:
    """Caltech's crops and windows of places; then hard windows of these places, and of WIDER's photos beside faces."""
    learn, labelled, hard_windows, others, detector_of = definitions(
        CHAPTER, "learn_template", "labelled", "hard_windows", "other_windows", "detector_of"
    )
    faces, places = real_faces(root), without_faces(root)
    scenes = list(islice(wider_photos(root, "train"), *MINED)) if mined else []
    windows = others(places, 20_000)
    template = learn(*labelled(faces, windows), cell, signed)
    for photos, boxes, most in (
        (places[::2] if mined else [], None, 40),
        ([scene.image for scene in scenes], [scene.boxes for scene in scenes], 25),
    ):
        if photos:
            detector = detector_of(template, smallest=SMALLEST["hog"], threshold=-0.5, iou_threshold=0.5)
            windows = torch.cat((windows, hard_windows(detector, photos, boxes, most)))
            template = learn(*labelled(faces, windows), cell, signed)
    return vars(template)


def trials(root: Path) -> dict[str, float]:
    """Average precision at 0.3 of recipes on WIDER's first training photos: how HOG's was chosen."""
    rows, with_votes = {}, definitions(CHAPTER, "with_votes")
    for cell, signed in ((6, False), (3, False), (3, True)):
        for mined in (False, True):
            name = f"cells of {cell}{', signed' * signed}{', hard windows' * mined}"
            detector = hog_of(learn_hog(root, cell, signed, mined), votes=False)
            rows[name] = chosen_by(detector, root)
    rows[f"{name}, votes"] = chosen_by(with_votes(detector), root)
    return rows


def chosen_by(detector: Detector, root: Path) -> float:
    found, seen, _ = looks(detector, wider_photos(root, "train", CHOSEN_ON))
    small = [(scene.boxes[:, 2:] - scene.boxes[:, :2]).amin(1) < 20 for scene in seen]
    seen = [replace(scene, ignored=scene.ignored | tiny) for scene, tiny in zip(seen, small)]
    shift = BoxShift.fitted(found, [scene.boxes[~scene.ignored] for scene in seen])
    return scored("", shift, found, seen)["ap@0.3"]


def real_faces(root: Path) -> Tensor:
    """Caltech's crops and their mirror images, grey windows ``(N, 1, 36, 36)`` in [0, 1]."""
    faces = crops(root).float()[:, None] / 255
    return torch.cat((faces, faces.flip(3)))


def learn_viola_jones(root: Path) -> dict:
    train = definitions(CHAPTER, "train_cascade")
    faces = crops(root).float()[:, None] / 255
    order = torch.randperm(len(faces), generator=torch.Generator().manual_seed(0))
    learn, held_out = faces[order[1000:]], faces[order[:1000]]
    stages = (3, 6, 12, 20, 30, 40, 50, 60, 70, 80)
    return vars(train(torch.cat((learn, learn.flip(3))), held_out, without_faces(root), stages, 4000, 5000))


def learn_bag(root: Path) -> dict:
    train, others = definitions(CHAPTER, "train_bag", "other_windows")
    return vars(train(real_faces(root), others(without_faces(root), 30_000), words=300))


def hog_of(state: dict, votes: bool = True) -> Detector:
    template, detector_of, with_votes = definitions(CHAPTER, "Template", "detector_of", "with_votes")
    detector = detector_of(template(**state), smallest=SMALLEST["hog"], threshold=-1.0)
    return with_votes(detector) if votes else detector


def cascade_of(state: dict) -> Detector:
    cascade, detector_of = definitions(CHAPTER, "Cascade", "cascade_detector")
    return detector_of(cascade(**state), smallest=SMALLEST["viola_jones"], threshold=len(state["sizes"]) - 2)


def bag_of(state: dict) -> Detector:
    bag, detector_of = definitions(CHAPTER, "Bag", "bag_detector")
    return detector_of(bag(**state), smallest=SMALLEST["bag_of_features"], threshold=-1.0)


#: What the processes hand on of each detector, and the detector that is made of it.
LEARNED: dict[str, Callable[[Path], dict]] = {
    "hog": learn_hog,
    "viola_jones": learn_viola_jones,
    "bag_of_features": learn_bag,
    **_networks.LEARNED,
}
LEARNED_DETECTOR = {"hog": hog_of, "viola_jones": cascade_of, "bag_of_features": bag_of, **_networks.DETECTOR}


# --- other people's ------------------------------------------------------------------------------------------------


def haar() -> Detector:
    """OpenCV's cascade; a detection's score is the weight of the last stage that it passed."""
    cv2 = peer("cv2")
    cv2.setNumThreads(1)
    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")

    def found(photo: Tensor) -> Detections:
        grey = cv2.cvtColor(photo.permute(1, 2, 0).numpy(), cv2.COLOR_RGB2GRAY)
        options = {"scaleFactor": 1.05, "minNeighbors": 1, "minSize": (SMALLEST["peer_haar"],) * 2}
        boxes, _, scores = cascade.detectMultiScale3(grey, outputRejectLevels=True, **options)
        boxes = torch.as_tensor(np.asarray(boxes)).float().view(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        return Detections(boxes, torch.as_tensor(np.asarray(scores)).float().view(-1))

    return partial(one_by_one, found)


def dlib_hog() -> Detector:
    """dlib's HOG detector; twice enlarged, so that the smallest of its faces, of 80 pixels, is one of 20."""
    detector = peer("dlib").get_frontal_face_detector()

    def found(photo: Tensor) -> Detections:
        rectangles, scores, _ = detector.run(photo.permute(1, 2, 0).contiguous().numpy(), 2, -0.5)
        boxes = [(r.left(), r.top(), r.right() + 1, r.bottom() + 1) for r in rectangles]
        return Detections(torch.tensor(boxes).float().view(-1, 4), torch.tensor(list(scores)))

    return partial(one_by_one, found)


def mtcnn() -> Detector:
    """facenet-pytorch's; the last network's threshold is low, so that the curve goes on."""
    model = Finder(at_once=1).model
    model.thresholds, model.min_face_size = [0.6, 0.7, 0.3], SMALLEST["peer_mtcnn"]

    def found(photo: Tensor) -> Detections:
        boxes, scores = model.detect(photo.permute(1, 2, 0).numpy())
        if boxes is None:
            return Detections(torch.zeros(0, 4), torch.zeros(0))
        return Detections(
            torch.as_tensor(np.asarray(boxes, np.float32)), torch.as_tensor(np.asarray(scores, np.float32))
        )

    return partial(one_by_one, found)


def one_by_one(found: Callable[[Tensor], Detections], photos: Iterable[Tensor]) -> list[Detections]:
    return [found(photo) for photo in photos]


PEERS: dict[str, Callable[[], Detector]] = {"peer_haar": haar, "peer_dlib": dlib_hog, "peer_mtcnn": mtcnn}


# --- measuring -----------------------------------------------------------------------------------------------------


def in_own_process(step: str, name: str, folder: Path, root: Path) -> dict:
    """What a step gives, from a fresh Python with one thread."""
    file = str(folder / f"{name}.pt")
    command = [sys.executable, "-m", "benchmarks.detection", "--root", str(root), "--step", step, name, file]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **THREADS}, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{step} of {name} stopped:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def accuracy(name: str, file: Path, root: Path) -> dict:
    """Learns a detector of the course into its file; then CMU+MIT, WIDER and drawn photos, read one at a time."""
    torch.set_num_threads(1)
    row, started = {}, time.perf_counter()
    if name in LEARNED and not file.exists():
        torch.save(LEARNED[name](root), file)
        row["minutes_of_learning"] = (time.perf_counter() - started) / 60
    detector = detector_from(name, file)
    shift = fitted(detector, portraits(root))
    row |= scored("", shift, *looks(detector, cmu_mit_photos(root))[:2]) | {"shift": asdict(shift)}
    shift = fitted(detector, wider_photos(root, "train", FITTED_ON))
    row |= scored("wider/", shift, *looks(detector, wider_photos(root, "val"))[:2]) | {"wider/shift": asdict(shift)}
    row |= _networks.more_of(name, torch.load(file) if name in LEARNED else {}, detector, root)
    found, scenes, _ = looks(detector, drawn_photos())
    shift = BoxShift.fitted(found, split_boxes(scenes)[0])  # on the same photos: of these only the order is of interest
    return row | scored("drawn/", shift, found, scenes)


def clock(name: str, file: Path, root: Path) -> dict:
    """How fast a detector looks at CMU+MIT, and what memory it needs for that."""
    torch.set_num_threads(1)
    detector = detector_from(name, file)
    first = next(cmu_mit_photos(root))
    detector([first.image[:, :60, :60]])  # what is made at the first call
    before = memory_mib("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    _, scenes, took = looks(detector, cmu_mit_photos(root))
    return {
        "photos_per_second": len(scenes) / took["seconds"],
        "megapixels_per_cpu_second": took["megapixels"] / took["cpu_seconds"],
        "peak_mib": memory_mib("VmHWM") - before,
        **_networks.speed_of(name, torch.load(file) if name in LEARNED else {}),
    }


STEPS = {"accuracy": accuracy, "clock": clock, "trials": lambda name, file, root: trials(root)}


def detector_from(name: str, file: Path) -> Detector:
    return PEERS[name]() if name in PEERS else LEARNED_DETECTOR[name](torch.load(file))


def memory_mib(field: str) -> float:
    """Of this process, from Linux: VmRSS now, VmHWM at most."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1024


def looks(detector: Detector, scenes: Iterator[Scene]) -> tuple[list[Detections], list[Scene], dict[str, float]]:
    """Detections, the photos without their pixels, and how long looking took (reading aside)."""
    found, seen, clock = [], [], {"seconds": 0.0, "cpu_seconds": 0.0, "megapixels": 0.0}
    for scene in scenes:
        seconds, cpu = time.perf_counter(), time.process_time()
        found += detector([scene.image])
        clock["cpu_seconds"] += time.process_time() - cpu
        clock["seconds"] += time.perf_counter() - seconds
        clock["megapixels"] += scene.image[0].numel() / 1e6
        seen.append(replace(scene, image=scene.image[:, :0, :0]))
    return found, seen, clock


def fitted(detector: Detector, scenes: Iterator[Scene]) -> BoxShift:
    found, seen, _ = looks(detector, scenes)
    return BoxShift.fitted(found, [scene.boxes[~scene.ignored] for scene in seen])


def scored(prefix: str, shift: BoxShift, found: list[Detections], scenes: list[Scene]) -> dict[str, object]:
    """Average precision at 0.3 and 0.5, and the rate, with intervals over photos."""
    moved, row = [shift(of_photo) for of_photo in found], {}
    boxes, scores = [f.boxes for f in moved], [f.scores for f in moved]
    for threshold in (0.3, 0.5):
        score = evaluate.detection_score(boxes, scores, *split_boxes(scenes), iou_threshold=threshold)
        interval = evaluate.detection_score_interval(score, false_positives=FALSE_POSITIVES, resamples=RESAMPLES)
        row[f"{prefix}ap@{threshold}"] = score.average_precision
        row[f"{prefix}ap@{threshold}/interval"] = interval[0].round(4).tolist()
        if threshold == 0.3:
            row[f"{prefix}rate@50fp"] = score.detection_rate(FALSE_POSITIVES)
            row[f"{prefix}rate@50fp/interval"] = interval[1].round(4).tolist()
    return row


# --- the template that ships ---------------------------------------------------------------------------------------


def write_template(state: dict, row: dict) -> None:
    """``hog_caltech``: one convolution and its card."""
    kernel = nn.Conv2d(*state["weights"].shape[1::-1], state["weights"].shape[2:])
    kernel.load_state_dict({"weight": state["weights"], "bias": torch.tensor([state["bias"]])})
    about = {"data": LEARNED_FROM["hog"], "terms": "Research and teaching: learned from photos found on the web."}
    path = weights.FOLDER / "hog_caltech.safetensors"
    weights.write(path, kernel, {"cell": state["cell"], "signed": state["signed"]}, about)
    figures = {name: row[name] for name in ("ap@0.3", "ap@0.5", "rate@50fp", "wider/ap@0.3", "drawn/ap@0.3")}
    table = "\n".join(f"| {name} | {value:.3f} |" for name, value in figures.items())
    path.with_suffix(".md").write_text(CARD.format(table=table, machine=machine(), **state, **about), encoding="utf-8")


CARD = """# hog_caltech

A template of gradient histograms: the linear support vector machine of chapter 07, learned from real faces.

- **Input**: blocks of a window of 36 pixels, cells of {cell} pixels, as the chapter's `features` makes them.
- **Data**: {data}.
- **Terms**: {terms}
- **Made by** `python -m benchmarks.detection --write` on: {machine}.

| measured | value |
|:--|--:|
{table}

`ap`: average precision at this intersection over union, on CMU+MIT, on 250 photos of WIDER, on drawn photos.
"""


if __name__ == "__main__":
    try:
        main()
    except MissingPeerError as missing:
        sys.exit(str(missing))
