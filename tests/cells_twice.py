"""A plug-in of pytest, beside nbval: every cell of a notebook runs twice in a row and must say the same both times.

    python -m pytest --nbval-lax -p tests.cells_twice notebooks/02_alignment.ipynb

A student runs a cell again to see what a change does: what changes without one misleads. Pictures are compared too.
Timings may differ, and progress bars and controls are left out.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest
from nbval.plugin import IPyNbCell

from tools.run_course import is_lasting

PICTURES = ("image/png", "image/jpeg")  # nbval compares none
TIMING = r" *\d[\d.,]* (s|ms|times as fast)\b"


nbvals_own = IPyNbCell.compare_outputs


def compare_lasting(cell: IPyNbCell, test: list, stored: list, skipped: list | None = None) -> bool:
    """nbval's comparison without the bars that a slow machine shows."""
    return nbvals_own(cell, list(filter(is_lasting, test)), list(filter(is_lasting, stored)), skipped)


IPyNbCell.compare_outputs = compare_lasting


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: IPyNbCell) -> Generator[None, None, None]:
    """nbval runs the cell, and this once more."""
    yield
    first = item.test_outputs
    item.runtest()
    compared = [kind for kind in item.parent.skip_compare if kind not in PICTURES]
    masks = item.parent.sanitize_patterns
    masks[TIMING] = " a while"
    same = item.compare_outputs(item.test_outputs, first, compared)
    del masks[TIMING]  # the comparison with the stored outputs stays nbval's
    if not same:
        item.raise_cell_error("Cell outputs differ when it runs again", "\n".join(item.comparison_traceback))
