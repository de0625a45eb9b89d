"""The template that comes with the course, on real photos."""

from itertools import islice

import pytest
import torch

from benchmarks._photos import cmu_mit_photos, portraits, split_boxes, wider_photos
from benchmarks.detection import hog_of
from dlsfaces import evaluate, weights
from dlsfaces.detect import TO_WIDER, BoxShift, load_detector

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def detector():
    state, about = weights.read(weights.path_of("hog_caltech"))
    kept = {name: about[name] for name in ("cell", "signed")}
    return hog_of({"weights": state["weight"], "bias": float(state["bias"]), **kept})


def test_the_template_finds_the_face_of_a_portrait_first(detector, real_data):
    scenes = list(islice(portraits(real_data), 0, 240, 20))
    found = detector(scene.image for scene in scenes)
    moved = [BoxShift.fitted(found, [scene.boxes for scene in scenes])(of_photo) for of_photo in found]
    hit = [evaluate.detection_score([f.boxes[:1]], [f.scores[:1]], [s.boxes]).recall for f, s in zip(moved, scenes)]
    assert sum(float(recall[-1]) for recall in hit if len(recall)) >= len(scenes) - 1


def test_grey_photos_of_the_1990s(detector, real_data):
    """CMU+MIT: one photo in thirteen, with crowds and with nobody in them."""
    scenes = list(islice(cmu_mit_photos(real_data), 0, 130, 13))
    found = detector(scene.image for scene in scenes)
    score = evaluate.detection_score(
        [f.boxes for f in found], [f.scores for f in found], *split_boxes(scenes), iou_threshold=0.3
    )
    assert score.average_precision > 0.75


def test_wider_has_faces_to_ignore(real_data):
    scenes = list(islice(wider_photos(real_data, "val"), 40))
    assert all(len(scene.boxes) == len(scene.ignored) for scene in scenes)
    small = torch.cat([(scene.boxes[:, 2:] - scene.boxes[:, :2]).amin(1) < 8 for scene in scenes])
    ignored = torch.cat([scene.ignored for scene in scenes])
    assert ignored[small].all() and 0 < ignored.float().mean() < 0.5


@pytest.mark.parametrize(("name", "least"), [("wider", 0.8), ("synthetic", 0.6)])
def test_the_one_stage_detectors_on_grey_photos(name, least, real_data):
    """Boxes in the course's convention, landmarks near those that were marked by hand."""
    scenes = list(islice(cmu_mit_photos(real_data), 0, 130, 13))
    found = load_detector(name, threshold=0.02, longest=1600)(scene.image for scene in scenes)
    moved = [TO_WIDER.inverse()(of_photo) for of_photo in found]
    boxes, scores = [f.boxes for f in moved], [f.scores for f in moved]
    score = evaluate.detection_score(boxes, scores, *split_boxes(scenes), iou_threshold=0.3)
    assert score.average_precision > least


def test_the_one_stage_detector_on_crowds(real_data):
    """WIDER's photos in WIDER's boxes, faces from 8 pixels; the public YuNet has 0.80 on all of them."""
    scenes = list(islice(wider_photos(real_data, "val"), 40))
    found = load_detector("wider", threshold=0.02, longest=1600)(scene.image for scene in scenes)
    score = evaluate.detection_score([f.boxes for f in found], [f.scores for f in found], *split_boxes(scenes))
    assert score.average_precision > 0.5
