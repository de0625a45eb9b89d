"""The four experiments of the joint network: alone or together, strangers, several people, finer grids.

    python -m benchmarks.joint_experiments --folder FOLDER [--root FOLDER] [--dry-run]

ResNet10 on the studio's people. FOLDER is that of ``benchmarks.joint``, which goes first: all begin with its backbone
that has learned faces alone, and two of its networks are compared here, too. A run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset
from torchvision.transforms.v2 import functional as V

from benchmarks import _joint as j
from benchmarks._record import ROOT, record
from benchmarks.joint import kept
from dlsfaces import data, evaluate, geometry, joint, recognize, train
from dlsfaces.data.records import Face, Photo, Source
from tests.from_notebook import definitions

DEPTH, EPOCHS = 10, 5
STRANGERS, STRANGE_SEED = 100, 10
MOSAICS, MOSAIC_EPOCHS, ROWS = (800, 280), 3, (2, 3)  # photos to learn from and to measure on; rows of a mosaic
GRIDS = {"5": ((5, 5),), "5_11_19": ((5, 5), (11, 11), (19, 19))}
FPRS = (0.01, 0.1)
fitted_grid = definitions("09_joint", "fitted_grid")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=ROOT.parent / "shared" / "data", help="the photos of places")
    parser.add_argument("--folder", type=Path, required=True, help="where what was learned stays")
    parser.add_argument("--only", nargs="+", choices=EXPERIMENTS, default=[*EXPERIMENTS], help="nothing is recorded")
    parser.add_argument("--dry-run", action="store_true", help="measure and print, record nothing")
    chosen = parser.parse_args()
    splits, places = j.studio(), j.places(chosen.root, "train")
    figures, detail = {}, {}
    for name in chosen.only:
        row, more = EXPERIMENTS[name](splits, places, chosen.folder)
        figures |= row
        detail |= more
        print(json.dumps(row), flush=True)
    if not chosen.dry_run and chosen.only == [*EXPERIMENTS]:
        command = "python -m benchmarks.joint_experiments --folder FOLDER"
        record("joint_experiments", figures, command, detail=detail, notes=NOTES)


NOTES = [
    f"ResNet10 that has learned faces alone, then {EPOCHS} epochs on {j.PEOPLE} people of the studio (10 photos each), "
    f"photos halved to {j.HALF} pixels; a vector a cell; names alone (no teacher, no margin) unless it is said.",
    "experiment1: the share of test photos that get the right name: by the joint network, by the same backbone on a "
    "crop of the true box, and on the whole photo.",
    f"experiment2: {STRANGERS} other people, 7 photos each; nearest: the nearest other photo is of the same person. "
    "dedicated: the course's recogniser on true boxes, put upright by the course's aligner. distilled: joint_light of "
    "joint.json.",
    f"experiment3 and 4: {MOSAICS[0]} mosaics of 4 and 9 people in {j.SIDE} pixels; found: a box with a confidence of "
    "0.3 and an overlap of one half; joint: and the right name. Both nets begin with joint_light's backbone.",
]
Result = tuple[dict[str, float], dict[str, object]]


def settings(epochs: int, lr: float = 0.002) -> train.Settings:
    return replace(j.SETTINGS, epochs=epochs, lr=lr)


def names_alone(people: j.People, head: nn.Module | None = None) -> j.Who:
    who = j.Who(people.who, torch.zeros(len(people.who), j.DIM), distilled=0.0, margin=0.0)
    who.names = who.names if head is None else head
    return who


def start(model: joint.JointNet | j.CropNet, folder: Path) -> joint.JointNet | j.CropNet:
    """With the backbone that has learned faces alone."""
    faces = j.FaceNet(j.Trunk(DEPTH))
    faces.load_state_dict(torch.load(folder / f"faces{DEPTH}.pt"))
    model.backbone.load_state_dict(faces.trunk.state_dict())
    return model


def together(people: j.People, places: Tensor, file: Path, head: nn.Module | None = None) -> joint.JointNet:
    """The joint network that learns names alone."""
    torch.manual_seed(0)
    grid, small = joint.AnchorGrid((j.CELLS,), (j.anchors(people),)), V.resize(places, [j.HALF, j.HALF])
    model = start(joint.JointNet(j.Trunk(DEPTH), grid, j.DIM), file.parent)
    loss = j.AnchorLoss(model.grid, names_alone(people, head))
    j.learn(model, loss, people, settings(EPOCHS), file, j.Moved(small))
    return model


def alone_or_together(splits: j.Splits, places: Tensor, folder: Path) -> Result:
    people, test, figures, detail = splits["train"], splits["test"], {}, {}
    looks: dict[str, j.Look] = {}
    looks["joint"] = j.anchor_look(together(people, places, folder / "experiment1_joint.run"))
    for name, whole in (("crop", False), ("whole", True)):
        torch.manual_seed(0)
        model = start(j.CropNet(DEPTH), folder)
        moved = j.CropMoved(places, whole)
        file = folder / f"experiment1_{name}.run"
        j.learn(model, j.ByNumber(names_alone(people)), people, settings(EPOCHS), file, moved)
        looks[name] = truly_boxed(model, whole)
    for name, look in looks.items():
        if name in ("crop", "whole"):
            vectors, others = look(people.images, people.boxes), look(test.images, test.boxes)
            centres = evaluate.class_centres(vectors, people.who)
        else:
            centres = j.centres_of(look, people)
            boxes, others = (torch.cat(part) for part in zip(*(look(part) for part in test.images.split(16))))
            figures[f"experiment1/{name}/iou"] = geometry.iou(boxes, test.boxes).diagonal().mean().item()
        right = ((others @ centres.T).argmax(1) == test.who).float()
        figures[f"experiment1/{name}/accuracy"] = right.mean().item()
        detail[f"experiment1/{name}/accuracy/interval"] = evaluate.mean_interval(right, test.who)
    return figures, detail


def truly_boxed(model: nn.Module, whole: bool) -> Callable[[Tensor, Tensor], Tensor]:
    """Vectors of photos and true boxes."""

    @torch.no_grad()
    def look(photos: Tensor, boxes: Tensor) -> Tensor:
        pairs = zip(photos.split(16), boxes.split(16))
        return torch.cat([model(j.smaller(part) if whole else j.crops_of(part, box)) for part, box in pairs])

    return look


def strangers(splits: j.Splits, places: Tensor, folder: Path) -> Result:
    people, figures, detail = splits["train"], {}, {}
    chosen = dict(people=STRANGERS, images_per_person=7, seed=STRANGE_SEED)
    photos = [photo for split in j.SPLITS for photo in data.studio(split, j.SIDE, **chosen)]
    images, boxes, who, _ = j.people_in(photos)
    arc = recognize.arcface(j.DIM, j.PEOPLE, margin=0.3, scale=24)
    looks = {
        "joint": j.anchor_look(together(people, places, folder / "experiment1_joint.run")),
        "arcface": j.anchor_look(together(people, places, folder / "experiment2_arcface.run", arc)),
        "distilled": j.pooled_look(kept("joint_light", "studio", folder)),
        "anchor_free": j.pooled_look(kept("joint_anchor_free", "studio", folder)),
    }
    found = {name: torch.cat([look(part)[1] for part in images.split(16)]) for name, look in looks.items()}
    name = j.own_name("synthetic")
    found["dedicated"] = torch.cat([name(*pair) for pair in zip(images.split(20), boxes.split(20))])
    for title, vectors in found.items():
        unit = F.normalize(vectors, dim=1)
        cosine = (unit @ unit.T).fill_diagonal_(-2)
        nearest = (who[cosine.argmax(1)] == who).float()
        pairs = evaluate.pair_scores(vectors.numpy(), who.numpy())
        rates = evaluate.identification_rate(vectors.numpy(), who.numpy(), None, FPRS).tpr
        spread = evaluate.identification_rate_interval(pairs, FPRS)
        figures[f"experiment2/{title}/nearest"] = nearest.mean().item()
        for fpr, rate, bounds in zip(FPRS, rates, spread):
            figures[f"experiment2/{title}/tpr@{fpr}"] = float(rate)
            detail[f"experiment2/{title}/tpr@{fpr}/interval"] = [float(v) for v in bounds]
    return figures, detail


# --- several people ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Crowd:
    """Mosaics."""

    images: Tensor  # uint8 (N, 3, SIDE, SIDE)
    targets: Tensor  # (N, F, 5), as joint.pack_people's
    rows: Tensor  # (N,): of the mosaic


def crowd(people: j.People, split: str, count: int) -> Crowd:
    """Half of the mosaics have two rows, half three, and as many columns."""
    photos = [
        Photo(image, Source(str(k), "studio", split), (Face(int(who), box),))
        for k, (image, box, who) in enumerate(zip(people.images, people.boxes, people.who))
    ]
    images, boxes, names, rows = [], [], [], []
    for size in ROWS:
        made = data.mosaics(photos, count // len(ROWS), (j.SIDE, j.SIDE), grid=(size, size), split=split, seed=j.SEED)
        for photo in made:
            images.append(photo.image)
            boxes.append(torch.stack([face.box for face in photo.faces]))
            names.append(torch.tensor([face.identity for face in photo.faces]))
            rows.append(size)
    return Crowd(torch.stack(images), joint.pack_people(boxes, names), torch.tensor(rows))


class CrowdLoss(nn.Module):
    """The package's loss; targets come as one row an image."""

    def __init__(self, grid: joint.AnchorGrid) -> None:
        super().__init__()
        self.loss = joint.JointLoss(grid, recognize.cosface(j.DIM, j.PEOPLE, margin=0.1, scale=24))

    def forward(self, out: joint.JointOutput, rows: Tensor) -> Tensor:
        return self.loss(joint.JointOutput(*out), rows)


