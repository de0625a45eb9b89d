"""Adversarial attacks on face networks: how small a change is enough, what transfers, what defends.

    python -m benchmarks.attacks [--root FOLDER] [--folder FOLDER] [--only PART ...] [--dry-run]

Parts: built_in (the two small networks of chapter 12; ``--write`` ships them), equality (with torchattacks, and time
beside it), table (RobFR's: smallest changes, by network, attack and goal), pgd (success at 8 grey levels), defences
(naive and adaptive), transfer, public (to dlib's network: needs `make peers`), glasses. Networks are trained on
CelebA-500 first, and kept in FOLDER.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.transforms.v2 import functional as V
from tqdm.auto import tqdm

import drawpeople
from benchmarks._peers import Judge, pair_distances, verdict
from benchmarks._record import ROOT, record_part
from dlsfaces import attacks, data, evaluate, geometry, recognize, train, weights
from dlsfaces.data import FaceSet
from dlsfaces.evaluate.bootstrap import person_bootstrap
from dlsfaces.recognize.pretrained import save_face_net
from tests.from_notebook import definitions

Defended, adversary, blur, door_opens, draw_triples, jpeg, resized = definitions(
    "12_attacks", "Defended", "adversary", "blur", "door_opens", "draw_triples", "jpeg", "resized"
)
jitters, learn_ink, photographed, printed, smallest_of, suspicion, wear = definitions(
    "12_attacks", "jitters", "learn_ink", "photographed", "printed", "smallest_of", "suspicion", "wear"
)
RECIPE = recognize.Recipe("medium", (48, 40), epochs=12)
HARDENING = replace(RECIPE, epochs=6, lr=0.05)  # adversarial training, from ArcFace's weights on
BUILT_IN = recognize.Recipe("small", (48, 40), epochs=15)  # the two networks that ship, for chapter 12
BUILT_IN_PEOPLE = dict(people=400, images_per_person=20)
LOSSES = {"cross_entropy": "cross_entropy", "triplet": "triplet_batch_hard", "arcface": "arcface"}
STAGES = {"arcface": (recognize.Stage("arcface", margin=0.5, warmup=1.0),)}  # the margin grows until the end
NETWORKS = (*LOSSES, "adversarial", "shipped")
STEPS, ROUNDS = 10, 9
TRIPLES = {"shipped": 16}  # it looks at 80 x 64 pixels, and at each of them; of the others:
MANY = 60
PAIRS = 100  # of people, for the glasses
FPR, EPS = 0.01, 8 / 255


def bim(loss: attacks.Loss, images: Tensor, vectors: Tensor, eps: attacks.Size) -> Tensor:
    return attacks.bim(loss, images, vectors, eps, 1.5 * eps / STEPS, STEPS)


def patient(loss: attacks.Loss, images: Tensor, vectors: Tensor, eps: attacks.Size) -> Tensor:
    """BIM with twice the steps: who adapts to a defence has time."""
    return attacks.bim(loss, images, vectors, eps, 1.5 * eps / STEPS, 2 * STEPS)


def mim(loss: attacks.Loss, images: Tensor, vectors: Tensor, eps: attacks.Size) -> Tensor:
    return attacks.mim(loss, images, vectors, eps, 1.5 * eps / STEPS, STEPS)


ATTACKS = {"fgsm": attacks.fgsm, "bim": bim, "mim": mim}
NOTES = [
    "Networks: FaceResNets of medium size for 48 x 40 pixels, trained alike on CelebA-500 from scratch (12 epochs), "
    "one for each loss; adversarial: ArcFace's, with 6 epochs more of PGD (8/255, 3 steps) and a margin of 0.2; "
    "shipped: the course's network for CelebA (80 x 64 pixels, CosFace).",
    "Triples of celebA_ir that a network judges rightly, 60 (16 for shipped, 40 behind defences), at its own threshold "
    "at FPR 0.01 (query and distractors). BIM and MIM: 10 steps of 0.15 eps. Grey levels of 255, at most 64.",
    "Published (RobFR, ArcFace and adversarially trained, 112 x 112 pixels): 1.97/1.42, 1.53/1.20, 1.62/1.25; "
    "12.9/12.4, 10.3/10.2, 10.8/10.6, dodging/impersonation by FGSM, BIM, MIM.",
    "pgd8: 50 steps of 1/255 from a random start, mean over cross_entropy, triplet, arcface and shipped.",
    "DEFENCE/naive and /adaptive: median smallest changes for BIM (20 steps) against ArcFace's network behind a "
    "defence; each defended network has its own threshold. two_networks: with cross_entropy.",
    "transfer: MIM, eps 8/255, impersonation; share of the pairs that the judging network tells apart.",
    "public/: MIM, eps 8/255, as under transfer; the change is enlarged to crops of 96 x 80 pixels, which dlib's "
    "network judges, at its own threshold (FPR 0.01, the same photos). ensemble: made for three networks at once, the "
    "shipped one, ArcFace's and cross-entropy's. dlib gives no gradient: nothing can be made for it in the same way.",
    "defences and public were measured with networks that were trained again by the same recipe, on another machine.",
    "glasses: ArcFace's network, 100 pairs, a pattern learned from six photos (40 steps), tested on others.",
]


class Door(NamedTuple):
    """A network at a door: its threshold, and triples that it judges rightly."""

    model: nn.Module
    threshold: float
    vectors: Tensor  # of the query
    attacker: Tensor  # rows of the query
    own: Tensor
    victim: Tensor
    figures: dict[str, float]


class Faces(NamedTuple):
    """celebA_ir, as the networks want it."""

    query: FaceSet
    others: FaceSet

    def images(self, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        return tuple(geometry.to_float(part.images(size)) for part in self)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=ROOT.parent / "shared" / "data", help="the real photos")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "attacks", help="where networks are kept")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=[*PARTS], help="these; the others stay as recorded")
    parser.add_argument("--write", action="store_true", help="write the two networks of the part built_in that ship")
    parser.add_argument("--dry-run", action="store_true", help="measure and print, record nothing")
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    for part in chosen.only:
        figures, detail = PARTS[part](chosen)
        print(part, json.dumps(figures, indent=1), flush=True)
        if not chosen.dry_run:
            record_part("attacks", figures, detail, "python -m benchmarks.attacks", NOTES)


# --- networks -------------------------------------------------------------------------------------------------------


def network(name: str, chosen: argparse.Namespace) -> recognize.Backbone:
    """A trained network, from FOLDER where it is there."""
    if name == "shipped":
        return recognize.load_face_net(trained_on="celeba").eval()
    file, model = chosen.folder / f"{name}.pt", RECIPE.network()
    if not file.exists():
        faces, validation = (data.load("celeba500", split, root=chosen.root) for split in ("train", "validation"))
        if name == "adversarial":
            network("arcface", chosen)
            body, head_weights, _ = torch.load(chosen.folder / "arcface.pt")
            model.load_state_dict(body)
            head = recognize.arcface(RECIPE.embedding_dim, len(faces.people), 0.2, 30.0)
            trained = harden(model, head, head_weights["weight"], faces, validation, HARDENING)
        else:
            trained = recognize.train_loss_recipe(LOSSES[name], faces, validation, RECIPE, stages=STAGES.get(name))
        torch.save((trained.model.state_dict(), trained.loss.state_dict(), trained.history), file)
    model.load_state_dict(torch.load(file)[0])
    return model.eval()


def harden(
    model: recognize.Backbone,
    head: nn.Module,
    centres: Tensor,
    faces: FaceSet,
    validation: FaceSet,
    recipe: recognize.Recipe,
) -> train.Trained:
    """Adversarial training that goes on from a network and its head's vectors."""
    with torch.no_grad():
        head.weight.copy_(centres)
    batches = data.batches(faces, recipe.image_size, recipe.batch_size, shuffle=True, seed=0)
    score = recognize.EmbeddingScore(faces, validation, recipe.image_size)
    move = adversary(model, head, recipe.augmentation, EPS, 3)
    return train.Trained(model, train.fit(model, head, batches, recipe.settings, move=move, validate=score), head)


