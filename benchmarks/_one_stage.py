"""How the one-stage detector is trained on a CPU with two cores.

    python -m benchmarks._one_stage --steps 10000 --data wider --out FILE.safetensors [--root FOLDER] [--threads 1]
    python -m benchmarks._one_stage --data wider --out FILE.safetensors --ship
    python -m benchmarks._one_stage --rows FOLDER

``synthetic`` are scenes of built-in people alone; ``wider`` adds WIDER's small training part and the portraits of
CelebA-500 pasted into photos without people. A run that was stopped goes on from FILE.pt, and ends with the weights in
FILE. ``--ship`` makes them the course's, with a card that takes its figures from ``detection.json``. ``--rows``
measures what each kind of data is worth: FOLDER holds NAME.safetensors of ``plain``, ``synthetic``, ``portraits`` and
``wider``, each trained for as many steps.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms.v2 import functional as V

from benchmarks._photos import SMALLEST, cmu_mit_photos, portraits, split_boxes, wider_photos
from benchmarks._record import ROOT, machine, record
from dlsfaces import course, data, evaluate, geometry, rng, train, weights
from dlsfaces.data import Augmentation
from dlsfaces.data.records import Photo
from dlsfaces.detect import (
    TO_WIDER,
    DetectionLoss,
    Detections,
    Detector,
    OneStageDetector,
    OneStageNet,
    load_detector,
    pack_faces,
)
from dlsfaces.files import written_whole

SIDE, BATCH = 320, 16
THRESHOLD = 0.02  # of detectors that are measured: low, so that the curve goes on
LONGEST = 1600  # no photo that is measured on is larger: all are looked at as they are
ZOOM = (0.4, 2.0)  # of a crop, log-uniform: about the size at which photos are looked at
LARGE, FILLED = 0.12, (0.5, 1.1)  # of so many crops the chosen face fills so much, as in a photo by a phone
SCENES = 600  # drawn ones, and as many composed ones: 0.55 GB each
COLOURS = Augmentation(
    **dict.fromkeys(("flip", "rotation", "zoom", "shift", "cutout"), 0),
    **dict(brightness=0.4, contrast=0.4, saturation=0.5, tint=0.1, grey=0.25, blur=0.15, coarse=0.05),
)
HARD = replace(COLOURS, blur=0.25, coarse=0.1, screen=0.1, grain=0.08)  # drawn scenes are cleaner than any photo
#: Of the second set to choose on: WIDER's validation photos as in print, grey and with grain, some dotted or blurred.
PRINTED = replace(COLOURS, grey=1.0, blur=0.5, coarse=0.0, screen=0.5, grain=0.08)
JPEG, LOWEST = 0.3, 20  # the probability of a crop that was compressed, and the worst quality
SETTINGS = train.Settings(epochs=1, lr=0.003, weight_decay=0.01, warmup=0.03, optimizer="adamw")
LANDMARKS = 4.0  # weight in the loss, twice the usual: few of the crops have any
AVERAGE = 0.998  # of the weights, from step to step
SAVE_EVERY, LOOK_EVERY = 500, 1500  # steps


class Sample(NamedTuple):
    """A photo with WIDER's boxes; landmarks are NaN where they are not known."""

    image: Tensor  # uint8 (3, H, W)
    boxes: Tensor  # (F, 4)
    landmarks: Tensor  # (F, 5, 2)
    ignored: Tensor  # bool (F,)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=ROOT.parent / "shared" / "data", help="the real photos")
    parser.add_argument("--steps", type=int, default=10_000, help="of training, in all: 0.4 seconds each on one core")
    parser.add_argument("--lr", type=float, default=SETTINGS.lr, help="the highest learning rate")
    parser.add_argument("--after", type=Path, help="the weights that it goes on from, such as the course's")
    parser.add_argument("--data", choices=DATA, default="wider")
    parser.add_argument("--hard", action="store_true", help="more blur, grain and print; drawn scenes always have it")
    parser.add_argument("--out", type=Path, help="a .safetensors file")
    parser.add_argument("--threads", type=int, default=1, help="of the training; another process makes the crops")
    parser.add_argument("--rows", type=Path, metavar="FOLDER", help="train nothing: measure and record four networks")
    parser.add_argument("--ship", action="store_true", help="train nothing: write the course's weights and their card")
    chosen = parser.parse_args()
    if chosen.rows:
        return measure_rows(chosen.rows, chosen.root)
    if chosen.out is None:
        parser.error("--out names the file of the weights")
    if chosen.ship:
        return ship(chosen.data, chosen.out)
    torch.set_num_threads(chosen.threads)
    before = weights.read(chosen.after)[1]["steps"] if chosen.after else 0
    crops = Crops(samples(chosen.data, chosen.root), HARD if chosen.hard or chosen.data == "synthetic" else COLOURS)
    model = fit(crops, chosen.steps, chosen.out, chosen.root, replace(SETTINGS, lr=chosen.lr), chosen.after)
    row = chosen_by(OneStageDetector(model, THRESHOLD), chosen.root) | {"steps": before + chosen.steps}
    weights.write(chosen.out, model, model.settings, ABOUT.get(chosen.data, {}) | row)
    print(row, flush=True)


