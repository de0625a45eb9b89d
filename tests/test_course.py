"""dlsfaces.course: platform, size, data, settings, results, and what it installs."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy
import pytest
import torch
from torchvision.io import write_png

from dlsfaces import course, data
from tools import run_course

PLATFORM_VARIABLES = ("COLAB_RELEASE_TAG", "KAGGLE_KERNEL_RUN_TYPE")


@pytest.fixture(autouse=True)
def laptop(monkeypatch):
    """A machine that is neither Colab nor Kaggle and has no GPU."""
    for name in PLATFORM_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("DLSFACES_THREADS", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def test_platform(monkeypatch):
    assert course.platform() == "local"
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release-colab_20260101")
    assert course.platform() == "colab"
    monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Interactive")
    assert course.platform() == "kaggle"


def test_size_and_data_follow_the_device(monkeypatch):
    assert (course.size(), course.data_name(course.size()), course.device().type) == ("cpu", "synthetic", "cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert (course.size(), course.data_name(course.size()), course.device().type) == ("gpu", "celeba500", "cuda")
    monkeypatch.setenv("DLSFACES_SIZE", "smoke")
    assert (course.size(), course.data_name("smoke")) == ("smoke", "synthetic")


def test_data_can_be_named_or_be_a_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("DLSFACES_DATA", "lfw")
    assert course.data_name("cpu") == "lfw"
    monkeypatch.setenv("DLSFACES_DATA", str(tmp_path))
    assert course.data_name("gpu") == str(tmp_path)
    assert course.data_name("gpu", "celeba") == "celeba"
    monkeypatch.setenv("HOME", str(tmp_path.parent))
    assert course.data_name("cpu", f"~/{tmp_path.name}") == str(tmp_path)


@pytest.mark.fault("obscure arguments")
@pytest.mark.parametrize("asked", ["SMOKE", " Smoke ", "smoke"])
def test_a_size_in_capitals_is_that_size_for_the_tools_too(monkeypatch, asked):
    monkeypatch.setenv("DLSFACES_SIZE", asked)
    assert course.size() == "smoke" and course.size("CPU") == "cpu"
    assert run_course.kernel_environment(asked, "")["DLSFACES_SIZE"] == "smoke"
    with pytest.raises(ValueError, match="'big'; it must be one of smoke, cpu, gpu"):
        run_course.kernel_environment("big", "")


@pytest.mark.fault("few photos")
def test_a_folder_without_one_of_the_splits_that_a_chapter_uses_is_refused_at_its_start(monkeypatch, tmp_path):
    for k in range(14):
        (tmp_path / f"person {k // 2}").mkdir(exist_ok=True)
        write_png(torch.full((3, 10, 8), k, dtype=torch.uint8), str(tmp_path / f"person {k // 2}" / f"{k}.png"))
    setup = course.Course("local", torch.device("cpu"), "smoke", str(tmp_path), 0)
    assert course.find_data(setup) == str(tmp_path)
    with pytest.raises(ValueError, match=r"no images for the split 'validation'.*validation takes people with three"):
        course.find_data(setup, data.SPLITS)


@pytest.mark.fault("obscure arguments")
def test_meaningless_size_data_and_threads_are_refused_by_name(monkeypatch):
    monkeypatch.setenv("DLSFACES_SIZE", "big")
    with pytest.raises(ValueError, match=r"DLSFACES_SIZE is 'big'.*smoke, cpu, gpu"):
        course.size()
    monkeypatch.setenv("DLSFACES_DATA", "celebA_500")
    with pytest.raises(ValueError, match=r"'celebA_500'.*folder.*celeba500"):
        course.data_name("cpu")
    for threads in ("0", "some", "99999", "-1", "1.5", "²", "1e3"):
        monkeypatch.setenv("DLSFACES_THREADS", threads)
        with pytest.raises(ValueError, match=rf"DLSFACES_THREADS is '{threads}'.*cores"):
            course.limit_threads()


def test_threads_are_limited(monkeypatch):
    asked = []
    monkeypatch.setattr(torch, "set_num_threads", asked.append)
    monkeypatch.setattr(course.os, "cpu_count", lambda: 4)
    course.limit_threads()
    monkeypatch.setenv("DLSFACES_THREADS", "3")
    course.limit_threads()
    assert asked == [3]


def test_seed_covers_python_numpy_and_torch():
    def draws() -> tuple[float, float, float]:
        return random.random(), numpy.random.rand(), torch.rand(()).item()

    course.set_seed(5)
    first = draws()
    course.set_seed(5)
    assert draws() == first
    course.set_seed(6)
    assert all(now != then for now, then in zip(draws(), first, strict=True))


def test_start_prints_one_block_and_returns_what_it_says(capsys, monkeypatch):
    monkeypatch.setenv("DLSFACES_SIZE", "smoke")
    setup = course.start(seed=3)
    said = capsys.readouterr().out
    assert (setup.platform, setup.size, setup.data, setup.seed) == ("local", "smoke", "synthetic", 3)
    for word in ("local", "Python 3.", f"torch {torch.__version__.split('+')[0]}", "size smoke", "data synthetic"):
        assert word in said
    assert len(said.splitlines()) == 2
    with pytest.raises(AttributeError):
        setup.size = "gpu"


@pytest.mark.parametrize(
    ("variable", "advice"), [("COLAB_RELEASE_TAG", "Runtime >"), ("KAGGLE_KERNEL_RUN_TYPE", "T4 x2")]
)
def test_a_missing_gpu_brings_advice_not_failure(capsys, monkeypatch, variable, advice):
    monkeypatch.setenv(variable, "x")
    assert course.start().device.type == "cpu"
    assert advice in capsys.readouterr().out


@pytest.mark.fault("half a clone")
def test_only_what_is_missing_is_installed_and_nothing_with_it(monkeypatch):
    commands, found = [], course._version
    done = subprocess.CompletedProcess([], 0, stderr="python: No module named pip")
    monkeypatch.setattr(course.subprocess, "run", lambda command, **how: commands.append(command[3:]) or done)
    monkeypatch.setattr(course, "_version", lambda name: found(name) or "1.0")
    course.install_missing()
    assert not commands
    monkeypatch.setattr(course, "_version", lambda name: None if name in ("gdown", "scipy", "torch") else "1.0")
    course.install_missing()
    assert commands == [["install", "--quiet", "--no-deps", "gdown", "scipy"]]
    done.returncode = 1
    with pytest.raises(RuntimeError, match=r"gdown, scipy.*Settings > Internet.*\n.*No module named pip"):
        course.install_missing()


def test_a_chapter_lacks_no_package_after_the_start():
    """What the package requires is brought by the machine or can be installed; typer is the command line's alone."""
    text = (Path(course.__file__).parent.parent / "pyproject.toml").read_text()
    required = set(re.findall(r'^    "([\w-]+)>=', text, re.MULTILINE))
    machine = {"torch", "torchvision", "numpy", "ipywidgets"}
    assert machine < required and not machine & set(course.NEEDED)
    assert required - machine - {"typer"} <= set(course.NEEDED)


