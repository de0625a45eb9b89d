"""The pipeline and its gallery: whole photos of people whom no network of the course has seen, beside peers.

    python -m benchmarks.pipeline [--folder FOLDER] [--root FOLDER] [--only PART ...] [--dry-run]
    python -m benchmarks.pipeline --ship

Parts: real and built_in (identification of such people), speed (photos a second, the command line's start), size (a
million people), train (InceptionResnetV1 with CosFace by the command line; FOLDER keeps the network). ``--ship`` makes
the strangers that come with the course. Needs ``make peers`` and ``pip install faiss-cpu``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms.v2 import functional as V

from benchmarks import _joint as j
from benchmarks._peers import Finder, peer
from benchmarks._record import ROOT, record_part
from dlsfaces import data, evaluate, gallery, geometry, pipeline, recognize, weights
from dlsfaces.evaluate.identification import how_many
from tests.from_notebook import definitions

NETWORKS = {"real": "celeba", "built_in": "synthetic"}
QUERY = {"real": 40, "built_in": 80}  # people; the rest are strangers
ENROLLED = 0.6  # of a person's photos, the first by number, are enrolled; the others ask
FPRS, FPIRS = (0.01, 0.1), (0.01, 0.05, 0.1)
COUNTS = {"1k": 1_000, "100k": 100_000, "1m": 1_000_000}  # people in galleries
DIM = 512  # of vectors in a large one
SOURCES = {"synthetic": "synthetic", "celeba": "celeba500"}  # of the strangers that ship


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=ROOT.parent / "shared" / "data", help="the real photos")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "pipeline", help="where a network is kept")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=[*PARTS], help="these; the others stay as recorded")
    parser.add_argument("--dry-run", action="store_true", help="measure and print, record nothing")
    parser.add_argument("--ship", action="store_true", help="make the strangers that come with the course")
    chosen = parser.parse_args()
    if chosen.ship:
        ship(chosen.root)
        return
    chosen.folder.mkdir(parents=True, exist_ok=True)
    for part in chosen.only:
        figures, detail = PARTS[part](chosen)
        print(part, json.dumps(figures, indent=1), flush=True)
        if not chosen.dry_run:
            record_part("pipeline", figures, detail, "python -m benchmarks.pipeline", NOTES)


NOTES = [
    "real: joint_real (Georgia Tech, Caltech), 77 people at 320 pixels, 40 of them as query and 37 as strangers, with "
    "the networks trained on CelebA-500 and WIDER. Photos of a person follow time; the first 60% are enrolled. A photo "
    "without a face found counts as lost. tpr: pairs of the query's photos, threshold by pairs of different people and "
    "strangers. tpir: probes named rightly (mean of a person's vectors). true_landmarks: the same network on the "
    "landmarks of SCRFD. built_in: 80 people of the studio and 200 strangers, networks of built-in people.",
    "fpir_found@P: the share of the strangers' photos to whom a gallery gives a name at its own threshold for P, which "
    "comes from strangers that are drawn (dlsfaces.gallery.Strangers). fpir_found_local@P: where it comes from half of "
    "the strangers of the same photos, and the other half asks. verify: all pairs of photos of all people, as "
    "`dlsfaces verify` decides them, with a threshold that 1 % of the drawn strangers exceed.",
    "photos_per_second: 64 photos of 320 pixels, one at a time, both cores, detection to vectors. peer_dlib: what "
    "face_recognition does, its detector (HOG, the photo enlarged once), five-point predictor and network. "
    "peer_facenet: MTCNN, and InceptionResnetV1 at 160 pixels with random weights, whose time is the same.",
    f"@1k, @100k, @1m: people with one vector of {DIM} numbers each; persons and probes are drawn so that the cosines "
    "of same and different people are those of celebA_ir. ann: FAISS, as in the chapter; a gigabyte of exact vectors "
    "lies on the disk. face_recognition's search is its face_distance: 128 numbers in float64.",
]


# --- strangers that ship --------------------------------------------------------------------------------------------


def vectors_of(trained_on: str, split: str, root: Path) -> tuple[Tensor, Tensor]:
    """Vectors and identities of a split of the set that goes with a network."""
    network = recognize.load_face_net(trained_on=trained_on)
    options = {"people": 400} if trained_on == "synthetic" else {"root": root}
    faces = data.load(SOURCES[trained_on], split, **options)
    return recognize.embed(network, faces.images(tuple(network.settings["image_size"])), mirror=True), faces.identities


def ship(root: Path) -> None:
    """Fit strangers to the distractors' vectors; say how a threshold by half of them serves for the other half."""
    for trained_on in SOURCES:
        query, who = vectors_of(trained_on, "query", root)
        vectors, _ = vectors_of(trained_on, "distractors", root)
        order = torch.randperm(len(vectors), generator=torch.Generator().manual_seed(0))
        half, other = vectors[order[::2]], vectors[order[1::2]]
        rows = []
        for sharper in (1.0, 1.15, 1.3, 1.45, gallery.SHARPER, 1.75):
            drawn = gallery.Strangers.like(half, sharper).draw(4000)
            found = [
                threshold_serves(drawn, query, who, other, people, fpir) for people in (10, 40) for fpir in (0.01, 0.1)
            ]
            rows.append(f"| {sharper} | " + " | ".join(f"{share:.3f}" for share in found) + " |")
        print(trained_on, *rows, sep="\n", flush=True)
        strangers, name = gallery.Strangers.like(vectors), f"strangers_{trained_on}"
        path = weights.FOLDER / f"{name}.safetensors"
        about = {"data": SOURCES[trained_on], "network": f"faces_{trained_on}"}
        weights.write(path, strangers, {"dim": vectors.shape[1]}, about)
        path.chmod(0o644)
        path.with_suffix(".md").write_text(
            CARD.format(name=name, trained_on=trained_on, count=len(vectors), rows="\n".join(rows), **TERMS[trained_on])
        )