DATA = {
    "plain": "drawn scenes of built-in people, colours varied",
    "synthetic": "the same, with more blur, grain and print",
    "portraits": "plain, and CelebA-500's portraits pasted into photos of places",
    "wider": "these, and 1,400 photos of WIDER",
}
ABOUT = {
    "synthetic": {
        "data": "600 drawn scenes of synthetic people",
        "terms": "MIT, as the code: no image of a real person was used.",
    },
    "wider": {
        "data": "1,400 photos of WIDER FACE, portraits of CelebA-500 on 600 photos of places, and 600 drawn scenes of "
        "synthetic people",
        "terms": "Non-commercial research only: learned from WIDER FACE and CelebA, whose terms these weights inherit.",
    },
}
NAMES = {"synthetic": "one_stage_drawn", "wider": "one_stage"}  # in detection.json


def ship(which: str, file: Path) -> None:
    """The course's weights, and their card; its figures are those of the last benchmark."""
    state, about = weights.read(file)
    model = OneStageNet(int(about["width"]))
    model.load_state_dict(state)
    path = weights.FOLDER / f"detector_{which}.safetensors"
    kept = {name: about[name] for name in ("data", "terms", "wider_val_ap@0.5", "steps")}
    weights.write(path, model, model.settings, kept)
    figures = course.recorded("detection")["figures"]
    rows = {title: figures.get(f"{NAMES[which]}/{name}") for title, name in MEASURED.items()}
    table = "\n".join(f"| {title} | {value:.3f} |" for title, value in rows.items() if value is not None)
    parameters = sum(value.numel() for value in model.parameters())
    text = CARD.format(which=which, parameters=parameters, table=table, machine=machine(), **kept, **model.settings)
    path.with_suffix(".md").write_text(text, encoding="utf-8")


def measure_rows(folder: Path, root: Path) -> None:
    """``one_stage.json``: each network on CMU+MIT and on WIDER's validation photos."""
    from benchmarks.detection import fitted, looks, scored

    figures, steps = {}, set()
    for name in DATA:
        path = folder / f"{name}.safetensors"
        detector = load_detector(path, threshold=THRESHOLD, longest=LONGEST)
        row = scored("", fitted(detector, portraits(root)), *looks(detector, cmu_mit_photos(root))[:2])
        figures |= {f"{name}/{figure}": row[figure] for figure in ("ap@0.3", "ap@0.5")}
        about = weights.read(path)[1]
        figures[f"{name}/wider_val_ap@0.5"] = about["wider_val_ap@0.5"]
        steps.add(about["steps"])
    if len(steps) > 1:
        raise ValueError(f"{folder}: the networks were trained for {sorted(steps)} steps, so they do not compare")
    notes = [f"{name}: {text}." for name, text in DATA.items()]
    notes.append(f"Each trained for {steps.pop():,} steps; the course's own networks were trained longer.")
    record("one_stage", figures, "python -m benchmarks._one_stage --rows FOLDER", data=DATA, notes=notes)


MEASURED = {
    "CMU+MIT, 511 faces: average precision at an overlap of 0.3": "ap@0.3",
    "CMU+MIT: at 0.5": "ap@0.5",
    "CMU+MIT: landmarks' mean error by eye distance": "nme_cmu_mit",
    "250 photos of WIDER, faces from 8 pixels: average precision at 0.5": "wider_val_ap@0.5",
    "the same photos in grey, with grain, dots and blur, as in print": "wider_val_printed_ap@0.5",
}
CARD = """# detector_{which}

Finds the faces of a photo and five landmarks of each, in one pass: `detect.load_detector("{which}")`.

- **Network**: `OneStageNet`, {width} channels, {parameters:,} weights; half precision in the file.
- **Input**: photos of any size, RGB. Boxes run from the forehead to the chin, as WIDER's annotators draw them;
  `detect.TO_WIDER.inverse()` leads to the course's.
- **Data**: {data}.
- **Recipe**: random crops of 320 pixels in batches of 16 for {steps:,} steps, AdamW, the average of the
  weights; SimOTA, quality focal loss, GIoU.
- **Terms**: {terms}
- **Made by** `python -m benchmarks._one_stage --data {which}`, in several runs that go on from each other (`--after`),
  the last of them with `--hard` colours, on: {machine}.

| measured on | value |
|:--|--:|
{table}

**Limits**: faces under 10 to 20 pixels, or over 400, after the photo was scaled to `longest`; heads that lie on their
side; it says where faces are and not whether they are real.
It has learned from few photos: measure it on yours before you rely on it.
"""


