"""Run the course's notebooks in order, in a chosen size, and gather their results.

    python -m tools.run_course --size cpu
    python -m tools.run_course --size gpu --data celeba500 --only "03 04"
    python -m tools.run_course --size cpu --inplace      (also stores the outputs in notebooks/)

Writes build/course/NAME.ipynb (executed), results.json and results.md. A notebook that fails does not stop the next
one; the exit status then says so at the end. Notebooks start in build/course/work, so that what they write lands there.
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
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from tqdm import tqdm

from dlsfaces import course
from tools import notebooks
from tools.notebooks import ROOT, Notebook

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
CELL_SECONDS = 7200

Outcome = dict[str, Any]  # ok, minutes, results, and failure (cell, line, error) where there is one


def main() -> int:
    """Run, report, and return 1 where a notebook failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="", help=f"{', '.join(course.SIZES)}; without it DLSFACES_SIZE, or cpu")
    parser.add_argument("--data", default="", help=f"{', '.join(course.DATA_NAMES)}, or a folder")
    parser.add_argument("--only", default="", help='notebooks: numbers or how their names start, such as "03 04"')
    parser.add_argument("--inplace", action="store_true", help="store the outputs in notebooks/ as well")
    parser.add_argument("--root", type=Path, default=ROOT, help="the checkout")
    arguments = parser.parse_args()
    build = arguments.root.resolve() / "build" / "course"
    try:
        environment = kernel_environment(arguments.size, arguments.data)
        if arguments.inplace and environment["DLSFACES_DATA"] != "synthetic":
            raise ValueError("--inplace stores faces in notebooks/: only those of the built-in people may be published")
        paths = chosen(notebooks.chapters(arguments.root.resolve()), arguments.only)
    except ValueError as error:
        parser.exit(2, f"{error}\n")
    shutil.rmtree(build / "saved" if arguments.only.strip() else build, ignore_errors=True)
    (build / "work").mkdir(parents=True, exist_ok=True)
    outcomes, refused = {}, []
    for path in paths:
        outcomes[path.stem] = run(path, build, environment)
        write_results(outcomes, build, environment)
        if arguments.inplace and outcomes[path.stem]["ok"]:
            refused += store_inplace(path, build)
    return report(outcomes, refused, build)


def chosen(paths: list[Path], only: str) -> list[Path]:
    """The notebooks whose names start with one of the words in ``only``; all where there is none.

    A word may be a number without its zero, or a path.
    """
    words = [Path(word).name for word in only.replace(",", " ").split()]
    words = [word.zfill(2) if word.isdecimal() else word for word in words]
    for word in words:
        if not any(path.name.startswith(word) for path in paths):
            raise ValueError(f"No notebook starts with {word!r}; there are {', '.join(path.stem for path in paths)}")
    return [path for path in paths if not words or path.name.startswith(tuple(words))]


def kernel_environment(size: str, data: str) -> dict[str, str]:
    """The environment of the notebooks; ``ValueError`` where size or data mean nothing."""
    size = course.size(size.strip() or os.environ.get("DLSFACES_SIZE", "").strip() or "cpu")
    environment = {**os.environ, "DLSFACES_SIZE": size, "DLSFACES_DATA": course.data_name(size, data)}
    # A kernel of this Python, whatever kernels the user has registered.
    environment["JUPYTER_PREFER_ENV_PATH"] = os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    if not environment.get("DLSFACES_ROOT") and (ROOT / "data").is_dir():
        environment["DLSFACES_ROOT"] = str(ROOT / "data")
    # The notebooks start in another folder, so what is relative to this one must be said in full.
    for name in ("DLSFACES_ROOT", "DLSFACES_CACHE", "DLSFACES_DATA"):
        if environment.get(name) and environment[name] not in course.DATA_NAMES:
            environment[name] = str(Path(environment[name]).expanduser().resolve())
    environment.pop("MPLBACKEND", None)  # a user's own would keep the plots out of the notebooks
    return environment


def run(path: Path, build: Path, environment: dict[str, str]) -> Outcome:
    """Execute one notebook, with a bar over its cells, and write it to the build folder as far as it went."""
    saved, started, failure = build / "saved" / path.stem, time.monotonic(), None
    reached = {"cell": 0, "line": "start"}
    notebook = nbformat.read(path, as_version=4)
    layout = "{desc}  cell {n_fmt}/{total_fmt}  {elapsed}  {bar}"
    bar = tqdm(total=len(notebook.cells), desc=path.stem, bar_format=layout, disable=None, leave=False, mininterval=0)

    def note(cell: notebooks.Cell, cell_index: int) -> None:
        reached.update(cell=cell_index + 1, line=notebooks.first_line(cell))
        bar.update(cell_index + 1 - bar.n)

    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(build / "work")}},
        record_timing=False,
        coalesce_streams=True,
        on_notebook_start=let_ctrl_c_stop_the_course,
        on_cell_start=note,
    )
    try:
        client.execute(env={**environment, "DLSFACES_RESULTS": str(saved)})
    except Exception as error:  # a failing cell, a dead kernel, a timeout: the next notebook still runs
        is_cell = isinstance(error, CellExecutionError)
        said = f"{error.ename}: {error.evalue}" if is_cell else f"{type(error).__name__}: {error}"
        failure = {**reached, "error": said.strip().splitlines()[0]}
    bar.close()
    seconds = time.monotonic() - started
    nbformat.write(notebook, build / path.name)
    state = "ok" if failure is None else f"FAILED at cell {failure['cell']}: {failure['error']}"
    print(f"{path.stem:<28} {len(notebook.cells):>3} cells {seconds:8.1f} s  {state}", flush=True)
    results = {}
    for file in sorted(saved.glob("*.json")):
        results |= json.loads(file.read_text(encoding="utf-8"))
    outcome = {"ok": failure is None, "minutes": round(seconds / 60, 3), "results": results}
    return outcome if failure is None else {**outcome, "failure": failure}


