"""Photos through the pipeline: with parts that answer by heart, and with the course's own."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from dlsfaces import data, geometry, pipeline
from dlsfaces.align.heatmaps import Landmarks
from dlsfaces.detect import Detections

FACE = torch.tensor([[30.0, 40], [60, 40], [45, 58], [33, 72], [57, 72]])


def by_heart(faces, confidence=0.9, **limits):
    """A pipeline whose detector and aligner know the landmarks ``(N, 5, 2)`` of each photo by its first pixel."""

    def find(photos):
        return [
            Detections(geometry.face_box(faces[k]), torch.linspace(0.9, 0.6, len(faces[k])))
            for k in (int(photo[0, 0, 0]) for photo in photos)
        ]

    def landmarks(photo, boxes):
        points = faces[int(photo[0, 0, 0])]
        assert len(points) == len(boxes)
        return Landmarks(points, torch.full(points.shape[:2], confidence))

    def embed(crops):
        return F.normalize(torch.cat((crops.mean((2, 3)), torch.ones(len(crops), 1)), dim=1), dim=1)

    return pipeline.Pipeline(find, landmarks, embed, "by heart", **limits)


def photo(k, side=120):
    image = torch.full((3, side, side), 7 * k, dtype=torch.uint8)
    image[0, 0, 0] = k
    return image


def test_faces_stay_with_their_photo_however_many_there_are():
    counts = [k % 4 for k in range(2 * pipeline.PHOTOS + 3)]
    faces = [FACE + torch.arange(count)[:, None, None] * 3.0 for count in counts]
    found = by_heart(faces)(photo(k, 100 + k) for k in range(len(counts)))
    assert [len(part) for part in found] == counts
    for k, part in enumerate(found):
        for row, face in enumerate(part):
            assert face.landmarks.equal(faces[k][row]) and face.box.equal(geometry.face_box(faces[k])[row])
            grey = 7 * k / 255
            expected = F.normalize(torch.tensor([grey, grey, grey, 1.0]), dim=0)
            torch.testing.assert_close(face.vector, expected, atol=0.01, rtol=0)
        assert [face.score for face in part] == sorted((face.score for face in part), reverse=True)


def test_a_crowd_of_two_hundred():
    places = torch.cartesian_prod(torch.arange(20), torch.arange(10)) * torch.tensor([60.0, 70.0])
    faces = FACE + places[:, None]
    found = by_heart([faces])([photo(0, 1300)])[0]
    assert len(found) == 200 and all(torch.equal(face.landmarks, own) for face, own in zip(found, faces))


@pytest.mark.parametrize(
    ("points", "confidence", "doubt"),
    [
        (FACE, 0.9, None),
        (FACE / 4, 0.9, "too small"),
        (FACE + torch.tensor([[0.0, 0], [0, 0], [13, 0], [0, 0], [0, 0]]), 0.9, "too turned"),
        (FACE + torch.tensor([[0.0, 0], [0, 0], [-13, 0], [0, 0], [0, 0]]), 0.9, "too turned"),
        (FACE + torch.tensor([[0.0, 0], [0, 0], [0, 20], [0, 0], [0, 0]]), 0.9, None),  # down is not to the side
        (FACE, 0.05, "uncertain"),
    ],
)
@pytest.mark.parametrize("degrees", [0, 30, 90])
def test_doubts_depend_on_the_face_and_not_on_how_it_is_turned_in_the_photo(points, confidence, doubt, degrees):
    angle = torch.tensor(degrees * torch.pi / 180)
    turn = torch.stack((torch.stack((angle.cos(), -angle.sin())), torch.stack((angle.sin(), angle.cos()))))
    turned = (points - 50) @ turn.T + 50
    assert by_heart([turned[None]], confidence)([photo(0)])[0][0].doubt == doubt


def test_no_photos_and_photos_without_faces():
    assert by_heart([])([]) == []
    assert by_heart([FACE[None][:0]] * 2)([photo(0), photo(1)]) == [[], []]


def test_landmarks_come_to_lie_where_the_crop_has_them():
    image, marks = torch.zeros(3, 200, 200, dtype=torch.uint8), 1.5 * geometry.TIGHT.template.flip(1) + 20
    marks = marks * torch.tensor([1.0, -1.0]) + torch.tensor([0.0, 195.0])  # the face lies on its side
    for x, y in marks.round().int().tolist():
        image[:, y - 3 : y + 3, x - 3 : x + 3] = 255
    crop = pipeline.upright(image, marks[None])[0]
    for x, y in geometry.TIGHT.template.round().int().tolist():
        assert crop[:, y, x].mean() > 0.8
    assert 0.005 < crop.mean() < 0.05  # and nothing else is white


@pytest.mark.slow
def test_the_courses_own_finds_the_drawn_faces_and_tells_them_apart():
    photos = data.studio("test", 160, people=5, images_per_person=7, seed=21)
    run = pipeline.load_pipeline("synthetic")
    found = run([one.image for one in photos])
    first = [part[0] for part in found]
    boxes, true = torch.stack([face.box for face in first]), torch.stack([one.faces[0].box for one in photos]).float()
    assert geometry.iou(boxes, true).diagonal().mean() > 0.85
    assert all(face.doubt is None for face in first)
    again = run([photos[0].image])[0][0]  # alone as among others
    torch.testing.assert_close(again.vector, first[0].vector, atol=1e-3, rtol=0)


def test_an_unknown_training_set_is_named():
    with pytest.raises(ValueError, match="celeba"):
        pipeline.load_pipeline("imagenet")


@pytest.mark.parametrize("part", ["detect", "find_landmarks"])
def test_a_part_that_answers_for_too_few_is_not_believed(part):
    run = by_heart([torch.stack((FACE, FACE + 3))] * 3)
    whole = getattr(run, part)
    short = {
        "detect": lambda photos: whole(photos)[:-1],
        "find_landmarks": lambda photo, boxes: Landmarks(*(values[:1] for values in whole(photo, boxes))),
    }
    with pytest.raises(ValueError):
        replace(run, **{part: short[part]})([photo(0), photo(1), photo(2)])


@pytest.mark.parametrize("lost", [torch.nan, 0.0])
def test_landmarks_that_are_none_make_a_face_uncertain_and_stop_nothing(lost):
    faces = torch.stack((FACE, FACE))
    run = by_heart([faces])

    def landmarks(photo, boxes):
        return Landmarks(torch.stack((FACE, lost * FACE)), torch.full((2, 5), 0.9))

    first, second = replace(run, find_landmarks=landmarks)([photo(0)])[0]
    assert first.doubt is None and second.doubt == "uncertain"
    assert geometry.iou(geometry.face_box(second.landmarks[None]), second.box[None]) > 0.7
    assert second.vector.isfinite().all()
