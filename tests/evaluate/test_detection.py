"""Detection scores against sums by hand, and against pycocotools."""

import contextlib
import io
import math

import numpy as np
import pytest
import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from dlsfaces.evaluate import detection_score, detection_score_interval

FACE = [10.0, 10.0, 20.0, 20.0]


def boxes(*rows):
    return torch.tensor(rows, dtype=torch.float64).reshape(-1, 4)


def moved(by, box=FACE):
    """The IoU of a square of 10 pixels with itself moved by so many is ``(10 - by) / (10 + by)``."""
    return [box[0] + by, box[1], box[2] + by, box[3]]


def far(place):
    return [100.0 * place, 200.0, 100.0 * place + 10, 210.0]


def example():
    """Two photos, three faces to find and one to be ignored."""
    found = [boxes(moved(1), moved(2), far(1)), boxes(moved(3), far(2), far(2))]
    scores = [torch.tensor([0.9, 0.8, 0.7]), torch.tensor([0.7, 0.6, 0.5])]
    faces = [boxes(FACE, far(5)), boxes(FACE, far(2))]
    return found, scores, faces, [torch.tensor([False, False]), torch.tensor([False, True])]


def test_a_score_by_hand():
    score = detection_score(*example())
    assert score.faces == 3 and score.thresholds.tolist() == pytest.approx([0.9, 0.8, 0.7])
    assert score.recall.tolist() == pytest.approx([1 / 3, 1 / 3, 2 / 3]), "0.7 is the score of a hit and of an alarm"
    assert score.precision.tolist() == [1, 0.5, 0.5] and score.false_positives.tolist() == [0, 1, 2]
    assert score.average_precision == pytest.approx(1 / 3 + 1 / 3 * 0.5)
    assert [score.detection_rate(n) for n in (0, 1, 2, 50)] == pytest.approx([1 / 3, 1 / 3, 2 / 3, 2 / 3])
    all_count = detection_score(*example()[:3])  # far(2) is now found once, and once more
    assert all_count.recall[-1] == 3 / 4 and all_count.false_positives.tolist() == [0, 1, 2, 2, 3]
    strict = detection_score(*example(), iou_threshold=9 / 11)
    assert strict.recall.tolist() == pytest.approx([1 / 3] * 3), "an IoU that is the threshold is enough"


def test_a_face_is_preferred_to_one_to_be_ignored_and_the_nearest_free_one_is_taken():
    faces, ignored = [boxes(FACE, moved(1))], [torch.tensor([True, False])]
    score = detection_score([boxes(FACE, FACE)], [torch.tensor([0.5, 0.9])], faces, ignored)
    assert score.recall.tolist() == [1] and score.false_positives.tolist() == [0]
    both = detection_score([boxes(FACE, FACE)], [torch.tensor([0.5, 0.9])], faces)
    assert both.recall.tolist() == [0.5, 1] and both.average_precision == 1, "the second takes the face that is left"
    for order in ([0, 1], [1, 0]):  # the better detection of the right face takes the nearer, whatever the order
        score = detection_score([boxes(moved(2), FACE)], [torch.tensor([0.9, 0.8])], [faces[0][order]], None, 0.65)
        assert score.recall.tolist() == [0.5, 1]


def test_fractions_of_a_pixel_count_and_a_box_has_no_pixel_more():
    quarter, half = boxes([0, 0, 0.5, 0.5]), boxes([0, 0, 0.5, 1])
    assert detection_score([quarter], [torch.ones(1)], [half]).recall.tolist() == [1]  # an IoU of a half
    assert detection_score([quarter], [torch.ones(1)], [half], None, 0.51).recall.tolist() == [0]
    empty = boxes([3, 3, 3, 3])
    assert detection_score([empty], [torch.ones(1)], [empty]).recall.tolist() == [0], "nothing lies on nothing"
    whole, two = [values.mul(2).to(torch.uint8) for values in (quarter, half)], torch.tensor([0, 5], dtype=torch.uint8)
    score = detection_score([torch.cat(whole)], [two], [whole[1]], None, 0.6)
    assert score.thresholds.tolist() == [5, 0] and score.false_positives.tolist() == [0, 1], "bytes have no negative"