def several(splits: j.Splits, places: Tensor, folder: Path) -> Result:
    learn, test = (crowd(splits[split], split, count) for split, count in zip(("train", "test"), MOSAICS))
    sizes = (learn.targets[..., 2:4] - learn.targets[..., :2]).flatten(0, 1)
    sizes = sizes[sizes.isfinite().all(1)] / j.SIDE
    figures, trunk = {}, kept("joint_light", "studio", folder).backbone
    for title, cells in GRIDS.items():
        torch.manual_seed(0)
        model = joint.JointNet(j.Trunk(DEPTH), fitted_grid(sizes, cells), j.DIM, width=128)
        model.backbone.load_state_dict(trunk.state_dict())
        loss = CrowdLoss(model.grid)
        dataset = TensorDataset(learn.images, learn.targets, torch.arange(len(learn.images)))
        order = torch.Generator().manual_seed(0)
        batches = DataLoader(dataset, 16, shuffle=True, drop_last=True, generator=order)
        file = folder / f"experiment4_{title}.run"
        train.fit(model, loss, batches, settings(MOSAIC_EPOCHS, 0.001), augment=j.COLOURS, checkpoint=file)
        width, rows, hit, right, alarms = crowd_score(model.eval(), loss, test)
        figures[f"experiment4/{title}/false_alarms_per_photo"] = alarms
        for part, chosen in {
            "": torch.ones_like(hit),
            **{f"{size * size}_people/": rows == size for size in ROWS},
            "narrow/": width < width.median(),
            "wide/": width >= width.median(),
        }.items():
            number = 3 if part.endswith("people/") else 4
            figures[f"experiment{number}/{title}/{part}found"] = hit[chosen].float().mean().item()
            figures[f"experiment{number}/{title}/{part}joint"] = right[chosen].float().mean().item()
    return figures, {"median width of a face in mosaics": width.median().item()}


