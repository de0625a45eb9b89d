"""Run the course's notebooks in order, in a chosen size, and gather their results.

    python -m tools.run_course --size cpu
    python -m tools.run_course --size gpu --data celeba500 --only "03 04"
    python -m tools.run_course --size cpu --inplace      (also stores the outputs in notebooks/)

Writes build/course/NAME.ipynb (executed), build/course/results.json and build/course/results.md. A notebook that fails
does not stop the next one; the exit status then says so at the end. Every notebook starts in build/course/work, so that
nothing it writes lands in notebooks/.
"""

from __future__ import annotations

import argparse
import asyncio
import copy
import json
import os
import platform
import shutil
import signal
import sys
import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import nbformat
from ipykernel.kernelspec import RESOURCES, get_kernel_dict
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from tqdm import tqdm

from dlsfaces import course
from tools import notebooks
from tools.notebooks import ROOT, Cell, Notebook

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


class ThisPython(AsyncKernelManager):
    """A kernel of the Python that runs this file, whatever kernels the machine has registered under its name."""

    @property
    def kernel_spec(self) -> KernelSpec:
        """The kernel's command line; what it logs is about its sockets, not about the notebook."""
        return KernelSpec(resource_dir=RESOURCES, **get_kernel_dict(extra_arguments=["--log-level=CRITICAL"]))


@dataclass
class Outcome:
    """How one notebook went; ``failed_cell`` is its place among all cells, from 1 (0: the notebook could not start)."""

    name: str
    minutes: float = 0.0
    failed_cell: int | None = None
    line: str = ""
    error: str = ""
    results: dict[str, Any] = field(default_factory=dict)

    @property
    def failure(self) -> str:
        """One line about the failure, empty where there is none."""
        return "" if self.failed_cell is None else f"{self.name}, cell {self.failed_cell} ({self.line}): {self.error}"