def threshold_serves(drawn: Tensor, query: Tensor, who: Tensor, others: Tensor, people: int, fpir: float) -> float:
    """The FPIR among others where the threshold comes from drawn strangers; the mean of three galleries."""
    shares = []
    for seed in range(3):
        names = who.unique()
        names = names[torch.randperm(len(names), generator=torch.Generator().manual_seed(seed))[:people]]
        known = gallery.Gallery("any", drawn, fpir)
        for name in names.tolist():
            known.enrol(str(name), query[who == name][:5])
        shares.append((known.scores(others).amax(1) > known.threshold).float().mean().item())
    return sum(shares) / len(shares)


TERMS = {
    "synthetic": {"whose": "built-in people (distractors)", "terms": "MIT."},
    "celeba": {
        "whose": "CelebA's people (celebA_ir's distractors)",
        "terms": "Non-commercial research only: made from CelebA, whose terms these numbers inherit.",
    },
}
CARD = """# {name}

Strangers for the threshold of a gallery, whose vectors come from `faces_{trained_on}`.
`pipeline.load_strangers("{trained_on}").draw()` gives 2,000 unit vectors of 256 numbers. They are drawn: nobody's
vector is in the file.

- **Content**: the mean of {count} vectors, and the axes of a normal distribution with their covariance, the long axes
  made longer (`gallery.SHARPER`).
- **Data**: {whose}, one photo each.
- **Terms**: {terms}
- **Made by** `python -m benchmarks.pipeline --ship`.

How a threshold serves: fitted to one half of these strangers, measured on the other half, in galleries of 10 and of 40
people of the query; the columns should say 0.01 and 0.1.

| power of the eigenvalues | 10 people, 1% | 10 people, 10% | 40 people, 1% | 40 people, 10% |
|--:|--:|--:|--:|--:|
{rows}

**Limits**: real strangers at your door may be more alike (a family, one age) than these. Measure with your own.
"""


# --- names ----------------------------------------------------------------------------------------------------------


def names(part: str, chosen: argparse.Namespace) -> tuple[dict[str, float], dict[str, object]]:
    splits = j.real(chosen.root) if part == "real" else j.studio()
    row, more = identified(splits, NETWORKS[part], QUERY[part])
    figures = {f"{part}/{name}": value for name, value in row.items()}
    if part == "real":
        figures |= {f"fpir_found@{fpir}": row[f"fpir_found@{fpir}"] for fpir in FPIRS}
    return figures, {f"{part}/{name}": value for name, value in more.items()}


