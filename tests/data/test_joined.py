"""Several sets of different people as one."""

import pytest
import torch

from dlsfaces import data
from dlsfaces.data.records import FaceSet


def made(name, people, count, size=(8, 6), framing="tight"):
    images = torch.randint(0, 256, (count, 3, *size), generator=torch.Generator().manual_seed(len(name) * count))
    images = images.to(torch.uint8)

    def read(indices, wanted):
        chosen = images[list(indices)]
        return chosen if wanted in (None, size) else chosen[:, :, : wanted[0], : wanted[1]]

    ids = torch.arange(count) % people
    names = [f"{name}{k}" for k in range(count)]
    return FaceSet(name, "train", framing, names, ids, [f"p{k}" for k in range(people)], read, size), images


def test_people_follow_on_and_pictures_stay_theirs():
    (a, a_images), (b, b_images), (c, c_images) = made("a", 3, 7), made("bb", 2, 4), made("ccc", 1, 2)
    both = data.joined(a, b, c)
    assert len(both) == 13 and both.files == [*a.files, *b.files, *c.files]
    assert both.identities.tolist() == [*a.identities.tolist(), *(b.identities + 3).tolist(), 5, 5]
    assert both.people == ["a/p0", "a/p1", "a/p2", "bb/p0", "bb/p1", "ccc/p0"]
    assert torch.equal(both.images(), torch.cat((a_images, b_images, c_images)))
    assert torch.equal(both.read([12, 0, 7], None), torch.stack((c_images[1], a_images[0], b_images[0])))
    assert torch.equal(both.subset([8, 1]).images((4, 3)), torch.stack((b_images[1], a_images[1]))[:, :, :4, :3])
    assert both.name == "a+bb+ccc" and both[9].faces[0].identity == 3 + 0


def test_another_crop_size_is_brought_to_the_first_ones():
    (a, _), (b, images) = made("a", 2, 3, (8, 6)), made("b", 2, 3, (16, 12))
    assert torch.equal(data.joined(a, b).read([3], None), images[:1, :, :8, :6])


def test_what_cannot_be_joined_is_an_error():
    a, loose = made("a", 2, 3)[0], made("b", 2, 3, framing="loose")[0]
    with pytest.raises(ValueError, match="one set at least"):
        data.joined()
    with pytest.raises(ValueError, match=r"one framing, not .*loose"):
        data.joined(a, loose)
    with pytest.raises(ValueError, match="may be the same in two sets"):
        data.joined(a, data.load("synthetic", "distractors", people=5, pictures=7))
