"""The homeworks' masters to what students get and to the solutions: ``make assignments``.

A master in ``masters/`` holds the solutions between ``### BEGIN SOLUTION`` and ``### END SOLUTION``. Students get
notebooks/assignments/, where ``# YOUR CODE`` stands instead; notebooks/solutions/ has all of it.
"""

from __future__ import annotations

import copy
from pathlib import Path

import nbformat
from nbgrader.preprocessors import ClearSolutions

from tools import notebooks, repo

MASTERS = Path(__file__).resolve().parent / "masters"
STUB = "# YOUR CODE\nraise NotImplementedError"


def versions(master: Path, root: Path = notebooks.ROOT) -> dict[Path, str]:
    """The files that a master becomes, and their text."""
    name, found = repo.address(), {}
    for folder, make in (("assignments", without_solutions), ("solutions", with_solutions)):
        place, made = f"notebooks/{folder}/{master.name}", make(nbformat.read(master, as_version=4))
        found[root / place] = notebooks.dumps(repo.stamped_notebook(made, place, name))  # with badges and set-up cell
    return found


def without_solutions(master: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """What a student gets."""
    given = copy.deepcopy(master)
    clear = ClearSolutions(enforce_metadata=False, code_stub={"python": STUB})
    for number, cell in enumerate(given.cells):
        clear.preprocess_cell(cell, {"language": "python"}, number)
    return given


def with_solutions(master: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The master without its marks."""
    solved = copy.deepcopy(master)
    for cell in solved.cells:
        lines = cell.source.split("\n")
        cell.source = "\n".join(line for line in lines if "BEGIN SOLUTION" not in line and "END SOLUTION" not in line)
    return solved


def main() -> None:
    for master in sorted(MASTERS.glob("*.ipynb")):
        for path, text in versions(master).items():
            path.parent.mkdir(exist_ok=True)
            notebooks.write(path, text)
            print(path.relative_to(notebooks.ROOT))


if __name__ == "__main__":
    main()