def let_ctrl_c_stop_the_course(notebook: Any) -> None:
    """Undo nbclient's own answer to Ctrl-C, which ends only the notebook. The kernel ends with this process."""
    asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)


def write_results(outcomes: dict[str, Outcome], build: Path, environment: dict[str, str]) -> None:
    """Write results.json and results.md, a Markdown table, for the notebooks so far."""
    figures = {f"minutes/{name}": outcome["minutes"] for name, outcome in outcomes.items()}
    rows = ["| notebook | minutes | results |", "|:--|--:|:--|"]
    for name, outcome in outcomes.items():
        results = outcome["results"]
        figures |= {f"{name}/{key}": value for key, value in results.items() if not isinstance(value, str)}
        said = ", ".join(f"{key} {course.format_result(value)}" for key, value in results.items()).replace("|", "/")
        failed = "" if outcome["ok"] else f"**failed at cell {outcome['failure']['cell']}** "
        rows.append(f"| {name} | {outcome['minutes']:.1f} | {failed}{said} |")
    content = {
        "size": environment["DLSFACES_SIZE"],
        "data": environment["DLSFACES_DATA"],
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": {"system": platform.platform(), "cpus": os.cpu_count(), **course.versions()},
        "figures": figures,
        "notebooks": outcomes,
    }
    notebooks.write(build / "results.json", json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    notebooks.write(build / "results.md", "\n".join(rows) + "\n")


def store_inplace(path: Path, build: Path) -> list[str]:
    """Store a notebook's outputs in notebooks/; says why where it is refused."""
    stored = with_outputs(notebooks.read(path), notebooks.read(build / path.name))
    if error := notebooks.size_problem(stored):
        return [f"{path.name} was not stored: {error}"]
    notebooks.write(path, notebooks.dumps(stored))
    return []


def with_outputs(notebook: Notebook, executed: Notebook) -> Notebook:
    """The notebook as its author wrote it, with the outputs of the executed copy and nothing else of that copy."""
    notebook = copy.deepcopy(notebook)
    notebook["metadata"].pop("widgets", None)
    for cell, done in zip(notebook["cells"], executed["cells"], strict=True):
        if cell["cell_type"] == "code":
            cell["execution_count"] = done["execution_count"]
            cell["outputs"] = [without_view(output) for output in done["outputs"] if is_lasting(output)]
    return notebook


def is_lasting(output: dict[str, Any]) -> bool:
    """Whether an output means something later: not a widget without its state or a picture, nor a progress bar."""
    data = output.get("data", {})
    text = notebooks.joined(output.get("text", ""))
    is_bar = output.get("name") == "stderr" and ("%|" in text or not text.strip())
    return (WIDGET_VIEW not in data or any(kind.startswith("image/") for kind in data)) and not is_bar


def without_view(output: dict[str, Any]) -> dict[str, Any]:
    """Of controls the picture alone, which a reader without a kernel would not see behind their view."""
    if WIDGET_VIEW not in output.get("data", {}):
        return output
    return {**output, "data": {kind: content for kind, content in output["data"].items() if kind != WIDGET_VIEW}}


def report(outcomes: dict[str, Outcome], refused: list[str], build: Path) -> int:
    """Print the table, what failed, and where to look; returns the exit status."""
    print(f"\n{(build / 'results.md').read_text(encoding='utf-8')}")
    minutes = sum(outcome["minutes"] for outcome in outcomes.values())
    print(f"{len(outcomes)} notebooks in {minutes:.1f} minutes. Look at:")
    print(f"  {build}/*.ipynb      the executed notebooks")
    print(f"  {build}/results.md   the table above; results.json beside it has all numbers", flush=True)
    failures = [(name, outcome["failure"]) for name, outcome in outcomes.items() if not outcome["ok"]]
    lines = [f"FAILED {name}, cell {why['cell']} ({why['line']}): {why['error']}" for name, why in failures]
    for line in [*lines, *refused]:
        print(line, file=sys.stderr)
    return int(bool(lines or refused))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("Stopped. What was finished is in build/course.")
