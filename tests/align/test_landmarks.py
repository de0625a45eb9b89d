import dataclasses

import pytest
import torch

from dlsfaces import data, geometry, rng
from dlsfaces.align.landmarks import aligned, cropped, find_landmarks, landmarks_of
from dlsfaces.align.networks import LandmarkNet, Landmarks
from dlsfaces.align.squares import square_matrices
from tests.align.dots import dots, dotted, dotted_set

TEMPLATE = geometry.move_points(
    square_matrices(geometry.face_box(geometry.LOOSE.template)[None], 1)[0], geometry.LOOSE.template
)


class SeesDots(LandmarkNet):
    """Finds the dots, or says the same whatever it sees. Remembers the squares that it was shown."""

    def __init__(self, says=None):
        super().__init__(TEMPLATE, 64)
        self.says, self.shown = says, []

    def find(self, images):
        assert not self.training
        self.prepared(images)  # checks them
        self.shown.append(images)
        points = dots(images) if self.says is None else self.says.expand(len(images), 5, 2)
        return Landmarks(points, images.mean((1, 2, 3))[:, None].expand(-1, 5))


def photos(n=6, size=(230, 260)):
    """Tilted faces of several sizes anywhere in photos, their points and the course's boxes of them."""
    u = rng.uniform(rng.key(4, torch.arange(n)), 4)
    to = torch.tensor([90.0, 90.0]) + 60 * u[:, 2:]
    matrices = geometry.turned(0.6 * (2 * u[:, 0] - 1), 0.8 + 0.4 * u[:, 1], torch.tensor([89.0, 130.0]), to)
    points = geometry.move_points(matrices, geometry.LOOSE.template)
    return dotted(points, size, sigma=3), points, geometry.face_box(points)


@pytest.mark.parametrize("looks", [1, 2, 3])
def test_points_come_back_in_the_photos_pixels_whatever_the_box(looks):
    images, points, boxes = photos()
    off = boxes + 5 * rng.normal(rng.key(8, torch.arange(6)), 4)[:, [0, 1, 0, 1]]
    model = SeesDots().train()
    found = find_landmarks(model, (255 * images).round().to(torch.uint8), off, looks=looks, batch_size=4)
    assert (found.points - points).norm(dim=-1).max() < 0.15 and found.confidence.shape == (6, 5)
    assert len(model.shown) == 2 * looks and model.training  # batches of 4 and 2; left as it was


def test_the_second_look_is_upright_and_of_the_templates_size():
    images, _, boxes = photos()
    model = SeesDots()
    find_landmarks(model, images, boxes)
    first, second = (dots(shown) - 64 * TEMPLATE for shown in model.shown)
    assert second.norm(dim=-1).max() < 1 and first.norm(dim=-1).max() > 3


def test_points_that_are_no_faces_lead_to_a_second_look_that_can_be_taken():
    images, _, boxes = photos(2)
    mirrored = 64 * TEMPLATE * torch.tensor([-1.0, 1]) + torch.tensor([64.0, 0])
    for points in (torch.full((5, 2), 32.0), mirrored, 32 + 1e-4 * TEMPLATE, torch.full((5, 2), torch.nan)):
        model = SeesDots(points)
        assert find_landmarks(model, images, boxes).points.shape == (2, 5, 2)
        assert len(model.shown) == 2 and all(shown.isfinite().all() for shown in model.shown)


def test_several_faces_of_one_photo_and_none():
    points = torch.stack([0.5 * geometry.LOOSE.template + torch.tensor(at) for at in ((0.0, 0), (140, 30), (60, 140))])
    photo = torch.stack([dotted(p[None], (260, 260), sigma=1.6)[0] for p in points]).sum(0).clamp(0, 1)
    found = find_landmarks(SeesDots(), photo.expand(3, -1, -1, -1), geometry.face_box(points))
    assert (found.points - points).norm(dim=-1).max() < 0.15
    nobody = find_landmarks(SeesDots(), torch.zeros(0, 3, 50, 50), torch.zeros(0, 4))
    assert nobody.points.shape == landmarks_of(SeesDots(), tilted().subset([])).points.shape == (0, 5, 2)