def built_in(chosen: argparse.Namespace) -> tuple[dict[str, float], dict[str, object]]:
    """Two small networks of built-in people, as they are and adversarially trained; with --write they ship."""
    faces, validation = (data.load("synthetic", split, **BUILT_IN_PEOPLE) for split in ("train", "validation"))
    query, others = (
        data.load("synthetic", split, people=200, images_per_person=14, seed=9) for split in ("query", "distractors")
    )
    start, figures = time.perf_counter(), {}
    plain = recognize.train_loss_recipe("cosface", faces, validation, BUILT_IN)
    head = recognize.cosface(BUILT_IN.embedding_dim, len(faces.people), 0.2, 30.0)
    model = BUILT_IN.network()
    model.load_state_dict(plain.model.state_dict())
    hard = harden(model, head, plain.loss.weight, faces, validation, replace(BUILT_IN, epochs=10, lr=0.05))
    minutes = (time.perf_counter() - start) / 60
    for name, trained in {"plain": plain, "hardened": hard}.items():
        here = door(trained.model.eval(), BUILT_IN.image_size, Faces(query, others))
        figures |= {f"built_in/{name}/{key}": value for key, value in here.figures.items()}
        for goal, rows in (("dodging", here.own), ("impersonation", here.victim)):
            figures[f"built_in/{name}/bim/{goal}"], _ = smallest(here, bim, goal, rows, Faces(query, others))
        if chosen.write:
            about = {"data": "synthetic", **BUILT_IN_PEOPLE, "recipe": repr(BUILT_IN), "terms": "MIT, as the code"}
            path = weights.FOLDER / f"faces_small_{name}.safetensors"
            save_face_net(trained.model, path, about)
            path.with_suffix(".md").write_text(card(name, figures), encoding="utf-8")
    return figures, {"built_in/minutes": round(minutes, 1)}