def test_nothing_found_is_a_score_of_nothing_and_an_empty_photo_may_have_alarms():
    none = detection_score([boxes()], [torch.zeros(0)], [boxes(FACE)])
    assert (none.average_precision, none.detection_rate(), len(none.recall)) == (0, 0, 0)
    found, scores = [boxes(FACE), boxes(FACE, far(1))], [torch.tensor([0.5]), torch.tensor([0.6, 0.4])]
    score = detection_score(found, scores, [boxes(FACE), boxes()])
    assert score.false_positives.tolist() == [1, 1, 2] and score.recall.tolist() == [0, 1, 1]
    assert score.average_precision == 0.5 and score.detection_rate(0) == 0


# Against pycocotools


class Reference(COCOeval):
    """Faces to be ignored take any number of detections, as COCO's crowds do, but by IoU as all faces do."""

    def computeIoU(self, photo, category):
        true = self._gts[photo, category]
        flags = [face["iscrowd"] for face in true]
        for face in true:
            face["iscrowd"] = 0
        found = super().computeIoU(photo, category)
        for face, flag in zip(true, flags):
            face["iscrowd"] = flag
        return found


def corners_to_size(box):
    return [box[0], box[1], box[2] - box[0], box[3] - box[1]]


def by_coco(found, scores, faces, ignored, iou_threshold):
    """Average precision and the largest recall; at recalls k / faces COCO's interpolation is the whole area."""
    photos, to_find = range(len(faces)), sum(int((~flags).sum()) for flags in ignored)
    rows = [(n, box, int(flag)) for n in photos for box, flag in zip(faces[n].tolist(), ignored[n])]
    true = [{"id": k + 1, "image_id": n, "category_id": 1, "bbox": corners_to_size(box), "area": 1.0, "iscrowd": flag}
            for k, (n, box, flag) in enumerate(rows)]  # fmt: skip
    results = [{"image_id": n, "category_id": 1, "bbox": corners_to_size(box), "score": score}
               for n in photos for box, score in zip(found[n].tolist(), scores[n].tolist())]  # fmt: skip
    with contextlib.redirect_stdout(io.StringIO()):  # it talks
        truth = COCO()
        truth.dataset = {"images": [{"id": n} for n in photos], "categories": [{"id": 1}], "annotations": true}
        truth.createIndex()
        reference = Reference(truth, truth.loadRes(results), "bbox")
        reference.params.recThrs = np.arange(1, to_find + 1) / to_find
        reference.params.iouThrs, reference.params.maxDets = np.array([iou_threshold]), [1000]
        reference.params.areaRng, reference.params.areaRngLbl = [[0, 1e10]], ["all"]
        reference.evaluate()
        reference.accumulate()
    return reference.eval["precision"].mean(), reference.eval["recall"].item()


def random_photos(seed, count=12):
    """Some faces side by side, each with several detections, of which some are there twice.

    The first photo has no faces, the second no detections.
    """
    rng = np.random.default_rng(seed)

    def random_boxes(count):
        corners = rng.uniform(0, 50, (count, 2))
        return torch.tensor(np.concatenate((corners, corners + rng.uniform(8, 14, (count, 2))), axis=1))

    found, faces, ignored = [], [], []
    for number in range(count):
        faces.append(random_boxes(rng.integers(1, 8) if number else 0))
        ignored.append(torch.tensor(rng.random(len(faces[-1])) < 0.3, dtype=torch.bool))
        near = faces[-1].repeat(3, 1)
        detections = torch.cat((near + torch.tensor(rng.normal(size=near.shape)), random_boxes(5)))
        kept = torch.tensor(rng.random(len(detections)) < (number != 1) * rng.choice([0.5, 1]))
        found.append(torch.cat((detections[kept], detections[kept][::4])))
    values = torch.tensor(rng.permutation(sum(map(len, found))) / 999)  # of equal ones COCO's curve has their order
    return found, list(values.split([len(detections) for detections in found])), faces, ignored


