"""What `make` calls: set-up of the environments, running the course, stamping, judging a notebook."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import notebooks, repo, run_course

ROOT = Path(__file__).resolve().parent.parent
NAME = "someone/faces-2"
MACHINE = "requirements-colab.txt"


def cell(source: str, kind: str = "code", **fields) -> dict:
    """A cell as it lies in a file: the source a list of lines."""
    rest = {"execution_count": None, "outputs": []} if kind == "code" else {}
    return {"cell_type": kind, "id": f"c{hash(source) % 10**8}", "metadata": {}, **rest,
            "source": source.splitlines(keepends=True), **fields}  # fmt: skip


def notebook(*sources: str) -> dict:
    """A notebook with a title and these code cells."""
    cells = [cell("# Лица и числа\n\nA lesson.", "markdown"), *map(cell, sources)]
    metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}, "custom": [1, 2]}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


@pytest.fixture
def checkout(tmp_path):
    """A small copy of the project: its pyproject.toml, and no notebook yet."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "notebooks" / "assignments").mkdir(parents=True)
    return tmp_path


def add(checkout: Path, name: str, content: dict) -> Path:
    path = checkout / "notebooks" / name
    path.write_text(notebooks.dumps(content), encoding="utf-8")
    return path


# The address and the set-up cell


def stamp(checkout: Path, name: str | None = None) -> list[str]:
    changed = repo.changes(checkout, name)
    for path, text in changed.items():
        notebooks.write(path, text)
    return sorted(path.relative_to(checkout).as_posix() for path in changed)


def test_everything_in_this_project_is_stamped():
    assert not repo.changes(ROOT), "run `make repo`"


def test_stamping_is_complete_and_idempotent(checkout):
    old = repo.address(checkout)
    add(checkout, "00_start.ipynb", notebook("1 + 1"))
    add(checkout, "assignments/hw.ipynb", notebook())
    kept = f"https://github.com/rasbt/{old} and https://github.com/{old}-other\n"
    linked = "https://colab.research.google.com/github/{0}/blob/main/a.ipynb, https://github.com/{0}.git\n"
    (checkout / "README.md").write_text(linked.format(old) + kept)
    files = ["README.md", "notebooks/00_start.ipynb", "notebooks/assignments/hw.ipynb", "pyproject.toml"]
    assert stamp(checkout, NAME) == files
    assert stamp(checkout, NAME) == stamp(checkout) == []
    assert repo.address(checkout) == NAME
    assert (checkout / "README.md").read_text() == linked.format(NAME) + kept
    text = (checkout / "notebooks/assignments/hw.ipynb").read_text(encoding="utf-8")
    assert f"//colab.research.google.com/github/{NAME}/blob/main/notebooks/assignments/hw.ipynb" in text
    assert (
        f"//kaggle.com/kernels/welcome?src=https://github.com/{NAME}/blob/main/notebooks/assignments/hw.ipynb" in text
    )
    assert text.count(f'\\"https://github.com/{NAME}\\"') == 1 and old not in text


def test_stamping_changes_nothing_else_of_a_notebook(checkout):
    path = add(checkout, "00_start.ipynb", notebook("x = 1", "print('é')"))
    stamp(checkout)
    content = notebooks.read(path)
    content["cells"][1]["outputs"] = [{"name": "stdout", "output_type": "stream", "text": ["local\n"]}]
    content["cells"].insert(1, cell("## Before the set-up", "markdown"))
    path.write_text(notebooks.dumps(content), encoding="utf-8")
    before = path.read_text(encoding="utf-8").splitlines()
    stamp(checkout, NAME)
    after = path.read_text(encoding="utf-8").splitlines()
    changed = [new for old, new in zip(before, after, strict=True) if old != new]
    assert len(changed) == 2 and all(NAME in line for line in changed)


def test_a_stale_setup_cell_is_replaced_even_without_its_tag(checkout):
    path = add(checkout, "00_start.ipynb", notebook(repo.SETUP_CELL.splitlines()[0] + "\nold = True", "x = 1"))
    stamp(checkout)
    cells = notebooks.read(path)["cells"]
    assert [notebooks.source(found) for found in cells[1:]] == [repo.setup_cell(repo.address(checkout)), "x = 1"]
    assert notebooks.tags(cells[1]) == ["setup"]