def card(name: str, figures: dict[str, float]) -> str:
    """What is in a file of weights."""
    mine = {key.removeprefix(f"built_in/{name}/"): value for key, value in figures.items() if f"/{name}/" in key}
    rows = "\n".join(f"| {key} | {value:.3f} |" for key, value in mine.items())
    how = "CosFace, 15 epochs" + (", then 10 epochs of adversarial training (PGD, 8/255, 3 steps)" * (name != "plain"))
    return f"""# faces_small_{name}

A small face network for chapter 12, to attack: `recognize.load_face_net(weights.path_of("faces_small_{name}"))`.

- **Network**: `FaceResNet`, size small, 256 numbers, for tight crops at 48 x 40 pixels; half precision in the file.
- **Data**: 400 built-in people in 20 images each. Generator version {drawpeople.VERSION}.
- **Recipe**: {how}.
- **Terms**: MIT, as the code: no image of a real person was used.
- **Made by** `python -m benchmarks.attacks --only built_in --write`.

| measured on 200 other built-in people | value |
|:--|--:|
{rows}

`bim`: the median smallest change in grey levels of 255. **Limits**: made for the chapter, not for recognising anybody.
"""


def celeba_ir(chosen: argparse.Namespace) -> Faces:
    return Faces(*(data.load("celeba500", split, root=chosen.root) for split in ("query", "distractors")))


