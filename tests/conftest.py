"""What all tests share: one torch thread, fixed seeds, a clean environment, and the real faces where there are any."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

# The tests run in parallel: more threads in each only get in each other's way. Before torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch

from dlsfaces import course

ROOT = Path(__file__).resolve().parent.parent

torch.set_num_threads(1)


def real_root() -> Path:
    """Where the real faces should be: ``DLSFACES_ROOT``, or ``../shared/data`` beside the checkout."""
    return Path(os.environ.get("DLSFACES_ROOT") or ROOT.parent / "shared" / "data")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests marked ``real`` where there are no real faces."""
    root = real_root()
    if root.is_dir():
        return
    skip = pytest.mark.skip(reason=f"no real faces: {root} is no folder (DLSFACES_ROOT names another)")
    for item in items:
        if item.get_closest_marker("real"):
            item.add_marker(skip)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real faces; a test that uses it is marked ``real``."""
    root = real_root()
    if not root.is_dir():
        pytest.skip(f"no real faces: {root} is no folder (DLSFACES_ROOT names another)")
    return root


@pytest.fixture(scope="session", autouse=True)
def no_cache_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What the tests keep is theirs: the user's cache is neither read nor written."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DLSFACES_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def same_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test starts from the same seeds and without the caller's choice of size, data and results."""
    for name in ("DLSFACES_SIZE", "DLSFACES_DATA", "DLSFACES_RESULTS", "DLSFACES_SOURCE"):
        monkeypatch.delenv(name, raising=False)
    course.set_seed(0)