def chapter(title: str, text: str = "", *code: str) -> dict:
    content = notebook(*code)
    content["cells"][0] = cell(f"# {title}\n\nA lesson.", "markdown")
    content["cells"] += [cell(text, "markdown")] * bool(text)
    return content


def last_lines(checkout: Path) -> list[str]:
    return [notebooks.source(notebooks.read(path)["cells"][-1]) for path in notebooks.chapters(checkout)]


def test_chapters_are_linked_in_order_and_a_new_title_makes_links_stale(checkout):
    table = "| chapter | question |\n|:--|:--|\n"
    add(checkout, "00_map.ipynb", chapter("00 · Map", f"{table}| [old](01_eyes.ipynb) | where? |\n\nThe rest.\n"))
    add(checkout, "01_eyes.ipynb", chapter("01 · Eyes: two", "", "x = 1"))
    end = "To read.\n\n[← 00 · An older name](00_older.ipynb)"
    add(checkout, "02_nose.ipynb", chapter("02 · Nose", end))
    assert len(stamp(checkout)) == 3 and not stamp(checkout)
    rows = "| [00 · Map](00_map.ipynb) |  |\n| [01 · Eyes: two](01_eyes.ipynb) | where? |\n"
    rows += "| [02 · Nose](02_nose.ipynb) |  |\n"
    assert last_lines(checkout) == [
        f"{table}{rows}\nThe rest.\n\n[01 · Eyes →](01_eyes.ipynb)",
        "[← 00 · Map](00_map.ipynb) · [02 · Nose →](02_nose.ipynb)",
        "To read.\n\n[← 01 · Eyes](01_eyes.ipynb)",
    ]
    add(checkout, "03_end.ipynb", chapter("03 · End", "Bye."))
    stale = ["notebooks/00_map.ipynb", "notebooks/02_nose.ipynb", "notebooks/03_end.ipynb"]
    assert [path.relative_to(checkout).as_posix() for path in repo.changes(checkout)] == stale
    path = checkout / "notebooks" / "01_eyes.ipynb"
    path.write_text(path.read_text(encoding="utf-8").replace("Eyes: two", "Ears"), encoding="utf-8")
    assert stamp(checkout) == stale and not stamp(checkout)
    assert "| [01 · Ears](01_eyes.ipynb) | where? |" in last_lines(checkout)[0]


def test_the_map_has_every_chapter_and_its_question():
    text = last_lines(ROOT)[0]
    rows = repo.QUESTION.findall(repo.CHAPTERS.search(text).group())
    assert [name for name, question in rows if question] == [path.name for path in notebooks.chapters()]


@pytest.mark.parametrize("name", ["", "faces", "a/b/c", "-a/b", "a/..", "a/b.git", "https://github.com/a/b", 'a/"'])
def test_a_name_that_is_none_is_refused(name):
    with pytest.raises(ValueError, match="write owner/name"):
        repo.validated(name)


# What is wrong with a notebook


def checked_chapter() -> dict:
    content = notebook(*[f"{notebooks.CHECK_MARK}\n{number}" for number in range(3)])
    for found in content["cells"][1:]:
        found["outputs"] = [{"name": "stdout", "output_type": "stream", "text": ["https://x.org/home/y and a/tmp/b\n"]}]
    return content


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda n: None, "^$"),
        (lambda n: n["cells"].pop(), "2 cells are marked"),
        (lambda n: n["cells"].insert(0, cell("x = 1")), "first cell must be text with a title"),
        (lambda n: n["cells"].append(cell("x = 1\n" * 26)), "26 lines"),
        (lambda n: n["cells"][1].update(outputs=[]), "without a stored output"),
        (lambda n: n["cells"][1]["outputs"].append({"output_type": "error", "traceback": []}), "an error is stored"),
        (lambda n: n["cells"][1]["outputs"][0].update(text=["in /home/me/x"]), "path of this machine"),
        (lambda n: n["cells"][1]["outputs"][0].update(text=["x" * 1_100_000]), "more than 1 MB.*cell 2"),
        (lambda n: [found.update(outputs=[]) for found in n["cells"]], "no outputs are stored"),
    ],
)
def test_each_problem_is_named(break_it, message):
    content = checked_chapter()
    break_it(content)
    assert re.search(message, "\n".join(notebooks.problems(content)))