def door(model: nn.Module, size: tuple[int, int], faces: Faces, count: int = MANY) -> Door:
    images, others = faces.images(size)
    vectors, strangers = (recognize.embed(model, part) for part in (images, others))
    rate = evaluate.identification_rate(vectors, faces.query.identities, strangers, FPR)
    scores = evaluate.pair_scores(vectors, faces.query.identities, strangers)
    low, high = evaluate.identification_rate_interval(scores, FPR)[0]
    threshold = float(rate.threshold[0])
    triples = draw_triples(vectors, faces.query.identities, threshold, count)
    figures = {"tpr@0.01": float(rate.tpr[0]), "tpr@0.01/low": float(low), "tpr@0.01/high": float(high)}
    return Door(model, threshold, vectors, *triples, figures)


def doors(names: tuple[str, ...], chosen: argparse.Namespace) -> dict[str, Door]:
    faces = celeba_ir(chosen)
    return {
        name: door(model, tuple(model.settings["image_size"]), faces, TRIPLES.get(name, MANY))
        for name in names
        for model in [network(name, chosen)]
    }


# --- parts ----------------------------------------------------------------------------------------------------------


def equality(chosen: argparse.Namespace) -> tuple[dict[str, float], dict[str, object]]:
    """Ours and torchattacks' on one classifier in double precision: ArcFace's network and head."""
    import torchattacks

    model = network("arcface", chosen)
    head = recognize.arcface(RECIPE.embedding_dim, 500, 0.5, 30.0)
    head.load_state_dict(torch.load(chosen.folder / "arcface.pt")[1])
    classify = _Classifier(model, head).double().eval()
    images = celeba_ir(chosen).images(RECIPE.image_size)[0][:32].double()
    labels = torch.arange(32) * 7 % 500
    wrong = lambda some, their: F.cross_entropy(classify(some), their, reduction="none")  # noqa: E731
    eps, alpha = 8 / 255, 2 / 255
    pairs: dict[str, tuple[Callable[[], Tensor], Callable[[], Tensor]]] = {
        "fgsm": (
            lambda: attacks.fgsm(wrong, images, labels, eps),
            lambda: torchattacks.FGSM(classify, eps)(images, labels),
        ),
        "bim": (
            lambda: attacks.bim(wrong, images, labels, eps, alpha, 10),
            lambda: torchattacks.PGD(classify, eps, alpha, 10, random_start=False)(images, labels),
        ),
        "mim": (
            lambda: attacks.mim(wrong, images, labels, eps, alpha, 10),
            lambda: torchattacks.MIFGSM(classify, eps, alpha, 10, 1.0)(images, labels),
        ),
    }
    figures, seconds = {}, []
    for name, (ours, theirs) in pairs.items():
        figures[f"difference_to_torchattacks/{name}"] = float((ours() - theirs()).abs().max())
    figures["worst_difference_to_torchattacks"] = max(figures.values())
    for _ in range(7):
        row = []
        for one in pairs["bim"]:
            start = time.perf_counter()
            one()
            row.append(time.perf_counter() - start)
        seconds.append(row)
    figures["time_ratio_to_torchattacks"] = statistics.median(ours / theirs for ours, theirs in seconds)
    return figures, {"seconds, ours and torchattacks": [[round(value, 3) for value in row] for row in seconds]}


class _Classifier(nn.Module):
    def __init__(self, model: recognize.Backbone, head: recognize.AngularMargin) -> None:
        super().__init__()
        self.model, self.weight = model, nn.Parameter(head.weight.detach())

    def forward(self, images: Tensor) -> Tensor:
        vectors = self.model.features(images)
        return 30 * F.normalize(vectors, dim=1) @ F.normalize(self.weight, dim=1).T


def table(chosen: argparse.Namespace) -> tuple[dict[str, float], dict[str, object]]:
    """The smallest changes, by network, attack and goal."""
    figures, detail, faces = {}, {}, celeba_ir(chosen)
    for name, here in doors(NETWORKS, chosen).items():
        figures |= {f"{name}/{key}": value for key, value in here.figures.items()}
        for goal, rows in (("dodging", here.own), ("impersonation", here.victim)):
            for attack in ATTACKS:
                title = f"{name}/{attack}/{goal}"
                figures[title], detail[title] = smallest(here, ATTACKS[attack], goal, rows, faces)
                print(title, round(figures[title], 2), detail[title], flush=True)
    return figures, detail