def main() -> int:
    """Run, report, and return 1 where a notebook failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="cpu", help=", ".join(course.SIZES))
    parser.add_argument("--data", default="", help=f"{', '.join(course.DATA_NAMES)}, or a folder")
    parser.add_argument("--only", default="", help='the notebooks whose names start so, such as "03 04"')
    parser.add_argument("--inplace", action="store_true", help="store the outputs in notebooks/ as well")
    parser.add_argument("--timeout", type=int, default=7200, help="seconds that one cell may take")
    parser.add_argument("--root", type=Path, default=ROOT, help="the checkout")
    arguments = parser.parse_args()
    root, build = arguments.root.resolve(), arguments.root.resolve() / "build" / "course"
    try:
        environment = kernel_environment(arguments.size, arguments.data)
        if arguments.inplace and environment["DLSFACES_DATA"] != "synthetic":
            raise ValueError("--inplace stores pictures in notebooks/: only those of synthetic people may be published")
        paths = chosen(notebooks.chapters(root), arguments.only)
    except ValueError as error:
        parser.exit(2, f"{error}\n")
    prepare_folder(build, is_full=not arguments.only.strip())
    outcomes = []
    for path in paths:
        outcomes.append(run(path, build, environment, arguments.timeout))
        write_results(outcomes, build, environment)
    problems = store_inplace(outcomes, paths, build) if arguments.inplace else []
    return report(outcomes, problems, build)


def chosen(paths: list[Path], only: str) -> list[Path]:
    """The notebooks whose names start with one of the words in ``only``; all where there is none."""
    if not paths:
        raise ValueError("There are no notebooks: notebooks/ has no file such as 00_name.ipynb")
    words = only.replace(",", " ").split()
    for word in words:
        if not any(path.name.startswith(word) for path in paths):
            raise ValueError(f"No notebook starts with {word!r}; there are {', '.join(path.stem for path in paths)}")
    return [path for path in paths if not words or path.name.startswith(tuple(words))]


def kernel_environment(size: str, data: str) -> dict[str, str]:
    """The environment of the notebooks; ``ValueError`` where size or data mean nothing."""
    found = course.data_name(size, data)
    if found not in course.DATA_NAMES:
        found = str(Path(found).resolve())  # the notebooks start in another folder
    environment = {**os.environ, "DLSFACES_SIZE": size, "DLSFACES_DATA": found}
    # The notebooks start in another folder, so what is relative to this one must be said in full.
    for name in ("DLSFACES_ROOT", "DLSFACES_CACHE"):
        if environment.get(name):
            environment[name] = str(Path(environment[name]).expanduser().resolve())
    if not environment.get("DLSFACES_ROOT") and (ROOT / "data").is_dir():
        environment["DLSFACES_ROOT"] = str(ROOT / "data")
    environment.pop("MPLBACKEND", None)  # a user's own would keep the plots out of the notebooks
    return environment


def prepare_folder(build: Path, is_full: bool) -> None:
    """Empty what an earlier run left: all of it before a full run, the saved results before any."""
    shutil.rmtree(build if is_full else build / "saved", ignore_errors=True)
    (build / "work").mkdir(parents=True, exist_ok=True)


def run(path: Path, build: Path, environment: dict[str, str], timeout: int) -> Outcome:
    """Execute one notebook and write it to the build folder, as far as it went."""
    outcome, saved = Outcome(path.stem), build / "saved" / path.stem
    started = time.monotonic()
    try:
        notebook = nbformat.read(path, as_version=4)
    except Exception as error:  # whatever a broken file raises: the next notebook still runs
        return failed(outcome, 0, "the file", error)
    reached = Progress(path.stem, len(notebook.cells))
    client = NotebookClient(
        notebook,
        timeout=timeout,
        kernel_manager_class=ThisPython,
        resources={"metadata": {"path": str(build / "work")}},
        record_timing=False,
        coalesce_streams=True,
        on_notebook_start=let_ctrl_c_stop_the_course,
        on_cell_start=reached.start,
    )
    try:
        client.execute(env={**environment, "DLSFACES_RESULTS": str(saved)})
    except Exception as error:  # a failing cell, a dead kernel, a timeout: the next notebook still runs
        failed(outcome, reached.number, notebooks.first_line(reached.cell) if reached.cell else "start", error)
    outcome.minutes = (time.monotonic() - started) / 60
    nbformat.write(notebook, build / path.name)
    for file in sorted(saved.glob("*.json")):
        outcome.results.update(json.loads(file.read_text(encoding="utf-8")))
    reached.finish(outcome)
    return outcome


def let_ctrl_c_stop_the_course(notebook: Any) -> None:
    """Undo nbclient's own answer to Ctrl-C, which ends only the notebook. The kernel ends with this process."""
    asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)


def failed(outcome: Outcome, number: int, line: str, error: Exception) -> Outcome:
    """Note the failure in ``outcome``."""
    is_cell = isinstance(error, CellExecutionError)
    message = f"{error.ename}: {error.evalue}" if is_cell else f"{type(error).__name__}: {error}"
    outcome.failed_cell, outcome.line, outcome.error = number, line, message.strip().splitlines()[0]
    return outcome


class Progress:
    """A bar for one notebook on a terminal, and one line about it at the end anywhere."""

    def __init__(self, name: str, cells: int) -> None:
        self.name, self.number, self.cell = name, 0, None
        layout = "{desc}  cell {n_fmt}/{total_fmt}  {elapsed}  {bar}"
        self.bar = tqdm(total=cells, desc=name, bar_format=layout, disable=None, leave=False, mininterval=0)

    def start(self, cell: Cell, cell_index: int) -> None:
        """nbclient calls this before each cell."""
        self.number, self.cell = cell_index + 1, cell
        self.bar.update(self.number - self.bar.n)

    def finish(self, outcome: Outcome) -> None:
        """Put the line in place of the bar."""
        cells = self.bar.total
        self.bar.close()
        state = "ok" if outcome.failed_cell is None else f"FAILED at cell {outcome.failed_cell}: {outcome.error}"
        print(f"{self.name:<28} {cells:>3} cells {outcome.minutes * 60:8.1f} s  {state}", flush=True)


