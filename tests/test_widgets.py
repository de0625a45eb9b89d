"""Controls draw what their values say, and a stored notebook shows what they show at the start."""

import io
import math
from base64 import b64decode
from itertools import pairwise

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
from dlsfaces import widgets
from dlsfaces.recognize import arcface
from tools.notebooks import dumps
from tools.run_course import WIDGET_VIEW, with_outputs

matplotlib.use("agg")


@pytest.fixture(autouse=True)
def no_figure_is_left_open():
    yield
    assert not plt.get_fignums(), "an open figure would be shown below the control"


@pytest.fixture(scope="module")
def person():
    return widgets.person_sliders()


def seen(controls):
    return bytes(controls.image.value)


def values_of(controls):
    return {name: control.value for name, control in controls.controls.items()}


def test_sliders_redraw_the_image_and_the_button_resets_them(person):
    before, start = seen(person), values_of(person)
    person.controls["yaw"].value, person.controls["hat"].value = 40, True
    assert seen(person) != before and seen(person).startswith(b"\x89PNG")
    person.reset.click()
    assert values_of(person) == start and seen(person) == before


def test_a_person_is_drawn_by_number_and_dials():
    turned = widgets.draw_person(0, yaw=40.0)
    assert turned.shape == (3, 218, 178) and not torch.equal(widgets.draw_person(1, yaw=40.0), turned)
    assert not torch.equal(widgets.draw_person(0, nose_length=1.0), widgets.draw_person(0, nose_length=-1.0))
    with pytest.raises(ValueError, match="no dial 'jaw'"):
        widgets.draw_person(0, jaw=1)