def smallest(
    here: Door, attack: Callable, goal: str, rows: Tensor, faces: Faces, size: tuple[int, int] = RECIPE.image_size
) -> tuple[float, dict[str, object]]:
    """The median in grey levels, with its interval over people, and the share that never succeeded."""
    size = tuple(getattr(here.model, "settings", {"image_size": size})["image_size"])
    start = geometry.to_float(faces.query.subset(here.attacker).images(size))
    found = smallest_of(here.model, attack, goal, start, here.vectors[rows], here.threshold, ROUNDS)
    return _median(found.eps, faces.query.identities[here.attacker])


def _median(eps: Tensor, who: Tensor) -> tuple[float, dict[str, object]]:
    grey = (255 * eps).clamp(max=64).numpy()
    people, number = np.unique(who.numpy(), return_inverse=True)

    def median(drawn: np.ndarray) -> np.ndarray:
        rows = np.repeat(grey, drawn[number])
        return np.array([np.median(rows) if len(rows) else np.nan])

    low, high = person_bootstrap(median, len(people))[0]
    failed = float(eps.isinf().float().mean())
    return float(np.median(grey)), {"low": round(float(low), 2), "high": round(float(high), 2), "failed": failed}


def pgd(chosen: argparse.Namespace) -> tuple[dict[str, float], dict[str, object]]:
    """How often 8 grey levels are enough."""
    faces, shares = celeba_ir(chosen), {}
    for name, here in doors(NETWORKS, chosen).items():
        start = geometry.to_float(faces.query.subset(here.attacker).images(tuple(here.model.settings["image_size"])))
        for goal, rows in (("dodging", here.own), ("impersonation", here.victim)):
            vectors = here.vectors[rows]
            moved = attacks.pgd(getattr(attacks, goal)(here.model), start, vectors, EPS, 1 / 255, 50)
            opens = door_opens(here.model, vectors, here.threshold)(moved)
            shares[f"{name}/pgd8/{goal}"] = float((opens if goal == "impersonation" else ~opens).float().mean())
    figures = {
        f"pgd8/success_{goal}": float(
            np.mean([shares[f"{name}/pgd8/{goal}"] for name in NETWORKS if name != "adversarial"])
        )
        for goal in ("dodging", "impersonation")
    }
    return figures | shares, {}


def defences(chosen: argparse.Namespace) -> tuple[dict[str, float], dict[str, object]]:
    """Naive: made for the network without its defence. Adaptive: made for both together."""
    faces, plain, second = celeba_ir(chosen), network("arcface", chosen), network("cross_entropy", chosen)
    same = lambda images: images  # noqa: E731
    kinds = {  # networks, the change, its draws for the door, and for the attack
        "nothing": ([plain], same, 1, 1), "jpeg": ([plain], jpeg, 1, 1), "blur": ([plain], blur, 1, 1),
        "random_resizing": ([plain], resized, 8, 2),  # with one draw a pair is lost now and then, without any attack
        "two_networks": ([plain, second], same, 1, 1),
    }  # fmt: skip
    figures, detail = {}, {}
    images, _ = faces.images(RECIPE.image_size)
    vectors = recognize.embed(plain, images)
    for name, (networks, change, draws, drawn) in kinds.items():
        torch.manual_seed(0)
        here = door(Defended(networks, change, draws).eval(), RECIPE.image_size, faces, 40)
        figures[f"{name}/tpr@0.01"] = here.figures["tpr@0.01"]
        start, who = images[here.attacker], faces.query.identities[here.attacker]
        aware = Defended(networks, change, drawn).eval()
        for goal, rows in (("dodging", here.own), ("impersonation", here.victim)):
            opens = door_opens(here.model, here.vectors[rows], here.threshold)
            won = opens if goal == "impersonation" else lambda moved, opens=opens: ~opens(moved)
            for kind, model, target in (("naive", plain, vectors[rows]), ("adaptive", aware, here.vectors[rows])):
                loss = getattr(attacks, goal)(model)
                found = attacks.smallest_eps(
                    lambda eps, given=(loss, start, target): patient(*given, eps), won, start, rounds=ROUNDS
                )
                title = f"{name}/{kind}/{goal}"
                figures[title], detail[title] = _median(found.eps, who)
                print(title, round(figures[title], 2), flush=True)
    return figures | squeezing(plain, images, faces), detail


