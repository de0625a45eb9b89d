"""Every notebook of the course: it runs in `smoke` size against its stored outputs, also alone, and is fit to publish.

They run in an empty folder, as they do on Colab: a notebook that leans on files beside it fails here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import symtable
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat import v4

from tools import notebooks, repo

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = notebooks.chapters(ROOT)
CELL_SECONDS = 600

each_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=[path.stem for path in CHAPTERS])


def smoke_environment(**more: str) -> dict[str, str]:
    """The environment of a notebook under test."""
    chosen = {"DLSFACES_SIZE": "smoke", "DLSFACES_DATA": "synthetic", "DLSFACES_THREADS": "1", "OMP_NUM_THREADS": "1"}
    environment = {**os.environ, **chosen, **more}
    own = ("MPLBACKEND", "CI", "BUILD_NUMBER")  # under the last two pytest repeats what it said
    for name in [name for name in environment if name.startswith(("PYTEST_", "COV_")) or name in own]:
        del environment[name]  # this run's own, of no concern to the one inside
    return environment


def run_nbval(python: Path | str, path: Path, environment: dict[str, str], *more: str) -> None:
    """Run a notebook cell by cell in its folder; marked cells must give their stored output."""
    options = ["--nbval-lax", "--nbval-current-env", f"--nbval-cell-timeout={CELL_SECONDS}", "-q", "--tb=short"]
    # -c: no configuration of a folder above; no xdist and no cache inside.
    options += ["-c", os.devnull, "-p", "no:cacheprovider", "-p", "no:xdist", "--rootdir", path.parent, *more]
    command = [python, "-m", "pytest", *options, path.name]
    done = subprocess.run(command, cwd=path.parent, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{path.name}\n{done.stdout[-6000:]}\n{done.stderr[-2000:]}"


def run_twice(path: Path) -> None:
    """Run a notebook in its folder, each cell twice in a row; both times must give the same."""
    environment = smoke_environment(PYTHONPATH=str(ROOT), DLSFACES_CACHE=str(path.parent / "cache"))
    run_nbval(sys.executable, path, environment, "-p", "tests.cells_twice")


@each_chapter
@pytest.mark.fault("cells run twice")
def test_runs_in_smoke_size_and_each_cell_twice(path, tmp_path):
    run_twice(Path(shutil.copy(path, tmp_path)))


@pytest.mark.fault("cells run twice")
def test_text_and_pictures_that_differ_are_seen_and_timings_and_bars_are_not(tmp_path):
    show = "%matplotlib inline\nimport numpy, matplotlib.pyplot as plt\nplt.imshow(numpy.{})\nplt.show()"
    repeat = ["print(1)", show.format("ones((4, 4))"), "import time\nprint(f'{time.perf_counter_ns()} ms')",
              "from tqdm import tqdm\n'x' in globals() or list(tqdm(range(3), disable=False))\nx = 1"]  # fmt: skip
    differ = ["x += 1\nprint(x)", show.format("random.rand(4, 4)")]
    cells = [v4.new_code_cell(code) for code in repeat + differ]
    nbformat.write(v4.new_notebook(cells=cells), tmp_path / "made.ipynb")
    with pytest.raises(AssertionError) as found:
        run_twice(tmp_path / "made.ipynb")
    said = str(found.value)
    assert "2 failed, 4 passed" in said and said.count("outputs differ when it runs again") == 2
    assert "made.ipynb::Cell 4 " in said and "made.ipynb::Cell 5 " in said


@each_chapter
@pytest.mark.fault("cells run twice")
def test_no_cell_gives_a_name_that_an_earlier_one_needs_another_meaning(path):
    """An earlier cell still does what it did where somebody goes back to it."""
    needed, faults = {}, []
    for number, cell in notebooks.code_cells(notebooks.read(path)):
        scope = symtable.symtable(notebooks.source(cell), path.name, "exec")
        given = {symbol.get_name() for symbol in scope.get_symbols() if symbol.is_assigned()}
        own = given | {symbol.get_name() for symbol in scope.get_symbols() if symbol.is_imported()}
        faults += [f"{name}: cell {number} overwrites what {needed[name]} needs" for name in given & needed.keys()]
        needed |= dict.fromkeys(used(scope) - own, number)
    assert not faults


def used(scope: symtable.SymbolTable) -> set[str]:
    """The global names that a piece of code uses, in its functions and comprehensions too."""
    here = {symbol.get_name() for symbol in scope.get_symbols() if symbol.is_global()}
    return here.union(*map(used, scope.get_children()))


def clone_source(folder: Path) -> Path:
    """A git repository that holds the project as it is now, for the set-up cell to clone."""
    source = folder / "origin"
    source.mkdir()
    for name in ("dlsfaces", "drawpeople", "assets", "benchmarks/results"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", source)
    me = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q"], ["add", "-A", "-f"], [*me, "commit", "-q", "-m", "as it is"]):
        subprocess.run(["git", *command], cwd=source, check=True)
    return source


def python_without_the_course(folder: Path) -> Path:
    """A Python that has every package of this environment except dlsfaces.

    A .pth file in the new environment names this one's folder of packages. Python puts it on the path, but reads no
    .pth files there, and it is one of those that makes an editable installation importable.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    packages = next((folder / "lib").glob("python*/site-packages"))
    theirs = Path(pytest.__file__).parent.parent
    (packages / "theirs.pth").write_text(f"{theirs}\n")
    return folder / "bin" / "python"


