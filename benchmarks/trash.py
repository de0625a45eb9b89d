"""Trash photos: planted in built-in and in real people and found again, beside cleanlab and CleanVision; and what
cleaning a set buys.

    python -m benchmarks.trash [--root FOLDER] [--folder FOLDER] [--only PART ...] [--dry-run]
    python -m benchmarks.trash --worst

Parts: synthetic, celeba (seven kinds of planted trash, 5%), labels (wrong names, 1, 5 and 10%), pixel (beside
CleanVision), norms (margin or cross-entropy), cleaned (nine trainings), by_hand (how many of the photos that look worst
are trash, by the verdicts in benchmarks/trash_by_hand.csv). Scores of a set are kept in FOLDER. ``--worst`` writes the
hundred worst photos of each real set to FOLDER as pages to look at. Needs ``pip install cleanlab cleanvision``.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import precision_recall_curve, roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms.v2 import functional as V
from tqdm.auto import tqdm

from benchmarks._record import ROOT, record_part
from dlsfaces import data, evaluate, plots, recognize, trash
from dlsfaces.data import FaceSet
from tests.from_notebook import definitions

TAUGHT = ("image_scores", "name_scores", "learn_judge", "probabilities", "auroc_by_kind", "error_versus_reject")
image_scores, name_scores, learn_judge, probabilities, auroc_by_kind, error_versus_reject = definitions(
    "11_trash", *TAUGHT
)
out_of_fold = definitions("11_trash", "out_of_fold")
RATE, DIRTY = 0.05, 0.1  # of planted trash: to be found, and to train with
LABEL_RATES = (0.01, 0.05, 0.1)
SHARES = np.linspace(0, 0.3, 16)  # of photos that are left out
PIXEL_KINDS = {"blurred": "blurry", "dark": "dark", "duplicate": "near_duplicates"}  # and CleanVision's names
RECIPE = recognize.Recipe("medium", (40, 32), epochs=12, lr=0.1, batch_size=128)  # of the trainings
SEEDS, FPRS = (0, 1, 2), (0.01, 0.1)
BY_HAND = ROOT / "benchmarks" / "trash_by_hand.csv"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=ROOT.parent / "shared" / "data", help="the real photos")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "trash", help="where scores are kept")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=[*PARTS], help="these; the others stay as recorded")
    parser.add_argument("--dry-run", action="store_true", help="measure and print, record nothing")
    parser.add_argument("--worst", action="store_true", help="write pages of the worst photos to look at")
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    if chosen.worst:
        pages(chosen)
        return
    for part in chosen.only:
        figures, detail = PARTS[part](chosen)
        print(part, json.dumps(figures, indent=1), flush=True)
        if not chosen.dry_run:
            record_part("trash", figures, detail, "python -m benchmarks.trash", NOTES)


NOTES = [
    "Scores come from faces_synthetic, which has seen no real person; class centres from its features, whitened out of "
    "fold by the set's own (dirty) labels. Half of the people (even numbers) teach the combined score and choose each "
    "kind's best single score; the figures are of the other half. All seven kinds of data.plant_trash, 5%.",
    "norm/auroc: above 0.5 where a low norm means trash. norm_cosface and norm_cross_entropy: two small networks, "
    "trained alike on the even people of the dirty CelebA-500, measured on the odd ones.",
    "labels@R: R% of the photos of CelebA-500 got another person's name, nothing else is planted. cleanlab: "
    "get_label_quality_scores with probabilities from our whitened centres (softmax of 20 times the cosine, best of "
    "three scales and methods); cleanlab_logistic: with those of a logistic regression on the features (4 folds).",
    "pixel: mean AUROC over blurred, dark and duplicate photos, each by its own score: CleanVision's blurry, dark and "
    "near_duplicates (a flag), and ours: unsharp, dark, copies.",
    "erc_area: mean FNMR at FMR 0.01 while 0 to 30% of the photos are left out, of the odd people.",
    "dirty, cleaned, oracle: CelebA-500 with 10% planted trash, a FaceResNet of 40 x 32 pixels trained from scratch "
    "with CosFace for 12 epochs, three seeds (means); TPR on celebA_ir, accuracy on the clean validation split by the "
    "nearest of the training photos' class centres. cleaned: the judge learned from more trash, planted in the dirty "
    "set itself (10%), whose own trash counted as clean.",
    "by_hand: the hundred photos of each set that look worst, judged by eye; of the training photos those 95% "
    "that were not planted.",
]


# --- scores ---------------------------------------------------------------------------------------------------------


def kinds_of(faces: FaceSet) -> np.ndarray:
    return np.array([kind for (kind,) in (defects or ("clean",) for defects in faces.defects or [()] * len(faces))])


class Scored(NamedTuple):
    """What the chapter's functions say of a set."""

    scores: dict[str, Tensor]
    likely: list[int]  # empty where nobody has a name
    features: Tensor


