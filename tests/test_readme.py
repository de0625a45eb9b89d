"""README.md and the notebooks are finished texts, and what they point at exists."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import skimage.data
from PIL import Image

from tools import notebooks

ROOT = Path(__file__).resolve().parent.parent
TEXTS = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "CONTRIBUTING.md")} | {
    path.relative_to(ROOT).as_posix(): "\n".join(notebooks.source(c) for c in notebooks.read(path)["cells"])
    for path in notebooks.everything()
}


@pytest.mark.parametrize("name", TEXTS)
def test_no_placeholder_is_left(name):
    assert not re.findall(r"\b[SCR]\d\d\b|\w+_MINUTES|TIME_\w+|\bTODO\b|\bXXX\b", TEXTS[name])


@pytest.mark.parametrize("name", TEXTS)
def test_links_into_the_project_lead_somewhere(name):
    here = (ROOT / name).parent
    links = re.findall(r'(?<!")\]\((?!https?://|#)([^)#\s]+)(?:#[^)]*|\s+"[^)]*)?\)', TEXTS[name])
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


SNIPPETS = re.findall(r"^```python\n(.*?)^```", TEXTS["README.md"], re.MULTILINE | re.DOTALL)
FIGURES = {  # of the table of real faces: as README.md writes them, and where they are recorded
    "YuNet **0.970** at 82": ("detection", "peer_yunet/ap@0.5", "peer_yunet/photos_per_second"),
    "| 0.951 at 55 photos": ("detection", "one_stage/ap@0.5", "one_stage/photos_per_second"),
    "MTCNN 0.922 at 12": ("detection", "peer_mtcnn/ap@0.5", "peer_mtcnn/photos_per_second"),
    "cascade 0.898 at 4": ("detection", "peer_haar/ap@0.5", "peer_haar/photos_per_second"),
    "**10.6 %**": ("landmarks", "hourglass/nme_cmu_mit"),
    "MTCNN 14.5 %": ("landmarks", "peer_mtcnn/nme_cmu_mit"),
    "**98.7 %**": ("joint", "own_pipeline/real/accuracy"),
    "ResNet 94.8 %, ": ("joint", "peer_dlib_resnet34/real/accuracy"),
    "ResNet 94.4 % ": ("joint", "peer_mtcnn_resnet34/real/accuracy"),
    "0.687, from": ("best_recipe", "tpr@0.01"),
    "**0.928**: dlib": ("attacks", "public/dlib/tpr@0.01"),
    "**0.902**": ("trash", "labels@5/precision@recall0.8"),
    "cleanlab 0.893": ("trash", "labels@5/cleanlab/precision@recall0.8"),
}


@pytest.mark.parametrize("text", FIGURES)
def test_headline_figures_are_those_that_were_recorded(text):
    file, *keys = FIGURES[text]
    figures = json.loads((ROOT / "benchmarks" / "results" / f"{file}.json").read_text())["figures"]
    assert text in TEXTS["README.md"]
    for said, key in zip(re.findall(r"\d+\.?\d*", text), keys, strict=True):
        value = figures[key] * (100 if "%" in text else 1)
        assert f"{value:.{len(said.partition('.')[2])}f}" == said


def lay_out_photos(folder):
    """The photos that README.md's examples name: one portrait, large, dark and small."""
    portrait = Image.fromarray(skimage.data.astronaut())
    portrait.save(folder / "me.jpg")
    portrait.point(lambda value: value * 0.6).save(folder / "me_last_year.jpg")
    portrait.resize((300, 300)).save(folder / "party.jpg")


@pytest.mark.parametrize("number", range(len(SNIPPETS)))
def test_an_example_of_the_readme_runs_alone(number, tmp_path):
    lay_out_photos(tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", SNIPPETS[number]], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    wanted = [r"the same person Verdict\(same=True", r"\[.*\] Match\(name='me', nearest='me'", r"\[0\.\d+, 0\.\d+\]"]
    assert re.search(wanted[number], done.stdout), done.stdout
    if number == 2:
        assert done.stdout.strip() in TEXTS["README.md"]


def test_the_times_in_the_readme_are_those_that_were_recorded():
    took = json.loads((ROOT / "benchmarks" / "results" / "course.json").read_text())["figures"]
    course, tests = sum(took.values()) - took["test_suite_minutes"], took["test_suite_minutes"]
    assert f"run every notebook on the built-in people: about {course:.0f} minutes" in TEXTS["README.md"]
    assert f"among them every notebook: about {tests:.0f} minutes" in TEXTS["README.md"]
