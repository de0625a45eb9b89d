"""The controls of the chapters in a real browser: they show, answer and read well, and a saved notebook shows them.

In JupyterLab with ipywidgets 8, or in the classic notebook with those of Colab, whichever is installed. The demo and
chapter 11's review have tests of their own. Screenshots are kept in build/screenshots.
"""

import ast
import json
import time
from contextlib import contextmanager
from pathlib import Path

import ipywidgets
import pytest
from nbformat import v4, write

from tests.browser.test_demo import CLASSIC, SCREENSHOTS, served
from tools import notebooks

ROOT = Path(__file__).resolve().parents[2]
FRONT = "classic" if CLASSIC else "lab"

# By chapter: the cell that shows a control, the functions of other cells that it needs, and what else it is given.
SHARED = """
import math, skimage.data, torch, numpy as np
from dataclasses import replace
from types import SimpleNamespace
from torch.nn import functional as F
from dlsfaces import attacks, course, detect, evaluate, geometry, plots, recognize, widgets
setup, draws = course.start(), np.random.default_rng(0)
from tqdm.auto import tqdm
photo = torch.from_numpy(skimage.data.astronaut()).permute(2, 0, 1)
for _ in tqdm(range(3), desc="a bar", leave=False): pass
for k in tqdm(range(4), desc="a bar that was stopped"):
    if k == 2: break
"""
CONTROLS = {
    "01": ("5b7b0cd1", (), ""),
    "04": (
        "door-slider",
        (),
        "rate, G = SimpleNamespace(threshold=[0.33]), 200\n"
        "found = SimpleNamespace(positive=draws.normal(0.6, 0.2, 9000), false=draws.normal(0, 0.2, 90000))\n"
        "scores = {'cross-entropy': found}",
    ),
    "06": ("06833c65", (), ""),
    "07": (
        "38ce2ef6",
        ("show_boxes",),
        "astronaut, astronaut_face = photo, torch.tensor([160.0, 40, 300, 200])\n"
        "corners = torch.from_numpy(draws.uniform(0, 400, (300, 2))).float()\n"
        "many = detect.Detections(torch.cat((corners, corners + 90), 1), torch.linspace(2, -1, 300))\n"
        "of_real_faces = best = None\n"
        "detector_of = lambda *_, **__: SimpleNamespace(candidates=lambda image: many)",
    ),
    "08": (
        "57e542f7",
        ("draw_boxes",),
        "to_course, measuring = detect.TO_WIDER.inverse(), [SimpleNamespace(image=photo, boxes=[1])]\n"
        "names = {'with real photos': 'wider', 'drawn scenes': 'synthetic'}\n"
        "one_stages = {name: detect.load_detector(of, threshold=0.02) for name, of in names.items()}",
    ),
    "12": (
        "slider",
        ("show_attack",),
        "from dlsfaces import widgets as controls\n"
        "network, threshold, STEPS = recognize.FaceResNet('small', 16, (48, 40)).eval(), 0.9, 3\n"
        "faces, to_victim = torch.rand(1, 3, 48, 40), F.normalize(torch.randn(1, 16), dim=1)\n"
        "towards = attacks.impersonation(network)\n"
        "ATTACKS = {'BIM': lambda loss, x, y, eps: attacks.bim(loss, x, y, eps, eps / 2, STEPS)}",
    ),
}
HANDLE = ".noUi-handle, .ui-slider-handle"
IS_SEEN = "nodes => nodes.filter(node => node.offsetParent !== null).length"


def cells_of(number, shown, functions, given):
    """What a control needs, and the cell that shows it."""
    chapter = notebooks.read(next(path for path in notebooks.chapters(ROOT) if path.name.startswith(number)))
    sources = {cell["id"]: notebooks.source(cell) for _, cell in notebooks.code_cells(chapter)}
    nodes = [(node, text) for text in sources.values() for node in ast.parse(text).body]
    needed = [ast.get_source_segment(text, node) for node, text in nodes if getattr(node, "name", "") in functions]
    return "\n\n".join([given, *needed]), sources[shown]