@pytest.fixture
def alone(tmp_path):
    """An empty folder, a Python that has everything but the course, and an environment that does not lead to it."""
    if shutil.which("git") is None:
        pytest.skip("git is missing")
    python = python_without_the_course(tmp_path / "python")
    environment = smoke_environment(DLSFACES_CACHE=str(tmp_path / "cache"), DLSFACES_SOURCE=str(tmp_path / "origin"))
    environment.pop("PYTHONPATH", None)
    folder = tmp_path / "alone"
    folder.mkdir()
    absent = "import importlib.util, sys; sys.exit(importlib.util.find_spec('dlsfaces') is not None)"
    assert subprocess.run([python, "-c", absent], cwd=folder, env=environment).returncode == 0, "dlsfaces is not hidden"
    return folder, python, environment


@pytest.mark.fault("half a clone")
def test_runs_alone_from_a_clone(alone, tmp_path):
    """One notebook in a folder where the course cannot be imported: its set-up cell fetches it."""
    folder, python, environment = alone
    clone_source(tmp_path)
    (folder / "dlsfaces-course").mkdir()  # as a download leaves it that failed at once
    run_nbval(python, Path(shutil.copy(CHAPTERS[0], folder)), environment)
    assert (folder / "dlsfaces-course" / "dlsfaces" / "course.py").is_file()


@pytest.mark.fault("half a clone")
def test_the_setup_cell_finds_the_course_in_a_folder_above_and_says_why_it_cannot_be_had(alone):
    folder, python, environment = alone
    home, source = folder / "dlsfaces-course", environment["DLSFACES_SOURCE"]

    def run_cell(code: str = "", **more: str) -> str:
        cell = [python, "-c", repo.setup_cell("owner/name") + "\n" + code]
        done = subprocess.run(cell, cwd=folder, env=environment | more, capture_output=True, text=True)
        return (done.stdout + done.stderr).splitlines()[-1]

    def refused(what: str, why: str, **more: str) -> bool:
        said = run_cell(LC_ALL="C", **more)
        where = f"RuntimeError: Could not download {source} to {home} ("
        return said.startswith(where) and said.endswith(f"{what}): {why}")

    network, broken = "is the network on? (Kaggle: Settings > Internet)", "a broken download: delete it"
    taken = "fatal: destination path 'dlsfaces-course' already exists and is not an empty directory."
    assert refused(f"fatal: repository '{source}' does not exist", network)
    assert refused("git: not found", network, PATH=str(folder))
    home.mkdir()
    assert refused(f"fatal: repository '{source}' does not exist", network)
    clone_source(folder.parent)
    (home / "dlsfaces").symlink_to(ROOT / "dlsfaces")  # one package: a clone of another version
    assert refused(taken, broken)
    (home / ".git").mkdir()  # without its index: as an interrupted clone leaves it
    (home / "drawpeople").symlink_to(ROOT / "drawpeople")
    assert refused(taken, broken)
    for name in ("dlsfaces", "drawpeople"):
        (folder.parent / name).symlink_to(ROOT / name)
    assert run_cell("print(course.__file__)") == str(folder.parent / "dlsfaces" / "course.py")


@each_chapter
def test_is_fit_to_publish(path):
    """Size, title, short cells, checked cells, stored outputs without errors and without this machine's paths."""
    found = notebooks.problems(notebooks.read(path))
    assert not found, "\n".join(found)


@each_chapter
def test_badges_and_setup_cell_are_up_to_date(path):
    content = notebooks.read(path)
    stamped = repo.stamped_notebook(content, path.relative_to(ROOT).as_posix(), repo.address(ROOT))
    assert stamped == content, "run `make repo`"


def test_the_chapters_are_numbered_once():
    numbers = [path.name[:2] for path in CHAPTERS]
    assert len(set(numbers)) == len(numbers)