def scored(faces: FaceSet, chosen: argparse.Namespace, examples: Tensor | None = None) -> Scored:
    """The chapter's scores of a set, kept in FOLDER; five even people's photos without a face are the examples."""
    if examples is None:
        examples = examples_of(faces)
    file = chosen.folder / f"{faces.checksum()[:12]}_{hashlib.sha256(examples.numpy().tobytes()).hexdigest()[:6]}.pt"
    if not file.exists():
        pixels, network = faces.images(faces.crop_size), recognize.load_face_net(trained_on="synthetic")
        small = V.resize(pixels, list(network.settings["image_size"]), antialias=True)
        features = recognize.features_of(network, small)
        torch.save((image_scores(network, features, pixels, examples), features), file)
    scores, features = torch.load(file)
    if (faces.identities == data.UNKNOWN).all():
        return Scored(scores, [], features)
    named, likely = name_scores(features, faces.identities)
    return Scored(scores | named, likely, features)


def examples_of(faces: FaceSet) -> Tensor:
    """Five images of trash, of the people that teach."""
    rows = np.flatnonzero((kinds_of(faces) == "not_a_face") & (faces.identities.numpy() % 2 == 0))[:5]
    return faces.subset(torch.from_numpy(rows)).images(faces.crop_size)


def planted(faces: FaceSet, chosen: argparse.Namespace, rate: float = RATE, seed: int = 1) -> FaceSet:
    return data.plant_trash(faces, rate, seed=seed, not_faces=chosen.root / "non_face_scenes")


def celeba_set(chosen: argparse.Namespace, split: str = "train") -> FaceSet:
    return data.load("celeba500", split, root=chosen.root)


# --- planted trash --------------------------------------------------------------------------------------------------


def found_in(name: str, faces: FaceSet, chosen: argparse.Namespace) -> tuple[dict[str, float], dict[str, object]]:
    """AUROC and precision of each score and of all together."""
    kinds, even = kinds_of(faces), faces.identities.numpy() % 2 == 0
    scores, likely, features = scored(faces, chosen)
    chosen_on, table = ({key: auroc_by_kind(s, kinds, rows) for key, s in scores.items()} for rows in (even, ~even))
    combined = 1 - probabilities(learn_judge(scores, kinds, even), scores)["clean"]
    figures: dict[str, float] = {}
    best = {}
    for kind in data.TRASH:
        best[kind] = max(scores, key=lambda key: chosen_on[key][kind])
        figures[f"{name}/{kind}/best_auroc"] = table[best[kind]][kind]
    figures |= {f"{name}/combined/{kind}_auroc": v for kind, v in auroc_by_kind(combined, kinds, ~even).items()}
    figures[f"{name}/combined/auroc"] = figures.pop(f"{name}/combined/all_auroc")
    figures[f"{name}/norm/auroc"] = table["low norm"]["all"]
    count = int((kinds[~even] != "clean").sum())
    precision = {
        key: float((kinds[~even][np.argsort(-np.asarray(s)[~even])[:count]] != "clean").mean())
        for key, s in (scores | {"combined": combined}).items()
    }
    figures[f"{name}/combined/precision@planted"] = precision["combined"]
    wrong = np.flatnonzero(kinds == "wrong_identity")
    truth = dict(zip(faces.files, faces.identities.tolist()))
    right = [likely[k] == truth[faces.origins[k]] for k in wrong]
    figures[f"{name}/likely_person_right"] = float(np.mean(right))
    detail = {f"{name}/auroc": table, f"{name}/precision@planted": precision, f"{name}/best": best}
    rows = torch.from_numpy(np.flatnonzero(~even))
    for key, s in {
        "random": torch.rand(len(even), generator=torch.Generator().manual_seed(0)),
        **scores,
        "combined": combined,
    }.items():
        for fmr in (0.01, 0.001):
            curve = error_versus_reject(features[rows], faces.identities[rows], s[rows], fmr, SHARES)
            detail[f"{name}/erc_area@{fmr}/{key}"] = round(float(np.mean(curve)), 4)
    for title, key in {"random": "random", "norm": "low norm", "combined": "combined"}.items():
        figures[f"{name}/erc_area/{title}"] = detail[f"{name}/erc_area@0.01/{key}"]
    return figures, detail