def redraws():
    """Of each control, the CPU milliseconds of three redraws."""
    names, took = {}, {}
    exec(SHARED, names)
    for number, what in CONTROLS.items():
        given, code = cells_of(number, *what)
        *before, last = ast.parse(code).body
        exec("\n".join([given, *map(ast.unparse, before)]), names)
        controls = eval(ast.unparse(last), names)
        slider = [one for one in controls.controls.values() if hasattr(one, "step")][-1]
        for step in (-1, -2, -3):
            old, start = controls.image.value, time.process_time()
            slider.value = slider.max + step * slider.step
            took.setdefault(number, []).append(round(1000 * (time.process_time() - start)))
            assert controls.image.value != old and not controls.problem.value, number
    return took


def test_every_control_draws_anew_without_a_browser():
    assert redraws().keys() == CONTROLS.keys()


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A notebook with every control."""
    codes = [SHARED, *(code for number, what in CONTROLS.items() for code in cells_of(number, *what))]
    notebook = v4.new_notebook(cells=[v4.new_code_cell(code) for code in codes])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path = tmp_path_factory.mktemp("controls") / "controls.ipynb"
    write(notebook, path)
    return path


@pytest.fixture(scope="module")
def tab(saved):
    """The browser's tab in which that notebook is open and has been run."""
    if not CLASSIC and ipywidgets.__version__[0] == "7":
        pytest.skip("ipywidgets 7 without a classic notebook")
    with opened(saved) as page:
        lab = "jupyterapp.commands.execute('notebook:run-all-cells')"
        page.evaluate("Jupyter.notebook.execute_all_cells()" if CLASSIC else lab)
        page.wait_for_selector(f".dlsfaces-controls >> nth={len(CONTROLS) - 1}", timeout=300_000)
        page.wait_for_timeout(2000)
        yield page


@contextmanager
def opened(path):
    options = ["--no-browser", "--port=PORT", "--allow-root"]
    if CLASSIC:
        command = ["notebook", *options, "--NotebookApp.token=", f"--notebook-dir={path.parent}"]
    else:
        command = ["jupyterlab", *options, "--IdentityProvider.token=", f"--ServerApp.root_dir={path.parent}"]
        command += ["--expose-app-in-browser", "--LabApp.news_url=None"]
    with served(command, f"{'notebooks' if CLASSIC else 'doc/tree'}/{path.name}") as page:
        page.set_viewport_size({"width": 1000, "height": 6000})  # JupyterLab draws no cell that is out of sight
        is_ready(page)
        yield page


def is_ready(page):
    """Wait for the kernel."""
    kernel = "window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
    page.wait_for_function("window.Jupyter?.notebook?.kernel?.is_connected()" if CLASSIC else kernel, timeout=180_000)
    page.wait_for_timeout(8000 if CLASSIC else 1000)  # the classic manager of widgets first asks for old ones


