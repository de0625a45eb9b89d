"""Planted trash: the right number of the right photos, each spoilt as its label says, and the truth about the rest."""

import copy
from collections import Counter

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from dlsfaces import data, geometry, rng
from dlsfaces.data.records import Photo, Source
from drawpeople import defects

RATE = 0.7


@pytest.fixture(scope="module")
def faces():
    return data.load("synthetic", "train", people=10, images_per_person=14)


@pytest.fixture(scope="module")
def planted(faces):
    return data.plant_trash(faces, RATE)


@pytest.fixture(scope="module")
def before(faces):
    return faces.images()


@pytest.fixture(scope="module")
def after(planted):
    return planted.images()


def of(planted, kind):
    found = [i for i, names in enumerate(planted.defects) if names == (kind,)]
    assert found
    return found


class Memory:
    """Reads from a tensor; scales as torch does."""

    def __init__(self, images):
        self.images = images

    def __call__(self, indices, size):
        chosen = self.images[list(indices)]
        if size in (None, tuple(chosen.shape[2:])):
            return chosen
        return F.interpolate(chosen.float(), size, mode="bilinear", antialias=True).round().byte()


def made(images, identities, **more):
    files = [f"photo{i:04d}" for i in range(len(images))]
    ids = torch.as_tensor(identities)
    people = [str(i) for i in range(int(ids.max()) + 1)]
    size = tuple(images.shape[2:])
    return data.FaceSet("made", "train", "tight", files, ids, people, Memory(images), size, **more)


def flat(count, identities=None, people=4):
    """Grey images, quick to read, for what does not look at pixels."""
    ids = torch.arange(count) % people if identities is None else identities
    return made((torch.arange(count) % 200).byte().view(-1, 1, 1, 1).expand(-1, 3, 10, 8), ids)


@pytest.mark.parametrize("rate", [0.1, 0.37, 0.8])
@pytest.mark.parametrize("mix", [None, {"dark": 3, "duplicate": 1}, {"cropped": 0.5, "dark": 0.25, "blurred": 0.2}])
def test_counts_are_exact(rate, mix):
    counts = Counter(name for names in data.plant_trash(flat(300), rate, mix).defects for name in names)
    assert counts.total() == round(300 * rate)
    weights = dict.fromkeys(data.TRASH, 1) if mix is None else mix
    for kind, weight in weights.items():
        assert abs(counts[kind] - counts.total() * weight / sum(weights.values())) < 1
    assert counts.keys() <= weights.keys()


def test_the_seed_and_the_names_decide_and_nothing_else(faces, planted, after):
    again, other = data.plant_trash(faces, RATE), data.plant_trash(faces, RATE, seed=1)
    assert again.defects == planted.defects and again.origins == planted.origins
    assert other.defects != planted.defects
    assert torch.equal(again.images((20, 16)), planted.images((20, 16)))
    order = torch.randperm(len(faces), generator=torch.Generator().manual_seed(3))
    shuffled = data.plant_trash(faces.subset(order), RATE)
    assert list(shuffled.defects) == [planted.defects[i] for i in order]
    assert list(shuffled.origins) == [planted.origins[i] for i in order]
    assert torch.equal(shuffled.images(), after[order])
    assert torch.equal(shuffled.landmarks.nan_to_num(-1), planted.landmarks[order].nan_to_num(-1))


def test_photos_are_the_same_alone_in_a_subset_and_in_another_process(planted, after, monkeypatch):
    few = [5, 90, 17, 33, 2, 61]
    part = planted.subset(few)
    assert torch.equal(part.images(), after[few])
    assert part.defects == [planted.defects[i] for i in few] and part[1].source.origin == planted.origins[90]
    assert all(torch.equal(planted[i].image, after[i]) for i in few)
    monkeypatch.setitem(data.batches.__globals__, "MEMORY_LIMIT", 0)
    loader = data.batches(planted, planted.crop_size, 25, workers=1)
    assert torch.equal(torch.cat([images for images, _, _ in loader]), after)


def test_a_photo_is_spoilt_alike_at_any_size(planted, after, before):
    small = F.interpolate(after.float(), (50, 42), mode="bilinear", antialias=True)
    apart = (planted.images((50, 42)).float() - small).abs().mean((1, 2, 3))
    changed = [(after[i] != before[i]).any() for i in range(len(after))]
    assert apart.max() < 8 and apart[changed].median() < 2.5
    large = F.interpolate(planted.images((200, 166)).float(), (100, 83), mode="bilinear", antialias=True)
    assert (large - after.float()).abs().mean((1, 2, 3)).median() < 3