def test_what_is_wrong_is_said():
    images, _, boxes = photos(3)
    with pytest.raises(ValueError, match="looks=0: the network has to look at least once"):
        find_landmarks(SeesDots(), images, boxes, looks=0)
    with pytest.raises(ValueError, match=r"boxes \(2, 4\) for 3 images; give each its own, or one"):
        find_landmarks(SeesDots(), images, boxes[:2])
    faces = tilted()
    faces.landmarks[3, 0] = torch.nan
    with pytest.raises(ValueError, match="NaN or infinite points in face 3"):
        aligned(faces, faces.landmarks)
    with pytest.raises(ValueError, match="these look like right eye, left eye, nose, right mouth corner"):
        aligned(faces.subset([0]), faces.landmarks[:1, [1, 0, 2, 4, 3]])


def tilted(n=5):
    return data.unaligned(dotted_set(geometry.LOOSE.template.expand(n, 5, 2), (218, 178)), seed=2)


def test_landmarks_of_a_set_are_found_where_its_framing_or_a_box_has_its_faces():
    faces = tilted()
    assert (landmarks_of(SeesDots(), faces).points - faces.landmarks).norm(dim=-1).max() < 0.15
    # a set of the same framing whose crops have another size
    half = dataclasses.replace(faces, crop_size=(109, 89), read=lambda i, s: faces.read(i, s or (109, 89)))
    assert (2 * landmarks_of(SeesDots(), half).points - faces.landmarks).norm(dim=-1).max() < 0.4
    own = dataclasses.replace(faces, framing="own")
    with pytest.raises(ValueError, match="no framing of the course's, so box= has to say"):
        landmarks_of(SeesDots(), own)
    for box in (geometry.face_box(faces.landmarks), geometry.face_box(geometry.LOOSE.template)):
        assert (landmarks_of(SeesDots(), own, box).points - faces.landmarks).norm(dim=-1).max() < 0.15


@pytest.mark.parametrize("framing", [geometry.TIGHT, geometry.ARCFACE, geometry.LOOSE], ids=lambda f: f.name)
def test_aligned_landmarks_lie_on_the_template(framing):
    faces = tilted()
    made = aligned(faces, landmarks_of(SeesDots(), faces).points, framing)
    assert made.framing == framing.name and made.images().shape[2:] == made.crop_size == framing.size
    most = {"arcface": 4.5}.get(framing.name, 0.3)  # ArcFace's own differ from CelebA's in more than place and size
    assert (made.landmarks - framing.template).norm(dim=-1).max() < most
    assert (dots(made.images()) - made.landmarks).abs().max() < 0.15


def test_cropped_is_what_the_tight_framing_of_an_aligned_image_shows():
    faces = dotted_set(geometry.LOOSE.template.expand(3, 5, 2), (218, 178))
    x1, y1, x2, y2 = map(int, geometry.TIGHT_IN_LOOSE)
    assert torch.equal(cropped(faces).images(), faces.images()[:, :, y1:y2, x1:x2])
    with pytest.raises(ValueError, match="is not in the loose framing"):
        cropped(cropped(faces))


FOREIGN = {  # how another library gives the landmarks, and what is said of it
    "mouth first": (lambda p: p[:, [3, 4, 2, 0, 1]], r"landmarks\[:, \[3, 4, 2, 0, 1\]\]"),
    "eyes, mouth, nose": (lambda p: p[:, [0, 1, 3, 4, 2]], r"right mouth corner, nose; give landmarks\[:, \[0, 1, 4"),
    "nose first": (lambda p: p[:, [2, 0, 1, 3, 4]], r"landmarks\[:, \[1, 2, 0, 3, 4\]\]"),
    "the person's left first": (lambda p: p[:, [1, 0, 2, 4, 3]], r"landmarks\[:, \[1, 0, 2, 4, 3\]\]"),
    "eyes exchanged": (lambda p: p[:, [1, 0, 2, 3, 4]], r"landmarks\[:, \[1, 0, 2, 3, 4\]\]"),
    "y, x": (lambda p: p.flip(2), r"\(y, x\); give landmarks\.flip\(2\)"),
    "x1 to x5, y1 to y5": (lambda p: p.mT.reshape(-1, 5, 2), r"landmarks\.reshape\(-1, 2, 5\)\.mT"),
    "x1, y1 to x5, y5 read as x1 to y5": (lambda p: p.reshape(-1, 2, 5).mT, r"landmarks\.mT\.reshape\(-1, 5, 2\)"),
}


