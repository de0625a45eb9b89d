"""The course as pages to read: `make site` builds them in build/site/html and counts pages and broken links.

    python -m tools.site

Pages stay where they lie in the repository, so their links to each other hold; README.md is the first page. A link to
a file that is no page leads to the repository's address.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from functools import reduce
from html.parser import HTMLParser
from operator import getitem
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tools import notebooks, repo
from tools.notebooks import ROOT, Notebook

LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)\s#]+)")
FIGURE = re.compile(r"\{(\w+) > ([^}]+)\}")
DRAWING = re.compile(r"^```mermaid\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ARROW = re.compile(r"^ *(\w+) --> (\w+)$", re.MULTILINE)
WIDGET = "application/vnd.jupyter.widget-view+json"
IMAGES = {".png", ".jpg", ".svg"}
# A link to these leads to the page that introduces them.
FOLDERS = {"notebooks/assignments": "homeworks.md", "notebooks/solutions": "solutions.md", "drawpeople": "people.md"}


def pages(root: Path = ROOT) -> dict[str, str]:
    """Every page: its path in the repository, and its path in the site's source."""
    patterns = ("CONTRIBUTING.md", "benchmarks/README.md", "drawpeople/README.md", "drawpeople/docs/*.md")
    texts = [path for pattern in patterns for path in root.glob(pattern)]
    found = {path.relative_to(root).as_posix() for path in [*notebooks.everything(root), *texts]}
    own = {path.relative_to(root).as_posix(): path.name for path in (root / "docs").glob("*.md")}
    return {page: page for page in sorted(found)} | own | {"README.md": "index.md"}


def anchor(heading: str) -> str:
    """What a link to a heading says after its ``#``, as in Jupyter: case stays, a space is a hyphen."""
    return heading.strip().replace(" ", "-")


def relinked(text: str, page: str, known: dict[str, str], root: Path, out: Path) -> str:
    """Markdown whose links lead to pages of the site, to the repository, or to an image, which is copied."""
    here = os.path.dirname(known[page])

    def target(match: re.Match) -> str:
        file = os.path.normpath(os.path.join(os.path.dirname(page), unquote(match.group(1))))
        if file in FOLDERS | known:
            return os.path.relpath((FOLDERS | known)[file], here)
        if not (root / file).exists():
            return match.group()  # Sphinx names it
        if Path(file).suffix in IMAGES:
            (out / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / file, out / file)
            return os.path.relpath(file, here)
        return f"https://github.com/{repo.address(root)}/{'tree' if (root / file).is_dir() else 'blob'}/main/{file}"

    return LINK.sub(target, text)


def drawn_as_table(match: re.Match) -> str:
    """A Mermaid drawing as a table of its arrows: nothing here draws Mermaid without a network."""
    rows: dict[str, list[str]] = {}
    for user, used in ARROW.findall(match.group(1)):
        rows.setdefault(user, []).append(used)
    return "| part | uses |\n|:--|:--|\n" + "".join(
        f"| {user} | → {', '.join(used)} |\n" for user, used in rows.items()
    )


def figures(text: str, root: Path = ROOT) -> str:
    """The text with ``{benchmark > key > key}`` replaced by the number in benchmarks/results/benchmark.json."""

    def number(match: re.Match) -> str:
        recorded = json.loads((root / "benchmarks" / "results" / f"{match.group(1)}.json").read_text(encoding="utf-8"))
        return f"{reduce(getitem, match.group(2).split(' > '), recorded):.3f}"

    return FIGURE.sub(number, text)


def as_page(notebook: Notebook) -> Notebook:
    """A notebook for readers: the set-up folded; no progress bars, no marks for tests, no links to its neighbours."""
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            notebooks.set_source(cell, repo.NEIGHBOURS.sub("", notebooks.source(cell)))
        else:
            notebooks.set_source(cell, notebooks.source(cell).replace(f"{notebooks.CHECK_MARK}\n", ""))
        if repo.is_setup(cell):
            cell["metadata"]["tags"] = [*notebooks.tags(cell), "hide-input"]
        if "outputs" in cell:
            cell["metadata"]["mystnb"] = {"image": {"alt": "what the cell above draws"}}
            cell["outputs"] = [output for output in cell["outputs"] if WIDGET not in output.get("data", {})]
    notebook["cells"] = [cell for cell in notebook["cells"] if notebooks.source(cell).strip()]
    return notebook


def stage(root: Path, out: Path) -> None:
    """The site's source: every page with its links mended, and Sphinx's settings."""
    shutil.copytree(root / "docs", out)
    known = pages(root)
    for page, staged in known.items():
        (out / staged).parent.mkdir(parents=True, exist_ok=True)
        if page.endswith(".ipynb"):
            notebook = as_page(notebooks.read(root / page))
            for cell in notebook["cells"]:
                if cell["cell_type"] == "markdown":
                    notebooks.set_source(cell, relinked(notebooks.source(cell), page, known, root, out))
            text = notebooks.dumps(notebook)
        else:
            text = DRAWING.sub(drawn_as_table, (root / page).read_text(encoding="utf-8"))
            if page == "README.md":
                text += (root / "docs" / "contents.md").read_text(encoding="utf-8")
            text = figures(relinked(text, page, known, root, out), root)
        (out / staged).write_text(text, encoding="utf-8")


class Links(HTMLParser):
    """The anchors of a page, and where its links, images, scripts and styles lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = {""}
        self.targets: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.anchors |= {value for name in ("id", "name") if (value := found.get(name))}
        self.targets += [value for name in ("href", "src") if (value := found.get(name))]


def broken_links(html: Path) -> tuple[int, list[str]]:
    """How many pages a built site has, and each link into the site that leads nowhere, as ``page: link``."""
    files = [
        path for path in sorted(html.rglob("*.html")) if "_static" not in path.parts
    ]  # there lie a theme's templates
    read = {path: Links(path.read_text(encoding="utf-8")) for path in files}
    broken = []
    for page, links in read.items():
        for target in links.targets:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            file = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            if file.is_dir():
                file /= "index.html"
            if not file.is_file() or (file in read and unquote(parts.fragment) not in read[file].anchors):
                broken.append(f"{page.relative_to(html)}: {target}")
    return len(read), broken


def build(folder: Path) -> int:
    """Build ``folder/html`` and print the count; 1 where Sphinx warns or a link is broken. Old content goes."""
    from sphinx.cmd.build import main as sphinx_build  # the rest needs only the standard library

    shutil.rmtree(folder, ignore_errors=True)
    source, html = folder / "source", folder / "html"
    stage(ROOT, source)
    failed = sphinx_build(["-q", "-W", "--keep-going", "-d", str(folder / "cache"), str(source), str(html)])
    count, broken = broken_links(html)
    print(*broken, sep="\n", end="\n" * bool(broken))
    print(f"{html / 'index.html'}  site_pages {count}  site_broken_links {len(broken)}")
    return int(bool(failed or broken))


if __name__ == "__main__":
    sys.exit(build(ROOT / "build" / "site"))
