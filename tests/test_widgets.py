"""Controls draw what their values say, and a stored notebook shows what they show at the start."""

import io
from base64 import b64decode

import matplotlib
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
import torch
from nbclient import NotebookClient
from nbformat import v4
from PIL import Image

import drawpeople
from dlsfaces import plots, widgets
from tools.notebooks import dumps
from tools.run_course import WIDGET_VIEW, with_outputs

matplotlib.use("agg")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_sliders_redraw_the_image():
    image, controls = widgets.person_sliders({"pose": ("yaw", "smile")}).children
    yaw, _ = controls.children[1].children[0].children
    before = image.value
    yaw.value = 40.0
    assert bytes(image.value) != bytes(before) and bytes(image.value).startswith(b"\x89PNG")
    turned = widgets.draw_person(0, yaw=40.0)
    assert turned.shape == (3, 218, 178) and bytes(image.value) == widgets.as_png(turned)
    assert not torch.equal(widgets.draw_person(1, yaw=40.0), turned)
    assert not torch.equal(widgets.draw_person(0, nose_length=1.0), widgets.draw_person(0, nose_length=-1.0))
    with pytest.raises(ValueError, match="no dial 'jaw'"):
        widgets.draw_person(0, jaw=1)


def test_another_person_sets_their_dials_and_keeps_the_others():
    image, controls = widgets.person_sliders({"pose": ("yaw",), "person": ("jaw_width", "glasses")}).children
    number, tabs = controls.children
    (yaw,), (jaw, glasses) = (tab.children for tab in tabs.children)
    yaw.value, number.value = 30.0, 5
    them = drawpeople.people(torch.tensor([5]))
    assert yaw.value == 30 and jaw.value == float(them["jaw_width"]) and glasses.value == float(them["glasses"])
    assert bytes(image.value) == widgets.as_png(widgets.draw_person(5, yaw=30.0))
    assert [tabs.get_title(k) for k in range(2)] == ["pose", "person"]


def test_margin_sliders_redraw_with_their_values(monkeypatch):
    asked = []

    def draw(*values):
        asked.append(values)
        figure, axes = plt.subplots(figsize=(1, 1))
        axes.plot(values)
        return figure

    *sliders, _, image = widgets.margin_explorer(draw).children
    assert [(slider.min, slider.max) for slider in sliders] == [(0, 1), (0, 0.6), (1, 64)]
    assert asked == [(0.5, 0, 30)] and bytes(image.value).startswith(b"\x89PNG"), "drawn before anybody moves it"
    before = bytes(image.value)
    for slider, value in zip(sliders, (0.2, 0.35, 64)):
        slider.value = value
    assert asked[1:] == [(0.2, 0, 30), (0.2, 0.35, 30), (0.2, 0.35, 64)] and bytes(image.value) != before
    assert not plt.get_fignums(), "an open figure would be shown below the control"
    monkeypatch.setattr(plots, "margins_over_angle", lambda *values, n_people: draw(*values, n_people))
    widgets.margin_explorer(n_people=7)
    assert asked[-1] == (0.5, 0, 30, 7)


def line(**values):
    figure, axes = plt.subplots(figsize=(2, 1))
    axes.plot([value for value in values.values() if not isinstance(value, str)])
    return figure


def test_each_control_is_of_the_kind_that_its_values_ask_for():
    asked = []
    controls = {
        "n": (1, 9, 3),
        "step_of_two": (0, 8, 4, 2),
        "share": (0, 1, 0.25),
        "tiny": (0, 0.05, 0),
        "how": ("a", "b"),
    }
    *made, _, _ = widgets.explore(lambda **values: asked.append(values) or line(**values), **controls).children
    kinds = ["IntSlider", "IntSlider", "FloatSlider", "FloatSlider", "Dropdown"]
    assert [type(control).__name__ for control in made] == kinds
    assert asked == [{"n": 3, "step_of_two": 4, "share": 0.25, "tiny": 0, "how": "a"}]
    assert [control.step for control in made[:4]] == [1, 2, 0.01, 0.0005]
    assert [control.readout_format for control in made[2:4]] == [".2f", ".4f"]
    assert made[1].description == "step of two" and not any(control.continuous_update for control in made[:4])
    made[4].value = "b"
    assert asked[1:] == [{**asked[0], "how": "b"}]


def test_an_error_of_the_drawing_is_raised_at_the_start_and_later_shown_until_it_is_gone():
    def draw(x):
        if x > 5:
            raise ValueError("<more> than five")
        return line(x=x)

    with pytest.raises(ValueError, match="more"):
        widgets.explore(draw, x=(0, 9, 6))
    slider, problem, image = widgets.explore(draw, x=(0, 9, 5)).children
    assert problem.value == ""
    slider.value = 6
    assert "ValueError: &lt;more&gt; than five" in problem.value
    before = bytes(image.value)
    slider.value = 2
    assert problem.value == "" and bytes(image.value) != before


@pytest.mark.parametrize(
    "values", [(0, 1), "ab", (), (0, 1, 0.5, 0.1, 2), (0, "b", 1), (0, 1, 2), (1, 1, 1), (0, 1, 0.5, 0), (0, 1, np.nan)]
)
def test_a_control_that_is_none_is_refused_by_name(values):
    with pytest.raises(ValueError, match="share="):
        widgets.explore(line, share=values)


def test_a_stored_notebook_shows_the_picture_of_the_start(monkeypatch):
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "1")  # a kernel of this Python
    codes = ["from dlsfaces import widgets\nwidgets.margin_explorer()", "widgets.person_sliders({'pose': ('yaw',)})"]
    written = v4.new_notebook(cells=[v4.new_code_cell(code) for code in codes])
    executed = NotebookClient(nbformat.from_dict(written), timeout=120, kernel_name="python3").execute()
    stored = with_outputs(written, executed)
    controls = widgets.margin_explorer(), widgets.person_sliders({"pose": ("yaw",)})
    for before, after, control, size in zip(executed.cells, stored.cells, controls, [(720, 272), (178, 218)]):
        (live,), (output,) = ([output["data"] for output in cell.outputs] for cell in (before, after))
        assert live.keys() - output.keys() == {WIDGET_VIEW} and live[WIDGET_VIEW]["model_id"]
        image, exact = (Image.open(io.BytesIO(b)) for b in (b64decode(output["image/jpeg"]), control.image.value))
        assert image.format == "JPEG" and image.size == exact.size == size
        assert np.abs(np.subtract(image.convert("L"), exact.convert("L"), dtype=float)).mean() < 3
    assert len(dumps(stored)) < 60_000


def test_every_slider_of_the_demo_turns_a_dial_that_there_is():
    names = [name for tab in widgets.DIALS.values() for name in tab]
    assert len(names) == len(set(names)) and "sex" not in names, "sex acts on other dials, when people are drawn"
    assert set(names) <= drawpeople.PERSON_RANGES.keys() | drawpeople.SHOT_RANGES.keys()
