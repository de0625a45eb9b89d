"""What `make` calls: set-up of the environments, running the course, stamping the address, judging a notebook."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tools import check_setup_cell, notebooks, repo, run_course, setup_env

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


# Preparing the environments


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """A checkout to prepare, with an installer that only notes that it was called."""
    (tmp_path / "tools").mkdir()
    for name in (*setup_env.INPUTS, MACHINE, "tools/repo.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "tools" / "check_torch.py").write_text("")
    (tmp_path / "tools" / "check_setup_cell.py").write_text("")
    calls = []
    state = {"version": list(sys.version_info[:3]), "absent": []}
    monkeypatch.setattr(setup_env, "install", lambda *_: calls.append("install") or state.update(absent=[]) or 0)
    monkeypatch.setattr(setup_env, "create", lambda venv: calls.append("create") or fake_venv(venv))
    monkeypatch.setattr(setup_env, "probe", lambda venv, names: state if setup_env.python_of(venv).exists() else None)
    return tmp_path, calls, state


def fake_venv(venv: Path) -> None:
    shutil.rmtree(venv, ignore_errors=True)
    setup_env.python_of(venv).parent.mkdir(parents=True)
    setup_env.python_of(venv).symlink_to(sys.executable)


def prepare(root: Path, exact: bool = False, machine: str | None = None) -> int:
    return setup_env.prepare(root, root / ".venv", exact, machine)


@pytest.mark.parametrize("machine", [None, MACHINE])
def test_the_second_run_installs_nothing(fresh, machine):
    root, calls, _ = fresh
    assert [prepare(root, machine=machine), prepare(root, machine=machine)] == [0, 0]
    assert calls == ["create", "install"]


@pytest.mark.parametrize(
    ("machine", "name"),
    [*((None, name) for name in setup_env.INPUTS), (MACHINE, "requirements.txt"), (MACHINE, MACHINE),
     (MACHINE, "tools/repo.py")],
)  # fmt: skip
def test_a_changed_requirement_installs_again(fresh, machine, name):
    root, calls, _ = fresh
    prepare(root, machine=machine)
    with (root / name).open("a") as file:
        file.write("\n# changed\n")
    prepare(root, machine=machine)
    assert calls == ["create", "install", "install"]


def test_a_missing_distribution_installs_again(fresh):
    root, calls, state = fresh
    prepare(root)
    state["absent"] = ["tqdm"]
    assert prepare(root) == 0
    assert calls == ["create", "install", "install"]


def test_what_pip_leaves_out_is_reported(fresh, monkeypatch, capsys):
    root, _, state = fresh
    monkeypatch.setattr(setup_env, "install", lambda *_: state.update(absent=["torch==2.11.0"]) or 0)
    assert [prepare(root, machine=MACHINE), prepare(root, machine=MACHINE)] == [1, 1]
    assert "lacks: torch==2.11.0" in capsys.readouterr().err


def test_a_failed_installation_is_reported_and_tried_again(fresh, monkeypatch, capsys):
    root, calls, _ = fresh
    monkeypatch.setattr(setup_env, "install", lambda *_: calls.append("failed") or 3)
    assert [prepare(root), prepare(root)] == [3, 3]
    assert calls == ["create", "failed", "failed"]
    assert "The installation failed" in capsys.readouterr().err


@pytest.mark.parametrize("machine", [None, MACHINE])
def test_an_interrupted_installation_starts_over(fresh, monkeypatch, machine):
    root, calls, _ = fresh

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(setup_env, "install", killed)
        prepare(root, machine=machine)
    assert prepare(root, machine=machine) == 0
    assert calls == ["create", "create", "install"]


def test_a_python_that_does_not_run_is_replaced(fresh):
    root, calls, _ = fresh
    prepare(root)
    setup_env.python_of(root / ".venv").unlink()
    assert prepare(root) == 0
    assert calls == ["create", "install"] * 2


def test_another_python_rebuilds_only_where_it_was_asked_for(fresh):
    root, calls, state = fresh
    state["version"] = [3, 10 if sys.version_info[1] != 10 else 11, 1]
    prepare(root)
    prepare(root)
    assert calls == ["create", "install"]
    prepare(root, exact=True)
    assert calls == ["create", "install"] * 2


@pytest.mark.parametrize(
    ("machine", "check"), [(None, "check_torch"), (MACHINE, "check_torch"), (MACHINE, "check_setup_cell")]
)
def test_an_environment_that_fails_its_check_is_not_finished(fresh, machine, check):
    root, calls, _ = fresh
    (root / "tools" / f"{check}.py").write_text("raise SystemExit('do not fit')")
    assert [prepare(root, machine=machine), prepare(root, machine=machine)] == [1, 1]
    assert calls == ["create", "install", "install"]


@pytest.mark.parametrize("machine", [None, MACHINE])
def test_the_course_is_installed_beside_the_machines_versions(monkeypatch, machine):
    steps = []
    done = subprocess.CompletedProcess([], 0)
    monkeypatch.setattr(setup_env.subprocess, "run", lambda command, **_: steps.append(command[5:]) or done)
    assert setup_env.install(ROOT, Path("venv"), machine) == 0
    course = ["-r", "requirements-dev.txt", "-e", "."]
    assert steps[1:] == ([["-r", MACHINE], ["-c", MACHINE, *course]] if machine else [course])


def test_the_probe_tells_what_is_absent(tmp_path, monkeypatch):
    prefix = Path(sys.prefix)
    pretend_installed(tmp_path, "faces", "2.11.0+cpu")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    there = ["pytest", f"pytest=={pytest.__version__}", "faces==2.11.0", "faces==2.11.0+cpu"]
    absent = ["no-such-thing", "no-such-thing==1.0", "faces==2.11.1", "faces==2.11"]
    assert setup_env.probe(prefix, [*there, *absent])["absent"] == absent
    assert setup_env.probe(prefix / "nowhere", []) is None


def pretend_installed(folder: Path, name: str, version: str) -> None:
    (folder / f"{name}-{version}.dist-info").mkdir()
    (folder / f"{name}-{version}.dist-info" / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n")


def test_what_requirement_files_ask_for():
    assert {"torch", "torchvision", "pytest", "nbval"} <= set(
        setup_env.distributions(ROOT / name for name in setup_env.requirement_files(None))
    )
    exact = setup_env.distributions([ROOT / MACHINE])
    assert {wanted.partition("==")[0] for wanted in exact} >= {"torch", "torchvision", "numpy", "ipywidgets"}
    assert exact == [line for line in (ROOT / MACHINE).read_text().splitlines() if not line.startswith("#")]


def test_the_machines_versions_are_exact_and_good_enough_for_the_course():
    found = {line.name: line for line in map(Requirement, setup_env.distributions([ROOT / MACHINE]))}
    assert all(re.fullmatch(r"==\d+\.\d+\.\d+", str(line.specifier)) for line in found.values())
    for text in (ROOT / "requirements.txt").read_text().splitlines():
        needed = Requirement(text.partition("#")[0]) if text.partition("#")[0] else None
        if needed and needed.name in found:
            assert needed.specifier.contains(str(found[needed.name].specifier).lstrip("="))


@pytest.mark.parametrize(("answers", "status"), [({}, 1), ({"python3": 1}, 1), ({"python3": 1, "python3.12": 0}, 0)])
def test_the_python_is_looked_for(tmp_path, answers, status):
    """setup.sh takes the first Python that fits, and says clearly when none does."""
    done = find_python(tmp_path, answers)
    assert done.returncode == status
    assert ("python3.12" in done.stdout) if status == 0 else ("No Python 3.10" in done.stderr)


def find_python(folder: Path, answers: dict[str, int], **environment: str) -> subprocess.CompletedProcess:
    """Run setup.sh where only these Pythons are in PATH; each answers whether it fits, and says what it was given."""
    for name, answer in answers.items():
        fake = f'#!/bin/sh\ncase "$1" in -c) exit {answer};; *) echo ran "$0" "$@";; esac\n'
        (folder / name).write_text(fake)
        (folder / name).chmod(0o755)
    (folder / "dirname").symlink_to(shutil.which("dirname"))
    command = [shutil.which("sh"), ROOT / "tools" / "setup.sh", "--venv", "my folder"]
    return subprocess.run(command, env={"PATH": str(folder), **environment}, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("environment", "ran"),
    [
        ({}, r"/python3 \S+/setup_env.py --venv my folder"),
        ({"PREFERRED_PYTHON": "python3.13"}, r"/python3.13 \S+/setup_env.py --venv my folder"),
        ({"PREFERRED_PYTHON": "python3.10"}, r"/python3 \S+/setup_env.py --venv my folder"),
        ({"PYTHON": "python3.12", "PREFERRED_PYTHON": "python3.13"}, r"/python3.12 \S+ --exact --venv my folder"),
        ({"PYTHON": "python3.10"}, "PYTHON=python3.10 does not run, or is not"),
    ],
)
def test_a_python_can_be_preferred_or_named(tmp_path, environment, ran):
    done = find_python(tmp_path, {"python3": 0, "python3.13": 0, "python3.12": 0, "python3.10": 1}, **environment)
    assert re.search(ran, done.stdout + done.stderr)


def test_requirements_have_lower_bounds_and_a_reason():
    for name in ("requirements.txt", "requirements-dev.txt"):
        lines = [line for line in (ROOT / name).read_text().splitlines() if line and not line.startswith(("#", "-r"))]
        for line in lines:
            assert re.fullmatch(r"[A-Za-z0-9._-]+>=[0-9.]+ +# \S.*", line), f"{name}: {line}"


# A machine's versions and the set-up cell

# What a set-up cell does that installs: without a network, and without a package.
INSTALL = """
import importlib.util, pathlib, sysconfig
def install(name, version):
    folder = pathlib.Path(sysconfig.get_path("purelib"), f"{name}-{version}.dist-info")
    folder.mkdir()
    (folder / "METADATA").write_text(f"Name: {name}\\nVersion: {version}\\n")
