"""Damaged photos, lists and archives: each has to be read, or refused by an error that the documentation names.

    python -m benchmarks.fuzz [--inputs 12000] [--seed 0]
    python -m benchmarks.fuzz --again photo/tiff-RGB-tiff_lzw/817

Each input is a whole file (:mod:`benchmarks._seeds`), damaged (:mod:`benchmarks._mutate`) in a way that the seed and
the input's name alone decide, and read in a process with bounded time and memory that can be spared
(:mod:`benchmarks._sandbox`). It misbehaves where it hangs, crashes or takes too much memory, leads to an error of
another kind or one that does not say where, to Pillow's warning of a bomb, to a set that contradicts itself, or to a
file outside its folder. Such inputs are kept in build/fuzz; ``--again`` runs one of them in this process.
"""

from __future__ import annotations

import argparse
import collections
import functools
import os
import sys
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple
from unittest import mock

from PIL import Image
from tqdm.auto import tqdm

from benchmarks import _seeds
from benchmarks._mutate import mutate
from benchmarks._record import ROOT, record
from benchmarks._sandbox import Outcome, judge_all
from dlsfaces.data import archives, celeba500, read_photo

#: Whole files by form, by kind.
Seeds = dict[str, dict[str, bytes]]

KEPT = ROOT / "build" / "fuzz"
SHARES = {"photo": 0.6, "list": 0.25, "archive": 0.15}
SECONDS, MEBIBYTES = 20.0, 3072.0  # for one input; a photo of the 120 megapixels allowed takes up to 2 GiB
UNPACKED, MEMBERS = 20_000_000, 5_000  # bytes and files that an archive may unpack to


class Case(NamedTuple):
    """A damaged input, by name: what it is, what of, which one, and of which run."""

    kind: str
    form: str
    number: int
    seed: int

    def __str__(self) -> str:
        return f"{self.kind}/{self.form}/{self.number}"


def seeds() -> Seeds:
    """The whole files of each kind, by form."""
    return {"photo": _seeds.photos(), "list": _seeds.lists(), "archive": _seeds.archives()}


def cases(whole: Seeds, count: int, seed: int) -> Iterator[Case]:
    """``count`` inputs: of each kind its share, of its forms one after the other."""
    for kind, share in SHARES.items():
        forms = sorted(whole[kind])
        yield from (Case(kind, forms[n % len(forms)], n, seed) for n in range(round(count * share)))


def damaged(whole: Seeds, case: Case) -> bytes:
    """The input itself: for the same case the same bytes."""
    random, files = Random(f"{case.seed}/{case}"), whole[case.kind]
    return mutate(files[case.form], files[random.choice(sorted(files))], random)


def judge(files: dict[str, bytes], given: tuple[Case, bytes]) -> bool:
    """Whether an input could still be read.

    Args:
        files: of a whole CelebA-500; a damaged list takes its place among them.
    Raises:
        AssertionError: it was neither read nor refused as documented; and whatever else it leads to.
    """
    case, content = given
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.dict(os.environ, DLSFACES_CACHE=f"{folder}/cache"),
        warnings.catch_warnings(record=True) as said,
    ):
        warnings.simplefilter("always")
        refusal = None
        try:
            if case.kind == "photo":
                _read_photo(content, Path(folder))
            elif case.kind == "list":
                _read_set(files, case.form, content, Path(folder))
            else:
                _unpack(case.form, content, Path(folder))
        except (ValueError, FileNotFoundError) as error:  # other OSErrors stand for a full or broken disk
            refusal = error
        assert refusal is None or folder in str(refusal), f"the error does not say where: {refusal!r}"
        assert not _ran_out_of_memory(refusal), f"too much memory: {refusal!r}"
        assert not [w for w in said if issubclass(w.category, Image.DecompressionBombWarning)], (
            "Pillow warned of a bomb"
        )
    return refusal is None