def test_a_mismatch_of_torch_and_torchvision_stops_the_start(monkeypatch):
    assert course.torch_problem() is None
    monkeypatch.setitem(sys.modules, "torchvision.ops", None)
    monkeypatch.setattr(course, "_version", {"torch": "2.5.0+cu121"}.get)
    monkeypatch.setattr(course, "install_missing", lambda: None)
    with pytest.raises(
        RuntimeError, match=r"torch 2\.5\.0\+cu121 and torchvision \(missing\) do not fit together: Module"
    ):
        course.start()


def test_the_check_stands_alone(tmp_path):
    """tools/check_torch.py names the pair even where torchvision breaks on import, without the package around it."""
    (tmp_path / "torchvision").mkdir()
    broken = 'raise RuntimeError("operator torchvision::nms does not exist")'
    (tmp_path / "torchvision" / "__init__.py").write_text(broken)
    script = Path(course.__file__).parent.parent / "tools" / "check_torch.py"
    done = subprocess.run([sys.executable, script], env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True)
    assert done.returncode == 1
    assert "do not fit together" in done.stderr and "torchvision::nms does not exist" in done.stderr
    assert "-m pip uninstall -y torch torchvision\n" in done.stderr and "a fresh machine" in done.stderr


@pytest.mark.parametrize(("size", "people"), [("smoke", 8), ("cpu", 60), ("gpu", 500)])
def test_settings_pick_the_column_of_the_size(capsys, monkeypatch, size, people):
    monkeypatch.setenv("DLSFACES_SIZE", size)
    chosen = course.settings(people=(8, 60, 500), shape=[(1, 2), (3, 4), (5, 6)])
    assert chosen.people == people
    lines = capsys.readouterr().out.splitlines()
    assert f"[{size}]" in lines[0]
    assert lines[1].split() == ["people", "8", "60", "500"]


