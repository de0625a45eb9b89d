"""What `make` calls: set-up of the environment, running the course, stamping the address, judging a notebook."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import notebooks, repo, run_course, setup_env

ROOT = Path(__file__).resolve().parent.parent
NAME = "someone/faces-2"


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
    """A small copy of the project: its pyproject.toml, a README and no notebook yet."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "notebooks" / "assignments").mkdir(parents=True)
    return tmp_path


def add(checkout: Path, name: str, content: dict) -> Path:
    path = checkout / "notebooks" / name
    path.write_text(notebooks.dumps(content), encoding="utf-8")
    return path


# The address


def stamp(checkout: Path, name: str | None = None) -> list[str]:
    changed = repo.changes(checkout, name)
    for path, text in changed.items():
        notebooks.write(path, text)
    return sorted(path.relative_to(checkout).as_posix() for path in changed)


def test_everything_in_this_project_is_stamped_with_its_address():
    assert not repo.changes(ROOT), "run `make repo`"


def test_stamping_is_complete_and_idempotent(checkout):
    old = repo.address(checkout)
    add(checkout, "00_start.ipynb", notebook("1 + 1"))
    add(checkout, "assignments/hw.ipynb", notebook())
    readme = f"[![Colab](b.svg)](https://colab.research.google.com/github/{old}/blob/main/notebooks/00_start.ipynb)\n"
    readme += (
        f"[K](https://kaggle.com/kernels/welcome?src=https://github.com/{old}/blob/main/notebooks/00_start.ipynb)\n"
    )
    readme += f"git clone https://github.com/{old}.git, or https://github.com/{old}. https://github.com/rasbt/{old}\n"
    readme += f"https://github.com/{old}-other\n"
    (checkout / "README.md").write_text(readme)
    files = ["README.md", "notebooks/00_start.ipynb", "notebooks/assignments/hw.ipynb", "pyproject.toml"]
    assert stamp(checkout, NAME) == files
    assert stamp(checkout, NAME) == stamp(checkout) == []
    assert repo.address(checkout) == NAME
    after = (checkout / "README.md").read_text().splitlines()
    assert after[0].endswith(f"github/{NAME}/blob/main/notebooks/00_start.ipynb)")
    assert after[1].endswith(f"src=https://github.com/{NAME}/blob/main/notebooks/00_start.ipynb)")
    assert (
        after[2]
        == f"git clone https://github.com/{NAME}.git, or https://github.com/{NAME}. https://github.com/rasbt/{old}"
    )
    assert after[3] == f"https://github.com/{old}-other"
    text = (checkout / "notebooks/assignments/hw.ipynb").read_text(encoding="utf-8")
    assert f"https://colab.research.google.com/github/{NAME}/blob/main/notebooks/assignments/hw.ipynb" in text
    assert (
        f"https://kaggle.com/kernels/welcome?src=https://github.com/{NAME}/blob/main/notebooks/assignments/hw.ipynb"
        in text
    )
    assert f"https://github.com/{NAME}" in notebooks.source(
        notebooks.read(checkout / "notebooks/00_start.ipynb")["cells"][1]
    )
    assert old not in text
    stamp(checkout, old)
    assert (checkout / "README.md").read_text() == readme


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
    assert len(changed) == 2
    assert all(NAME in line for line in changed)


def test_a_stale_setup_cell_is_replaced_even_without_its_tag(checkout):
    path = add(checkout, "00_start.ipynb", notebook(repo.SETUP_CELL.splitlines()[0] + "\nold = True", "x = 1"))
    stamp(checkout)
    cells = notebooks.read(path)["cells"]
    assert [notebooks.source(found) for found in cells[1:]] == [repo.setup_cell(repo.address(checkout)), "x = 1"]
    assert notebooks.tags(cells[1]) == ["setup"]


