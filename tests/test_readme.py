"""README.md and the notebooks are finished texts, and what they point at exists."""

import json
import re
from pathlib import Path

import pytest

from tools import notebooks

ROOT = Path(__file__).resolve().parent.parent
TEXTS = {"README.md": (ROOT / "README.md").read_text(encoding="utf-8")} | {
    path.relative_to(ROOT).as_posix(): "\n".join(notebooks.source(c) for c in notebooks.read(path)["cells"])
    for path in notebooks.everything()
}


@pytest.mark.parametrize("name", TEXTS)
def test_no_placeholder_is_left(name):
    assert not re.findall(r"\b[SCR]\d\d\b|\w+_MINUTES|TIME_\w+|\bTODO\b|\bXXX\b", TEXTS[name])


@pytest.mark.parametrize("name", TEXTS)
def test_links_into_the_project_lead_somewhere(name):
    here = (ROOT / name).parent
    links = re.findall(r'\]\((?!https?://|#)([^)#\s]+)(?:#[^)]*|\s+"[^)]*)?\)', TEXTS[name])
    assert not [link for link in links if not (here / link).exists()]


def test_every_chapter_is_in_the_readme():
    assert all(f"notebooks/{path.name}" in TEXTS["README.md"] for path in notebooks.chapters())


def test_results_have_what_a_reader_needs():
    results = sorted((ROOT / "benchmarks" / "results").glob("*.json"))
    table = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    for path in results:
        content = json.loads(path.read_text())
        assert content["figures"] and all(isinstance(v, int | float) for v in content["figures"].values())
        assert all(content[key] for key in ("command", "machine", "date", "commit"))
        assert f"## {path.stem}" in table, "run `python -m benchmarks.table`"
