"""The face networks that come with the course: invented people first, then CelebA-500's; and how good they are.

    python -m benchmarks.best_recipe [--root FOLDER] [--networks FOLDER] [--workers 1] [--train-only] [--invented]
                                     [--write] [--dry-run]

Renders thousands of synthetic people and trains a network on them; tries ways to go on with real ones, judged on people
of CelebA-500 that are held out; goes on from there with everybody, several times, and averages the weights where that
names more of the validation images correctly. Networks that are in ``--networks`` are not trained again.
``--train-only`` stops before measuring, which needs the identification-rate set; ``--write`` writes the weights that
ship, with their cards. Minutes on a GPU with many processors beside it (``--workers 5``), many hours on two cores.
``--invented`` trains on the shipped network of synthetic people alone, with people of today's generator: three
quarters of an hour on one core.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from pathlib import Path

import torch
from torch.nn.functional import normalize

import drawpeople
from benchmarks._faces import write_weights
from benchmarks._record import ROOT, machine, record
from benchmarks._runs import Way, intervals, invented_people, rates, together
from dlsfaces import data, evaluate, recognize, weights
from dlsfaces.course import device
from dlsfaces.data import Augmentation, FaceSet, folders
from dlsfaces.files import written_whole
from dlsfaces.recognize import EmbeddingScore, FaceResNet, cosface
from dlsfaces.recognize.pretrained import save_face_net

IMAGE_SIZE = (80, 64)
#: Seeds of the synthetic sets, each of other people; the training split of one holds 5 of 7 of the images.
SHARDS, PEOPLE, IMAGES_PER_PERSON = tuple(range(101, 111)), 500, 14
MARGIN, SCALE = 0.35, 30.0
EVERY = 10  #: of CelebA-500's people each tenth is held out while a way to go on is chosen
SEEDS = (0, 1)


INVENTED = Way(10, batch_size=256, augmentation=Augmentation.strong())
#: How the shipped network goes on with people of today's generator, and with how many of the shards.
ONWARD, ONWARD_SHARDS = Way(1, lr=0.02, augmentation=Augmentation.strong()), 6
#: Ways to go on with real people, all with CosFace.
WAYS = {
    "12 epochs": Way(12),
    "25 epochs": Way(25),
    "25 epochs, small steps": Way(25, lr=0.03),
    "25 epochs, strong augmentation": Way(25, augmentation=Augmentation.strong()),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", default=str(ROOT.parent / "shared" / "data"), help="the folder that holds CelebA-500")
    parser.add_argument("--networks", help="the folder that keeps the trained networks; the cache's by default")
    parser.add_argument("--workers", type=int, default=1, help="trainings at a time")
    parser.add_argument("--train-only", action="store_true", help="train, measure nothing")
    parser.add_argument("--invented", action="store_true", help="the network of synthetic people alone")
    parser.add_argument("--write", action="store_true", help="write the weights and cards that ship")
    parser.add_argument("--dry-run", action="store_true", help="measure and print, record nothing")
    chosen = parser.parse_args()
    folder = Path(chosen.networks or folders.cache_folder() / f"best_recipe-v{drawpeople.VERSION}")
    if chosen.invented:
        invented_alone(folder, chosen.root, chosen.write and not chosen.dry_run)
        return
    invented_network(folder)
    way = best_way(folder, chosen.root, chosen.workers)
    together(real_network, [(folder, chosen.root, way, seed) for seed in SEEDS], chosen.workers)
    choose(folder, chosen.root)
    if not chosen.train_only:
        measure(folder, chosen.root, way, chosen.write, chosen.dry_run)


def invented_network(folder: Path) -> FaceResNet:
    """The network that saw invented people alone."""
    path = folder / "invented.safetensors"
    if not path.exists():
        torch.manual_seed(0)
        model = FaceResNet("medium", image_size=IMAGE_SIZE, stem_stride=1)
        fitted(model, invented_people(SHARDS, PEOPLE, IMAGES_PER_PERSON), INVENTED, 0, path)
    return recognize.load_face_net(path)


def invented_alone(folder: Path, root: str, write: bool) -> None:
    """The shipped network trained on; measured, and written with its card. The others and the record stay."""
    path = folder / "onward" / "invented.safetensors"
    if not path.exists():
        before = weights.read(weights.path_of("faces_synthetic"))[1]
        faces = invented_people(SHARDS[:ONWARD_SHARDS], PEOPLE, IMAGES_PER_PERSON)
        known = f"{before['recipe']} (generator {before['generator']}), then "
        fitted(recognize.load_face_net(trained_on="synthetic"), faces, ONWARD, 0, path, known)
    found = strangers_known(path.parent, root, ["invented"])
    print(json.dumps(found, indent=1))
    if write:
        about = weights.read(path)[1]
        learned = {"synthetic": learned_from(ONWARD_SHARDS)}
        write_weights(path.parent, {"invented": about}, found, about["way"], "", learned)


def learned_from(shards: int = len(SHARDS)) -> list[str]:
    """What names the synthetic images."""
    which = f"seeds {SHARDS[:shards]}, {PEOPLE} people, {IMAGES_PER_PERSON} images each"
    return [f"generator {drawpeople.VERSION}, {which}"]


def fitted(model: FaceResNet, faces: FaceSet, way: Way, seed: int, path: Path, known: str = "") -> None:
    """Train, and keep the network and how it went.

    ``known``: how the network was trained before to tell such people apart. Each class begins where it sees the person.
    """
    torch.manual_seed(seed)
    began = time.monotonic()
    loss = cosface(model.embedding_dim, len(faces.people), MARGIN, SCALE)
    if known:
        features = recognize.embed(model, faces.images(IMAGE_SIZE))
        sums = torch.zeros_like(loss.weight).index_add(0, faces.identities, features)
        loss.weight.data = normalize(sums)
    history = way.train(model, loss, faces, IMAGE_SIZE, seed)
    minutes = (time.monotonic() - began) / 60
    about = {"minutes": minutes, "machine": machine(), "history": history, "way": f"{known}{way!r}"}
    save_face_net(model, path, about)
    print(path.stem, f"{minutes:.1f} minutes, loss {history[-1]['loss']:.3f}", flush=True)


def best_way(folder: Path, root: str, workers: int) -> str:
    """The name of the way after which people held out are recognised best, and the others named best."""
    path = folder / "ways.json"
    if not path.exists():
        found = together(trial, [(folder, root, name) for name in WAYS], workers)
        with written_whole(path) as part:
            part.write_text(json.dumps(dict(zip(WAYS, found)), indent=1), encoding="utf-8")
    scores = json.loads(path.read_text(encoding="utf-8"))
    print(json.dumps(scores), flush=True)
    return max(scores, key=lambda name: scores[name]["held_out/tpr@0.01"] + scores[name]["validation/accuracy"])


def trial(run: tuple[Path, str, str]) -> dict[str, float]:
    """Go on with nine people of ten, and measure on the tenth; no image of the test split is looked at."""
    folder, root, name = run
    splits = {split: data.split_people(data.load("celeba500", split, root), EVERY) for split in ("train", "validation")}
    path = folder / f"held out, {name}.safetensors"
    if not path.exists():
        fitted(recognize.load_face_net(folder / "invented.safetensors"), splits["train"][0], WAYS[name], 0, path)
    model = recognize.load_face_net(path).to(device())
    known = EmbeddingScore(splits["train"][0], splits["validation"][0], IMAGE_SIZE, per_person=None, mirror=True)
    held_out = [splits[split][1] for split in splits]
    features = torch.cat([recognize.features_of(model, faces.images(IMAGE_SIZE), mirror=True) for faces in held_out])
    strangers = rates("held_out/tpr", features, None, torch.cat([f.identities for f in held_out]))
    return {"validation/accuracy": known(model)["accuracy"], **strangers}


def real_network(run: tuple[Path, str, str, int]) -> None:
    """Go on with all of CelebA-500's people."""
    folder, root, way, seed = run
    path = folder / f"real-{seed}.safetensors"
    if not path.exists():
        faces = data.load("celeba500", "train", root)
        fitted(recognize.load_face_net(folder / "invented.safetensors"), faces, WAYS[way], seed, path)