@pytest.mark.slow
@pytest.mark.parametrize("number", CONTROLS)
def test_a_control_shows_reads_well_and_answers(tab, number):
    control = tab.locator(".dlsfaces-controls").nth(list(CONTROLS).index(number))
    control.scroll_into_view_if_needed()
    cell = control.locator("xpath=ancestor::*[contains(@class, 'jp-OutputArea') or contains(@class, 'output')][last()]")
    picture = control.locator("img")
    assert cell.locator("img").evaluate_all(IS_SEEN) == 1, "the recorded picture is shown beside the live one"
    seen = picture.evaluate("i => [i.clientWidth / i.naturalWidth, i.clientHeight / i.naturalHeight, i.naturalWidth]")
    assert 0.5 < seen[0] <= 1 and seen[0] == pytest.approx(seen[1], rel=0.02), "the picture is stretched"
    cut = "nodes => nodes.filter(n => n.scrollWidth > n.clientWidth + 1).map(n => n.textContent)"
    labels = control.locator(".widget-label, .lm-TabBar-tabLabel, .p-TabBar-tabLabel, .widget-readout, button")
    assert labels.count() > 2 and labels.evaluate_all(cut) == []
    tracks = control.locator(".noUi-target, .ui-slider").evaluate_all("nodes => nodes.map(node => node.clientWidth)")
    assert min(width for width in tracks if width) >= (200 if number == "01" else 390), "30 em of 13 pixels"
    control.screenshot(path=SCREENSHOTS / f"{FRONT}_{number}.png")
    before = picture.get_attribute("src")
    control.locator(HANDLE).locator("visible=true").last.focus()
    started = time.perf_counter()
    tab.keyboard.press("ArrowLeft")
    changed(tab, picture, before)
    print(f"{FRONT} {number}: answered in {1000 * (time.perf_counter() - started):.0f} ms")
    moved = picture.get_attribute("src")
    control.locator("button:has-text('reset')").click()
    changed(tab, picture, moved)


def changed(tab, picture, before):
    tab.wait_for_function("([node, old]) => node.src !== old", arg=[picture.element_handle(), before], timeout=30_000)


@pytest.mark.slow
def test_a_slider_that_is_dragged_draws_on_its_way_and_nothing_queues(tab):
    control = tab.locator(".dlsfaces-controls").nth(list(CONTROLS).index("06"))
    picture, handle = control.locator("img").element_handle(), control.locator(HANDLE).nth(2).bounding_box()
    tab.evaluate(
        "node => { window.drawn = []; new MutationObserver(() => window.drawn.push(performance.now()))"
        ".observe(node, { attributes: true, attributeFilter: ['src'] }) }",
        picture,
    )
    x, y = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
    tab.mouse.move(x, y)
    tab.mouse.down()
    for k in range(1, 61):
        tab.mouse.move(x + 3 * k, y)
        tab.wait_for_timeout(20)
    on_the_way, released = tab.evaluate("[window.drawn.length, performance.now()]")
    tab.mouse.up()
    tab.wait_for_timeout(6000)
    times = tab.evaluate("window.drawn")
    print(
        f"{FRONT}: {on_the_way} pictures on the way, {len(times)} in all, the last {times[-1] - released:.0f} ms later"
    )
    assert 1 <= on_the_way and len(times) <= on_the_way + 3 < 60, "what is late is left out"


@pytest.mark.slow
def test_a_saved_notebook_shows_pictures_and_no_error_where_no_kernel_runs(tab, saved):
    tab.evaluate("Jupyter.notebook.save_notebook()" if CLASSIC else "jupyterapp.commands.execute('docmanager:save')")
    tab.wait_for_timeout(3000)
    outputs = [output for cell in json.loads(saved.read_text())["cells"] for output in cell.get("outputs", [])]
    bars = "".join(notebooks.joined(output["text"]) for output in outputs if output.get("name") == "stderr")
    assert "a bar: 100%" in bars and "3/3" in bars and "stopped:  50%" in bars
    lab = "jupyterapp.shell.currentWidget.sessionContext.shutdown()"
    tab.evaluate("Jupyter.notebook.session.delete()" if CLASSIC else lab)
    tab.wait_for_timeout(2000)
    tab.reload()
    is_ready(tab)
    tab.wait_for_timeout(5000)
    tab.screenshot(path=SCREENSHOTS / f"{FRONT}_reopened.png")
    error = tab.locator("text=/model not found|could not be displayed|Loading widget/")
    assert error.evaluate_all(IS_SEEN) == 0 and error.count() == len(CONTROLS), "what is hidden is the errors"
    recorded = "img[src^='data:image']"
    assert tab.locator(f":is(.jp-OutputArea-child, .output_area) {recorded}").evaluate_all(IS_SEEN) == len(CONTROLS)
