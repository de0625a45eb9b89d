"""What the tests of the measures share."""

import pytest

from dlsfaces.evaluate import blocked, identification


@pytest.fixture
def small_blocks(monkeypatch):
    """A function that compares block by block, and makes blocks, what is kept, and the sample small."""

    def shrink(side=16, kept=100, sample=400):
        monkeypatch.setattr(identification, "_AT_ONCE", 0)
        monkeypatch.setattr(blocked, "_SIDE", side)
        monkeypatch.setattr(blocked, "_KEPT", kept)
        monkeypatch.setattr(blocked, "_SAMPLE", sample)
        monkeypatch.setattr(blocked, "_CHUNK", 100)

    return shrink