def squeezing(model: nn.Module, images: Tensor, faces: Faces) -> dict[str, float]:
    """A detector of attacks by how far a blur moves the vector, and an attack that knows of it."""
    here = door(model, RECIPE.image_size, faces)
    start, target = images[here.attacker], here.vectors[here.victim]
    towards = attacks.impersonation(model)
    both = lambda some, vectors: towards(some, vectors) + towards(blur(some), vectors)  # noqa: E731
    clean, figures = suspicion(model, images), {}
    for title, loss in (("unaware", towards), ("adaptive", both)):
        moved = bim(loss, start, target, 4 / 255)
        opens = door_opens(model, target, here.threshold)(moved)
        figures[f"squeezing/{title}/success"] = float(opens.float().mean())
        figures[f"squeezing/{title}/auroc"] = float((suspicion(model, moved)[:, None] > clean[None]).float().mean())
    return figures


def transfer(chosen: argparse.Namespace) -> tuple[dict[str, float], dict[str, object]]:
    """Made for the network of a row, judged by that of a column."""
    here, faces = doors(NETWORKS, chosen), celeba_ir(chosen)
    images = {name: faces.images(tuple(one.model.settings["image_size"]))[0] for name, one in here.items()}
    rows = []
    for source, one in here.items():
        count = TRIPLES.get(source, MANY)
        attacker, victim = one.attacker[:count], one.victim[:count]
        moved = mim(attacks.impersonation(one.model), images[source][attacker], one.vectors[victim], EPS)
        row = []
        for judge, other in here.items():
            size = list(images[judge].shape[2:])
            opens = door_opens(other.model, other.vectors[victim], other.threshold)
            apart = ~opens(images[judge][attacker])
            shown = moved if judge == source else V.resize(moved, size, antialias=True)
            row.append(round(float(opens(shown)[apart].float().mean()), 3))
        rows.append(row)
        print(source, row, flush=True)
    matrix = np.array(rows)
    off = matrix[~np.eye(len(matrix), dtype=bool)]
    return {"transfer/mean_off_diagonal": float(off.mean())}, {"transfer": rows, "transfer/names": list(here)}