def synthetic(chosen: argparse.Namespace) -> tuple[dict[str, float], dict[str, object]]:
    clean = data.load("synthetic", "train", people=150, images_per_person=20, seed=9)
    return found_in("synthetic", data.plant_trash(clean, RATE, seed=1), chosen)


def celeba(chosen: argparse.Namespace) -> tuple[dict[str, float], dict[str, object]]:
    figures, detail = found_in("celeba", planted(celeba_set(chosen), chosen), chosen)
    return figures | {
        f"erc_area/{key}": figures[f"celeba/erc_area/{key}"] for key in ("random", "norm", "combined")
    }, detail


# --- wrong names ----------------------------------------------------------------------------------------------------


def precision_at(wrong: np.ndarray, score: np.ndarray, recall: float = 0.8) -> float:
    precision, recalls, _ = precision_recall_curve(wrong, score)
    return float(precision[recalls >= recall].max())


def labels(chosen: argparse.Namespace) -> tuple[dict[str, float], dict[str, object]]:
    """Wrong names among clean photos; the features stay, the labels change."""
    from cleanlab.rank import get_label_quality_scores

    faces, figures = celeba_set(chosen), {}
    network = recognize.load_face_net(trained_on="synthetic")
    file = chosen.folder / f"features_{faces.checksum()[:12]}.pt"
    if not file.exists():
        images = faces.images(tuple(network.settings["image_size"]))
        torch.save(recognize.features_of(network, images, mirror=True), file)
    features = torch.load(file)
    number = {name: k for k, name in enumerate(faces.files)}
    for rate in LABEL_RATES:
        mixed = data.plant_trash(faces, rate, {"wrong_identity": 1}, seed=2)
        shows = torch.tensor([number[origin] if origin else k for k, origin in enumerate(mixed.origins)])
        wrong, given, shown = kinds_of(mixed) != "clean", mixed.identities, features[shows]
        title = f"labels@{round(100 * rate)}"
        whitened = out_of_fold(shown, given)
        ours = trash.against_centres(whitened, given).other
        figures[f"{title}/precision@recall0.8"] = precision_at(wrong, ours.numpy())
        plain = trash.against_centres(shown, given).other
        figures[f"{title}/not_whitened/precision@recall0.8"] = precision_at(wrong, plain.numpy())
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300, C=0.05))
        sure = cross_val_predict(model, shown.numpy(), given.numpy(), cv=4, method="predict_proba")
        for name, likely in {"cleanlab": centre_probabilities(whitened, given), "cleanlab_logistic": sure}.items():
            quality = get_label_quality_scores(given.numpy(), likely)
            figures[f"{title}/{name}/precision@recall0.8"] = precision_at(wrong, -quality)
        print(title, {name: round(value, 3) for name, value in figures.items() if name.startswith(title)}, flush=True)
    return figures, {}


def centre_probabilities(features: Tensor, given: Tensor, scale: float = 20.0) -> np.ndarray:
    """Softmax over the cosines to the centres, the own one without the photo: the best that we found."""
    unit = F.normalize(features, dim=1)
    number = given.unique(return_inverse=True)[1]
    sums = torch.zeros(int(number.max()) + 1, unit.shape[1]).index_add_(0, number, unit)
    cosine = unit @ F.normalize(sums, dim=1).T
    own = (unit * F.normalize(sums[number] - unit, dim=1)).sum(1)
    return F.softmax(scale * cosine.scatter(1, number[:, None], own[:, None]), dim=1).numpy()


# --- pixels ---------------------------------------------------------------------------------------------------------


