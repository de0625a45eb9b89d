"""Chapter 12's slider in a real browser: another size shows another photo and cosine, within a second."""

import time
from pathlib import Path

import pytest
from nbformat import v4, write

from tests.browser.test_demo import served
from tools import notebooks

ROOT = Path(__file__).resolve().parents[2]
CHAPTER = next(path for path in notebooks.chapters(ROOT) if path.name.startswith("12_"))
GIVEN = """
torch.manual_seed(0)
network, threshold, STEPS = recognize.FaceResNet("small", 16, (48, 40)).eval(), 0.9, 3
faces, to_victim = torch.rand(1, 3, 48, 40), F.normalize(torch.randn(1, 16), dim=1)
towards = attacks.impersonation(network)
ATTACKS = {"BIM": lambda loss, x, y, eps: attacks.bim(loss, x, y, eps, eps / 2, STEPS)}
"""


@pytest.mark.slow
def test_the_slider_answers_within_a_second(tmp_path):
    pytest.importorskip("voila", reason="Voila is not installed")
    parts = {cell.get("id"): notebooks.source(cell) for _, cell in notebooks.code_cells(notebooks.read(CHAPTER))}
    cells = [parts["imports"], GIVEN, *parts["fgsm-seen"].split("\n\n\n_ =")[:1], parts["slider"]]
    notebook = v4.new_notebook(cells=[v4.new_code_cell(text) for text in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    write(notebook, tmp_path / "slider.ipynb")
    with served(["voila", str(tmp_path / "slider.ipynb"), "--port=PORT", "--no-browser"], "") as tab:
        picture = "img.widget-image, .widget-image img, img.jupyter-widgets"
        tab.wait_for_selector(picture, timeout=120_000)
        before, waits = tab.get_attribute(picture, "src"), []
        handle = tab.locator(".noUi-handle").first
        for _ in range(3):
            handle.focus()
            start = time.perf_counter()
            tab.keyboard.press("ArrowRight")
            tab.wait_for_function(
                "([part, old]) => document.querySelector(part).src !== old", arg=[picture, before], timeout=30_000
            )
            waits.append(time.perf_counter() - start)
            before = tab.get_attribute(picture, "src")
        tab.screenshot(path=tmp_path / "slider.png")
        assert min(waits) < 1, waits  # the machine may be busy with other tests