def test_clean_photos_and_the_given_set_stay_as_they_are(faces):
    was, landmarks, ids = faces.images().clone(), faces.landmarks.clone(), faces.identities.clone()
    fields = copy.copy(vars(faces))
    planted = data.plant_trash(faces, 0.5, seed=4)
    now = planted.images()
    clean = [i for i, names in enumerate(planted.defects) if not names]
    assert torch.equal(now[clean], was[clean]) and torch.equal(planted.landmarks[clean], landmarks[clean])
    assert torch.equal(faces.images(), was) and torch.equal(faces.landmarks, landmarks)
    assert torch.equal(faces.identities, ids) and torch.equal(planted.identities, ids)
    assert all(vars(faces)[name] is value for name, value in fields.items()) and faces.defects == ()
    assert planted.files == faces.files and planted[clean[0]].faces[0].defects == ()
    assert "with defects" in repr(planted) and "with defects" not in repr(faces)
    with pytest.raises(ValueError, match="holds trash already"):
        data.plant_trash(planted, 0.1)


def test_blurred_and_dark_photos_are_so(planted, before, after):
    def detail(images):
        return images.float().mean(1).diff(dim=2).pow(2).mean((1, 2))

    rows = of(planted, "blurred")
    assert (detail(after[rows]) / detail(before[rows])).median() < 0.5
    assert (after[rows].float().mean((1, 2, 3)) - before[rows].float().mean((1, 2, 3))).abs().max() < 8
    assert after[of(planted, "dark")].float().mean((1, 2, 3)).max() < 45


def test_something_covers_the_face_box_and_its_landmarks():
    """Seen without looking at what it is: what covers an image hides an image and its negative alike."""
    n, (height, width) = 90, geometry.TIGHT.size
    u = rng.uniform(rng.key(3, torch.arange(n)), height * width).view(n, 1, height, width).expand(-1, 3, -1, -1)
    image = torch.where(u < 0.4, 0, torch.where(u > 0.6, 255, 128)).byte()
    telling = (u[:, 0] < 0.4) | (u[:, 0] > 0.6)
    points = torch.tensor(geometry.TIGHT.landmarks).expand(n, 5, 2)
    ids = torch.zeros(n, dtype=torch.int64)
    sets = [data.plant_trash(made(p, ids, landmarks=points), 0.9, {"occluded": 1}) for p in (image, 255 - image)]
    images = [s.images().float() for s in sets]
    covered = ((images[0] - images[1]).abs().amax(1) < 60).float()
    checked = 0
    for i in of(sets[0], "occluded"):
        share = covered[i][telling[i]].mean()  # the box of this framing holds the whole image
        assert defects.COVERED[0] - 0.03 < share < defects.COVERED[1] + 0.03
        for (x, y), seen in zip(points[i].round().long(), sets[0].visibility[i], strict=True):
            near = (slice(int(y) - 3, int(y) + 3), slice(int(x) - 3, int(x) + 3))
            hidden = covered[i][near][telling[i][near]].mean()
            if hidden < 0.05 or hidden > 0.95:
                checked += 1
                assert bool(seen) == bool(hidden < 0.5)
    assert checked > 200 and torch.equal(sets[0].landmarks, points)
    assert 0.2 < sets[0].visibility[of(sets[0], "occluded")].float().mean() < 0.7


def test_cropped_photos_show_a_part_of_the_face(faces, planted, before, after):
    """The image is the old one where the map says; a third to a half of the face is in it, or a cheek."""
    height, width = faces.crop_size
    zoomed = 0
    for i in of(planted, "cropped"):
        matrix = planted[i].faces[0].photo_to_crop  # the synthetic files are the crops
        points = torch.rand(4000, 2) * torch.tensor([width - 2.0, height - 2.0]) + 1
        moved = geometry.move_points(matrix, points)
        inside = ((moved >= 1) & (moved <= torch.tensor([width - 1.0, height - 1.0]))).all(1)
        scale = float(matrix[0, 0])
        assert float(matrix[1, 1]) == pytest.approx(scale, rel=0.02) and matrix[0, 1] == matrix[1, 0] == 0
        old, new = (sample(images[i], p[inside]) for images, p in ((before, points), (after, moved)))
        assert (old - new).abs().mean() < 6 and torch.corrcoef(torch.stack((old.flatten(), new.flatten())))[0, 1] > 0.9
        x1, y1, x2, y2 = planted.read.read.changes[i].defect._face()
        box = torch.rand(4000, 2) * torch.tensor([x2 - x1, y2 - y1]) + torch.tensor([x1, y1])
        moved = geometry.move_points(matrix, box)
        share = ((moved >= 0) & (moved <= torch.tensor([width, height]))).all(1).float().mean()
        zoomed += scale > 1.5
        assert share < 0.3 if scale > 1.5 else defects.LEFT[0] - 0.04 < share < defects.LEFT[1] + 0.04
        assert torch.allclose(planted.landmarks[i], geometry.move_points(matrix, faces.landmarks[i]), atol=0.01)
        outside = ((planted.landmarks[i] < 0) | (planted.landmarks[i] > torch.tensor([width, height]))).any(1)
        assert outside.any() and not planted.visibility[i][outside].any() and planted.visibility[i][~outside].all()
    assert 0 < zoomed < len(of(planted, "cropped"))