def write_results(outcomes: list[Outcome], build: Path, environment: dict[str, str]) -> None:
    """Write results.json and results.md for the notebooks so far."""
    numbers = {f"minutes/{outcome.name}": round(outcome.minutes, 3) for outcome in outcomes}
    for outcome in outcomes:
        numeric = {key: value for key, value in outcome.results.items() if not isinstance(value, str)}
        numbers.update({f"{outcome.name}/{key}": value for key, value in numeric.items()})
    content = {
        "size": environment["DLSFACES_SIZE"],
        "data": environment["DLSFACES_DATA"],
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": {"system": platform.platform(), "cpus": os.cpu_count(), **course.versions()},
        "figures": numbers,
        "notebooks": {outcome.name: entry(outcome) for outcome in outcomes},
    }
    notebooks.write(build / "results.json", json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    notebooks.write(build / "results.md", table(outcomes))


def entry(outcome: Outcome) -> dict[str, Any]:
    """What results.json says about one notebook."""
    said = {"ok": outcome.failed_cell is None, "minutes": round(outcome.minutes, 3), "results": outcome.results}
    if outcome.failed_cell is not None:
        said["failure"] = {"cell": outcome.failed_cell, "line": outcome.line, "error": outcome.error}
    return said


def table(outcomes: list[Outcome]) -> str:
    """The results as a Markdown table, one row a notebook."""
    rows = ["| notebook | minutes | results |", "|:--|--:|:--|"]
    for outcome in outcomes:
        results = ", ".join(f"{name} {course.format_result(value)}" for name, value in outcome.results.items())
        if outcome.failed_cell is not None:
            results = f"**failed at cell {outcome.failed_cell}** {results}".strip()
        rows.append(f"| {outcome.name} | {outcome.minutes:.1f} | {results.replace('|', '/')} |")
    return "\n".join(rows) + "\n"


def store_inplace(outcomes: list[Outcome], paths: list[Path], build: Path) -> list[str]:
    """Store the outputs of the notebooks that ran through in notebooks/; returns what was refused and why."""
    refused = []
    for outcome, path in zip(outcomes, paths, strict=True):
        if outcome.failed_cell is not None:
            continue
        stored = with_outputs(notebooks.read(path), notebooks.read(build / path.name))
        if error := notebooks.size_problem(stored):
            refused.append(f"{path.name} was not stored: {error}")
        else:
            notebooks.write(path, notebooks.dumps(stored))
            print(f"stored in {path}")
    return refused


def with_outputs(notebook: Notebook, executed: Notebook) -> Notebook:
    """The notebook as its author wrote it, with the outputs of the executed copy and nothing else of that copy."""
    notebook = copy.deepcopy(notebook)
    notebook["metadata"].pop("widgets", None)
    for cell, done in zip(notebook["cells"], executed["cells"], strict=True):
        if cell["cell_type"] == "code":
            cell["metadata"].pop("execution", None)
            cell["execution_count"] = done["execution_count"]
            cell["outputs"] = [output for output in done["outputs"] if is_lasting(output)]
    return notebook


def is_lasting(output: dict[str, Any]) -> bool:
    """Whether an output means something later: not a widget without its state, nor a progress bar."""
    is_bar = output.get("name") == "stderr" and "%|" in notebooks.joined(output.get("text", ""))
    return WIDGET_VIEW not in output.get("data", {}) and not is_bar


def report(outcomes: list[Outcome], refused: list[str], build: Path) -> int:
    """Print the table, what failed, and where to look; returns the exit status."""
    print(f"\n{(build / 'results.md').read_text(encoding='utf-8')}")
    minutes = sum(outcome.minutes for outcome in outcomes)
    print(f"{len(outcomes)} notebooks in {minutes:.1f} minutes. Look at:")
    print(f"  {build}/*.ipynb      the executed notebooks")
    print(f"  {build}/results.md   the table above; results.json beside it has all numbers", flush=True)
    failures = [f"FAILED {outcome.failure}" for outcome in outcomes if outcome.failed_cell is not None]
    for line in [*failures, *refused]:
        print(line, file=sys.stderr)
    return int(bool(failures or refused))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("Stopped. What was finished is in build/course.")
