"""What is stamped into the texts and the notebooks: address, set-up cell, drawing, the chapters' links and times.

    python -m tools.repo                      stamp anew
    python -m tools.repo --name owner/name    change the address, then stamp (a fork does this once)

The address stands in one place, the line `Repository = "https://github.com/owner/name"` of pyproject.toml. Stamped from
it are the links of README.md and CONTRIBUTING.md, and in every notebook the badges of the first cell and the set-up
cell (tagged `setup`). CONTRIBUTING.md has the drawing of the house.

Every chapter ends with links to the one before and the one after. The first chapter has a table of them all, and so has
README.md: the titles are those of the notebooks, and the second column is written there and kept. How long a chapter
takes is what `benchmarks/results/course.json` says, in README.md's table and in the chapter's line `*Time:*`.
"""

from __future__ import annotations

import argparse
import copy
import json
import re
from pathlib import Path

from tools import house, notebooks
from tools.notebooks import ROOT, Cell, Notebook

PLACE = re.compile(r'^(Repository = "https://github\.com/)([^"]+)(")$', re.MULTILINE)
VALID = re.compile(r"[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38}/(?!\.{1,2}$)(?!.*\.git$)[A-Za-z0-9._-]{1,100}")
BADGE = re.compile(r"(https://(?:colab\.research\.google\.com/github|kaggle\.com/kernels/welcome\?src=https://github\.com)/)"
                   r"[^/\s)]+/[^/\s)]+(?=/)")  # fmt: skip
BADGE_LINE = re.compile(r"^.*colab\.research\.google\.com/github/.*$", re.MULTILINE)
NEIGHBOURS = re.compile(r"\n*^(?:\[← .*|\[[^\]\n]+ →\]\(\S+\.ipynb\))$", re.MULTILINE)
CHAPTERS = re.compile(r"(?<=^\|:--\|:--)(\|--:\|:--)?\|\n((?:\| \[.*\.ipynb\) \|.*\n)+)", re.MULTILINE)
TIME = re.compile(r"(?<=\*Time:\* ).*?(?= on two CPU cores)")
RECORD = Path("benchmarks", "results", "course.json")
QUESTION = re.compile(r"^\| \[.*?\]\((?:notebooks/)?(\S+?\.ipynb)\) \| *(.*?) *\|", re.MULTILINE)

# What is missing beside torch is installed by course.start().
SETUP_CELL = """\
# Set-up: finds the course, or downloads it. What the machine brings (torch, numpy, ipywidgets) stays as it is.
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path


def is_whole(home):  # an interrupted download lacks a package, or git's index, which is written last
    files = ["dlsfaces/course.py", "drawpeople/__init__.py"] + [".git/index"] * (home / ".git").is_dir()
    return all((home / file).is_file() for file in files)


if not all(getattr(find_spec(name), "origin", None) for name in ("dlsfaces", "drawpeople")):  # not installed
    home = next(filter(is_whole, Path.cwd().parents), Path("dlsfaces-course").resolve())
    source = os.environ.get("DLSFACES_SOURCE", "https://github.com/{name}")
    clone = f'git clone -q --depth=1 "{source}" dlsfaces-course'
    if not is_whole(home) and (done := subprocess.run(clone, shell=True, capture_output=True, text=True)).returncode:
        network = "is the network on? (Kaggle: Settings > Internet)"
        why = "a broken download: delete it" if any(home.glob("*")) else network
        raise RuntimeError(f"Could not download {source} to {home} ({done.stderr.strip()}): {why}")
    sys.path.insert(0, str(home))
from dlsfaces import course

setup = course.start()"""


def address(root: Path = ROOT) -> str:
    """The repository's ``owner/name``, from the one place."""
    match = PLACE.search((root / "pyproject.toml").read_text(encoding="utf-8"))
    if match is None:
        raise ValueError(f'{root / "pyproject.toml"} has no line: Repository = "https://github.com/owner/name"')
    return validated(match.group(2))


def validated(name: str) -> str:
    """``name`` where it can be a repository's ``owner/name``, else ``ValueError``."""
    if not VALID.fullmatch(name):
        raise ValueError(f"{name!r} is no repository's name; write owner/name, such as dlsfaces/dlsfaces")
    return name