def samples(which: str, root: Path) -> list[list[Sample]]:
    """The photos of each source, decoded; a crop is taken from each source as often."""
    crowd = data.SceneSettings(faces_per_photo=(0, 20), face_width=(10, None))
    sources = [[_drawn(photo) for photo in data.scenes("train", SCENES, settings=crowd)]]
    if which in ("portraits", "wider"):
        faces = data.load("celeba500", "train", root, framing="loose")
        composed = data.scenes("train", SCENES, settings=crowd, faces=faces, backgrounds=root / "non_face_scenes")
        sources += [[_drawn(photo) for photo in composed]]
    if which == "wider":
        real = [
            Sample(photo.image, photo.boxes, torch.full((len(photo.boxes), 5, 2), torch.nan), photo.ignored)
            for photo in wider_photos(root, "train")
        ]
        sources += [real] * 4  # two of three crops
    return sources


def _drawn(photo: Photo) -> Sample:
    if not photo.faces:
        return Sample(photo.image, torch.zeros(0, 4), torch.zeros(0, 5, 2), torch.zeros(0, dtype=torch.bool))
    boxes, landmarks = (torch.stack([getattr(face, name) for face in photo.faces]) for name in ("box", "landmarks"))
    shifted = TO_WIDER(Detections(boxes.float(), torch.ones(len(boxes)))).boxes
    return Sample(photo.image, shifted, landmarks.float(), torch.zeros(len(boxes), dtype=torch.bool))


class Crops(Dataset):
    """Batch ``i`` of crops, uint8 ``(BATCH, 3, SIDE, SIDE)``, with targets; its number alone decides what is in it."""

    def __init__(self, sources: list[list[Sample]], colours: Augmentation = COLOURS) -> None:
        self.sources, self.colours = sources, colours

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor]:
        dice = [rng.Dice(36, number, k) for k in range(BATCH)]
        crops = [crop(_one_of(_one_of(self.sources, one), one), one) for one in dice]
        images = self.colours(torch.stack([part.image for part in crops]), rng.key(37, number, torch.arange(BATCH)))
        images = (images * 255).round().byte()
        images = [V.jpeg(x, d.integer(LOWEST, 90)) if d.happens(JPEG) else x for x, d in zip(images, dice)]
        boxes, landmarks, ignored = zip(*(part[1:] for part in crops))
        return torch.stack(images), pack_faces(boxes, landmarks, ignored)


def _one_of(things: list, dice: rng.Dice) -> list | Sample:
    return things[dice.integer(0, len(things) - 1)]


def crop(sample: Sample, dice: rng.Dice) -> Sample:
    """A square of a photo, scaled to ``SIDE``, mostly with some face in it; grey beyond it.

    Faces that it cuts end at its border; those whose centre is outside, or that became tiny, are ignored.
    """
    height, width = sample.image.shape[1:]
    usable = (~sample.ignored).nonzero()[:, 0].tolist()
    side, place = round(SIDE / dice.log(*ZOOM)), (0, 1)  # of the middle in the crop, both ways
    if usable and dice.happens(0.85):
        box = sample.boxes[_one_of(usable, dice)]
        middle, longer = ((box[:2] + box[2:]) / 2).tolist(), (box[2:] - box[:2]).max().item()
        if longer > 30 and dice.happens(LARGE):
            side, place = round(longer / dice(*FILLED)), (0.35, 0.65)
    else:
        middle = dice(0, width), dice(0, height)
    left, top = (
        round(min(max(at - side * dice(*place), min(0, end - side)), max(0, end - side)))
        for at, end in zip(middle, (width, height))
    )
    part = sample.image[:, max(0, top) : top + side, max(0, left) : left + side]
    x, y = max(0, -left), max(0, -top)
    image = V.pad(part, [x, y, side - x - part.shape[2], side - y - part.shape[1]], fill=114)
    image, corner, scale = V.resize(image, [SIDE, SIDE]), torch.tensor([left, top]), SIDE / side
    boxes, landmarks = (sample.boxes - corner.repeat(2)) * scale, (sample.landmarks - corner) * scale
    if dice.happens(0.5):
        image, mirror = image.flip(2), torch.tensor([[-1.0, 0.0, SIDE], [0.0, 1.0, 0.0]])
        boxes = geometry.move_points(mirror, boxes.view(-1, 2, 2)).flatten(1)[:, [2, 1, 0, 3]]
        landmarks = geometry.move_points(mirror, landmarks)[:, [1, 0, 2, 4, 3]]
    centre, seen = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes.clamp(0, SIDE)
    size = (seen[:, 2:] - seen[:, :2]).amin(1)
    ignored = sample.ignored | ((centre < 0) | (centre > SIDE)).any(1) | (size < SMALLEST)
    return Sample(image, seen[size > 0], landmarks[size > 0], ignored[size > 0])


