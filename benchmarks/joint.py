"""One pass that finds and names, beside pipelines of a detector and a network, on the same photos.

    python -m benchmarks.joint --folder FOLDER [--root FOLDER] [--only NAME ...] [--dry-run]

The joint networks are ResNets from scratch; the course's recogniser is their teacher. FOLDER keeps what was learned
and measured, so that a run that was stopped goes on. Needs ``make peers``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from statistics import median

import torch
from torch import Tensor, nn
from torchvision.transforms.v2 import functional as V

from benchmarks import _joint as j
from benchmarks._peers import Finder, peer
from benchmarks._record import RESULTS, ROOT, record
from benchmarks.detection import memory_mib
from dlsfaces import data, detect, evaluate, geometry, joint, pipeline
from dlsfaces.detect import BoxShift, Detections

SETS = {"studio": "synthetic", "real": "celeba"}  # and what the course's own networks for them have learned from
EPOCHS = {"studio": {"crop34": 4, "joint": 5, "joint_light": 10, "joint_anchor_free": 10}}
EPOCHS["real"] = {"crop34": 8, "joint": 8, "joint_light": 20, "joint_anchor_free": 20}
FACE_EPOCHS = 16  # of the backbone, which learns faces alone before
LR = {"studio": 0.002, "real": 0.001}
GROWN_LR = 0.001  # of a ResNet34, which knows already what a ResNet10 does
DEPTH = {"crop34": 34, "joint": 34, "joint_light": 10, "joint_anchor_free": 10}
BATCH = 16  # photos at once, where the speed of many is measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=ROOT.parent / "shared" / "data", help="the real photos")
    parser.add_argument("--folder", type=Path, required=True, help="where what was learned stays")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES, help="these alone; nothing is recorded")
    parser.add_argument("--dry-run", action="store_true", help="measure and print, record nothing")
    parser.add_argument("--hard", action="store_true", help="CelebA's people alone, added to what is recorded")
    parser.add_argument("--clock", choices=NAMES, help=argparse.SUPPRESS)  # in a process of its own
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    if chosen.clock:
        print(json.dumps(clock(chosen.clock, chosen.folder)))
        return
    if chosen.hard:
        hard(chosen)
        return
    detail: dict[str, dict] = {name: {} for name in chosen.only}
    for part in SETS:
        splits = splits_of(part, chosen.root)
        places = {split: j.places(chosen.root, split) for split in ("train", "test")}
        for name in chosen.only:
            learned(name, part, splits, places["train"], chosen.folder, chosen.root)
        for name in chosen.only:
            file = chosen.folder / f"{name}_{part}.json"  # measured before
            if not file.exists():
                row = measured(look_of(name, part, chosen.folder, splits), splits, places["test"])
                file.write_text(json.dumps(row))
            row = json.loads(file.read_text())
            detail[name] |= {f"{'' if part == 'studio' else 'real/'}{what}": value for what, value in row.items()}
            print(part, name, json.dumps(row), flush=True)
        del splits
    for name in chosen.only:
        command = [sys.executable, "-m", "benchmarks.joint", "--folder", str(chosen.folder), "--clock", name]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"the clock of {name} stopped:\n{done.stderr}")
        detail[name] |= json.loads(done.stdout.splitlines()[-1])
        print(name, json.dumps(detail[name]), flush=True)
    figures = {f"{name}/{figure}": value for name, row in detail.items() for figure, value in row.items()}
    figures = {name: value for name, value in figures.items() if not isinstance(value, list)}
    if chosen.dry_run or list(chosen.only) != NAMES:
        print(json.dumps(figures, indent=1))
        return
    record("joint", figures, "python -m benchmarks.joint --folder FOLDER", detail=detail, notes=NOTES)


NOTES = [
    f"studio: {j.PEOPLE} built-in people, {j.IMAGES} photos each of {j.SIDE} pixels (ten to learn from, two measured; "
    "two for choices, of which none was made), true boxes from the drawing. real: Georgia Tech and Caltech, 77 people, "
    "1,183 photos; the last fifth by number is measured; boxes by SCRFD, which is none of those measured. No photo is "
    "dropped: where nothing is found, the name is wrong and the IoU 0.",
    "Everybody is named by the nearest class centre of the photos to learn from. "
    "Peers' boxes are carried to the course's convention by one shift and scale, fitted on photos to learn from. "
    "other_background: the face, cut out along an oval, before a photo of a place that was not learned from.",
    "peers: the detector, then ResNet34 on a crop of 64 pixels, in which faces are as large as in the joint "
    "networks' photos. joint: the same ResNet34 over the photo at 160 pixels, 5x5 cells, three anchors; the "
    "vector is pooled under the box that it finds. joint_light: ResNet10 (a block a stage). joint_anchor_free: "
    "ResNet10, stride 8. All learn names (CosFace) and the recogniser's vectors, from the same photos. Before "
    "that a ResNet10 has learned faces alone: what the course's recognisers say of the studio's faces and of "
    "CelebA-500's. A ResNet34 begins as a ResNet10 (joint as joint_light) with further blocks that change nothing "
    "at first (Net2Net); from scratch it did not learn enough in 25 minutes.",
    "hard (--hard): 60 of CelebA-500's people, portraits of any pose and light before real places, faces of 40 to 110 "
    "pixels; 600 photos give the class centres, 300 others are measured. The course's recognisers have learned from "
    "other photos of these people, and so has what they taught; the detectors have not.",
    "photos_per_second: one at a time, both cores; batch16: sixteen at once; peak_mib: what memory grew by meanwhile.",
]


@cache
def splits_of(part: str, root: Path) -> j.Splits:
    return j.studio() if part == "studio" else j.real(root)


# --- learning ------------------------------------------------------------------------------------------------------


def new(name: str, anchors: tuple[tuple[float, float], ...]) -> nn.Module:
    """A network of this name; only those with a grid need anchors."""
    torch.manual_seed(0)
    if name == "crop34":
        return j.CropNet(DEPTH[name])
    if name == "joint_anchor_free":
        return j.AnchorFree(DEPTH[name])
    return j.Joint(DEPTH[name], joint.AnchorGrid((j.CELLS,), (anchors,)))


def kept(name: str, part: str, folder: Path) -> nn.Module:
    """What was learned for a name."""
    name = "crop34" if name in PEERS else name
    state = torch.load(folder / f"{name}_{part}.pt")
    model = new(name, tuple(map(tuple, state["anchors"])))
    model.load_state_dict(state["weights"])
    return model.eval()


def learned(name: str, part: str, splits: j.Splits, places: Tensor, folder: Path, root: Path) -> None:
    """Train what a name needs, unless it is there.

    In the studio it begins with a backbone that has learned faces alone; on real photos with the studio's weights. A
    ResNet34 begins as a ResNet10.
    """
    name = "crop34" if name.startswith("peer") else name
    file = folder / f"{name}_{part}.pt"
    if name not in DEPTH or file.exists():
        return
    people, started = splits["train"], time.perf_counter()
    who = j.Who(people.who, j.teacher_vectors(people, SETS[part], folder / f"teacher_{part}.pt"))
    faces = j.face_net(people, root, folder, FACE_EPOCHS)
    if part == "real":
        model = kept(name, "studio", folder)
    elif name == "joint":
        learned("joint_light", part, splits, places, folder, root)
        model = j.grown(new(name, j.anchors(people)), kept("joint_light", part, folder))
    else:
        model = new(name, j.anchors(people))
        j.grown(model.backbone, faces.trunk)
    if part == "real" or name != "joint":
        head = model.head if name == "crop34" else model.who.head
        head.load_state_dict(faces.head([*SETS].index(part)).state_dict())
    small = V.resize(places, [j.HALF, j.HALF])
    moved = j.CropMoved(places) if name == "crop34" else j.Moved(small)
    loss = j.ByNumber(who) if name == "crop34" else j.PooledLoss(model, who)
    settings = replace(j.SETTINGS, epochs=EPOCHS[part][name], lr=GROWN_LR if DEPTH[name] == 34 else LR[part])
    j.learn(model, loss, people, settings, folder / f"{name}_{part}.run", moved)
    anchors = model.where.grid.anchors[0] if isinstance(model, j.Joint) else ()
    torch.save({"weights": model.state_dict(), "anchors": anchors}, file)
    print(f"{part} {name}: {(time.perf_counter() - started) / 60:.1f} minutes", flush=True)


# --- looking -------------------------------------------------------------------------------------------------------


def look_of(name: str, part: str, folder: Path, splits: j.Splits | None) -> j.Look:
    """What a name does with photos; without ``splits`` as fast, with boxes in the detector's own convention."""
    if name == "own_pipeline":
        return j.pipeline_look(own_boxes(SETS[part]), j.own_name(SETS[part]))
    model = kept(name, part, folder)
    if name in PEERS:
        find = PEERS[name]()
        shift = fitted(find, splits["train"]) if splits else BoxShift()
        return j.pipeline_look(
            lambda photos: shifted(shift, *find(photos)), lambda photos, boxes: model(j.crops_of(photos, boxes))
        )
    return j.pooled_look(model)


