"""Sets of faces: what they take and refuse, subsets, sets joined, people held out."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from dlsfaces import data
from dlsfaces.data.records import FaceSet, PhotoSet


def made(name="a", people=3, count=7, size=(8, 6), framing="tight"):
    generator = torch.Generator().manual_seed(len(name) * count)
    images = torch.randint(0, 256, (count, 3, *size), generator=generator).to(torch.uint8)

    def read(indices, wanted):
        chosen = images[indices]
        return chosen if wanted in (None, size) else chosen[:, :, : wanted[0], : wanted[1]]

    names = [f"{name}{k}" for k in range(count)]
    people = [f"p{k}" for k in range(people)]
    return FaceSet(name, "train", framing, names, torch.arange(count) % len(people), people, read, size)


@pytest.mark.fault("indices")
def test_an_image_is_the_same_by_every_way():
    faces = made()
    images = faces.images()
    assert torch.equal(faces[2].image, images[2]) and torch.equal(faces[-1].image, images[6])
    assert torch.equal(faces[1:6:2].images(), images[[1, 3, 5]])
    assert torch.equal(faces.subset([-1, 0]).images(), images[[6, 0]])
    chosen = faces.subset(faces.identities == 1)
    assert torch.equal(chosen.images(), images[[1, 4]]) and chosen.identities.tolist() == [1, 1]
    assert chosen[1:].files == ["a4"] and faces[4].faces[0].identity == 1
    assert len(faces.subset([])) == 0


def ways():
    """Sets that read their images in every way there is."""
    a = made("a", 4, 24)
    return [a, data.joined(a, made("b")), data.unaligned(a), data.plant_trash(a, 0.5), a.subset(range(1, 24))[::-1]]


@pytest.mark.fault("indices")
@pytest.mark.parametrize("faces", ways(), ids=["plain", "joined", "warped", "planted", "subset"])
def test_indices_of_every_form_mean_the_same_to_every_reader(faces):
    images, n = faces.images(), len(faces)
    odd = torch.arange(n) % 2 == 1
    forms = {
        "negative": ([-1, -3, 0, -n], [n - 1, n - 3, 0, 0]),
        "mask": (odd, odd.nonzero()[:, 0]),
        "numpy mask": (odd.numpy(), odd.nonzero()[:, 0]),
        "booleans": (odd.tolist(), odd.nonzero()[:, 0]),
        "numpy, backwards": (np.arange(4)[::-1], [3, 2, 1, 0]),
        "of a tensor each": (list(torch.tensor([2, -2])), [2, n - 2]),
        "one byte": (torch.tensor([3, 1], dtype=torch.uint8), [3, 1]),
    }
    for name, (indices, meant) in forms.items():
        assert torch.equal(faces.subset(indices).images(), images[meant]), name
        assert torch.equal(faces.read(indices, None), images[meant]), name
        assert faces.subset(indices).files == [faces.files[i] for i in meant], name
    assert torch.equal(faces.subset([-3, 4, 5])[-2:].subset([-1]).images(), images[[5]])
    assert torch.equal(faces[np.int64(-2)].image, images[-2])
    assert torch.equal(faces[odd.nonzero()[0, 0]].image, images[1])
    for nothing in ([], np.array([]), torch.zeros(n, dtype=torch.bool), slice(5, 5)):
        empty = faces[nothing] if isinstance(nothing, slice) else faces.subset(nothing)
        assert len(empty) == 0 and empty.images().shape == (0, 3, *faces.crop_size)


@pytest.mark.fault("indices")
@pytest.mark.parametrize(
    ("indices", "error", "message"),
    [
        ([7], IndexError, "no photo 7 in a set of 7"),
        ([-8], IndexError, "no photo -8"),
        (torch.ones(3, dtype=torch.bool), ValueError, r"mask has the shape \(3,\), but the set has 7"),
        ([0.5], ValueError, "whole numbers"),
        ([1.0], ValueError, "whole numbers"),
        ([[1, 2]], ValueError, "in one dimension"),
        (torch.ones(7, dtype=torch.uint8), ValueError, "7 bytes for 7 photos may be a mask or indices"),
        ("ab", ValueError, "'ab' are no indices; give whole numbers, or a Boolean mask"),
        (None, ValueError, "None are no indices"),
    ],
)
def test_indices_that_name_no_image_are_refused(indices, error, message):
    photos = PhotoSet("n", "train", lambda i: i, range(7))
    for some in (made(), photos):
        with pytest.raises(error, match=message):
            some.subset(indices)
    for several in ([1, 2], torch.ones(7, dtype=torch.bool), 1.0):
        with pytest.raises(ValueError, match=r"whole numbers|see subset"):
            made()[several]


def test_there_is_one_of_everything_for_each_file():
    faces = made()
    for field, value in {"identities": torch.zeros(6), "landmarks": torch.zeros(6, 5, 2), "origins": [""] * 6}.items():
        with pytest.raises(ValueError, match=f"7 files but 6 {field}"):
            replace(faces, **{field: value})
    with pytest.raises(ValueError, match="a tuple of names an image"):
        replace(faces, defects=["dark"] * 7)


def test_a_checksum_tells_sets_apart():
    faces, before = made(), made().checksum()
    assert faces.checksum() == before == faces.subset(range(7)).checksum()
    images = faces.images()
    images[5, 1, 3, 2] ^= 1
    others = [
        replace(faces, read=lambda rows, size: images[list(rows)]),  # one bit of one pixel
        replace(faces, identities=faces.identities.flip(0)),
        replace(faces, files=faces.files[::-1]),
        replace(faces, framing="loose"),
        replace(faces, landmarks=torch.zeros(7, 5, 2)),
        faces.subset(range(6)),
    ]
    assert len({before, *(other.checksum() for other in others)}) == 7


@pytest.mark.fault("indices")
def test_photo_sets_are_sliced_and_gone_through():
    photos = PhotoSet("n", "train", lambda i: 10 * i, range(5))
    assert list(photos) == [0, 10, 20, 30, 40] and photos[-1] == 40
    assert list(photos[1:4:2]) == [10, 30] and list(photos[2:].subset([1, 0])) == [30, 20]
    assert list(photos[::-2].subset([-1, 0])) == [0, 40] and len(photos[3:3]) == len(photos.subset([])) == 0
    assert list(photos.subset([False, True, False, False, True])) == list(photos.subset(np.array([1, -1]))) == [10, 40]


def test_people_of_joined_sets_follow_on_and_images_stay_theirs():
    a, b, c = made("a", 3, 7), made("bb", 2, 4), made("ccc", 1, 2)
    both = data.joined(a, b, c)
    assert len(both) == 13 and both.files == [*a.files, *b.files, *c.files] and both.name == "a+bb+ccc"
    assert both.identities.tolist() == [*a.identities.tolist(), *(b.identities + 3).tolist(), 5, 5]
    assert both.people == ["a/p0", "a/p1", "a/p2", "bb/p0", "bb/p1", "ccc/p0"]
    assert torch.equal(both.images(), torch.cat((a.images(), b.images(), c.images())))
    assert torch.equal(both.read([12, 0, 7], None), torch.stack((c.images()[1], a.images()[0], b.images()[0])))
    assert torch.equal(both.subset([8, 1]).images((4, 3)), torch.stack((b.images()[1], a.images()[1]))[:, :, :4, :3])
    larger = made("b", 2, 3, (16, 12))
    assert torch.equal(data.joined(a, larger).read([7], None), larger.images()[:1, :, :8, :6])  # the first set's size
    marks = [torch.rand(len(faces), 5, 2) for faces in (a, b)]
    marked = [replace(faces, landmarks=given) for faces, given in zip((a, b), marks)]
    assert torch.equal(data.joined(*marked).landmarks, torch.cat(marks))
    assert data.joined(*marked, c).landmarks is None and data.joined(a, *marked).landmarks is None


def test_what_cannot_be_joined_is_an_error():
    with pytest.raises(ValueError, match="one set at least"):
        data.joined()
    with pytest.raises(ValueError, match=r"one framing, not .*loose"):
        data.joined(made(), made("b", framing="loose"))
    with pytest.raises(ValueError, match="may be the same in two sets"):
        data.joined(made(), replace(made("b"), identities=torch.full((7,), data.UNKNOWN)))


def test_every_third_person_is_held_out_and_nobody_is_lost():
    faces = made(people=12, count=36)
    kept, held_out = data.split_people(faces, 3)
    assert len(kept) + len(held_out) == len(faces)
    assert held_out.people == ["p2", "p5", "p8", "p11"] and "".join(kept.people) == "p0p1p3p4p6p7p9p10"
    for part in (kept, held_out):
        assert part.identities.unique().tolist() == list(range(len(part.people)))
        own = [faces.people[int(faces.identities[faces.files.index(name)])] for name in part.files]
        assert [part.people[i] for i in part.identities] == own
    assert torch.equal(held_out.images()[0], faces.images()[faces.files.index(held_out.files[0])])
    with pytest.raises(ValueError, match="every=1"):
        data.split_people(faces, 1)
    with pytest.raises(ValueError, match="none can be held out"):
        data.split_people(faces, 13)
    with pytest.raises(ValueError, match="every face's person known"):
        data.split_people(replace(faces, identities=faces.identities - 1), 3)


@pytest.mark.fault("unknown people")
def test_only_minus_one_is_nobody():
    faces = made("a")
    with pytest.raises(ValueError, match="0 or more, or -1"):
        replace(faces, identities=faces.identities - 2)