def fit(
    crops: Crops, steps: int, out: Path, root: Path, settings: train.Settings = SETTINGS, after: Path | None = None
) -> OneStageNet:
    """The average of the weights after so many steps; ``train.fit`` counts epochs, and keeps no average."""
    torch.manual_seed(0)
    model, loss, at = OneStageNet(), DetectionLoss(landmarks=LANDMARKS), {"step": 0, "steps": steps}
    if after is not None:
        model.load_state_dict(weights.read(after)[0])
    average = AveragedModel(model, multi_avg_fn=_averaged, use_buffers=True)
    optimizer, file = settings.make_optimizer(model), out.with_suffix(".pt")
    parts = {"model": model, "average": average, "optimizer": optimizer}
    if file.exists():
        state = torch.load(file, weights_only=True)
        at = state["at"]
        if at["steps"] != steps:
            raise ValueError(
                f"{file} is of a run of {at['steps']} steps, not {steps}: remove it, or take another --out"
            )
        for name, part in parts.items():
            part.load_state_dict(state[name])
    batches = DataLoader(crops, batch_size=None, sampler=count(at["step"]), num_workers=1, prefetch_factor=4)
    for images, targets in batches:  # another process makes the next ones in the meantime
        if at["step"] >= steps:
            break
        for group in optimizer.param_groups:
            group["lr"] = settings.lr_at(at["step"], steps)
        value = loss.parts(model(data.to_float(images)), targets)
        optimizer.zero_grad()
        sum(value.values()).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimizer.step()
        average.update_parameters(model)
        at["step"] += 1
        if at["step"] % LOOK_EVERY == 0:
            row = {name: round(part.item(), 3) for name, part in value.items()}
            print(
                at | row | {"ap@0.5 of 60": wider_ap(OneStageDetector(average.module, THRESHOLD), root, 60)}, flush=True
            )
        if at["step"] % SAVE_EVERY == 0 or at["step"] >= steps:
            with written_whole(file) as path:
                torch.save({"at": at, **{name: part.state_dict() for name, part in parts.items()}}, path)
    return average.module


def _averaged(average: list[Tensor], now: list[Tensor], count: Tensor) -> None:
    """A moving average that forgets the first steps sooner, so that a short run is not an average with noise."""
    decay = min(AVERAGE, (1 + float(count)) / (10 + float(count)))
    get_ema_multi_avg_fn(decay)(average, now, count)


def chosen_by(detector: Detector, root: Path) -> dict[str, float]:
    """What weights are chosen by: average precision at 0.5 on photos as they are, and as in print."""
    return {
        "wider_val_ap@0.5": wider_ap(detector, root),
        "wider_val_printed_ap@0.5": wider_ap(detector, root, printed=True),
    }


def wider_ap(detector: Detector, root: Path, photos: int | None = None, printed: bool = False) -> float:
    """Average precision at 0.5 on WIDER's validation photos, or the first few, boxes as they come."""
    scenes = list(wider_photos(root, "val", photos))
    if printed:
        keys = rng.key(38, torch.arange(len(scenes)))
        looks = (PRINTED(scene.image[None], key[None])[0] for scene, key in zip(scenes, keys))
        scenes = [replace(scene, image=(look * 255).round().byte()) for scene, look in zip(scenes, looks)]
    found = [one for scene in scenes for one in detector([scene.image])]
    boxes, scores = [one.boxes for one in found], [one.scores for one in found]
    return evaluate.detection_score(boxes, scores, *split_boxes(scenes)).average_precision


if __name__ == "__main__":
    main()