def _read_photo(content: bytes, folder: Path) -> None:
    (folder / "photo.jpg").write_bytes(content)
    image = read_photo(folder / "photo.jpg")
    assert image.dim() == 3 and image.shape[0] == 3 and image.numel()


def _read_set(files: dict[str, bytes], name: str, content: bytes, folder: Path) -> None:
    for path, whole in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content if path.endswith(f"/{name}") else whole)
    faces = celeba500.load("query" if "query" in name else "train", folder, fetch=False)
    assert len(faces) == len(faces.files) == len(faces.identities) == len(faces.images((20, 16))) > 0
    assert faces.landmarks is None or len(faces.landmarks) == len(faces)
    assert 0 <= int(faces.identities.min()) <= int(faces.identities.max()) < len(faces.people)


def _unpack(name: str, content: bytes, folder: Path) -> None:
    path, into = folder / f"archive.{name.partition('.')[2]}", folder / "so" / "deep" / "that" / "leaving" / "shows"
    path.write_bytes(content)
    into.mkdir(parents=True)
    refused = True
    try:
        archives.unpack(path, into, max_bytes=UNPACKED, max_members=MEMBERS)
        refused = False
    finally:
        inside = set(into.rglob("*"))
        outside = set(folder.rglob("*")) - inside - {path, into, *into.parents}
        assert not outside, f"it left its folder: {outside}"
        assert not [p for p in inside if p.is_symlink()], "it made a link"
        assert not refused or not [p for p in into.iterdir() if p.name[0] != "."], "it was refused, but left something"


def _ran_out_of_memory(error: BaseException | None) -> bool:
    return error is not None and (isinstance(error, MemoryError) or _ran_out_of_memory(error.__cause__))


def run(whole: Seeds, chosen: Iterable[Case], processes: int = 2) -> list[Outcome]:
    """What becomes of each input (``Outcome.case``); those that misbehave are kept in build/fuzz."""
    outcomes = []
    given = ((case, damaged(whole, case)) for case in chosen)
    one = functools.partial(judge, _seeds.celeba500())
    for outcome in judge_all(one, given, processes=processes, seconds=SECONDS, mebibytes=MEBIBYTES):
        case, content = outcome.case
        outcomes.append(outcome._replace(case=case))
        if outcome.failure:
            path = KEPT / f"{case.seed}-{str(case).replace('/', '-')}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            tqdm.write(f"{case}: {outcome.failure}\n  kept as {path}")
    return outcomes


def figures(outcomes: list[Outcome]) -> dict[str, float]:
    """How many misbehaved; what the worst took; and of each kind how many were still read."""
    found = {
        "inputs": len(outcomes),
        "undocumented_errors": sum(bool(o.failure) for o in outcomes),
        "slowest_seconds": max(o.seconds for o in outcomes),
        "peak_mib": max(o.mebibytes for o in outcomes),
    }
    read = collections.defaultdict(list)
    for outcome in outcomes:
        read[outcome.case.kind].append(bool(outcome.answer))
    return found | {f"still_read/{kind}": sum(answers) / len(answers) for kind, answers in read.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=12_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--again", metavar="NAME", help="run one input, with the whole traceback")
    arguments = parser.parse_args()
    whole = seeds()
    if arguments.again:
        kind, form, number = arguments.again.split("/")
        case = Case(kind, form, int(number), arguments.seed)
        print("read" if judge(_seeds.celeba500(), (case, damaged(whole, case))) else "refused as documented")
        return
    chosen = list(cases(whole, arguments.inputs, arguments.seed))
    outcomes = run(whole, tqdm(chosen, unit=" inputs", delay=2))
    slowest = max(outcomes, key=lambda o: o.seconds)
    record("fuzz", figures(outcomes), "python -m benchmarks.fuzz", notes=[f"The slowest input was {slowest.case}."])
    if any(outcome.failure for outcome in outcomes):
        sys.exit("some inputs misbehaved; see above")


if __name__ == "__main__":
    main()