def choose(folder: Path, root: str) -> None:
    """Keep as ``real.safetensors`` the mean of the networks' weights or the best network, by validation images."""
    path, scores_path = folder / "real.safetensors", folder / "choice.json"
    if path.exists() and scores_path.exists():
        return
    faces, validation = (data.load("celeba500", split, root) for split in ("train", "validation"))
    score = EmbeddingScore(faces, validation, IMAGE_SIZE, mirror=True)
    networks = {f"seed {k}": recognize.load_face_net(folder / f"real-{k}.safetensors").to(device()) for k in SEEDS}
    networks["mean"] = averaged(list(networks.values()), faces)
    scores = {name: score(model) for name, model in networks.items()}
    best = max(scores, key=lambda name: scores[name]["accuracy"] + scores[name]["tpr@0.01"])
    print(json.dumps(scores), best, flush=True)
    save_face_net(networks[best], path, {"chosen": best})
    with written_whole(scores_path) as part:
        part.write_text(json.dumps({"chosen": best, **scores}, indent=1), encoding="utf-8")


def averaged(models: list[FaceResNet], faces: FaceSet) -> FaceResNet:
    """One network with the mean of the weights (Wortsman et al. 2022, "Model soups"); its batch statistics anew."""
    mean = copy.deepcopy(models[0])
    states = [model.state_dict() for model in models]
    mean.load_state_dict({name: sum(state[name] for state in states) / len(states) for name in states[0]})
    for module in mean.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.reset_running_stats()
            module.momentum = None  # a plain mean over all batches
    mean.train()
    with torch.no_grad():
        for number, (images, _, indices) in enumerate(data.batches(faces, IMAGE_SIZE, 128, shuffle=True)):
            images = Augmentation()(images.to(device()), indices + number)
            mean.features(images)
    return mean.eval()