@torch.no_grad()
def crowd_score(model: joint.JointNet, loss: CrowdLoss, test: Crowd) -> tuple[Tensor, Tensor, Tensor, Tensor, float]:
    """Of each face its width, its mosaic's rows, whether it was found, and named; and false alarms a photo."""
    parts, alarms = [], 0
    for images, targets, rows in zip(test.images.split(16), test.targets.split(16), test.rows.split(16)):
        found = joint.found_in(model.grid, model(data.to_float(images)), 0.3)
        for faces, of_photo, size in zip(targets, found, rows):
            faces = faces[faces[:, 0].isfinite()]
            overlap = F.pad(geometry.iou(faces[:, :4], of_photo.faces.boxes), (0, 1))  # a column for nothing
            best, which = overlap.max(1)
            names = F.pad(loss.loss.identify.logits(of_photo.embeddings).argmax(1), (0, 1), value=-1)
            hit = best >= 0.5
            width = faces[:, 2] - faces[:, 0]
            parts.append((width, size.expand(len(faces)), hit, hit & (names[which] == faces[:, 4])))
            alarms += int((overlap[:, :-1] < 0.5).all(0).sum())
    width, rows, hit, right = (torch.cat(part) for part in zip(*parts))
    return width, rows, hit, right, alarms / len(test.images)


EXPERIMENTS = {"together": alone_or_together, "strangers": strangers, "several": several}


if __name__ == "__main__":
    main()
