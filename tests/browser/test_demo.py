"""The demo: its controls driven from Python, and its page in a real browser under Voila."""

import io
import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from importlib.metadata import distributions
from pathlib import Path

import matplotlib
import pytest
from PIL import Image
from torchvision.transforms.v2 import functional as V

from dlsfaces import data
from tools import notebooks

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "notebooks" / "demo.ipynb"
SCREENSHOTS = ROOT / "build" / "screenshots"
matplotlib.use("agg")
CLASSIC = any(one.metadata["name"] == "notebook" and one.version[0] == "6" for one in distributions())


@pytest.fixture(scope="module")
def demo():
    """What the notebook's cells define, with the networks for built-in people."""
    names = {}
    for _, cell in notebooks.code_cells(notebooks.read(DEMO)):
        if "setup" not in notebooks.tags(cell):
            exec(notebooks.source(cell), names)
    names["network"].value = "built-in people"
    return names


@pytest.fixture(scope="module")
def portraits(tmp_path_factory):
    """Two photos each of two built-in people, as files."""
    folder, seen = tmp_path_factory.mktemp("portraits"), {}
    for photo in data.studio("train", 240, people=5, images_per_person=7, seed=9):
        who = photo.faces[0].identity
        seen.setdefault(who, []).append(folder / f"{who}_{len(seen.get(who, []))}.jpg")
        V.to_pil_image(photo.image).save(seen[who][-1], quality=95)
    return {who: files[:3] for who, files in seen.items()}


def upload(demo, file):
    demo["new_photo"](lambda: demo["read"](file.read_bytes()))


def test_a_face_is_enrolled_known_again_and_forgotten(demo, portraits):
    demo["restart"]()
    upload(demo, portraits[0][0])
    assert "1 face. I know nobody" in demo["said"].value and len(demo["which"].options) == 1
    picture = Image.open(io.BytesIO(demo["shown"].value))
    assert picture.size == (500, 500)
    demo["called"].value = "Ada & <co>"
    demo["enrol"].click()
    assert "I know 1: Ada &amp; &lt;co&gt;" in demo["said"].value  # a name is text and never HTML
    assert "Ada" in demo["which"].options[0][0]
    upload(demo, portraits[0][1])
    assert "Ada" in demo["which"].options[0][0]
    upload(demo, portraits[3][0])
    assert "unknown" in demo["which"].options[0][0]
    demo["threshold"].value = -0.5
    assert "Ada" in demo["which"].options[0][0]  # with no threshold everybody is somebody
    demo["forget"].click()
    assert demo["State"].photo is None and not len(demo["State"].people) and demo["shown"].value == b""


def test_what_is_no_photo_is_said(demo):
    demo["restart"]()
    demo["new_photo"](lambda: demo["read"](b"no photo"))
    assert "cannot be read as an image" in demo["said"].value
    demo["enrol"].click()
    assert "Choose a face" in demo["said"].value


def test_a_large_photo_is_answered_within_a_second(demo):
    demo["restart"]()
    demo["example"].click()
    assert "faces. I know nobody" in demo["said"].value
    large = V.resize(demo["State"].photo, [3000, 4200])
    demo["see"](large)
    assert max(demo["State"].photo.shape[1:]) == demo["LONGEST"] and demo["State"].faces


def test_files_of_both_versions_of_the_upload_button(demo):
    assert demo["uploaded"](({"name": "a", "content": memoryview(b"abc")},)) == b"abc"  # ipywidgets 8
    assert demo["uploaded"]({"a.jpg": {"content": b"abc"}}) == b"abc"  # ipywidgets 7


@contextmanager
def served(command, address):
    """A browser's tab, with a camera that is made up, at a page that ``command`` serves; PORT stands for its port."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("there is no chromium")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = [sys.executable, "-m", *(part.replace("PORT", port) for part in command)]
    server = subprocess.Popen(command, env={**os.environ, "DLSFACES_THREADS": "1", "PYTHONPATH": str(ROOT)}, cwd=ROOT)
    try:
        with playwright.sync_playwright() as run:
            fake = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", "--no-sandbox"]
            browser = run.chromium.launch(executable_path=chromium, args=fake)
            tab = browser.new_page(viewport={"width": 1000, "height": 1100})
            for _ in range(120):
                try:
                    tab.goto(f"http://127.0.0.1:{port}/{address}", timeout=120_000)
                    break
                except playwright.Error:
                    time.sleep(0.5)
            yield tab
            browser.close()
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture(scope="module")
def page():
    """The demo's page under Voila."""
    if CLASSIC:
        pytest.skip("Voila's page does not come up beside ipywidgets 7")
    pytest.importorskip("voila", reason="Voila is not installed")
    with served(["voila", str(DEMO), "--port=PORT", "--no-browser"], "") as tab:
        tab.wait_for_selector("text=Nothing is kept", timeout=120_000)
        yield tab


def choose(page, file):
    """Upload as a person does: ipywidgets makes the input of files when the button is pressed."""
    with page.expect_file_chooser() as chooser:
        page.click("button:has-text('Upload a photo')")
    chooser.value.set_files(file)


@pytest.mark.slow
def test_the_page_in_a_browser(page, portraits):
    page.select_option("select >> nth=0", "built-in people")
    page.wait_for_selector("text=Nothing is kept")
    choose(page, portraits[0][0])
    page.wait_for_selector("text=1 face. I know nobody", timeout=30_000)
    page.fill("input[placeholder^='the person']", "Ada")
    page.click("button:has-text('Enrol')")
    page.wait_for_selector("text=I know 1: Ada", timeout=30_000)
    started = time.perf_counter()
    choose(page, portraits[0][1])
    page.wait_for_selector("option:has-text('1: Ada')", state="attached", timeout=30_000)
    assert time.perf_counter() - started < 10  # a second on two quiet cores: see the benchmark
    page.click("button:has-text('Camera')")
    page.click("button:has-text('Take the photo')", timeout=30_000)
    page.wait_for_selector("text=0 faces. I know 1", timeout=30_000)  # the made-up camera shows a pattern
    page.screenshot(path=SCREENSHOTS / "voila_demo.png")
    page.click("button:has-text('Forget everything')")
    page.wait_for_selector("text=Nothing is kept", timeout=30_000)


@pytest.mark.slow
@pytest.mark.skipif(not CLASSIC, reason="no classic notebook here; make test-colab has one")
def test_the_classic_notebook_with_the_widgets_of_colab(portraits, tmp_path):
    options = [
        "--no-browser",
        "--port=PORT",
        "--NotebookApp.token=",
        "--allow-root",
        f"--notebook-dir={tmp_path}",
    ]  # it saves by itself
    shutil.copy(DEMO, tmp_path)
    with served(["notebook", *options], "notebooks/demo.ipynb") as tab:
        tab.wait_for_function("window.Jupyter?.notebook?.kernel?.is_connected()", timeout=120_000)
        tab.wait_for_timeout(8000)  # its manager of widgets asks a new kernel for old ones first
        tab.evaluate("Jupyter.notebook.execute_all_cells()")
        tab.wait_for_selector(".widget-html:has-text('Nothing is kept')", timeout=120_000)
        tab.select_option(".widget-dropdown select >> nth=0", "built-in people")
        choose(tab, portraits[0][0])
        tab.wait_for_selector("text=1 face. I know nobody", timeout=30_000)
        tab.fill("input[placeholder^='the person']", "Ada")
        tab.click("button:has-text('Enrol')")
        tab.wait_for_selector("text=I know 1: Ada", timeout=30_000)
        tab.screenshot(path=SCREENSHOTS / "classic_demo.png")