def sample(image, points):
    """Colours at points, bilinear, ``(3, K)``."""
    grid = 2 * points / torch.tensor([image.shape[2], image.shape[1]]) - 1
    return F.grid_sample(image[None].float(), grid[None, None], align_corners=False)[0, :, 0]


def test_nobody_is_shown_where_there_is_no_face(faces, planted, before, after):
    rows = of(planted, "not_a_face")
    for i in rows:
        face = planted[i].faces[0]
        assert face.landmarks is None and face.box is None and face.photo_to_crop is None
        assert face.identity == faces.identities[i] and not planted.visibility[i].any()
    places = F.interpolate(after[rows].float(), (20, 16), mode="area").flatten(1)
    people = F.interpolate(before.float(), (20, 16), mode="area").flatten(1)
    assert torch.cdist(places, people).min() > 1.5 * torch.cdist(people, people).add(1e9 * torch.eye(len(people))).min()
    assert torch.cdist(places, places).add(1e9 * torch.eye(len(rows))).min() > 500


def test_crops_of_given_photos(faces, tmp_path):
    """Red grows to the right and green downwards in what is given, and so they do in what is shown."""
    x, y = np.meshgrid(np.linspace(0, 255, 200), np.linspace(0, 255, 150))
    ramp = np.stack((x, y, np.full_like(x, 99)), -1).round().astype(np.uint8)
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    image = torch.from_numpy(ramp).permute(2, 0, 1)
    photo = Photo(image, Source("a", "b", "c"), ())
    for given in (tmp_path, [image], [photo], made(image[None], [0])):
        planted = data.plant_trash(faces, 0.2, {"not_a_face": 1}, not_faces=given)
        shown = planted.subset(of(planted, "not_a_face")).images().float()
        assert (shown[:, 2] == 99).all()
        assert (shown[:, 0].diff(dim=2) >= 0).all() and (shown[:, 1].diff(dim=1) >= 0).all()
        assert len(shown[:, 0, 0, 0].unique()) > 5  # many crops


def source(image, images):
    """Which image it is, pixel by pixel; None if none."""
    same = (images == image).flatten(1).all(1).nonzero()[:, 0]
    return int(same[0]) if len(same) else None


def test_wrong_people_change_places(faces, planted, before, after):
    rows = of(planted, "wrong_identity")
    shown = [source(after[i], before) for i in rows]
    assert sorted(shown) == rows  # no image is there twice
    for i, j in zip(rows, shown, strict=True):
        assert faces.identities[j] != faces.identities[i] == planted[i].faces[0].identity
        assert planted.origins[i] == planted[i].source.origin == faces.files[j] and planted.files[i] == faces.files[i]
        assert torch.equal(planted.landmarks[i], faces.landmarks[j])


def test_strangers_are_shown(faces, tmp_path):
    strangers = data.load("synthetic", "distractors", people=5, images_per_person=7)
    planted = data.plant_trash(faces, 0.2, {"wrong_identity": 1}, strangers=strangers)
    theirs, shown = strangers.images(), planted.images()
    found = [source(shown[i], theirs) for i in of(planted, "wrong_identity")]
    assert None not in found and len(set(found)) == len(found) == 20
    for i, j in zip(of(planted, "wrong_identity"), found, strict=True):
        assert planted.origins[i] == strangers.files[j] and torch.equal(planted.landmarks[i], strangers.landmarks[j])
        assert planted[i].faces[0].photo_to_crop is None and torch.equal(planted[i].image, shown[i])
    with pytest.raises(ValueError, match="is too small for"):
        data.plant_trash(faces, 0.2, {"wrong_identity": 1}, strangers=strangers.subset(range(3)))
    unlike = copy.copy(strangers)
    object.__setattr__(unlike, "framing", "loose")
    with pytest.raises(ValueError, match="load both in one framing"):
        data.plant_trash(faces, 0.2, strangers=unlike)