def public(chosen: argparse.Namespace) -> tuple[dict[str, float], dict[str, object]]:
    """Made for our networks, judged by dlib's, which was trained elsewhere on 3 million photos."""
    judge, size, faces = Judge(), (96, 80), celeba_ir(chosen)
    marks = geometry.TIGHT.template * (size[1] / geometry.TIGHT.width)
    look = lambda some: judge.descriptors((255 * some).round().byte(), marks.expand(len(some), -1, -1))  # noqa: E731
    large, others = (geometry.to_float(part.images(size)) for part in faces)
    query = look(large)
    same, false = pair_distances(query, faces.query.identities)
    judged = verdict(same, torch.cat((false, torch.cdist(query, look(others)).flatten())), FPR)
    limit, figures, detail = judged["quantile"], {"public/dlib/tpr@0.01": judged["tpr"]}, {}
    here = doors(("shipped", "arcface", "cross_entropy"), chosen)
    sources = {name: [one] for name, one in here.items()} | {"ensemble": [*here.values()]}
    for name, members in sources.items():
        attacker, victim = members[0].attacker, members[0].victim
        native = tuple(members[0].model.settings["image_size"])
        start = geometry.to_float(faces.query.subset(attacker).images(native))

        def loss(images: Tensor, rows: Tensor, members: list[Door] = members) -> Tensor:
            parts = []
            for one in members:
                seen = V.resize(images, list(one.model.settings["image_size"]), antialias=True)
                parts.append(attacks.impersonation(one.model)(seen, one.vectors[rows]))
            return torch.stack(parts).mean(0)

        change = V.resize(mim(loss, start, victim, EPS) - start, list(size))
        before = (query[attacker] - query[victim]).norm(dim=1)
        after = (look((large[attacker] + change).clamp(0, 1)) - query[victim]).norm(dim=1)
        figures[f"public/{name}_to_dlib"] = float((after[before >= limit] < limit).float().mean())
        detail[f"public/{name}"] = {
            "distances to the victim": [round(float(one.mean()), 3) for one in (before, after)],
            "the threshold": round(limit, 3),
            "pairs": int((before >= limit).sum()),
        }
        print(name, figures[f"public/{name}_to_dlib"], detail[f"public/{name}"], flush=True)
    return figures, detail


def glasses(chosen: argparse.Namespace) -> tuple[dict[str, float], dict[str, object]]:
    """A printed frame: learned from six photos of the attacker, tested on others, for pairs of people."""
    faces, here = celeba_ir(chosen), doors(("arcface",), chosen)["arcface"]
    images, who = faces.images(RECIPE.image_size)[0], faces.query.identities
    landmarks = geometry.TIGHT.template * (RECIPE.image_size[1] / geometry.TIGHT.width)  # the crops are aligned
    random, generator = np.random.default_rng(0), torch.Generator().manual_seed(5)
    many = [person for person in who.unique().tolist() if (who == person).sum() >= 12]
    shares: dict[str, list[float]] = {"none": [], "black": [], "pattern": [], "printed": []}
    for number in tqdm(range(PAIRS), desc="glasses"):
        person, victim = random.choice(many), random.choice(np.flatnonzero(who != -1))
        if who[victim] == person:
            victim = int(np.flatnonzero((who != person).numpy())[number])
        own = (who == person).nonzero()[:, 0]
        own = own[torch.randperm(len(own), generator=torch.Generator().manual_seed(number))]
        learn, test = images[own[:6]], images[own[6:12]]
        marks, vector = landmarks.expand(6, -1, -1), here.vectors[victim]
        ink = learn_ink(here.model, learn, marks, vector, 40, seed=number)
        black, paper = torch.full_like(ink, 0.12), printed(ink)
        worn = wear(test, marks, paper, jitters(6, RECIPE.image_size, generator))
        looks = {"none": test, "black": wear(test, marks, black), "pattern": wear(test, marks, ink)}
        looks["printed"] = photographed(worn, seed=number)
        for title, some in looks.items():
            opens = recognize.embed(here.model, some) @ vector > here.threshold
            shares[title].append(float(opens.float().mean()))
    figures = {
        "glasses/success": float(np.mean(shares["pattern"])),
        "glasses/success_after_print": float(np.mean(shares["printed"])),
        "glasses/no_glasses": float(np.mean(shares["none"])),
        "glasses/black": float(np.mean(shares["black"])),
    }
    often = {title: float(np.mean(np.array(some) >= 0.5)) for title, some in shares.items()}
    return figures, {"glasses/pairs with half of the photos or more": often}


PARTS = {
    "built_in": built_in, "equality": equality, "table": table, "pgd": pgd, "defences": defences, "transfer": transfer,
    "public": public, "glasses": glasses,
}  # fmt: skip


if __name__ == "__main__":
    main()