def own_boxes(trained_on: str) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    detector = pipeline.load_pipeline(trained_on, threshold=0.3).detect
    return lambda photos: surest(detector(photos))


def dlib_boxes() -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """dlib's HOG detector; photos are enlarged once, since it finds no face under 80 pixels."""
    detector = peer("dlib").get_frontal_face_detector()

    def find(photos: Tensor) -> tuple[Tensor, Tensor]:
        found = []
        for photo in photos:
            rectangles, scores, _ = detector.run(photo.permute(1, 2, 0).contiguous().numpy(), 1, 0.0)
            boxes = [(r.left(), r.top(), r.right() + 1, r.bottom() + 1) for r in rectangles]
            found.append(Detections(torch.tensor(boxes).float().view(-1, 4), torch.tensor(list(scores))))
        return surest(found)

    return find


def mtcnn_boxes() -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    model = Finder(at_once=BATCH).model

    def find(photos: Tensor) -> tuple[Tensor, Tensor]:
        found = []
        for boxes, scores in zip(*model.detect(photos.permute(0, 2, 3, 1).numpy())):
            none = boxes is None
            boxes, scores = ([], []) if none else (boxes.astype("float32"), scores.astype("float32"))
            found.append(Detections(torch.as_tensor(boxes).view(-1, 4), torch.as_tensor(scores)))
        return surest(found)

    return find