def setup_cell(name: str) -> str:
    """The text of the set-up cell."""
    return SETUP_CELL.replace("{name}", name)


def badges(name: str, path: str) -> str:
    """Both badges, for a notebook at ``path`` in the repository."""
    file = f"{name}/blob/main/{path}"
    return (
        "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
        f"(https://colab.research.google.com/github/{file}) "
        "[![Open in Kaggle](https://kaggle.com/static/images/open-in-kaggle.svg)]"
        f"(https://kaggle.com/kernels/welcome?src=https://github.com/{file})"
    )


def stamped_text(text: str, old: str, new: str) -> str:
    """README.md with its badges, and every link to the ``old`` address, leading to ``new``."""
    text = BADGE.sub(lambda match: match.group(1) + new, text)
    return re.sub(rf"(?<=github\.com/){re.escape(old)}(?![\w-]|\.(?!git\b)\w)", new, text)


def stamped_notebook(notebook: Notebook, path: str, name: str) -> Notebook:
    """A copy of the notebook with badges and set-up cell up to date; each is added where it is missing."""
    notebook = copy.deepcopy(notebook)
    cells = notebook["cells"]
    if not cells or cells[0]["cell_type"] != "markdown":
        raise ValueError(f"{path}: the first cell must be text (its title), for the badges")
    setup = [cell for cell in cells if is_setup(cell)]
    if len(setup) > 1:
        raise ValueError(f"{path}: {len(setup)} set-up cells; remove all but one")
    if not setup:
        rest = {"execution_count": None, "metadata": {}, "outputs": [], "source": []}
        setup = [{"cell_type": "code", "id": "setup", **rest}]
        cells.insert(1, setup[0])
    setup[0]["metadata"]["tags"] = list(dict.fromkeys([*notebooks.tags(setup[0]), "setup"]))
    notebooks.set_source(setup[0], setup_cell(name))
    notebooks.set_source(cells[0], with_badges(notebooks.source(cells[0]), badges(name, path)))
    return notebook


def is_setup(cell: Cell) -> bool:
    """A set-up cell: by its tag, or by its first line where somebody's editor lost the tag."""
    same_start = notebooks.first_line(cell) == SETUP_CELL.splitlines()[0]
    return cell["cell_type"] == "code" and ("setup" in notebooks.tags(cell) or same_start)


def with_badges(text: str, line: str) -> str:
    """The first cell's text with the line of badges: in place of the old one, or below the title."""
    if BADGE_LINE.search(text):
        return BADGE_LINE.sub(lambda _: line, text, count=1)
    title, _, rest = text.partition("\n")
    return "\n\n".join(part for part in (title, line, rest.strip("\n")) if part)


def link_chapters(chapters: dict[str, Notebook], minutes: dict[str, float]) -> None:
    """Chapters (name of the file to notebook, in order): links to each one's neighbours, the table, and the times."""
    names, titles = list(chapters), titles_of(chapters)
    for place, name in enumerate(names):
        links = [f"[← {short(titles[before])}]({before})" for before in names[:place][-1:]]
        links += [f"[{short(titles[after])} →]({after})" for after in names[place + 1 :][:1]]
        cells = chapters[name]["cells"]
        set_neighbours(cells, " · ".join(links))
        if name in minutes:
            notebooks.set_source(cells[0], TIME.sub(in_words(minutes[name]), notebooks.source(cells[0])))
    for cell in chapters[names[0]]["cells"] if names else []:
        if table := CHAPTERS.search(text := notebooks.source(cell)):
            old = table.group(2)
            notebooks.set_source(cell, text.replace(old, chapter_rows(old, titles)))


def titles_of(chapters: dict[str, Notebook]) -> dict[str, str]:
    """Each chapter's title, by the name of its file."""
    return {name: notebooks.first_line(found["cells"][0]).removeprefix("# ") for name, found in chapters.items()}