assert importlib.util.find_spec("nbval") is None and importlib.util.find_spec("pytest") is not None
from dlsfaces import course
"""


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        ("install('nbval', '0.1')", None),
        ("pass", r"does not yet have: nbval\."),
        ("install('nbval', '0.1'); install('pytest', '99.0')", r"no longer has.*: pytest==[\d.]+\. See"),
        ("1 / 0", r"failed \(exit status 1\)"),
    ],
)
def test_a_setup_cell_that_changes_a_version_is_found_out(cell, problem, capfd):
    version = f"pytest=={pytest.__version__}"
    found = check_setup_cell.problem_of(INSTALL + cell, [version], ["nbval"])
    assert found is None if problem is None else re.search(problem, found)
    assert importlib.metadata.version("pytest") == pytest.__version__, "this very environment was changed"


def test_a_chapter_lacks_no_package_after_the_setup_cell():
    """What the course requires is what the cell can install, and what comes with every torch and torchvision."""
    brought = {"torch", "torchvision"}
    for package in ("torch", "torchvision"):
        needed = map(Requirement, importlib.metadata.requires(package))
        brought |= {line.name for line in needed if line.marker is None or "extra" not in str(line.marker)}
    installable = {name.partition(":")[0] for name in repo.NEEDED.split()}
    assert set(setup_env.distributions([ROOT / "requirements.txt"])) <= installable | brought


# The Makefile


def make(*arguments: str) -> list[str]:
    """The lines that make prints, whatever the make that runs this test was told."""
    own = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")
    environment = {name: value for name, value in os.environ.items() if name not in own}
    done = subprocess.run(["make", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_make_help_lists_every_target():
    targets = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE).group(1).split()
    assert [line.split()[1] for line in make("help")] == [name for name in targets if name != "check-torch"]


def test_notebooks_and_controls_are_tested_beside_colabs_versions():
    tested = make("--dry-run", "test-colab", "TESTS=")[-1].split()
    assert tested[tested.index("-m") - 1] == ".venv-colab/bin/python"
    tests = {path: path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")}
    controls = [path for path, text in tests.items() if re.search(r"^(from|import) .*widgets", text, re.MULTILINE)]
    for path in [ROOT / "tests" / "test_notebooks.py", ROOT / "tests" / "test_course.py", *controls]:
        assert path.relative_to(ROOT).as_posix() in tested
    assert all((ROOT / name).is_file() for name in tested if name.endswith(".py"))