def pixel(chosen: argparse.Namespace) -> tuple[dict[str, float], dict[str, object]]:
    """Blurred, dark and copied photos, beside CleanVision."""
    from cleanvision import Imagelab

    faces = planted(celeba_set(chosen), chosen)
    kinds, even = kinds_of(faces), faces.identities.numpy() % 2 == 0
    scores = scored(faces, chosen).scores
    with tempfile.TemporaryDirectory() as folder:
        for k, image in enumerate(faces.images(faces.crop_size)):
            V.to_pil_image(image).save(f"{folder}/{k:06}.png")
        lab = Imagelab(data_path=folder)
        lab.find_issues({name: {} for name in (*PIXEL_KINDS.values(), "exact_duplicates")}, verbose=False)
        table = lab.issues.sort_index(key=lambda paths: paths.map(lambda path: int(Path(path).stem)))
    copied = table["is_near_duplicates_issue"] | table["is_exact_duplicates_issue"]
    theirs = {"blurred": -table["blurry_score"], "dark": -table["dark_score"], "duplicate": copied.astype(float)}
    ours = {"blurred": "pixels: not sharp", "dark": "pixels: dark", "duplicate": "like another photo"}
    figures = {}
    for kind in PIXEL_KINDS:
        figures[f"pixel/cleanvision/{kind}_auroc"] = auroc_by_kind(theirs[kind].to_numpy(), kinds, ~even)[kind]
        figures[f"pixel/ours/{kind}_auroc"] = auroc_by_kind(scores[ours[kind]], kinds, ~even)[kind]
    for whose in ("cleanvision", "ours"):
        figures[f"pixel/{whose}/auroc"] = float(
            np.mean([figures[f"pixel/{whose}/{kind}_auroc"] for kind in PIXEL_KINDS])
        )
    return figures, {}


# --- the norm, with a margin and without ----------------------------------------------------------------------------


def norms(chosen: argparse.Namespace) -> tuple[dict[str, float], dict[str, object]]:
    """Which sign the norm has: networks trained on even people, odd people measured."""
    faces = planted(celeba_set(chosen), chosen)
    even = faces.identities % 2 == 0
    first, other = faces.subset(even), faces.subset(~even)
    first = relabelled(first)
    bad, figures = kinds_of(other) != "clean", {}
    for loss in ("cross_entropy", "cosface"):
        trained = recognize.train_loss_recipe(loss, first, first, RECIPE, keep=False)
        short = trash.low_norm(recognize.features_of(trained.model, other.images(RECIPE.image_size)))
        figures[f"celeba/norm_{loss}/auroc"] = float(roc_auc_score(bad, short))
    return figures, {}


def relabelled(faces: FaceSet) -> FaceSet:
    """People numbered from 0 on."""
    people, number = faces.identities.unique(return_inverse=True)
    return replace(faces, identities=number, people=tuple(faces.people[k] for k in people))


# --- what cleaning buys ---------------------------------------------------------------------------------------------


def cleaned(chosen: argparse.Namespace) -> tuple[dict[str, float], dict[str, object]]:
    """Train on the dirty set, on the one that the report leaves, and on the truly clean part."""
    dirty = planted(celeba_set(chosen), chosen, DIRTY, seed=3)
    bad = torch.from_numpy(kinds_of(dirty) != "clean")
    unknown = replace(dirty, defects=[()] * len(dirty), origins=[""] * len(dirty))  # as its owner sees it
    more = planted(unknown, chosen, DIRTY, seed=4)
    judge = learn_judge(scored(more, chosen).scores, kinds_of(more), np.ones(len(more), bool))
    scores, _, features = scored(unknown, chosen, examples_of(more))
    probability = probabilities(judge, scores)
    fine = {kind: 1 - probability[kind] for kind in data.TRASH}
    report = trash.TrashReport(dirty.files, fine, copy_of=trash.copies(features).of)
    dropped = report.dropped()
    figures = {
        "cleaned/dropped": float(dropped.float().mean()),
        "cleaned/precision": float(bad[dropped].float().mean()),
        "cleaned/recall": float((dropped & bad).sum() / bad.sum()),
    }
    sets = {"dirty": unknown, "cleaned": unknown.subset(~dropped), "oracle": unknown.subset(~bad)}
    validation, query, others = (celeba_set(chosen, split) for split in ("validation", "query", "distractors"))
    runs: dict[str, list] = {name: [] for name in sets}
    for seed in SEEDS:
        for name, faces in sets.items():
            recipe = recognize.Recipe(**{**vars(RECIPE), "seed": seed})
            model = recognize.train_loss_recipe("cosface", faces, validation, recipe).model
            vectors = [recognize.embed(model, part.images(recipe.image_size), mirror=True) for part in (query, others)]
            runs[name].append(vectors)
            rate = evaluate.identification_rate(vectors[0], query.identities, vectors[1], FPRS)
            centre, asked = (recognize.embed(model, part.images(recipe.image_size)) for part in (faces, validation))
            accuracy = evaluate.nearest_centre_accuracy(centre, faces.identities, asked, validation.identities)
            row = {**{f"tpr@{fpr}": float(tpr) for fpr, tpr in zip(FPRS, rate.tpr)}, "accuracy": accuracy}
            print(seed, name, row, flush=True)
            for key, value in row.items():
                figures[f"{name}/{key}"] = figures.get(f"{name}/{key}", 0.0) + value / len(SEEDS)
                figures[f"{name}/{key}/seed{seed}"] = value
    seeds = {key: figures.pop(key) for key in [key for key in figures if "/seed" in key]}
    return figures, {"seeds": seeds, "differences": differences(runs, query.identities, figures)}


