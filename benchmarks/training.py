"""How fast the course's loop trains, what it waits for, and what memory it takes.

    python -m benchmarks.training [--root FOLDER]

The medium FaceResNet on 80x64 images of CelebA-500 (synthetic people where the set is not there), batches of 128 with
augmentation, in float32 and in half precision, from memory and from JPEG files, beside a plain PyTorch loop without
Accelerate, checkpoints and looks at the loss. Each case runs in a process of its own, three times, in turns.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from unittest import mock

import torch

from benchmarks._record import ROOT, record
from dlsfaces import data, rng, train
from dlsfaces.course import device
from dlsfaces.data import Augmentation, DataUnavailable
from dlsfaces.recognize import CrossEntropy, FaceResNet
from dlsfaces.train.precision import half_precision

SIZE, BATCH, STEPS, EPOCHS, ROUNDS = (80, 64), 128, 10, 3, 3  # the first epoch warms up and is not counted
CASES = ("fp32", "half", "plain loop", "from files")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default=str(ROOT.parent / "shared" / "data"), help="the folder that holds CelebA-500")
    parser.add_argument("--case", choices=CASES, help="measure one case here, and print it")
    arguments = parser.parse_args()
    if arguments.case:
        print(json.dumps(measure(arguments.case, arguments.root)))
        return
    found = {case: [] for case in CASES}
    for turn in range(ROUNDS):
        for case in CASES:
            found[case].append(in_a_process(case, arguments.root))
            print(turn, case, found[case][-1], flush=True)
    medians = {
        case: {key: statistics.median(row[key] for row in rows) for key in rows[0] if key != "data"}
        for case, rows in found.items()
    }
    record("training", figures(medians), "python -m benchmarks.training", data=found["fp32"][0]["data"], runs=found)


def figures(medians: dict[str, dict[str, float]]) -> dict[str, float]:
    """The flat map of what was measured, medians over the rounds."""
    fp32, half, plain, files = (medians[case] for case in CASES)
    return {
        "data_wait_share": fp32["data_wait_share"],
        "data_wait_share/from_files": files["data_wait_share"],
        "images_per_second/fp32": fp32["images_per_second"],
        "images_per_second/half": half["images_per_second"],
        "images_per_second/from_files": files["images_per_second"],
        "images_per_second/plain_loop": plain["images_per_second"],
        "speed_ratio_to_plain_loop": fp32["images_per_second"] / plain["images_per_second"],
        "peak_mib/fp32": fp32["peak_mib"],
        "peak_mib/half": half["peak_mib"],
        "peak_mib/plain_loop": plain["peak_mib"],
    }


def in_a_process(case: str, root: str) -> dict:
    """Memory that another case has taken from the system would be counted otherwise."""
    command = [sys.executable, "-m", "benchmarks.training", "--case", case, "--root", root]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def measure(case: str, root: str) -> dict[str, float | str]:
    """One case: medians over the epochs that count, and the memory beyond what the images take."""
    faces = images(root)
    with mock.patch.dict(data.batches.__globals__, MEMORY_LIMIT=0 if case == "from files" else 2**40):
        batches = data.batches(faces, SIZE, BATCH, shuffle=True)
    torch.manual_seed(0)
    model, loss = FaceResNet("medium", image_size=SIZE), CrossEntropy(256, len(faces.people), 0.1)
    before = peak_mib()
    if case == "plain loop":
        rows = plain_loop(model, loss, batches)
    else:
        precision = half_precision(device()) if case == "half" else "no"
        rows = train.fit(model, loss, batches, train.Settings(EPOCHS, precision=precision), augment=Augmentation())
    rows = rows[1:]
    values = {key: statistics.median(row[key] for row in rows) for key in ("images_per_second", "data_wait_share")}
    return {**values, "peak_mib": peak_mib() - before, "data": repr(faces)}


def images(root: str) -> data.FaceSet:
    """As many as the steps of an epoch need, in an order without regard to people."""
    try:
        faces = data.load("celeba500", "train", root)
    except (DataUnavailable, FileNotFoundError):
        faces = data.load("synthetic", "train", people=100, images_per_person=20)
    return faces.subset(torch.randperm(len(faces), generator=torch.Generator().manual_seed(0))[: STEPS * BATCH])


def plain_loop(model: torch.nn.Module, loss: torch.nn.Module, batches: torch.utils.data.DataLoader) -> list[dict]:
    """The same training by PyTorch alone."""
    where = device()
    model.to(where).train(), loss.to(where).train()
    parameters = [*model.parameters(), *loss.parameters()]
    optimizer = torch.optim.SGD(parameters, lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)
    augment, rows = Augmentation(), []
    for epoch in range(EPOCHS):
        seen, waited, start = 0, 0.0, time.perf_counter()
        iterator = iter(batches)
        while True:
            asked = time.perf_counter()
            batch = next(iterator, None)
            waited += time.perf_counter() - asked
            if batch is None:
                break
            images, identities, indices = (part.to(where) for part in batch)
            value = loss(model(augment(images, rng.key(0, epoch, indices))), identities)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            seen += len(images)
        value.item()
        seconds = time.perf_counter() - start
        rows.append({"images_per_second": seen / seconds, "data_wait_share": waited / seconds})
    return rows


def peak_mib() -> float:
    """Of the GPU's memory where there is one, else of this process."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


if __name__ == "__main__":
    main()