# Running the course


def test_the_course_goes_on_past_a_failing_notebook(checkout):
    good = "from dlsfaces import course\ncourse.save_results('00_first', {'accuracy': 0.5, 'loss': 'softmax'})"
    last = "import os; assert os.environ['DLSFACES_SIZE'] == 'smoke'; os.environ['DLSFACES_DATA']"
    first = add(checkout, "00_first.ipynb", notebook(good, "open('left.txt', 'w').close()"))
    add(checkout, "01_broken.ipynb", notebook("x = 1", "# second\nprint('before')\n1 / 0", "x = 3"))
    add(checkout, "02_last.ipynb", notebook(last))
    before = first.read_text(encoding="utf-8")
    command = [sys.executable, "-m", "tools.run_course", "--root", checkout, "--size", "smoke", "--inplace"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert "FAILED 01_broken, cell 3 (# second): ZeroDivisionError: division by zero" in done.stderr
    assert "build/course/results.md" in done.stdout
    build = checkout / "build" / "course"
    results = json.loads((build / "results.json").read_text())
    assert {name: found["ok"] for name, found in results["notebooks"].items()} == {
        "00_first": True, "01_broken": False, "02_last": True}  # fmt: skip
    assert results["notebooks"]["01_broken"]["failure"]["cell"] == 3
    assert results["figures"]["00_first/accuracy"] == 0.5 and results["figures"]["minutes/02_last"] >= 0
    assert "accuracy 0.5, loss softmax" in (build / "results.md").read_text()
    assert "before" in notebooks.output_text(notebooks.read(build / "01_broken.ipynb")["cells"][2])
    # The outputs of what ran through are stored, and nothing that it wrote.
    assert first.read_text(encoding="utf-8") != before
    last_cell = notebooks.read(checkout / "notebooks" / "02_last.ipynb")["cells"][1]
    assert "synthetic" in notebooks.output_text(last_cell)
    assert notebooks.read(checkout / "notebooks" / "01_broken.ipynb")["cells"][1]["execution_count"] is None
    assert not (checkout / "notebooks" / "left.txt").exists()


def test_images_of_real_people_are_not_stored(checkout):
    path = add(checkout, "00_first.ipynb", notebook("1 + 1"))
    before = path.read_text(encoding="utf-8")
    command = [sys.executable, "-m", "tools.run_course", "--root", checkout, "--data", "celeba500", "--inplace"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and "only those of the built-in people" in done.stderr
    assert path.read_text(encoding="utf-8") == before


@pytest.mark.fault("obscure arguments")
def test_folders_reach_the_kernels_in_full(tmp_path, monkeypatch):
    (tmp_path / "it's one").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DLSFACES_ROOT", "it's one")
    monkeypatch.setenv("DLSFACES_CACHE", "cache")
    monkeypatch.setenv("HOME", str(tmp_path))
    found = run_course.kernel_environment("smoke", "~/it's one")
    assert found["DLSFACES_DATA"] == found["DLSFACES_ROOT"] == str(tmp_path / "it's one")
    assert found["DLSFACES_CACHE"] == str(tmp_path / "cache")
    with pytest.raises(ValueError, match="'nobody'"):
        run_course.kernel_environment("cpu", "nobody")


@pytest.mark.fault("obscure arguments")
def test_the_size_is_the_one_asked_for(monkeypatch):
    def size(asked: str) -> str:
        return run_course.kernel_environment(asked, "synthetic")["DLSFACES_SIZE"]

    assert [size(""), size(" gpu "), size("GPU")] == ["cpu", "gpu", "gpu"]
    monkeypatch.setenv("DLSFACES_SIZE", "smoke")
    assert [size(""), size("cpu")] == ["smoke", "cpu"]
    for asked in ("big", "medium"):
        with pytest.raises(ValueError, match=rf"'{asked}'.*smoke, cpu, gpu"):
            size(asked)


@pytest.mark.fault("obscure arguments")
def test_choosing_notebooks(checkout):
    paths = [add(checkout, name, notebook()) for name in ("00_a.ipynb", "03_b.ipynb", "04_c.ipynb")]
    add(checkout, "scratch.ipynb", notebook())
    assert run_course.chosen(notebooks.chapters(checkout), "") == paths
    assert run_course.chosen(paths, "03, 04_c") == run_course.chosen(paths, "notebooks/04_c.ipynb 3") == paths[1:]
    assert run_course.chosen(paths, "0") == paths[:1]
    for only, word in (("05", "05"), ("5", "05"), ("chapter 3", "chapter"), ("b", "b")):
        with pytest.raises(ValueError, match=rf"'{word}'.*00_a, 03_b, 04_c"):
            run_course.chosen(paths, only)


def test_stored_outputs_leave_out_what_is_volatile():
    written, executed = notebook("1", "slider"), notebook("1", "slider")
    text = {"output_type": "execute_result", "data": {"text/plain": ["1"]}, "metadata": {}, "execution_count": 7}
    widget = {"output_type": "display_data", "data": {run_course.WIDGET_VIEW: {}}, "metadata": {}}
    seen = {"image/jpeg": "/9j/4AAQ", "text/plain": ["controls"]}
    pictured = {"output_type": "display_data", "data": {run_course.WIDGET_VIEW: {}, **seen}, "metadata": {}}
    bar = {"output_type": "stream", "name": "stderr", "text": "training:  32%|###2      | 11/34 [00:02<00:05]"}
    executed["metadata"]["language_info"] = {"version": "3.99"}
    executed["cells"][1].update(outputs=[text], execution_count=7, metadata={"execution": {"iopub.status.busy": "now"}})
    executed["cells"][2].update(outputs=[widget, pictured, bar], execution_count=8)
    stored = run_course.with_outputs(written, executed)
    assert stored["metadata"] == written["metadata"]
    assert [stored["cells"][1][key] for key in ("outputs", "metadata")] == [[text], {}]
    assert stored["cells"][2]["outputs"] == [{"output_type": "display_data", "data": seen, "metadata": {}}]
    assert run_course.WIDGET_VIEW in executed["cells"][2]["outputs"][1]["data"], "the executed copy keeps its controls"


# Preparing the environments

# A Python that notes what it is asked for; one that is named in REFUSED is too old.
FAKE_PYTHON = """#!/bin/sh
case "$*" in
-c*) case " ${REFUSED:-} " in *" ${0##*/} "*) exit 1 ;; esac ;;
"-m venv --clear "*) echo "create $4 with ${0##*/}" >> calls; mkdir -p "$4/bin"; cp "$0" "$4/bin/python" ;;
*" pip>="*) ;;
*"pip install"*) echo "install ${*#*check}" >> calls; exit "${PIP_STATUS:-0}" ;;
esac
"""
NO_PYTHON = "python3 python3.13 python3.12 python3.11 python3.10"
CREATED, INSTALLED = "create .venv with python3", "install  -r requirements-instructor.txt -e ."


@pytest.fixture
def fresh(tmp_path):
    """A checkout to prepare where the Pythons in PATH are fakes."""
    (tmp_path / "tools").mkdir()
    (tmp_path / "path").mkdir()
    for name in (
        "requirements.txt",
        "requirements-dev.txt",
        "requirements-instructor.txt",
        MACHINE,
        "pyproject.toml",
        "tools/setup.sh",
    ):
        shutil.copy(ROOT / name, tmp_path / name)
    for name in NO_PYTHON.split():
        (tmp_path / "path" / name).write_text(FAKE_PYTHON)
        (tmp_path / "path" / name).chmod(0o755)
    return tmp_path


def prepare(root: Path, *arguments: str, **environment: str) -> list[str]:
    """What setup.sh asked of the Pythons, and the last word that it said where it failed."""
    (root / "calls").unlink(missing_ok=True)
    environment["PATH"] = f"{root / 'path'}{os.pathsep}{os.environ['PATH']}"
    command = ["sh", root / "tools" / "setup.sh", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    calls = (root / "calls").read_text().splitlines() if (root / "calls").exists() else []
    return calls + ([done.stderr.splitlines()[-1]] if done.returncode else [])


def test_the_environment_is_prepared_once_and_again_when_its_requirements_change(fresh):
    assert [prepare(fresh), prepare(fresh)] == [[CREATED, INSTALLED], []]
    for name in ("requirements.txt", "requirements-dev.txt", "requirements-instructor.txt", "pyproject.toml"):
        with (fresh / name).open("a") as file:
            file.write("\n# changed\n")
        assert [prepare(fresh), prepare(fresh)] == [[INSTALLED], []]


@pytest.mark.fault("half a clone")
def test_a_failed_installation_goes_on_and_an_interrupted_one_starts_over(fresh):
    failed = "The installation failed: see above. Is the network there? Run the same command again."
    assert prepare(fresh, PIP_STATUS="2") == [CREATED, INSTALLED, failed]
    assert [prepare(fresh), prepare(fresh)] == [[INSTALLED], []]
    (fresh / ".venv" / ".dlsfaces-stamp").unlink()  # as a killed one leaves it
    assert prepare(fresh) == [CREATED, INSTALLED]


@pytest.mark.fault("obscure arguments")
def test_the_python_is_looked_for_or_named(fresh):
    assert prepare(fresh, REFUSED="python3 python3.13")[0] == "create .venv with python3.12"
    assert prepare(fresh, REFUSED="python3") == []
    assert prepare(fresh, "other", PREFERRED_PYTHON="python3.11")[0] == "create other with python3.11"
    assert "No Python 3.10, 3.11, 3.12 or 3.13: none in PATH" in prepare(fresh, "new", REFUSED=NO_PYTHON)[-1]
    assert "3.13: python3.10. Install" in prepare(fresh, "new", PYTHON="python3.10", REFUSED="python3.10")[-1]
    shutil.copy(fresh / "path" / "python3", fresh / "my python")
    assert prepare(fresh, "new", PYTHON=str(fresh / "my python"))[0] == "create new with my python"


def test_another_machines_versions_are_installed_first_and_kept(fresh):
    assert prepare(fresh, ".venv-colab", MACHINE)[1:] == [
        f"install  -r {MACHINE}", f"install  -c {MACHINE} -r requirements-dev.txt -e ."]  # fmt: skip


def test_requirements_have_lower_bounds_and_a_reason_and_the_package_asks_for_the_first_of_them():
    packages, notebook_tools = (ROOT / "requirements.txt").read_text().split("# The notebooks\n")
    more = "".join((ROOT / f"requirements-{name}.txt").read_text() for name in ("dev", "instructor"))
    for line in f"{packages}{notebook_tools}{more}".splitlines():
        assert not line or re.match(r"#|-r|[A-Za-z0-9._-]+>=[0-9.]+ +# \S", line), line
    asked = re.findall(r'^    "(\S+>=\S+)",$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert asked == re.findall(r"^[\w.-]+>=[\d.]+", packages, re.MULTILINE)


# The Makefile


def make(*arguments: str, **more: str) -> str:
    """What make prints, whatever the make that runs this test was told."""
    of_that_make = ("MAKE", "MFLAGS", "PYTHON", "SIZE", "DATA", "NOTEBOOKS")  # what it says of itself, and exports
    environment = {name: value for name, value in os.environ.items() if not name.startswith(of_that_make)} | more
    command = ["make", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout


@pytest.mark.fault("obscure arguments")
@pytest.mark.parametrize(("arguments", "size"), [((), "smoke"), (("SIZE=gpu",), "gpu")])
def test_size_and_data_reach_the_course(arguments, size):
    show = '--eval=show: ; @echo $$SIZE "$$DATA"'
    folder = "/tmp/it's  one"
    assert make(show, "show", f"DATA={folder}", *arguments, DLSFACES_SIZE="smoke") == f"{size} {folder}\n"


@pytest.mark.fault("obscure arguments")
def test_outputs_are_stored_only_where_that_is_asked_for():
    assert ["--inplace" in make("-n", "course", f"INPLACE={word}") for word in ("1", "", "0", "no")] == [True] + 3 * [
        False
    ]