def measure(folder: Path, root: str, way: str, write: bool, dry_run: bool) -> None:
    """Every network on the test split and on people never seen; the record, and the weights."""
    sets = {split: data.load("celeba500", split, root) for split in ("train", "test")}
    named = EmbeddingScore(sets["train"], sets["test"], IMAGE_SIZE, per_person=None, mirror=True)
    found = strangers_known(folder, root, ["invented", "real"])
    real = recognize.load_face_net(folder / "real.safetensors")
    found["real"] = {"accuracy": named(real)["accuracy"], **found["real"]}
    abouts = {name: weights.read(folder / f"{name}.safetensors")[1] for name in ("invented", "real-0")}
    minutes = sum(about["minutes"] for about in abouts.values())
    figures = {**found["real"], "minutes": minutes}
    figures |= {f"invented/{figure}": value for figure, value in found["invented"].items()}
    choice = json.loads((folder / "choice.json").read_text(encoding="utf-8"))
    if dry_run:
        print(json.dumps({"figures": figures, "networks": found, "choice": choice}, indent=1))
        return
    record(
        "best_recipe",
        figures,
        "python -m benchmarks.best_recipe --write",
        trained_on=abouts["invented"]["machine"],
        networks=found,
        ways=json.loads((folder / "ways.json").read_text(encoding="utf-8")),
        way=way,
        choice=choice,
        notes=NOTES,
    )
    if write:
        trained_on = {"synthetic": learned_from(), "celeba": [*learned_from(), *sets["train"].files]}
        write_weights(folder, abouts, found, repr(INVENTED), f"{WAYS[way]!r}, {choice['chosen']}", trained_on)


NOTES = [
    f"From scratch, no outside weights. FaceResNet medium (2.6 M weights) with a stem of stride 1, "
    f"{IMAGE_SIZE[0]}x{IMAGE_SIZE[1]} tight crops, CosFace (margin {MARGIN}, scale {SCALE:g}). First "
    f"{INVENTED.epochs} epochs of {len(SHARDS) * PEOPLE:,} synthetic people with 10 images each, then CelebA-500's "
    "training split in the way that served people held out best (ways: the tenth part of the people held out, "
    "validation images of the others). choice: validation scores of the networks of two seeds and of the mean of "
    "their weights. accuracy: test split, nearest class centre; tpr: celebA_ir; mirrored test images for both.",
    "invented/: the network before it saw a real image; not whitened.",
    "minutes: both trainings of the chosen network on the machine named in trained_on, with others beside them on the "
    "same GPU; rendering not counted.",
]


def strangers_known(folder: Path, root: str, names: list[str]) -> dict[str, dict[str, float]]:
    """TPR of networks in the folder on people never seen, with its 95 % interval over people."""
    query, distractors = (data.load("celeba500", split, root) for split in ("query", "distractors"))
    images, found = [faces.images(IMAGE_SIZE) for faces in (query, distractors)], {}
    for name in names:
        model = recognize.load_face_net(folder / f"{name}.safetensors")
        seen, strangers = (recognize.features_of(model, part, mirror=True) for part in images)
        scores = evaluate.pair_scores(seen, query.identities, strangers)
        found[name] = rates("tpr", seen, strangers, query.identities) | intervals(scores)
    return found


if __name__ == "__main__":
    main()