def test_another_person_sets_their_dials_and_keeps_the_others():
    shown = widgets.person_sliders({"pose": ("yaw",), "person": ("jaw_width", "glasses")})
    made = shown.controls
    made["yaw"].value, made["person"].value = 30, 5
    them = drawpeople.people(torch.tensor([5]))
    assert made["yaw"].value == 30 and made["jaw_width"].value == float(them["jaw_width"])
    assert made["glasses"].value is bool(them["glasses"])
    assert seen(shown) == widgets.as_png(widgets.draw_person(5, framing=widgets._whole_head(30), yaw=30.0))


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for tab in widgets.DIALS.values() for name in tab])
def test_every_control_of_the_person_changes_something_at_each_step(person, name):
    control = person.controls[name]
    if hasattr(control, "options"):
        places = [value for _, value in control.options]
    elif isinstance(control.value, bool):
        places = [False, True]
    else:
        count = math.floor((control.max - control.min) / control.step + 1e-9)
        starts = [0, count // 2, count - 1]
        places = [control.min + (k + more) * control.step for k in starts for more in (0, 1)]
    pictures = [person.draw(0, **{"yaw": 30, name: value}) for value in places]  # a pony tail is seen from the side
    pairs = zip(pictures[::2], pictures[1::2]) if len(places) == 6 else pairwise(pictures)
    assert not any(torch.equal(a, b) for a, b in pairs), name


@pytest.mark.parametrize("yaw", [-72, 0, 72])
def test_the_whole_head_is_in_the_image(yaw):
    who, shot = drawpeople.people(torch.arange(8)), drawpeople.neutral_shots(8)
    shot["yaw"] = torch.full((8,), float(yaw))
    regions = drawpeople.render(who, shot, widgets._whole_head(yaw)).regions[:, :190]  # above the shoulders
    edge = torch.cat((regions[:, :2].flatten(), regions[:, :, :2].flatten(), regions[:, :, -2:].flatten()))
    assert (edge == drawpeople.Region.BACKGROUND).float().mean() > 0.99  # long hair may reach the edge


@pytest.mark.parametrize(("angle", "cosine", "scale"), [(0.5, 0.0, 30), (0.0, 0.35, 64), (0.3, 0.2, 4)])
def test_margins_are_those_of_the_head_itself(angle, cosine, scale):
    explorer = widgets.margin_explorer(n_people=3)
    explorer.put(dict(zip(explorer.controls, (angle, cosine, scale))))
    figure = explorer.draw(**values_of(explorer))
    left, right = figure.axes
    (plain, widened), (plain_loss, loss) = left.lines[:2], right.lines[:2]
    theta = np.radians(plain.get_xdata())
    inside = theta + angle < math.pi
    assert widened.get_ydata()[inside] == pytest.approx((np.cos(theta + angle) - cosine)[inside], abs=0.01)
    assert plain.get_ydata() == pytest.approx(np.cos(theta), abs=2e-6)
    assert plain_loss.get_ydata()[120] * scale == pytest.approx(math.log(2 + 2 * math.exp(-scale / 2)))  # at 60 degrees
    head = arcface(4, 4, angle, scale)
    head.cosine, head.weight.data = cosine, torch.eye(4)  # two people at 90 degrees of the first axis
    head.weight.data[1] = torch.tensor([math.cos(math.pi / 3), math.sin(math.pi / 3), 0, 0])
    for k in (0, 60, 150, 300):
        head.weight.data[0] = torch.tensor([math.cos(theta[k]), math.sin(theta[k]), 0, 0])
        by_head = head(torch.tensor([[1.0, 0, 0, 0]]), torch.tensor([0])).item()
        assert loss.get_ydata()[k] * scale == pytest.approx(by_head, rel=2e-3, abs=1e-4)


def test_the_axes_of_the_margins_stand_still():
    explorer = widgets.margin_explorer()
    places = []
    for values in [(0.5, 0, 30), (1, 0.6, 64), (0, 0, 4)]:
        explorer.put(dict(zip(explorer.controls, values)))
        axes = explorer.draw(**values_of(explorer)).axes
        places.append([(ax.get_position().bounds, ax.get_xlim(), ax.get_ylim()) for ax in axes])
        for ax in axes:
            assert all(ax.get_ylim()[0] <= y <= ax.get_ylim()[1] for line in ax.lines[:2] for y in line.get_ydata())
    assert places[0] == places[1] == places[2]


def line(**values):
    figure, axes = plt.subplots(figsize=(2, 1))
    axes.plot([value for value in values.values() if not isinstance(value, str)])
    return figure


def test_each_control_is_of_the_kind_that_its_values_ask_for():
    asked = []
    values = {
        "n": (1, 9, 3),
        "step_of_two": (0, 8, 4, 2),
        "share": (0, 1, 0.25),
        "tiny": (0, 0.05, 0),
        "how": ("a", "b"),
        "hat": True,
    }
    shown = widgets.explore(lambda **values: asked.append(values) or line(**values), **values)
    made = list(shown.controls.values())
    kinds = ["IntSlider", "IntSlider", "FloatSlider", "FloatSlider", "Dropdown", "Checkbox"]
    assert [type(control).__name__ for control in made] == kinds
    assert asked == [{"n": 3, "step_of_two": 4, "share": 0.25, "tiny": 0, "how": "a", "hat": True}]
    assert [control.step for control in made[:4]] == [1, 2, 0.01, 0.0005]
    assert [control.readout_format for control in made[2:4]] == [".2f", ".4f"]
    assert made[1].description == "step of two" and all(control.continuous_update for control in made[:4])
    made[4].value = "b"
    assert asked[1:] == [{**asked[0], "how": "b"}]


def test_an_error_of_the_drawing_is_raised_at_the_start_and_later_shown_until_it_is_gone():
    def draw(x):
        if x > 5:
            raise ValueError("<more> than five")
        return line(x=x)

    with pytest.raises(ValueError, match="more"):
        widgets.explore(draw, x=(0, 9, 6))
    shown = widgets.explore(draw, x=(0, 9, 5))
    slider, problem = shown.controls["x"], shown.problem
    assert problem.value == ""
    slider.value = 6
    assert "ValueError: &lt;more&gt; than five" in problem.value
    before = seen(shown)
    slider.value = 2
    assert problem.value == "" and seen(shown) != before


@pytest.mark.parametrize(
    "values",
    [(0, 1), "ab", (), 3, (0, 1, 0.5, 0.1, 2), (0, "b", 1), (0, 1, 2), (1, 1, 1), (0, 1, 0.5, 0), (0, 1, np.nan)],
)
def test_a_control_that_is_none_is_refused_by_name(values):
    with pytest.raises(ValueError, match="share="):
        widgets.explore(line, share=values)


def test_a_stored_notebook_shows_the_picture_of_the_start_and_bars_as_text(monkeypatch):
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "1")  # a kernel of this Python
    codes = [
        "from dlsfaces import course, widgets\ncourse.use_text_bars()\nwidgets.margin_explorer()",
        "widgets.person_sliders({'pose': ('yaw',)})",
        "from tqdm.auto import tqdm\nfor _ in tqdm(range(3), leave=False, delay=0): pass",
    ]
    written = v4.new_notebook(cells=[v4.new_code_cell(code) for code in codes])
    executed = NotebookClient(
        nbformat.from_dict(written), timeout=240, kernel_name="python3", coalesce_streams=True
    ).execute()
    stored = with_outputs(written, executed)
    made = widgets.margin_explorer(), widgets.person_sliders({"pose": ("yaw",)})
    for before, after, controls, form in zip(executed.cells, stored.cells, made, ("png", "jpeg")):
        picture, style, live = (output["data"] for output in before.outputs)
        assert live[WIDGET_VIEW]["model_id"] and "dlsfaces-style" in style["text/html"]
        assert [output["data"] for output in after.outputs] == [picture, style], "all but the view"
        image, exact = (Image.open(io.BytesIO(b)) for b in (b64decode(picture[f"image/{form}"]), seen(controls)))
        assert image.size == exact.size
        assert np.abs(np.subtract(image.convert("L"), exact.convert("L"), dtype=float)).mean() < 3
    assert len(dumps(stored)) < 60_000
    bar = executed.cells[2].outputs[0]["text"]
    assert "100%|" in bar and "3/3" in bar and not stored.cells[2].outputs


def test_every_dial_of_the_demo_is_there_once():
    names = [name for tab in widgets.DIALS.values() for name in tab]
    assert len(names) == len(set(names)) and "sex" not in names, "sex acts on other dials, when people are drawn"
