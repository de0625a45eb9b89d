"""Grade a folder (or a zip file) of submissions: a CSV file, a page for each student, and near-copies.

    python -m tools.grading FOLDER HOMEWORK [--out OUT] [--again] [--workers 2]

A submission is a notebook or a Python file in FOLDER, or a folder with one in it; its name is the student's. A run that
was stopped goes on: what has been graded stays, as long as neither the submission nor the checks have changed.

Then open tools/grading/gradebook.ipynb: it shows the points of all, the hard parts, the mistakes and the near-copies.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import hashlib
import html
import json
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


def main() -> None:
    from dlsfaces.grading import HOMEWORKS

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of submissions, or a zip file")
    parser.add_argument("homework", choices=HOMEWORKS)
    parser.add_argument("--out", type=Path, default=Path("graded"), help="where results go")
    parser.add_argument("--again", action="store_true", help="grade also what has been graded")
    parser.add_argument("--workers", type=int, default=2, help="submissions at a time")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as unpacked:
        folder = chosen.folder
        if folder.suffix == ".zip":
            folder = _unzipped(folder, Path(unpacked))
        found = submissions(folder)
        if not found:
            raise SystemExit(f"{chosen.folder} holds no notebook and no Python file")
        grade_all(found, chosen.homework, chosen.out, chosen.again, chosen.workers)


def _unzipped(path: Path, folder: Path) -> Path:
    with zipfile.ZipFile(path) as archive:
        if sum(one.file_size for one in archive.infolist()) > 4 << 30:
            raise SystemExit(f"{path} would take more than 4 GB")
        archive.extractall(folder)  # which leaves out what would lie outside the folder
    inside = [one for one in folder.iterdir() if not one.name.startswith((".", "__MACOSX"))]
    return inside[0] if len(inside) == 1 and inside[0].is_dir() and not submissions(folder) else folder


def submissions(folder: Path) -> dict[str, Path]:
    """The file of each student: of several the newest; notebooks before Python files."""
    found: dict[str, Path] = {}
    for entry in sorted(folder.iterdir()):
        files = [entry] if entry.is_file() else sorted(entry.rglob("*"), key=lambda path: path.stat().st_mtime)
        files = [path for path in files if path.suffix in (".ipynb", ".py") and ".ipynb_checkpoints" not in path.parts]
        if files:
            found[entry.stem if entry.is_file() else entry.name] = sorted(files, key=lambda p: p.suffix == ".ipynb")[-1]
    return found


def grade_all(
    found: dict[str, Path], homework: str, out: Path, again: bool = False, workers: int = 2
) -> list[dict[str, object]]:
    """Grade each submission, and write what came out."""
    from tqdm.auto import tqdm

    from dlsfaces.files import written_whole
    from tools.grading.copies import near_copies
    from tools.grading.grade import as_rows, grade, grade_figures, parts_of
    from tools.grading.remote import Student
    from tools.grading.source import cells

    parts, rows, code = parts_of(homework), [], {}
    with Student([]) as nobody:
        if not nobody.is_shut_in:
            print("Careful: this system lets no process be shut in. Submissions can see files and use the network.")
    for kept in (f"pages/{homework}", "done"):
        (out / kept).mkdir(parents=True, exist_ok=True)
    checks = _checks(homework)

    def graded(student: str, file: Path) -> list[dict[str, object]]:
        beside = b"".join(path.read_bytes() for path in sorted(file.parent.glob(f"*{homework}.json")))
        key = hashlib.sha256(file.read_bytes() + beside + checks).hexdigest()
        done = out / "done" / f"{homework}_{hashlib.sha256(student.encode()).hexdigest()[:16]}.json"
        before = json.loads(done.read_text(encoding="utf-8")) if done.exists() else {}
        if again or before.get("key") != key:
            before = {"key": key, "rows": as_rows(student, grade(file, parts) + grade_figures(file, homework))}
            with written_whole(done) as part:
                part.write_text(json.dumps(before), encoding="utf-8")
        return before["rows"]

    with ThreadPoolExecutor(workers) as pool:  # threads are enough: submissions run in processes of their own
        each = zip(found.items(), pool.map(graded, found, found.values()))
        for (student, file), own in tqdm(each, desc=homework, total=len(found), unit=" submissions"):
            rows += own
            with written_whole(out / "pages" / homework / f"{Path(student).name}.html") as part:
                part.write_text(page(student, homework, own), encoding="utf-8")
            with contextlib.suppress(ValueError):
                code[student] = cells(file)
    _table(out / f"{homework}.csv", rows)
    copies = near_copies(code, _handed_out(homework))
    _table(
        out / f"{homework}_near_copies.csv", [{"student": a, "other": b, "share": round(s, 3)} for a, b, s in copies]
    )
    print(f"{len(found)} submissions; points in {out / homework}.csv, {len(copies)} near-copies")
    return rows


def _checks(homework: str) -> bytes:
    """What decides on the points: the checks' code, of which a homework's may use another's, and the graders'."""
    import dlsfaces.grading

    public = sorted(Path(dlsfaces.grading.__file__).parent.glob("*.py"))
    own = sorted(Path(__file__).parent.glob("*.py"))
    files = [*public, *own, Path(__file__).parent / "hidden" / f"{homework}.py"]
    return b"".join(file.read_bytes() for file in files)


def _handed_out(homework: str) -> list[str]:
    from tools.grading.source import cells

    folder = Path(__file__).resolve().parents[2] / "notebooks" / "assignments"
    return [cell for file in folder.glob(f"*_{homework}.ipynb") for cell in cells(file)]


def _table(path: Path, rows: list[dict[str, object]]) -> None:
    from dlsfaces.files import written_whole

    with written_whole(path) as part, part.open("w", newline="", encoding="utf-8-sig") as file:  # for spreadsheets
        writer = csv.DictWriter(file, list(rows[0]) if rows else ["student"])
        writer.writeheader()
        writer.writerows(rows)


def page(student: str, homework: str, rows: list[dict[str, object]]) -> str:
    """What a student gets to read."""
    total, of = (sum(float(row[name]) for row in rows) for name in ("points", "of"))
    lines = "".join(
        f"<tr><td>{html.escape(str(row['part']))}<td>{row['points']:g} of {row['of']:g}"
        f"<td>{html.escape(str(row['reason'])) or 'right'}"
        for row in rows
    )
    return (
        "<!doctype html><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{html.escape(homework)}: {html.escape(student)}</title>"
        "<style>body{font:16px/1.5 sans-serif;max-width:50em;margin:2em auto;padding:0 1em}"
        "td,th{padding:.3em .8em;text-align:left;border-top:1px solid #ccc;vertical-align:top}</style>"
        f"<h1>{html.escape(homework)}</h1><p>{html.escape(student)}: {total:g} of {of:g} points</p>"
        f"<table><tr><th>part<th>points<th>what we saw{lines}</table>\n"
    )


if __name__ == "__main__":
    main()
