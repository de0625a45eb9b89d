"""What the tests of the measures share."""

import pytest

from dlsfaces.evaluate import cosines, pairs, ranks


@pytest.fixture
def small_blocks(monkeypatch):
    """A function that makes blocks, what is kept, and the sample so small that small inputs need many of them."""

    def shrink(side=16, kept=100, sampled=400, handy=100):
        monkeypatch.setattr(cosines, "_SIDE", side)
        monkeypatch.setattr(ranks, "_KEPT", kept)
        monkeypatch.setattr(ranks, "_HANDY", handy)
        monkeypatch.setattr(pairs, "_SAMPLED", sampled)

    return shrink