def identified(splits: j.Splits, network: str, count: int) -> tuple[dict[str, float], dict[str, object]]:
    """Of ``count`` people and strangers: detection, landmarks, pairs, names, and where names are lost."""
    people = j.People(*(torch.cat(parts) for parts in zip(*splits.values())))
    part = torch.cat([torch.full((len(splits[name].who),), k) for k, name in enumerate(j.SPLITS)])
    everybody = people.who.unique()
    order = everybody[torch.randperm(len(everybody), generator=torch.Generator().manual_seed(0))]
    known = torch.isin(people.who, order[:count])
    if (drop := order[count + 200 :]).numel():
        keep = ~torch.isin(people.who, drop)
        people, part, known = people.of(keep), part[keep], known[keep]
    run = pipeline.load_pipeline(network)
    found = [faces[0] if faces else None for faces in run(people.images)]
    there = torch.tensor([face is not None for face in found])
    nothing = torch.full((256,), 0.0)
    vectors = torch.stack([nothing if face is None else face.vector for face in found])
    boxes = torch.stack([torch.zeros(4) if face is None else face.box for face in found])
    there &= geometry.iou(boxes, people.boxes).diagonal() > 0.3  # a face somewhere else is none
    recogniser = recognize.load_face_net(trained_on=network)
    true = torch.cat(
        [j.upright(recogniser, *rows) for rows in zip(people.images.split(50), people.landmarks.split(50))]
    )
    marks = torch.stack([torch.zeros(5, 2) if face is None else face.landmarks for face in found])
    apart = (people.landmarks[:, 1] - people.landmarks[:, 0]).norm(dim=1)
    error = (marks - people.landmarks).norm(dim=2).mean(1) / apart
    doubted = torch.tensor([face is not None and face.doubt is not None for face in found])
    row = {
        "detected": there.float().mean().item(),
        "nme": error[there].mean().item(),
        "eyes_apart": apart.mean().item(),
    }
    row["doubted"] = doubted.float().mean().item()
    detail: dict[str, object] = {"detected/interval": evaluate.mean_interval(there, people.who)}
    everywhere = torch.ones_like(there)
    for title, of, seen in (("", vectors, there), ("true_landmarks/", true, everywhere)):
        rates, spread = pair_rates(of, people.who, known, seen)
        row |= {f"{title}tpr@{fpr}": rate for fpr, rate in zip(FPRS, rates)}
        detail |= {f"{title}tpr@{fpr}/interval": bounds for fpr, bounds in zip(FPRS, spread)}
        open_set, thresholds = open_rates(of, people.who, known, part, seen)
        row |= {f"{title}{name}": value for name, value in open_set.items()}
        if not title:
            threshold = thresholds[0]
    row |= account(run.network, vectors, true, people.who, known, part, there, threshold)
    strangers = pipeline.load_strangers(network)
    row["mean_vector"] = vectors[there].mean(0).norm().item()
    row["mean_vector_of_drawn"] = strangers.draw().mean(0).norm().item()
    row |= two_photos(vectors[there], people.who[there], strangers.draw())
    fill = partial(enrolled, vectors=vectors, who=people.who, known=known, part=part, there=there)
    for fpir in FPIRS:
        people_known = fill(gallery.Gallery(run.network, strangers.draw(), fpir))
        asked = ~known & there
        wrong = torch.tensor([match.name is not None for match in people_known.identify(vectors[asked])]).float()
        row[f"fpir_found@{fpir}"] = wrong.mean().item()
        detail[f"fpir_found@{fpir}/interval"] = evaluate.mean_interval(wrong, people.who[asked])
        probes = known & (part > 0)
        named = people_known.identify(vectors[probes & there])
        right = [m.name == str(int(who)) for m, who in zip(named, people.who[probes & there])]
        row[f"own_threshold/tpir@fpir{fpir}"] = sum(right) / int(probes.sum())
        row[f"fpir_found_local@{fpir}"] = local(fill, run.network, vectors, people.who, asked, fpir)
    return row, detail


def local(
    fill: Callable[[gallery.Gallery], gallery.Gallery],
    network: str,
    vectors: Tensor,
    who: Tensor,
    asked: Tensor,
    fpir: float,
) -> float:
    """The FPIR that half of the strangers find where the cohort is the other half; the mean of 20 divisions."""
    strangers, shares = who[asked].unique(), []
    for seed in range(20):
        order = strangers[torch.randperm(len(strangers), generator=torch.Generator().manual_seed(seed))]
        cohort, others = (asked & torch.isin(who, half) for half in order.chunk(2))
        people = fill(gallery.Gallery(network, vectors[cohort], fpir))
        shares.append((people.scores(vectors[others]).amax(1) > people.threshold).float().mean().item())
    return sum(shares) / len(shares)


def enrolled(
    known_people: gallery.Gallery, vectors: Tensor, who: Tensor, known: Tensor, part: Tensor, there: Tensor
) -> gallery.Gallery:
    """A gallery of the known people's first photos."""
    rows = known & there & (part == 0)
    known_people.enrol_many([str(int(person)) for person in who[rows]], vectors[rows])
    return known_people