def differences(runs: dict[str, list], who: Tensor, figures: dict[str, float]) -> dict[str, list[float]]:
    """TPR at FPR 0.01 less that of the dirty set, with intervals over people: the mean of the seeds'."""
    rows = {}
    for name in ("cleaned", "oracle"):
        ends = []
        for (query, others), (query0, others0) in zip(runs[name], runs["dirty"]):
            first = evaluate.pair_scores(query.numpy(), who.numpy(), others.numpy())
            second = evaluate.pair_scores(query0.numpy(), who.numpy(), others0.numpy())
            ends.append(evaluate.identification_rate_difference(second, first, (0.01,))[0])
        low, high = np.mean(ends, axis=0)
        gain = figures[f"{name}/tpr@0.01"] - figures["dirty/tpr@0.01"]
        rows[f"{name} - dirty, TPR at FPR 0.01"] = [round(float(value), 4) for value in (gain, low, high)]
    return rows


# --- by hand --------------------------------------------------------------------------------------------------------


def worst_of(chosen: argparse.Namespace) -> dict[str, tuple[FaceSet, Sequence[int]]]:
    """The hundred worst real photos of each set, by the combined score that planted trash taught."""
    dirty = planted(celeba_set(chosen), chosen)
    kinds, taught, found = kinds_of(dirty), scored(dirty, chosen).scores, {}
    for name in ("train", "query", "distractors"):
        faces = dirty if name == "train" else celeba_set(chosen, name)
        scores = scored(faces, chosen, examples_of(dirty)).scores
        same = {key: taught[key] for key in scores}  # strangers have no names, so that some scores are missing
        judge = learn_judge(same, kinds, np.ones(len(kinds), bool))
        order = (1 - probabilities(judge, scores)["clean"]).argsort(descending=True).tolist()
        shown = set(faces.origins or ())  # of planted copies
        real = [k for k in order if not (faces.defects and faces.defects[k]) and faces.files[k] not in shown]
        found[name] = faces, real[:100]
    return found


def pages(chosen: argparse.Namespace) -> None:
    for name, (faces, worst) in worst_of(chosen).items():
        images = faces.images(faces.crop_size)[worst]
        for start in range(0, 100, 50):
            titles = [f"{start + k}" for k in range(50)]
            plots.faces(images[start : start + 50], titles, columns=10, height=1.3).savefig(
                chosen.folder / f"worst_{name}_{start}.png", dpi=110
            )
        (chosen.folder / f"worst_{name}.txt").write_text("\n".join(faces.files[k] for k in worst) + "\n")


def by_hand(chosen: argparse.Namespace) -> tuple[dict[str, float], dict[str, object]]:
    """Precision of the worst photos by verdicts that were given by eye."""
    with BY_HAND.open(newline="", encoding="utf-8") as file:
        verdict = {(row["set"], row["file"]): row["verdict"] for row in csv.DictReader(file)}
    figures, detail = {}, {}
    for name, (faces, worst) in tqdm(worst_of(chosen).items(), desc="sets"):
        if missing := [faces.files[k] for k in worst if (name, faces.files[k]) not in verdict]:
            raise ValueError(f"{BY_HAND} has no verdict on {len(missing)} photos of {name}, such as {missing[0]}")
        said = [verdict[name, faces.files[k]] for k in worst]
        title = "celeba" if name == "train" else f"celeba_{name}"
        for count in (25, 50, 100):
            figures[f"{title}/precision@{count}_by_hand"] = sum(one != "keep" for one in said[:count]) / count
        detail[f"{title}/by_hand"] = {kind: said.count(kind) for kind in sorted(set(said))}
    return figures, detail


PARTS = {
    "synthetic": synthetic, "celeba": celeba, "labels": labels, "pixel": pixel, "norms": norms, "cleaned": cleaned,
    "by_hand": by_hand,
}  # fmt: skip


if __name__ == "__main__":
    main()