def test_duplicates_are_copies_of_clean_images_of_the_same_person(faces, before):
    planted = data.plant_trash(faces, 0.5, {"duplicate": 1})
    now, exact, other = planted.images(), 0, []
    for i in of(planted, "duplicate"):
        j = faces.files.index(planted.origins[i])
        assert j != i and faces.identities[j] == faces.identities[i] and planted.defects[j] == ()
        pair = torch.stack((now[i], before[j])).float().flatten(1)
        coarse = F.adaptive_avg_pool2d(torch.stack((now[i], before[j])).float(), (20, 16)).flatten(1)
        assert torch.corrcoef(coarse)[0, 1] > 0.96 and torch.corrcoef(pair)[0, 1] > 0.85
        assert (planted.landmarks[i] - faces.landmarks[j]).norm(dim=-1).max() < 0.03 * 100
        exact += torch.equal(now[i], before[j])
        if not torch.equal(now[i], before[j]):
            other.append((now[i].float().mean() / before[j].float().mean(), (pair[0] - pair[1]).abs().mean()))
    brightness = torch.tensor(other)[:, 0]
    assert 4 < exact < 25 and (brightness > 1.03).sum() > 4 and (brightness - 1).abs().lt(0.02).sum() > 12
    assert torch.tensor(other)[:, 1].min() > 0.2  # not the same by accident


@pytest.mark.parametrize(
    "rate, mix, message",
    [
        *((rate, None, "rate=") for rate in (-0.1, 1, float("nan"), "a lot")),
        (0.5, {"blury": 1}, "'blury', which is no kind of trash; there are blurred, dark"),
        *((0.5, {"dark": w, "blurred": 1}, rf"mix\['dark'\]={w!r}") for w in (-1, float("nan"), "much")),
        (0.5, {}, "leaves no kind"),
    ],
)
def test_bad_rates_and_mixes(rate, mix, message):
    with pytest.raises(ValueError, match=message):
        data.plant_trash(flat(20), rate, mix)


def test_sets_that_are_too_small_or_have_no_people():
    with pytest.raises(ValueError, match=r"too few for 7 kinds of trash; raise the rate to 0.35 or more"):
        data.plant_trash(flat(20), 0.2)
    assert sum(map(bool, data.plant_trash(flat(20), 0.35).defects)) == 7
    with pytest.raises(ValueError, match="too small for"):
        data.plant_trash(flat(10), 0.8, {"duplicate": 1})
    nobody = flat(40, torch.full((40,), data.UNKNOWN))
    for kind in ("wrong_identity", "duplicate"):
        with pytest.raises(ValueError, match="has no identities"):
            data.plant_trash(nobody, 0.5, {kind: 1})
    assert of(data.plant_trash(nobody, 0.5, {"dark": 1}), "dark")
    with pytest.raises(ValueError, match=r"give strangers=\.\.\."):
        data.plant_trash(flat(40, people=1), 0.5)
    assert len(of(data.plant_trash(flat(40, people=1), 0.5, strangers=flat(9)), "wrong_identity")) in (2, 3)
    some = torch.cat((torch.full((20,), data.UNKNOWN), torch.arange(20) % 5))
    planted = data.plant_trash(flat(40, some), 0.5, {"wrong_identity": 1, "duplicate": 1, "dark": 2})
    assert min(of(planted, "wrong_identity") + of(planted, "duplicate")) >= 20


def test_bad_photos_of_nobody(faces, tmp_path):
    with pytest.raises(FileNotFoundError, match="is no folder"):
        data.plant_trash(faces, not_faces=tmp_path / "none")
    with pytest.raises(ValueError, match="holds no photos"):
        data.plant_trash(faces, not_faces=tmp_path)
    for given in ([], [1, 2], [torch.zeros(3, 4, 4)], 5):
        with pytest.raises(ValueError, match="not_faces"):
            data.plant_trash(faces, not_faces=given)


@pytest.mark.fault("ignored options")
def test_options_of_kinds_that_are_not_asked_for(faces, tmp_path):
    for mix in ({"dark": 1}, {"dark": 1, "not_a_face": 0, "wrong_identity": 0}):
        for option, value in {"not_faces": tmp_path, "strangers": faces}.items():
            with pytest.raises(ValueError, match=rf"{option} is for .* which mix=.* leaves out; leave {option} out"):
                data.plant_trash(faces, 0.2, mix, **{option: value})