def pair_rates(vectors: Tensor, who: Tensor, known: Tensor, seen: Tensor) -> tuple[list[float], list[list[float]]]:
    """TPR at FPRs, of all genuine pairs: those with a lost photo are lost; and its intervals over people."""

    def pairs(rows: Tensor) -> int:
        counts = torch.bincount(who[rows])
        return int((counts * (counts - 1) // 2).sum())

    query, share = known & seen, pairs(known & seen) / pairs(known)
    scores = evaluate.pair_scores(vectors[query].numpy(), who[query].numpy(), vectors[~known & seen].numpy())
    rate = evaluate.identification_rate(vectors[query], who[query], vectors[~known & seen], FPRS)
    spread = evaluate.identification_rate_interval(scores, FPRS)
    return (rate.tpr * share).tolist(), (spread * share).tolist()


def open_rates(
    vectors: Tensor, who: Tensor, known: Tensor, part: Tensor, seen: Tensor
) -> tuple[dict[str, float], list[float]]:
    """TPIR at FPIRs and rank 1; thresholds."""
    first, probes = known & seen & (part == 0), seen & ((known & (part > 0)) | ~known)
    scores = evaluate.open_set_scores(vectors[first], who[first], vectors[probes], who[probes], template="mean")
    share = int((known & seen & (part > 0)).sum()) / int((known & (part > 0)).sum())
    rate = evaluate.open_set_rate(scores, FPIRS)
    row = {f"tpir@fpir{fpir}": float(tpir) * share for fpir, tpir in zip(FPIRS, rate.tpir)}
    return row | {"rank1": float((scores.rank == 1).mean()) * share}, rate.threshold.tolist()


def two_photos(vectors: Tensor, who: Tensor, strangers: Tensor, fpr: float = 0.01) -> dict[str, float]:
    """What ``dlsfaces verify`` says of all pairs of photos: the first is enrolled, and strangers give the threshold."""
    scores = (vectors @ strangers.T).sort(dim=1, descending=True).values
    passes = vectors @ vectors.T > scores[:, [how_many(fpr, len(strangers))]]
    same = who[:, None] == who
    pairs = {"tpr": same & ~torch.eye(len(who), dtype=torch.bool), "fpr_found": ~same}
    return {f"verify/{name}@{fpr}": passes[mask].float().mean().item() for name, mask in pairs.items()}


def account(
    network: str,
    vectors: Tensor,
    true: Tensor,
    who: Tensor,
    known: Tensor,
    part: Tensor,
    there: Tensor,
    threshold: float,
) -> dict[str, float]:
    """Where probes at FPIR 0.01 lose their name: shares of all probes."""
    any_strangers = F.normalize(torch.randn(100, vectors.shape[1], generator=torch.Generator().manual_seed(0)), dim=1)
    people = enrolled(gallery.Gallery(network, any_strangers), vectors, who, known, part, there)
    probes = (known & (part > 0)).nonzero()[:, 0]
    lost = {"face": 0, "landmarks": 0, "vector": 0}
    for k in probes.tolist():
        right = str(int(who[k]))
        if not there[k]:
            lost["face"] += 1
        elif people.identify(vectors[k][None], threshold)[0].name != right:
            better = people.identify(true[k][None], threshold)[0].name == right
            lost["landmarks" if better else "vector"] += 1
    return {f"lost/{step}": count / len(probes) for step, count in lost.items()}


# --- speed ----------------------------------------------------------------------------------------------------------


def speed(chosen: argparse.Namespace) -> tuple[dict[str, float], dict[str, object]]:
    photos = j.real(chosen.root)["test"].images[:64]
    figures = {}
    run = pipeline.load_pipeline("celeba")
    for name, look in {
        "": lambda photo: run([photo]),
        "peer_dlib/": dlib_look(),
        "peer_facenet/": facenet_look(),
    }.items():
        look(photos[0])
        figures[f"{name}photos_per_second"] = 1 / median(seconds(look, photo) for photo in photos)
    started = time.perf_counter()
    run(photos)
    figures["batch16/photos_per_second"] = len(photos) / (time.perf_counter() - started)
    command = [sys.executable, "-m", "dlsfaces", "--help"]
    figures["cli_start_seconds"] = median(
        seconds(lambda _: subprocess.run(command, check=True, capture_output=True, cwd=ROOT), None) for _ in range(5)
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "photo.png"
        V.to_pil_image(photos[0]).save(file)
        command = [sys.executable, "-m", "dlsfaces", "detect", str(file)]
        figures["cli_one_photo_seconds"] = median(
            seconds(lambda _: subprocess.run(command, check=True, capture_output=True, cwd=ROOT), None)
            for _ in range(3)
        )
    return figures, {}


def seconds(work: Callable[[object], object], what: object) -> float:
    started = time.perf_counter()
    work(what)
    return time.perf_counter() - started


def dlib_look() -> Callable[[Tensor], object]:
    """What face_recognition does: face_locations with one enlargement, then face_encodings."""
    dlib, models = peer("dlib"), peer("face_recognition_models")
    detector = dlib.get_frontal_face_detector()
    predictor = dlib.shape_predictor(models.pose_predictor_five_point_model_location())
    network = dlib.face_recognition_model_v1(models.face_recognition_model_location())

    def look(photo: Tensor) -> object:
        pixels = np.ascontiguousarray(photo.permute(1, 2, 0).numpy())
        return [network.compute_face_descriptor(pixels, predictor(pixels, box)) for box in detector(pixels, 1)]

    return look


def facenet_look() -> Callable[[Tensor], object]:
    mtcnn, network = Finder().model, peer("facenet_pytorch").InceptionResnetV1(pretrained=None).eval()

    @torch.no_grad()
    def look(photo: Tensor) -> object:
        pixels = photo.permute(1, 2, 0).numpy()
        boxes, _ = mtcnn.detect(pixels)
        if boxes is None:
            return None
        faces = mtcnn.extract(pixels, boxes, None)
        return network(faces)

    return look


# --- a million people -----------------------------------------------------------------------------------------------


def crowd(root: Path, people: int, probes: int = 1000) -> tuple[Tensor, Tensor, Tensor]:
    """Vectors of people ``(people, DIM)``, of the first ``probes`` another one each, and of as many strangers.

    Means of people, and what differs between photos of one, are normal, with covariances from celebA_ir; so the cosines
    of same and of different people are like those. Their 256 numbers are turned into a space of ``DIM``.
    """
    query, who = vectors_of("celeba", "query", root)
    others, _ = vectors_of("celeba", "distractors", root)
    number = who.unique(return_inverse=True)[1]
    means = torch.stack([query[number == k].mean(0) for k in range(int(number.max()) + 1)])
    within = torch.cov((query - means[number]).T) * len(query) / (len(query) - len(means))
    values, axes = torch.linalg.eigh(torch.cov(others.T) - within)
    root_between, root_within = axes * values.clamp(min=0).sqrt(), torch.linalg.cholesky(within)
    random = torch.Generator().manual_seed(0)
    turn = torch.linalg.qr(torch.randn(DIM, query.shape[1], generator=random)).Q.T

    def photo(of: Tensor) -> Tensor:
        return F.normalize(of + torch.randn(of.shape, generator=random) @ root_within.T, dim=1) @ turn

    def persons(count: int) -> Tensor:
        return others.mean(0) + torch.randn(count, len(values), generator=random) @ root_between.T

    first, strangers = persons(probes), photo(persons(probes))
    known = torch.empty(people, DIM)
    known[:probes] = photo(first)
    for start in range(probes, people, 50_000):
        known[start : start + 50_000] = photo(persons(min(50_000, people - start)))
    return known, photo(first), strangers


def size(chosen: argparse.Namespace) -> tuple[dict[str, float], dict[str, object]]:
    """Time to enrol and to search, exactly and with FAISS, and what the gallery's memory is."""
    everybody, probes, strangers = crowd(chosen.root, max(COUNTS.values()))
    own = (everybody[: len(probes)] * probes).sum(1)
    other = (everybody[1 : len(probes)] * probes[:-1]).sum(1)
    query, who = vectors_of("celeba", "query", chosen.root)
    cosine = query @ query.T
    same, pairs = who[:, None] == who, torch.ones_like(cosine).triu(1).bool()
    detail = {
        "cosines, drawn": {"same": spread(own), "different": spread(other)},
        "cosines, celebA_ir": {"same": spread(cosine[same & pairs]), "different": spread(cosine[~same & pairs])},
    }
    figures: dict[str, float] = {}
    cohort = F.normalize(torch.randn(200, DIM, generator=torch.Generator().manual_seed(1)), dim=1)
    for title, count in COUNTS.items():
        row = gallery_times(gallery.Gallery("crowd", cohort), everybody[:count], probes)
        row["peer_dlib/search_ms"] = 1000 * face_distance_seconds(everybody[:count], probes)
        for name, value in row.items():
            name, exactly, _ = name.partition("_exact")
            figures[f"{name}@{title}{exactly}"] = value
    exact = torch.cat([(some @ everybody.T).argmax(1) for some in probes.split(100)])
    best = torch.cat([(some @ everybody.T).amax(1) for some in strangers.split(100)])
    fast_index, nearest = definitions("10_pipeline", "fast_index", "nearest")
    started = time.perf_counter()
    index = fast_index(everybody)
    figures["build_seconds@1m_ann"] = time.perf_counter() - started
    with tempfile.TemporaryDirectory() as folder:
        import faiss

        faiss.write_index(index, f"{folder}/index")
        figures["megabytes@1m_ann"] = (Path(folder) / "index").stat().st_size / 2**20
        on_disk = np.memmap(f"{folder}/vectors", np.float16, "w+", shape=tuple(everybody.shape))
        on_disk[:] = everybody.half().numpy()
        on_disk.flush()
        found, taken = [], []
        for probe in probes:
            started = time.perf_counter()
            found.append(nearest(index, on_disk, probe)[0])
            taken.append(time.perf_counter() - started)
        scores = torch.tensor([nearest(index, on_disk, stranger)[1] for stranger in strangers])
    figures["search_ms@1m_ann"] = 1000 * median(taken)
    figures["recall@1m_ann"] = (torch.tensor(found) == exact).float().mean().item()
    threshold = best.sort(descending=True).values[len(best) // 100]
    figures["fpir@1m_exact"] = (best > threshold).float().mean().item()
    figures["fpir@1m_ann"] = (scores > threshold).float().mean().item()
    figures["rank1@1m_exact"] = (exact == torch.arange(len(probes))).float().mean().item()
    return figures, detail


def gallery_times(people: gallery.Gallery, everybody: Tensor, probes: Tensor) -> dict[str, float]:
    """Seconds to enrol all at once; milliseconds to search by one probe, and to enrol one more."""
    started = time.perf_counter()
    people.enrol_many([f"person {k}" for k in range(len(everybody))], everybody)
    row = {"enrol_all_seconds": time.perf_counter() - started}
    people.identify(probes[:1], 0.5)
    taken = [seconds(lambda k: people.identify(probes[k][None], 0.5), k) for k in range(30)]
    row["search_ms_exact"] = 1000 * median(taken)
    row["enrol_ms"] = 1000 * median(seconds(lambda k: people.enrol(f"new {k}", probes[k][None]), k) for k in range(5))
    return row


def face_distance_seconds(everybody: Tensor, probes: Tensor) -> float:
    """face_recognition's search: the norm of 128 differences, by NumPy."""
    theirs, asked = everybody[:, :128].double().numpy(), probes[:10, :128].double().numpy()
    return median(seconds(lambda probe: np.linalg.norm(theirs - probe, axis=1).argmin(), probe) for probe in asked)


def spread(cosines: Tensor) -> list[float]:
    """Mean and standard deviation."""
    return [round(cosines.mean().item(), 3), round(cosines.std().item(), 3)]


# --- a network by the command line ----------------------------------------------------------------------------------


def train(chosen: argparse.Namespace) -> tuple[dict[str, float], dict[str, object]]:
    """InceptionResnetV1 with CosFace on 1,000 built-in people, as the checkpoint project has it."""
    file = chosen.folder / "inception_cosface.safetensors"
    options = ["--data", "synthetic", "--people", "1000", "--backbone", "inception", "--loss", "cosface"]
    command = [sys.executable, "-m", "dlsfaces", "train", str(file), *options, "--epochs", "10", "--json"]
    started = time.perf_counter()
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    minutes = (time.perf_counter() - started) / 60
    row = json.loads(done.stdout.splitlines()[-1])
    command = [sys.executable, "-m", "dlsfaces", "evaluate", str(file), "--data", "synthetic", "--people", "1000"]
    rates = json.loads(
        subprocess.run([*command, "--json"], check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT).stdout
    )
    figures = {"accuracy": row["accuracy"], "minutes": minutes, **rates}
    return {f"inception_cosface/{name}": value for name, value in figures.items()}, {}


PARTS = {**{part: partial(names, part) for part in NETWORKS}, "speed": speed, "size": size, "train": train}


if __name__ == "__main__":
    main()
