"""Chapter 11's review of photos in a real browser: keys and buttons write verdicts."""

from pathlib import Path

import pytest
from nbformat import v4, write

from tests.browser.test_demo import CLASSIC, SCREENSHOTS, served
from tests.from_notebook import definitions
from tools import notebooks

ROOT = Path(__file__).resolve().parents[2]
CHAPTER = next(path for path in notebooks.chapters(ROOT) if path.name.startswith("11_"))


@pytest.mark.slow
@pytest.mark.skipif(CLASSIC, reason="Voila's page does not come up beside ipywidgets 7")
def test_keys_and_buttons_write_verdicts(tmp_path):
    pytest.importorskip("voila", reason="Voila is not installed")
    pytest.importorskip("anywidget", reason="anywidget is not installed")
    parts = {cell.get("id"): notebooks.source(cell) for _, cell in notebooks.code_cells(notebooks.read(CHAPTER))}
    path = tmp_path / "verdicts.csv"
    show = f"review(torch.randint(0, 256, (3, 3, 40, 30), dtype=torch.uint8), ['a', 'b', 'c'], {str(path)!r})"
    cells = [*(parts[name] for name in ("imports", "keys", "keyboard", "review", "review-widget")), show]
    notebook = v4.new_notebook(cells=[v4.new_code_cell(text) for text in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    write(notebook, tmp_path / "review.ipynb")
    with served(["voila", str(tmp_path / "review.ipynb"), "--port=PORT", "--no-browser"], "") as tab:
        tab.wait_for_selector("text=0 of 3 judged: a", timeout=120_000)
        tab.wait_for_selector("text=or press 1, 2, 3", timeout=60_000)
        tab.keyboard.press("2")
        tab.wait_for_selector("text=1 of 3 judged: b", timeout=30_000)
        tab.keyboard.press("2")  # the same key twice
        tab.wait_for_selector("text=2 of 3 judged: c", timeout=30_000)
        tab.click("button:has-text('3: wrong person')")
        tab.wait_for_selector("text=all done", timeout=30_000)
        tab.screenshot(path=SCREENSHOTS / "voila_review.png")
    assert definitions("11_trash", "verdicts_in")(path) == {"a": "trash", "b": "trash", "c": "wrong person"}