def foreign_orders_are_refused(faces):
    """Each is refused wherever it enters; what is advised gives the landmarks themselves."""
    landmarks = faces.landmarks
    assert (aligned(faces, landmarks).landmarks.mean((0, 1)) - geometry.TIGHT.template.mean(0)).abs().max() < 0.1
    for order, said in FOREIGN.values():
        with pytest.raises(ValueError, match=said) as refused:
            aligned(faces, order(landmarks), refuse_mirrored=False)
        with pytest.raises(ValueError, match=said):
            dataclasses.replace(faces, landmarks=order(landmarks))
        advice = str(refused.value).rpartition("give ")[2]
        assert torch.equal(eval(advice, {"landmarks": order(landmarks)}), landmarks)


@pytest.mark.fault("landmark order")
def test_landmarks_in_another_librarys_order_are_refused_with_the_way_back():
    foreign_orders_are_refused(data.unaligned(data.load("synthetic", "test", framing="loose", people=20), rotation=80))
    foreign_orders_are_refused(data.load("synthetic", "test", framing="loose", people=20))
    dlib = data.load_built_in("test", "loose", people=20, landmarks=68)
    with pytest.raises(ValueError, match="fit in no order, such as dlib's five"):
        aligned(dlib, dlib.landmarks[:, [45, 42, 36, 39, 33]])  # two points an eye, and none of the mouth


@pytest.mark.fault("landmark order")
@pytest.mark.parametrize("yaw", [-75, 0, 45, 75])
def test_faces_seen_from_the_side_are_refused_neither_as_a_set_nor_alone(yaw):
    faces = data.load_built_in("test", "loose", people=5, images_per_person=7, dials={"yaw": yaw})
    for some in (faces, *(faces.subset([i]) for i in range(len(faces)))):
        assert aligned(some, some.landmarks, refuse_mirrored=False).crop_size == (100, 83)


@pytest.mark.real
@pytest.mark.fault("landmark order")
@pytest.mark.parametrize("split", ["validation", "test"])
def test_real_landmarks_are_in_order_each_alone_too_and_foreign_ones_are_refused(real_data, split):
    faces = data.load("celeba500", split, real_data, framing="loose")
    faces = faces.subset(faces.landmarks.isfinite().flatten(1).all(1))
    for points in faces.landmarks[:, None]:
        geometry.refuse_other_order(points)
    foreign_orders_are_refused(faces)


def test_four_turns_find_a_face_that_stands_on_its_head():
    class Sure(LandmarkNet):  # finds the template, and is the surer the lighter the upper half is
        def find(self, images):
            points = (self.template * self.side).expand(len(images), -1, -1)
            return Landmarks(points, images[:, :, :16].mean((1, 2, 3))[:, None].expand(-1, 5))

    model = Sure(geometry.TIGHT.template / 100, 32)
    image = torch.zeros(1, 3, 64, 64)
    image[..., :32, :] = 1
    box = torch.tensor([17.0, 17, 47, 47])
    upright, turned = (find_landmarks(model, image.rot90(k, (2, 3)), box, looks=1, turns=4).points[0] for k in (0, 1))
    once = find_landmarks(model, image.rot90(1, (2, 3)), box, looks=1).points[0]
    assert torch.allclose(once, upright, atol=1e-3)  # without turns it looks as it always does
    assert torch.allclose(turned, torch.stack((upright[:, 1], 64 - upright[:, 0]), 1), atol=1e-3)
    with pytest.raises(ValueError, match="turns=2"):
        find_landmarks(model, image, box, turns=2)