@pytest.mark.parametrize(
    "name", ["", "faces", "a/b/c", "a b/c", "-a/b", "a/..", "a/b.git", "https://github.com/a/b", 'a/"']
)
def test_a_name_that_is_none_is_refused(checkout, name):
    with pytest.raises(ValueError, match="write owner/name"):
        repo.validated(name)
    before = (checkout / "pyproject.toml").read_text()
    command = [sys.executable, "-m", "tools.repo", "--root", checkout, f"--name={name or ' '}"]
    if name in ("faces", ""):
        assert subprocess.run(command, cwd=ROOT, capture_output=True).returncode == 2
    assert (checkout / "pyproject.toml").read_text() == before


def test_the_setup_cell_is_short():
    assert len(repo.SETUP_CELL.splitlines()) <= notebooks.MAX_CELL_LINES


# What is wrong with a notebook


def test_a_good_chapter_has_no_problems():
    assert notebooks.problems(checked_chapter()) == []


def checked_chapter() -> dict:
    content = notebook(*[f"{notebooks.CHECK_MARK}\n{number}" for number in range(3)])
    for found in content["cells"][1:]:
        found["outputs"] = [{"name": "stdout", "output_type": "stream", "text": ["https://x.org/home/y and a/tmp/b\n"]}]
    return content


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
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
    good = f"import sys\nsys.path.insert(0, {str(ROOT)!r})\nfrom dlsfaces import course\n"
    good += "course.save_results('00_first', {'accuracy': 0.5, 'loss': 'softmax'})"
    last = "import os; assert os.environ['DLSFACES_SIZE'] == 'smoke'; os.environ['DLSFACES_DATA']"
    first = add(checkout, "00_first.ipynb", notebook(good, "open('left.txt', 'w').close()"))
    add(checkout, "01_broken.ipynb", notebook("x = 1", "# second\nprint('before')\n1 / 0", "x = 3"))
    add(checkout, "02_last.ipynb", notebook(last))
    before = first.read_text(encoding="utf-8")
    command = [sys.executable, "-m", "tools.run_course", "--root", checkout, "--size", "smoke", "--data", "synthetic"]
    done = subprocess.run(
        [*command, "--inplace"],
        cwd=checkout,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "FAILED 01_broken, cell 3 (# second): ZeroDivisionError: division by zero" in done.stderr
    assert "build/course/results.md" in done.stdout
    build = checkout / "build" / "course"
    results = json.loads((build / "results.json").read_text())
    assert list(results["notebooks"]) == ["00_first", "01_broken", "02_last"]
    assert [results["notebooks"][name]["ok"] for name in results["notebooks"]] == [True, False, True]
    assert results["notebooks"]["01_broken"]["failure"]["cell"] == 3
    assert results["figures"]["00_first/accuracy"] == 0.5
    assert results["figures"]["minutes/02_last"] >= 0
    assert results["notebooks"]["00_first"]["results"] == {"accuracy": 0.5, "loss": "softmax"}
    assert "accuracy 0.5, loss softmax" in (build / "results.md").read_text()
    broken = notebooks.read(build / "01_broken.ipynb")["cells"]
    assert "before" in notebooks.output_text(broken[2])
    # The outputs of what ran through are stored.
    assert first.read_text(encoding="utf-8") != before
    last_cell = notebooks.read(checkout / "notebooks" / "02_last.ipynb")["cells"][1]
    assert "synthetic" in notebooks.output_text(last_cell)
    assert notebooks.read(checkout / "notebooks" / "01_broken.ipynb")["cells"][1]["execution_count"] is None
    assert sorted(path.name for path in (checkout / "notebooks").iterdir() if path.is_file()) == [
        "00_first.ipynb", "01_broken.ipynb", "02_last.ipynb"]  # fmt: skip


def test_pictures_of_real_people_are_not_stored(checkout):
    path = add(checkout, "00_first.ipynb", notebook("1 + 1"))
    before = path.read_text(encoding="utf-8")
    command = [sys.executable, "-m", "tools.run_course", "--root", checkout, "--data", "celeba500", "--inplace"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and "only those of synthetic people" in done.stderr
    assert path.read_text(encoding="utf-8") == before


def test_folders_reach_the_kernels_in_full(tmp_path, monkeypatch):
    (tmp_path / "faces").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DLSFACES_ROOT", "faces")
    monkeypatch.setenv("DLSFACES_CACHE", "cache")
    found = run_course.kernel_environment("smoke", "faces")
    assert found["DLSFACES_DATA"] == found["DLSFACES_ROOT"] == str(tmp_path / "faces")
    assert found["DLSFACES_CACHE"] == str(tmp_path / "cache")


def test_choosing_notebooks(checkout):
    paths = [add(checkout, name, notebook()) for name in ("00_a.ipynb", "03_b.ipynb", "04_c.ipynb")]
    add(checkout, "scratch.ipynb", notebook())
    assert notebooks.chapters(checkout) == paths
    assert run_course.chosen(paths, "") == paths
    assert run_course.chosen(paths, "03, 04_c") == paths[1:]
    with pytest.raises(ValueError, match=r"'05'.*00_a, 03_b, 04_c"):
        run_course.chosen(paths, "05")
    with pytest.raises(ValueError, match="no notebooks"):
        run_course.chosen([], "")


def test_a_meaningless_size_or_data_stops_the_course_before_it_starts():
    with pytest.raises(ValueError, match="smoke, cpu, gpu"):
        run_course.kernel_environment("huge", "")
    with pytest.raises(ValueError, match="'nobody'"):
        run_course.kernel_environment("cpu", "nobody")
    assert run_course.kernel_environment("cpu", "")["DLSFACES_DATA"] == "synthetic"


def test_stored_outputs_leave_out_what_is_volatile():
    written, executed = notebook("1", "slider"), notebook("1", "slider")
    text = {"output_type": "execute_result", "data": {"text/plain": ["1"]}, "metadata": {}, "execution_count": 7}
    widget = {
        "output_type": "display_data",
        "data": {run_course.WIDGET_VIEW: {}, "text/plain": ["bar"]},
        "metadata": {},
    }
    written["metadata"]["widgets"] = {"state": {}}
    executed["metadata"]["language_info"] = {"version": "3.99"}
    executed["cells"][1].update(outputs=[text], execution_count=7, metadata={"execution": {"iopub.status.busy": "now"}})
    bar = {"output_type": "stream", "name": "stderr", "text": "training:  32%|###2      | 11/34 [00:02<00:05]"}
    executed["cells"][2].update(outputs=[widget, bar], execution_count=8)
    stored = run_course.with_outputs(written, executed)
    assert stored["metadata"] == notebook()["metadata"]
    assert stored["cells"][1]["outputs"] == [text]
    assert stored["cells"][1]["metadata"] == {}
    assert stored["cells"][2]["outputs"] == []


# Preparing the environment


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """A checkout to prepare, with an installer that only notes that it was called."""
    for name in setup_env.INPUTS:
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "check_torch.py").write_text("")
    calls = []
    state = {"version": list(sys.version_info[:3]), "absent": []}
    monkeypatch.setattr(setup_env, "install", lambda root, venv: calls.append("install") or 0)
    monkeypatch.setattr(setup_env, "create", lambda venv: calls.append("create") or fake_venv(venv))
    monkeypatch.setattr(setup_env, "probe", lambda venv, names: state if setup_env.python_of(venv).exists() else None)
    return tmp_path, calls, state


def fake_venv(venv: Path) -> None:
    shutil.rmtree(venv, ignore_errors=True)
    setup_env.python_of(venv).parent.mkdir(parents=True)
    setup_env.python_of(venv).symlink_to(sys.executable)


def test_the_second_run_installs_nothing(fresh):
    root, calls, _ = fresh
    assert [setup_env.prepare(root), setup_env.prepare(root)] == [0, 0]
    assert calls == ["create", "install"]


@pytest.mark.parametrize("name", setup_env.INPUTS)
def test_a_changed_requirement_installs_again(fresh, name):
    root, calls, _ = fresh
    setup_env.prepare(root)
    with (root / name).open("a") as file:
        file.write("\n# changed\n")
    setup_env.prepare(root)
    assert calls == ["create", "install", "install"]


def test_a_missing_distribution_installs_again(fresh):
    root, calls, state = fresh
    setup_env.prepare(root)
    state["absent"] = ["tqdm"]
    setup_env.prepare(root)
    assert calls == ["create", "install", "install"]


def test_a_failed_installation_is_reported_and_tried_again(fresh, monkeypatch, capsys):
    root, calls, _ = fresh
    monkeypatch.setattr(setup_env, "install", lambda root, venv: calls.append("failed") or 3)
    assert [setup_env.prepare(root), setup_env.prepare(root)] == [3, 3]
    assert calls == ["create", "failed", "failed"]
    assert "The installation failed" in capsys.readouterr().err


def test_an_interrupted_installation_starts_over(fresh, monkeypatch):
    root, calls, _ = fresh

    def killed(root, venv):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(setup_env, "install", killed)
        setup_env.prepare(root)
    assert setup_env.prepare(root) == 0
    assert calls == ["create", "create", "install"]


def test_a_python_that_does_not_run_is_replaced(fresh):
    root, calls, _ = fresh
    setup_env.prepare(root)
    setup_env.python_of(root / ".venv").unlink()
    assert setup_env.prepare(root) == 0
    assert calls == ["create", "install"] * 2


def test_another_python_rebuilds_only_where_it_was_asked_for(fresh):
    root, calls, state = fresh
    state["version"] = [3, 10 if sys.version_info[1] != 10 else 11, 1]
    setup_env.prepare(root)
    setup_env.prepare(root)
    assert calls == ["create", "install"]
    setup_env.prepare(root, exact=True)
    assert calls == ["create", "install"] * 2


def test_a_mismatched_torch_is_no_finished_environment(fresh):
    root, calls, _ = fresh
    (root / "tools" / "check_torch.py").write_text("raise SystemExit('do not fit')")
    assert [setup_env.prepare(root), setup_env.prepare(root)] == [1, 1]
    assert calls == ["create", "install", "install"]


def test_the_probe_tells_what_is_absent():
    prefix = Path(sys.prefix)
    assert setup_env.probe(prefix, ["pytest", "no-such-thing"])["absent"] == ["no-such-thing"]
    assert setup_env.probe(prefix / "nowhere", []) is None
    assert {"torch", "torchvision", "pytest", "nbval"} <= set(setup_env.distributions(ROOT))


@pytest.mark.parametrize(("answers", "status"), [({}, 1), ({"python3": 1}, 1), ({"python3": 1, "python3.12": 0}, 0)])
def test_the_python_is_looked_for(tmp_path, answers, status):
    """setup.sh takes the first Python that fits, and says clearly when none does (each fake answers its question)."""
    for name, answer in answers.items():
        fake = f'#!/bin/sh\ncase "$1" in -c) exit {answer};; *) echo ran "$0" "$@";; esac\n'
        (tmp_path / name).write_text(fake)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "dirname").symlink_to(shutil.which("dirname"))
    shell = shutil.which("sh")
    done = subprocess.run(
        [shell, ROOT / "tools" / "setup.sh"], env={"PATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert done.returncode == status
    assert ("python3.12" in done.stdout) if status == 0 else ("No Python 3.10" in done.stderr)


def test_requirements_have_lower_bounds_and_a_reason():
    for name in ("requirements.txt", "requirements-dev.txt"):
        lines = [line for line in (ROOT / name).read_text().splitlines() if line and not line.startswith(("#", "-r"))]
        for line in lines:
            assert re.fullmatch(r"[A-Za-z0-9._-]+>=[0-9.]+ +# \S.*", line), f"{name}: {line}"