@pytest.mark.parametrize("iou_threshold", [0.3, 0.5, 0.75])
@pytest.mark.parametrize("seed", range(12))
def test_the_score_is_that_of_pycocotools(seed, iou_threshold):
    photos = random_photos(seed)
    score = detection_score(*photos, iou_threshold)
    area, recall = by_coco(*photos, iou_threshold)
    assert score.average_precision == pytest.approx(area, abs=1e-12) and score.recall[-1] == pytest.approx(recall)
    assert 0 < area < 1 and sum(flags.sum() for flags in photos[3]) > 3


def test_the_order_of_photos_does_not_matter_also_where_scores_are_equal():
    photos = random_photos(3)
    photos = (photos[0], [(values * 8).floor() / 8 for values in photos[1]], *photos[2:])
    score = detection_score(*photos)
    assert len(score.thresholds) <= 8 and (np.diff(score.thresholds) < 0).all()
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(len(photos[0]))
        again = detection_score(*([values[k] for k in order] for values in photos))
        for name in ("thresholds", "precision", "recall", "false_positives", "average_precision"):
            assert np.array_equal(getattr(again, name), getattr(score, name))


# Intervals


def test_a_resample_scores_as_its_photos_would():
    photos = random_photos(5)
    score = detection_score(*photos)
    for seed in range(5):
        drawn = np.random.default_rng(seed).integers(len(photos[0]), size=len(photos[0]))
        again = detection_score(*([values[k] for k in drawn] for values in photos))
        interval = detection_score_interval(score, false_positives=4, resamples=1, seed=seed)
        assert interval.ravel().tolist() == pytest.approx([again.average_precision] * 2 + [again.detection_rate(4)] * 2)


def test_an_interval_holds_the_score_and_resamples_without_faces_are_left_out():
    score = detection_score(*random_photos(6, 60))
    area, rate = detection_score_interval(score, false_positives=20)
    assert area[0] < score.average_precision < area[1] and rate[0] < score.detection_rate(20) < rate[1]
    assert area[1] - area[0] < 0.3
    one = detection_score([boxes(FACE), boxes()], [torch.ones(1), torch.zeros(0)], [boxes(FACE), boxes()])
    with np.errstate(invalid="raise"):
        assert detection_score_interval(one).tolist() == [[1, 1], [1, 1]]


# What is refused


def with_photo(place, change):
    def changed(*photos):
        photos[place][1] = change(photos[place][1])
        return photos

    return changed


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda b, s, f, i: (b, s[:1], f, i), "not 2 boxes, 1 scores, 2 faces, 2 ignored"),
        (with_photo(0, lambda b: b[:, :3]), r"boxes of photo 1 must be \(3, 4\), not \(3, 3\)"),
        (with_photo(0, lambda b: torch.zeros(0)), r"boxes of photo 1 must be \(0, 4\), not \(0,\)"),
        (with_photo(1, lambda s: s[:2]), r"scores of photo 1 must be \(3,\), not \(2,\)"),
        (with_photo(1, lambda s: s * math.nan), "scores of photo 1: NaN"),
        (with_photo(2, lambda f: f[:, [2, 1, 0, 3]]), "faces of photo 1 must be .* x1 <= x2"),
        (with_photo(0, lambda b: b / 0), "boxes of photo 1 must be finite"),
        (with_photo(3, lambda i: i[:1]), r"ignored of photo 1 must be \(2,\), not \(1,\)"),
        (with_photo(3, lambda i: i.long()), "ignored of photo 1 must be Boolean, not torch.int64"),
        (lambda b, s, f, i: (b, s, f, [flags | True for flags in i]), "faces: none to find in 2 photos"),
        (lambda b, s, f, i: ([], [], []), "faces: none to find in 0 photos"),
        (lambda b, s, f, i: (b, s, f, i, 0), "iou_threshold=0 is not above 0"),
        (lambda b, s, f, i: (b, s, f, i, math.nan), "iou_threshold=nan is not above 0"),
    ],
)
def test_impossible_detections_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        detection_score(*change(*example()))


def test_a_count_of_false_alarms_is_no_share_below_zero():
    score = detection_score(*example())
    for ask in (score.detection_rate, lambda n: detection_score_interval(score, false_positives=n)):
        with pytest.raises(ValueError, match="false_positives=-1 is a count"):
            ask(-1)