PEERS = {"peer_dlib_resnet34": dlib_boxes, "peer_mtcnn_resnet34": mtcnn_boxes}
NAMES = [*PEERS, "own_pipeline", "joint", "joint_light", "joint_anchor_free"]


def surest(found: list[Detections]) -> tuple[Tensor, Tensor]:
    """The surest box of each photo, and whether there is any."""
    there = torch.tensor([len(one) > 0 for one in found])
    nothing = torch.tensor([0.0, 0.0, 40.0, 40.0])
    return torch.stack([one.boxes[one.scores.argmax()] if len(one) else nothing for one in found]), there


def shifted(shift: BoxShift, boxes: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
    return shift(Detections(boxes, there.float())).boxes, there


def fitted(find: Callable[[Tensor], tuple[Tensor, Tensor]], people: j.People, count: int = 200) -> BoxShift:
    """The shift to the course's boxes, on photos to learn from."""
    rows = torch.linspace(0, len(people.who) - 1, count).long()
    boxes, there = find(people.images[rows])
    found = [Detections(box[None][one[None]], torch.ones(int(one))) for box, one in zip(boxes, there)]
    return BoxShift.fitted(found, list(people.boxes[rows][:, None]))


# --- measuring -----------------------------------------------------------------------------------------------------


def measured(look: j.Look, splits: j.Splits, places: Tensor | None) -> dict[str, object]:
    """Accuracy and mean IoU, with intervals over people, as the photos are and before other ``places``."""
    centres, row = j.centres_of(look, splits["train"]), {}
    test = splits["test"]
    sets = {"": test}
    if places is not None:
        sets["other_background_"] = test._replace(images=j.other_background(test.images, test.boxes, places))
    for prefix, people in sets.items():
        boxes, vectors = (torch.cat(part) for part in zip(*(look(part) for part in people.images.split(BATCH))))
        overlap = geometry.iou(boxes, people.boxes).diagonal()
        right = ((vectors @ centres.T).argmax(1) == people.who) & (vectors.norm(dim=1) > 0)
        for what, values in (("accuracy", right.float()), ("iou", overlap)):
            row[f"{prefix}{what}"] = values.mean().item()
            row[f"{prefix}{what}/interval"] = evaluate.mean_interval(values, people.who)
    return row


def hard(chosen: argparse.Namespace) -> None:
    """CelebA's people before real places, named by class centres; nothing was trained on these photos."""
    splits = j.composed(chosen.root)
    before = json.loads((RESULTS / "joint.json").read_text())
    figures, detail = before["figures"], before["detail"]
    for name in chosen.only:
        row = measured(look_of(name, "real", chosen.folder, splits), splits, None)
        print(name, json.dumps(row), flush=True)
        detail[name] |= {f"hard/{what}": value for what, value in row.items()}
        figures |= {f"{name}/hard/{what}": value for what, value in row.items() if "interval" not in what}
    if not chosen.dry_run and list(chosen.only) == NAMES:
        record("joint", figures, before["command"], detail=detail, notes=NOTES)


def clock(name: str, folder: Path) -> dict[str, float]:
    """Photos a second, one at a time and sixteen at once, on both cores, and what memory it takes."""
    photos = data.studio("test", j.SIDE, people=j.PEOPLE, images_per_person=j.IMAGES, seed=j.SEED)[:64]
    photos = torch.stack([photo.image for photo in photos])
    look = look_of(name, "studio", folder, None)
    before = memory_mib("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    row = {}
    for title, size in (("photos_per_second", 1), ("batch16/photos_per_second", BATCH)):
        taken = []
        for _ in range(3):
            for part in photos.split(size):
                started = time.perf_counter()
                look(part)
                taken.append((time.perf_counter() - started) / len(part))
        row[title] = 1 / median(taken)
        if size == 1:
            row["peak_mib"] = memory_mib("VmHWM") - before
    row["parameters"] = parameters(name, folder)
    return row


def parameters(name: str, folder: Path) -> int:
    """Weights of all networks of a name; dlib's detector is no network."""
    if name == "own_pipeline":
        parts = [detect.load_detector("synthetic").model, *j.own_networks("synthetic")]
    else:
        parts = [kept(name, "studio", folder)] + [Finder().model] * (name == "peer_mtcnn_resnet34")
    return sum(value.numel() for part in parts for value in part.parameters())


if __name__ == "__main__":
    main()
