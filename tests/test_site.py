"""What `make site` does to the pages before Sphinx, the links that it follows afterwards, and the whole of it."""

import re
import shutil
import subprocess

import pytest

from tools import house, notebooks, site
from tools.notebooks import ROOT

PYTHON = ROOT / ".venv-site" / "bin" / "python"


def cell(source, kind="code", **fields):
    rest = {"outputs": [], "execution_count": None} if kind == "code" else {}
    return {"cell_type": kind, "metadata": {}, "source": source.splitlines(keepends=True)} | rest | fields


@pytest.fixture
def checkout(tmp_path):
    """A small project with a notebook, an image and a module."""
    root = tmp_path / "project"
    texts = {
        "pyproject.toml": 'Repository = "https://github.com/someone/faces"\n',
        "README.md": "[one](notebooks/01_one.ipynb) [c](dlsfaces/rng.py) ![](assets/a.png) [hw](notebooks/assignments)",
        "docs/people.md": "![](../assets/a.png) [one](../notebooks/01_one.ipynb#The-end) {faces > figures > a/b}",
        "docs/contents.md": "the contents",
        "benchmarks/results/faces.json": '{"figures": {"a/b": 0.12345}}',
        "assets/a.png": "an image",
        "dlsfaces/rng.py": "",
        "notebooks/assignments/hw1.ipynb": notebooks.dumps({"cells": []}),
    }
    links = "# One\n\n[top](../README.md) [code](../dlsfaces) [who](../drawpeople) [out](https://a.org) [end](#The-end)"
    texts["notebooks/01_one.ipynb"] = notebooks.dumps({"cells": [cell(links, "markdown")]})
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "drawpeople").mkdir()
    return root


def test_links_lead_to_pages_of_the_site_or_to_the_repository(checkout, tmp_path):
    out = tmp_path / "source"
    site.stage(checkout, out)
    address = "https://github.com/someone/faces"
    assert (out / "index.md").read_text() == (
        f"[one](notebooks/01_one.ipynb) [c]({address}/blob/main/dlsfaces/rng.py) ![](assets/a.png) "
        "[hw](homeworks.md)the contents"
    )
    assert (out / "people.md").read_text() == "![](assets/a.png) [one](notebooks/01_one.ipynb#The-end) 0.123"
    assert (out / "assets" / "a.png").read_text() == "an image"
    (text,) = notebooks.read(out / "notebooks" / "01_one.ipynb")["cells"]
    assert notebooks.source(text) == (
        f"# One\n\n[top](../index.md) [code]({address}/tree/main/dlsfaces) [who](../people.md) [out](https://a.org) "
        "[end](#The-end)"
    )


def test_a_notebook_becomes_a_page():
    bar = {"output_type": "display_data", "data": {site.WIDGET: {"model_id": "1"}, "text/plain": "0%"}}
    figure = {"output_type": "display_data", "data": {"image/jpeg": "...", "text/plain": "<Figure>"}}
    cells = [
        cell("# One", "markdown"),
        cell("setup = course.start()", metadata={"tags": ["setup"]}),
        cell("# NBVAL_CHECK_OUTPUT\nprint(1)", outputs=[bar, figure]),
        cell("The end.\n\n[← 00](00_start_here.ipynb) · [02 →](02_alignment.ipynb)", "markdown"),
        cell("[← 00](00_start_here.ipynb)", "markdown"),
    ]
    title, setup, code, end = site.as_page({"cells": cells})["cells"]  # nothing is left of the last one
    assert setup["metadata"]["tags"] == ["setup", "hide-input"] and "tags" not in code["metadata"]
    assert notebooks.source(code) == "print(1)" and code["outputs"] == [figure]
    assert [notebooks.source(text) for text in (title, end)] == ["# One", "The end."]


def test_the_drawing_becomes_a_table():
    drawn = "before\n```mermaid\ngraph BT\n    a\n    b\n    b --> a\n    c --> a\n    c --> b\n```\nafter"
    assert site.DRAWING.sub(site.drawn_as_table, drawn) == (
        "before\n| part | uses |\n|:--|:--|\n| b | → a |\n| c | → a, b |\n\nafter"
    )


def test_broken_links_are_counted(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "index.html").write_text(
        '<p id="here"><a href="#here">1</a><a href="a/b.html#two%20words">2</a><a href="https://a.org/x">3</a>'
        '<a href="#gone">4</a><img src="gone.png"><a href="a/">5</a>'
    )
    (tmp_path / "a" / "b.html").write_text('<a name="two words" href="../index.html#gone">1</a><a href="..">2</a>')
    count, broken = site.broken_links(tmp_path)
    assert count == 2
    assert broken == ["a/b.html: ../index.html#gone", "index.html: #gone", "index.html: gone.png", "index.html: a/"]


def test_figures_on_the_pages_are_recorded():
    for page in (ROOT / "docs").glob("*.md"):
        text = page.read_text(encoding="utf-8")
        assert not site.FIGURE.search(site.figures(text))  # a KeyError names what is missing


def test_the_api_shows_every_room():
    shown = re.findall(r"^   (?:dlsfaces\.)?(\w+)$", (ROOT / "docs" / "api.rst").read_text(), re.MULTILINE)
    assert shown == [room for room in house.ORDER if room not in ("rng", "cli")]  # drawpeople's, and `--help`


def test_requirements_have_lower_bounds_and_a_reason():
    lines = (ROOT / "requirements-site.txt").read_text().splitlines()
    assert all(re.fullmatch(r"[\w-]+>=[\d.]+ +# .+", line) for line in lines if not line.startswith("#"))


@pytest.mark.slow
@pytest.mark.skipif(not PYTHON.exists(), reason="`make site` makes the environment that has Sphinx")
def test_the_whole_site_has_no_warning_and_no_broken_link(tmp_path):
    code = "import sys, pathlib; from tools import site; sys.exit(site.build(pathlib.Path(sys.argv[1])))"
    done = subprocess.run([PYTHON, "-c", code, tmp_path / "site"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    wrong = re.compile("model not found|Loading widget|Error displaying|Traceback \\(most recent")
    pages = {page.name: page.read_text(encoding="utf-8") for page in (tmp_path / "site" / "html").rglob("*.html")}
    assert {name for name, text in pages.items() if wrong.search(text)} == set()
    shutil.rmtree(tmp_path / "site")
