"""The course's notebooks as files: find them, read and write them, and say what is wrong with one.

Standard library only: restamping a fork needs nothing installed.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from dlsfaces.files import written_whole

ROOT = Path(__file__).resolve().parent.parent
MAX_BYTES = 1_000_000
MAX_CELL_LINES = 25
MIN_CHECKED_CELLS = 3
CHECK_MARK = "# NBVAL_CHECK_OUTPUT"
LOCAL_PATH = re.compile(r"(?<![\w/.])/(?:work|home|root|tmp|Users)/")

Notebook = dict[str, Any]
Cell = dict[str, Any]


def chapters(root: Path = ROOT) -> list[Path]:
    """The numbered notebooks of the course, in order."""
    return sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb"))


def everything(root: Path = ROOT) -> list[Path]:
    """Every notebook of the project: the chapters and what lies in folders beside them (assignments)."""
    found = sorted((root / "notebooks").rglob("*.ipynb"))
    return [path for path in found if ".ipynb_checkpoints" not in path.parts]


def read(path: Path) -> Notebook:
    """The notebook's JSON as it is, keys in the file's order."""
    return json.loads(path.read_text(encoding="utf-8"))


def dumps(notebook: Notebook) -> str:
    """The notebook as text in the layout that Jupyter writes, so that a diff shows only what changed."""
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def write(path: Path, text: str) -> None:
    """The file with this text, whole."""
    with written_whole(path) as part:
        part.write_text(text, encoding="utf-8")


def joined(text: str | list[str]) -> str:
    """A multi-line field of a notebook as one string: files hold a list of lines, programs often a string."""
    return text if isinstance(text, str) else "".join(text)


def source(cell: Cell) -> str:
    """The text of a cell."""
    return joined(cell["source"])


def set_source(cell: Cell, text: str) -> None:
    """Replace the text of a cell, in the form (string or list of lines) that the cell had."""
    cell["source"] = text if isinstance(cell["source"], str) else text.splitlines(keepends=True)


def tags(cell: Cell) -> list[str]:
    """The tags in a cell's metadata."""
    return cell.get("metadata", {}).get("tags", [])


def code_cells(notebook: Notebook) -> list[tuple[int, Cell]]:
    """The code cells that hold something, each with its number: its place among all cells, from 1."""
    cells = enumerate(notebook["cells"], start=1)
    return [(number, cell) for number, cell in cells if cell["cell_type"] == "code" and source(cell).strip()]


def problems(notebook: Notebook) -> list[str]:
    """What keeps a chapter with its outputs from being published; empty where nothing does."""
    found = [*_whole_problems(notebook)]
    for number, cell in code_cells(notebook):
        found += [f"cell {number} ({first_line(cell)}): {problem}" for problem in _cell_problems(cell)]
    return found


def _whole_problems(notebook: Notebook) -> list[str]:
    """Problems of the notebook as a whole."""
    found = []
    if error := size_problem(notebook):
        found.append(error)
    cells = notebook["cells"]
    if not cells or cells[0]["cell_type"] != "markdown" or not re.search(r"^# \S", source(cells[0]), re.MULTILINE):
        found.append("the first cell must be text with a title (# Title)")
    checked = [cell for _, cell in code_cells(notebook) if CHECK_MARK in source(cell)]
    if len(checked) < MIN_CHECKED_CELLS:
        found.append(f"{len(checked)} cells are marked {CHECK_MARK}; a chapter has at least {MIN_CHECKED_CELLS}")
    if not any(cell.get("outputs") for _, cell in code_cells(notebook)):
        found.append("no outputs are stored: run `make course INPLACE=1`")
    return found


def _cell_problems(cell: Cell) -> list[str]:
    """Problems of one code cell."""
    found = []
    lines = len(source(cell).strip().splitlines())
    if lines > MAX_CELL_LINES:
        found.append(f"{lines} lines; over {MAX_CELL_LINES} is two ideas")
    outputs = cell.get("outputs", [])
    if CHECK_MARK in source(cell) and not outputs:
        found.append("marked for comparison, but without a stored output")
    if any(output["output_type"] == "error" for output in outputs) and "raises-exception" not in tags(cell):
        found.append("an error is stored")
    if match := LOCAL_PATH.search(output_text(cell)):
        found.append(f"its output holds a path of this machine ({match.group()}...)")
    return found


def size_problem(notebook: Notebook) -> str | None:
    """A message where the file would be too large, naming the cells to blame."""
    total = len(dumps(notebook).encode())
    if total <= MAX_BYTES:
        return None
    sizes = sorted(((len(json.dumps(cell)), number, first_line(cell)) for number, cell in code_cells(notebook)))
    largest = ", ".join(f"cell {number} ({line}) {size / 1e3:.0f} kB" for size, number, line in reversed(sizes[-3:]))
    return f"{total / 1e6:.2f} MB, more than {MAX_BYTES / 1e6:.0f} MB; make figures smaller. Largest: {largest}"


def first_line(cell: Cell) -> str:
    """The first line of a cell, as a name for it in messages."""
    return (source(cell).strip().splitlines() or [""])[0]


def output_text(cell: Cell) -> str:
    """What a reader of the stored outputs sees as text."""
    texts = []
    for output in cell.get("outputs", []):
        texts += [output.get("text", ""), output.get("traceback", "")]
        texts += [text for kind, text in output.get("data", {}).items() if kind.startswith("text/")]
    return "\n".join(map(joined, texts))