@pytest.mark.parametrize("row", [(1, 2), 3, "abc"])
def test_settings_want_three_values(row):
    with pytest.raises(ValueError, match="setting 'epochs' needs 3 values"):
        course.settings(epochs=row)


def test_results_are_saved_whole_and_replaced(monkeypatch, tmp_path):
    folder = tmp_path / "results"
    monkeypatch.setenv("DLSFACES_RESULTS", str(folder))
    course.save_results("03_x", {"accuracy": 0.5})
    results = {"accuracy": torch.tensor(0.75), "pairs": numpy.int64(7), "tpr": numpy.float32(0.5), "loss": "softmax"}
    course.save_results("03_x", results)
    saved = json.loads((folder / "03_x.json").read_text())
    assert saved == {"accuracy": 0.75, "pairs": 7, "tpr": 0.5, "loss": "softmax"}
    assert [path.name for path in folder.iterdir()] == ["03_x.json"]


def test_results_stay_in_the_notebook_where_no_folder_is_named(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    course.save_results("03_x", {"accuracy": 0.5})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None, True, [1.0], torch.ones(2), numpy.ones(2)])
def test_a_result_is_a_finite_number_or_a_string(value):
    with pytest.raises(ValueError, match="03_x: accuracy"):
        course.save_results("03_x", {"accuracy": value})


def test_results_table():
    table = course.results_table({"accuracy": 0.123456, "pairs": 12345, "loss": "softmax"}, title="chapter 3")
    assert table.splitlines()[0] == "| chapter 3 | value |"
    assert "| accuracy | 0.1235 |" in table
    assert "| pairs | 12345 |" in table
    assert "| loss | softmax |" in table


def test_a_real_set_that_cannot_be_had_is_replaced_in_gpu_size_only(monkeypatch, capsys):
    from dlsfaces import data

    def unavailable(name, split):
        raise data.DataUnavailable("the link is dead; get it by hand")

    monkeypatch.setattr(data, "load", unavailable)
    setup = course.Course("local", torch.device("cpu"), "gpu", "celeba500", 0)
    assert course.find_data(setup) == "synthetic"
    assert "the link is dead; get it by hand" in (said := capsys.readouterr().out) and "built-in people" in said
    with pytest.raises(data.DataUnavailable):
        course.find_data(replace(setup, size="cpu"))
    assert course.find_data(replace(setup, data="synthetic")) == "synthetic"


def test_a_real_set_that_is_here_is_used(monkeypatch):
    from dlsfaces import data

    monkeypatch.setattr(data, "load", lambda name, split: None)
    assert course.find_data(course.Course("local", torch.device("cpu"), "gpu", "lfw", 0)) == "lfw"


def test_the_names_of_the_sets_are_those_that_can_be_loaded():
    """The course's list stands apart, because it must be readable where torch cannot be loaded."""
    from dlsfaces import data

    assert course.DATA_NAMES == data.NAMES


def test_records_are_those_of_the_benchmarks():
    assert course.recorded("training")["figures"]["data_wait_share"] < 1
    with pytest.raises(FileNotFoundError, match="nothing_such"):
        course.recorded("nothing_such")
