"""Plots show what they are given; that they teach is checked by eye."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

import drawpeople
from dlsfaces import evaluate, plots, widgets
from dlsfaces.data.records import Face, Photo, Source
from dlsfaces.plots.sheets import REGION_COLOURS
from drawpeople.people import average_people

matplotlib.use("agg")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def pairs():
    generator = torch.Generator().manual_seed(0)
    ids = torch.arange(6).repeat_interleave(4)
    query = torch.randn(6, 8, generator=generator)[ids] + 0.7 * torch.randn(24, 8, generator=generator)
    return query, ids, torch.randn(30, 8, generator=generator)


def test_faces_fill_a_sheet():
    figure = plots.faces(torch.rand(5, 3, 10, 8), ["a", "b", "c", "d", "e"], columns=3)
    shown = [axes for axes in figure.axes if axes.images]
    assert len(shown) == 5 and [axes.get_title() for axes in shown] == ["a", "b", "c", "d", "e"]
    assert shown[0].images[0].get_array().shape == (10, 8, 3)


def test_photos_show_every_face_and_which_landmarks_are_hidden():
    landmarks = torch.tensor([[2.0, 3], [6, 3], [4, 5], [3, 7], [5, 7]])
    seen = torch.tensor([True, True, False, True, True])
    faces = [Face(k, torch.tensor([1.0, 1, 7, 9]) + k, landmarks + k, seen) for k in range(2)]
    shown = [Photo(torch.zeros(3, 10, 12, dtype=torch.uint8), Source("f", "s", "t"), tuple(faces[:n])) for n in (0, 2)]
    axes = plots.photo(shown[1]).axes[0]
    assert axes.collections[0].get_offsets().tolist() == landmarks.tolist() and axes.patches[0].get_width() == 6
    empty, full = plots.photos(iter(shown), columns=2).axes
    assert not empty.patches and [patch.get_x() for patch in full.patches] == [1, 2]
    assert [len(dots.get_offsets()) for dots in full.collections] == [4, 1, 4, 1]
    assert full.collections[3].get_offsets().tolist() == [[5, 6]]


def test_ablation_sorts_its_bars_and_says_what_each_reaches():
    axes = plots.ablation({"a": 0.3, "b": 0.5}, 0.4, "TPR").axes[0]
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([0.1, -0.1])
    assert [text.get_text().strip() for text in axes.texts] == ["0.500", "0.300"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["b", "a"]


def test_scores_and_roc_show_the_numbers():
    query, ids, distractors = pairs()
    found = evaluate.pair_scores(query, ids, distractors)
    rate = evaluate.identification_rate(query, ids, distractors, [0.01, 0.1])
    axes = plots.scores(found, rate).axes[0]
    assert [line.get_xdata()[0] for line in axes.lines] == pytest.approx(rate.threshold.tolist())
    interval = evaluate.identification_rate_interval(found, [0.01, 0.1], resamples=20)
    curve = evaluate.roc(found)
    lines = plots.roc({"net": curve}, {"net": (rate, interval)}).axes[0].lines
    assert lines[0].get_ydata()[-1] == 1 and f"{curve.auc:.3f}" in lines[0].get_label()
    fmr, fnmr = plots.det({"net": evaluate.det(curve)}).axes[0].lines[0].get_data()
    assert len(fmr) > 5 and (fmr > 0).all() and (fnmr > 0).all()  # on logarithmic axes


def test_curves_of_a_gallery_show_what_they_are_given():
    rate, interval = np.array([0.5, 0.8, 1.0]), np.array([[0.4, 0.6], [0.7, 0.9], [1.0, 1.0]])
    lines = plots.cmc({"net": (rate, interval)}, 4).axes[0].lines
    assert lines[0].get_xdata().tolist() == [1, 2, 3] and lines[0].get_ydata().tolist() == rate.tolist()
    assert lines[1].get_ydata().tolist() == [0.25, 0.5, 0.75]  # guessing among four
    independent, measured = plots.strangers([1, 5], [0.1, 0.3], [0.1, 0.4]).axes[0].lines
    assert list(measured.get_ydata()) == [0.1, 0.3] and list(independent.get_ydata()) == [0.1, 0.4]


def test_the_rest_draws():
    rows = [{"epoch": i + 1, "loss": 3 - i, "lr": 0.1, "validation_accuracy": i / 3} for i in range(3)]
    left, right, _ = plots.history(rows, "validation_accuracy").axes
    assert left.lines[0].get_ydata().tolist() == [3, 2, 1] and right.lines[0].get_xdata().tolist() == [1, 2, 3]
    assert len(plots.cosines([torch.rand(9)] * 2, [torch.rand(9)] * 2, ["own", "other"]).axes) == 2
    assert plots.matrix(torch.eye(4), [0, 0, 1, 1]).axes[0].images
    assert len(plots.pipeline().axes) == 5 and len(plots.contact_sheet(2, 3).axes) == 6


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

    *sliders, image = widgets.margin_explorer(draw).children
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


def test_every_slider_of_the_demo_turns_a_dial_that_there_is():
    names = [name for tab in widgets.DIALS.values() for name in tab]
    assert len(names) == len(set(names)) and "sex" not in names, "sex acts on other dials, when people are drawn"
    assert set(names) <= drawpeople.PERSON_RANGES.keys() | drawpeople.SHOT_RANGES.keys()


def test_ground_truth_draws_each_landmark_once_seen_or_hidden():
    people, shots = average_people(2), drawpeople.neutral_shots(2)
    made = drawpeople.render(people, shots | {"yaw": torch.tensor([0.0, 70.0]), "hat": torch.tensor([1.0, 0.0])})
    figure = plots.ground_truth(made)
    for axes, points, visible in zip(figure.axes[4:6], made.dense, made.dense_visibility):
        seen, hidden = (c.get_offsets() for c in axes.collections)
        assert np.allclose(seen, points[visible]) and np.allclose(hidden, points[~visible]) and len(hidden) > 0
    labels = {text.get_text() for text in figure.legends[0].get_texts()}
    shown = {drawpeople.Region(k).name.lower() for k in made.regions.unique().tolist()}
    assert labels == shown | {"landmark", "hidden"} and "hat" in shown
    assert REGION_COLOURS.keys() == {region.name.lower() for region in drawpeople.Region}