def recorded_minutes(root: Path) -> dict[str, float]:
    """How long each chapter took, by the name of its file; nothing where it was not measured."""
    path = root / RECORD
    figures = json.loads(path.read_text(encoding="utf-8"))["figures"] if path.exists() else {}
    return {f"{Path(key).name}.ipynb": value for key, value in figures.items() if key.startswith("minutes/")}


def in_words(minutes: float) -> str:
    """Such as "about two minutes"."""
    if minutes < 0.8:
        return "under half a minute" if minutes < 0.45 else "under a minute"
    words = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    count = round(minutes)
    return f"about {words[count - 1] if count <= len(words) else count} minute{'s' * (count > 1)}"


def short(title: str) -> str:
    """A chapter's title up to its colon."""
    return title.partition(":")[0]


def set_neighbours(cells: list[Cell], links: str) -> None:
    """The last text of a chapter ends with this line; an old one goes, also where a cell was added below it."""
    for cell in cells:
        if cell["cell_type"] == "markdown" and NEIGHBOURS.search(text := notebooks.source(cell)):
            notebooks.set_source(cell, NEIGHBOURS.sub("", text))
    if links and cells[-1]["cell_type"] != "markdown":
        cells.append({"cell_type": "markdown", "id": "neighbours", "metadata": {}, "source": []})
    if links:
        notebooks.set_source(cells[-1], f"{notebooks.source(cells[-1]).rstrip()}\n\n{links}".lstrip())


def chapter_rows(old: str, titles: dict[str, str]) -> str:
    """The rows of the table of chapters, with the questions of the old rows."""
    questions = dict(QUESTION.findall(old))
    return "".join(f"| [{title}]({name}) | {questions.get(name, '')} |\n" for name, title in titles.items())


def with_chapters(text: str, titles: dict[str, str], minutes: dict[str, float], name: str) -> str:
    """README.md's table of chapters: what each is about is kept; its title, its minutes and its badges are new."""
    if not (table := CHAPTERS.search(text)):
        return text
    about, rows = dict(QUESTION.findall(table.group(2))), ""
    for file, title in titles.items():
        took = f"{max(minutes[file], 0.1):.1f}" if file in minutes else "–"
        link, path = f"[{short(title)}](notebooks/{file})", f"notebooks/{file}"
        rows += f"| {link} | {about.get(file, '')} | {took} | {badges(name, path)} |\n"
    return text.replace(table.group(2), rows)


def changes(root: Path = ROOT, name: str | None = None) -> dict[Path, str]:
    """The files that a stamping with ``name`` (default: the present address) would change, each with its new text."""
    old = address(root)
    new = validated(name or old)
    minutes = recorded_minutes(root)
    stamped = {
        path: stamped_notebook(notebooks.read(path), path.relative_to(root).as_posix(), new)
        for path in notebooks.everything(root)
    }
    chapters = {path.name: stamped[path] for path in notebooks.chapters(root)}
    link_chapters(chapters, minutes)
    wanted = {}
    for file in ("README.md", "CONTRIBUTING.md"):
        if (path := root / file).is_file():
            text = stamped_text(path.read_text(encoding="utf-8"), old, new)
            wanted[path] = with_chapters(house.stamped(text, house.drawing(root)), titles_of(chapters), minutes, new)
    wanted |= {path: notebooks.dumps(notebook) for path, notebook in stamped.items()}
    # pyproject.toml last: it says the old address, which a stamping that was cut short needs again.
    place = root / "pyproject.toml"
    wanted[place] = PLACE.sub(rf"\g<1>{new}\g<3>", place.read_text(encoding="utf-8"))
    return {path: text for path, text in wanted.items() if text != path.read_text(encoding="utf-8")}


def main() -> None:
    """Stamp, and say which files changed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--name", help="the repository as owner/name")
    parser.add_argument("--root", type=Path, default=ROOT, help="the checkout")
    arguments = parser.parse_args()
    try:
        changed = changes(arguments.root, arguments.name)
    except ValueError as error:
        parser.exit(2, f"{error}\n")
    for path, text in changed.items():
        notebooks.write(path, text)
        print(f"stamped: {path.relative_to(arguments.root)}")
    if not changed:
        print(f"Everything is stamped with {address(arguments.root)}.")


if __name__ == "__main__":
    main()
