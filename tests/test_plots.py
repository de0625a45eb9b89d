"""Plots show what they are given; that they teach is checked by eye."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

import drawpeople
from dlsfaces import evaluate, plots
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


def test_roc_shows_the_numbers():
    query, ids, distractors = pairs()
    found = evaluate.pair_scores(query, ids, distractors)
    rate = evaluate.identification_rate(query, ids, distractors, [0.01, 0.1])
    interval = evaluate.identification_rate_interval(found, [0.01, 0.1], resamples=20)
    curve = evaluate.roc(found)
    lines = plots.roc({"net": curve}, {"net": (rate, interval)}).axes[0].lines
    assert lines[0].get_ydata()[-1] == 1 and f"{curve.auc:.3f}" in lines[0].get_label()


def test_precision_over_recall_shows_each_detector_with_its_average_precision():
    box = torch.tensor([[0.0, 0, 9, 9]])
    scores = {f"at {x}": evaluate.detection_score([box, box + 9 * x], torch.eye(2)[:, :1], [box, box]) for x in (0, 1)}
    lines = plots.precision_recall(scores).axes[0].lines
    assert [line.get_xydata().tolist() for line in lines] == [[[0.5, 1], [1, 1]], [[0.5, 1], [0.5, 0.5]]]
    assert [line.get_label() for line in lines] == ["at 0 (AP 1.000)", "at 1 (AP 0.500)"]


def test_a_curve_of_ranks_shows_what_it_is_given():
    rate, interval = np.array([0.5, 0.8, 1.0]), np.array([[0.4, 0.6], [0.7, 0.9], [1.0, 1.0]])
    lines = plots.cmc({"net": (rate, interval)}, 4).axes[0].lines
    assert lines[0].get_xdata().tolist() == [1, 2, 3] and lines[0].get_ydata().tolist() == rate.tolist()
    assert lines[1].get_ydata().tolist() == [0.25, 0.5, 0.75]  # guessing among four


def test_the_rest_draws():
    rows = [{"epoch": i + 1, "loss": 3 - i, "lr": 0.1, "validation_accuracy": i / 3} for i in range(3)]
    left, right, _ = plots.history(rows, "validation_accuracy").axes
    assert left.lines[0].get_ydata().tolist() == [3, 2, 1] and right.lines[0].get_xdata().tolist() == [1, 2, 3]
    assert plots.matrix(torch.eye(4), [0, 0, 1, 1]).axes[0].images
    assert len(plots.contact_sheet(2, 3).axes) == 6


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
