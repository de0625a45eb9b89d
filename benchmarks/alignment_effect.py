"""What does alignment buy a recogniser? One recipe, three times: faces as they come, put upright by our network, and by
their true landmarks.

    python -m benchmarks.alignment_effect [--root FOLDER] [--dry-run]

On real people: CelebA-500's loose photos, each turned, zoomed and shifted by chance; 450 people to train on, the 50
whom no landmark network has seen as query. (Chapter 02 does the same with synthetic people.)
"""

from __future__ import annotations

import argparse

from benchmarks._landmarks import real_faces
from benchmarks._record import ROOT, record
from benchmarks._runs import rates
from dlsfaces import align, data, evaluate, recognize, train
from dlsfaces.align.networks import LandmarkNet
from dlsfaces.data import FaceSet
from dlsfaces.evaluate.pairs import PairScores
from dlsfaces.recognize import Recipe

FPRS = (0.01, 0.1)
RECIPE = Recipe(size="small", image_size=(60, 48), epochs=16, batch_size=32, lr=0.05)
SPLITS = ("train", "validation", "test", "query")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", default=str(ROOT.parent / "shared" / "data"), help="the folder that holds CelebA-500")
    parser.add_argument("--dry-run", action="store_true", help="measure and print, record nothing")
    chosen = parser.parse_args()
    figures, histories = experiment(real_people(chosen.root), align.load_landmark_net("hourglass", "celeba"), RECIPE)
    if chosen.dry_run:
        print(figures)
        return
    record("alignment_effect", figures, "python -m benchmarks.alignment_effect", histories=histories, notes=NOTES)


NOTES = [
    "Photos in the loose framing, turned by up to 25 degrees, zoomed by 0.87 to 1.15, shifted by up to 6 % of the "
    "height, uniform, the same for all three ways; then the tight crop is cut out: where an aligned photo has it "
    "(unaligned), after a similarity from the hourglass's landmarks (ours) or from the true ones (true). Training and "
    "test alike. The hourglass is told only where an aligned photo has its face.",
    "CelebA-500, 450 people to train on, query: training photos of the 50 others, whom the hourglass (weights "
    "trained on with CelebA) has not seen either; true landmarks are the pseudo-landmarks of the upright photos. "
    "accuracy: test photos of the 450. No distractors: false pairs are those within the query.",
    f"FaceResNet small, {RECIPE.image_size[0]}x{RECIPE.image_size[1]}, cross-entropy, {RECIPE.epochs} epochs "
    f"in batches of {RECIPE.batch_size}, the course's augmentation, which itself turns by up to 10 degrees; mirrored "
    "test images; one seed. minus: paired person-bootstrap of the difference of TPR, 95 %.",
]


def real_people(root: str) -> dict[str, FaceSet]:
    """Tilted photos by split; the query is made of people whom neither network has seen."""
    splits = {name: real_faces(name, root, held_out=False) for name in SPLITS[:3]}
    splits["query"] = real_faces("train", root, held_out=True)
    return {name: data.unaligned(faces, seed=k) for k, (name, faces) in enumerate(splits.items())}


def experiment(sets: dict[str, FaceSet], model: LandmarkNet, recipe: Recipe) -> tuple[dict[str, float], dict]:
    """Accuracy and TPR of each way, and how far they are apart."""
    figures, scores, histories = {}, {}, {}
    found = {name: align.landmarks_of(model, faces).points for name, faces in sets.items()}
    ways = {
        "unaligned": {name: align.cropped(faces) for name, faces in sets.items()},
        "ours": {name: align.aligned(faces, found[name], refuse_mirrored=False) for name, faces in sets.items()},
        "true": {name: align.aligned(faces, faces.landmarks) for name, faces in sets.items()},
    }
    for way, crops in ways.items():
        measured, scores[way], histories[way] = trained(crops, recipe)
        figures |= {f"{way}/{key}": value for key, value in measured.items()}
        print(figures, flush=True)
    for first, second in (("unaligned", "ours"), ("true", "ours")):
        apart = evaluate.identification_rate_difference(scores[first], scores[second], FPRS, resamples=1000)
        for fpr, (low, high) in zip(FPRS, apart):
            figures |= {f"{second}_minus_{first}/tpr@{fpr}/low": low, f"{second}_minus_{first}/tpr@{fpr}/high": high}
    return figures, histories


def trained(crops: dict[str, FaceSet], recipe: Recipe) -> tuple[dict[str, float], PairScores, train.History]:
    """Train on the crops of one way, and measure on others of the same way."""
    faces = crops["train"]
    model, history, loss = recognize.train_cross_entropy(faces, crops["validation"], recipe, recipe.checkpoint(faces))
    test, query = (
        recognize.features_of(model, crops[name].images(recipe.image_size), mirror=True) for name in ("test", "query")
    )
    accuracy = evaluate.accuracy(loss.logits(test), crops["test"].identities)
    figures = {"accuracy": accuracy, **rates("tpr", query, None, crops["query"].identities, FPRS)}
    return figures, evaluate.pair_scores(query, crops["query"].identities, None), history


if __name__ == "__main__":
    main()
