"""Faces have the sizes of people's, and no caricature's features: eyes are open and do not glare beside skin."""

from __future__ import annotations

import torch

import drawpeople
from dlsfaces.geometry import LOOSE
from drawpeople import Region
from drawpeople.people import average_people
from tests.drawpeople.takes import PLAIN, turned, various

#: Mean and standard deviation of women, then of men, in millimetres: young adults of Farkas (1994), "Anthropometry of
#: the head and face"; and between which of the 68 landmarks.
_SIZES = {
    "height of the face": (27, 8, 111.4, 4.8, 124.7, 5.7),
    "height of the lower face": (33, 8, 64.3, 4.0, 72.6, 4.5),
    "height of the nose": (27, 33, 50.6, 3.1, 54.8, 3.3),
    "width of the nose": (31, 35, 31.4, 2.0, 34.9, 2.1),
    "width of the mouth": (48, 54, 50.2, 3.5, 54.5, 3.0),
    "between the inner corners of the eyes": (39, 42, 31.8, 2.3, 33.3, 2.7),
    "between the outer corners of the eyes": (36, 45, 87.8, 3.2, 91.2, 3.0),
    "length of an eye": (39, 36, 30.7, 1.2, 31.3, 1.2),
    "upper lip": (51, 62, 8.4, 1.3, 8.0, 1.4),
    "lower lip": (66, 57, 9.7, 1.6, 9.3, 1.6),
}


def test_women_and_men_have_the_sizes_of_people():
    people = drawpeople.people(torch.arange(400))
    people, shots = turned(people, smile=0.0)
    points = 10 * drawpeople.render(people, shots, LOOSE, (28, 22)).dense_3d
    for name, (a, b, *known) in _SIZES.items():
        size = (points[:, a] - points[:, b]).norm(dim=1)
        for mean, spread, those in ((*known[:2], people["sex"] < 0.5), (*known[2:], people["sex"] > 0.5)):
            # of all ages and peoples, hence spread wider than young North Americans
            assert abs(float(size[those].mean()) - mean) < 0.9 * spread, (name, float(size[those].mean()), mean)
            assert 0.7 * spread < float(size[those].std()) < 1.7 * spread, (name, float(size[those].std()), spread)


def _eyes_beside_cheeks(made: drawpeople.Rendering) -> torch.Tensor:
    """How bright the white of the eyes is as a share of the cheeks, ``(N,)``; as measured on photos, see below."""
    grey = (made.images.float() * torch.tensor([0.30, 0.59, 0.11]).view(3, 1, 1)).sum(1)
    shares = []
    for image, marks in zip(grey, made.landmarks):
        unit = float((marks[1] - marks[0]).norm())
        for x, y in marks[:2].tolist():
            across = torch.arange(int(x - 0.2 * unit), int(x + 0.2 * unit) + 1)
            across = across[(across - x).abs() > 0.1 * unit]  # beside the iris
            white = image[int(y - 0.03 * unit) : int(y + 0.05 * unit) + 1][:, across].quantile(0.75)
            low, left = int(y + 0.5 * unit), int(x)
            shares.append(white / image[low - 4 : low + 4, left - 4 : left + 4].median())
    return torch.stack(shares).view(-1, 2).mean(1)


def test_the_white_of_the_eye_beside_any_skin_is_as_bright_as_in_photos():
    tones = torch.linspace(0, 1, 11)
    share = _eyes_beside_cheeks(drawpeople.render(*turned(average_people(11), skin_tone=tones), LOOSE))
    # of 1,100 frontal CelebA faces 80 % are within 0.45 to 0.85 where the cheek is bright, 0.4 to 0.95 where it is dark
    # by skin or shade; few of them have dark skin
    assert (share > 0.5).all() and (share[:4] < 1.0).all() and (share[4:] < 0.85).all(), share


def test_everybodys_eyes_are_open_almonds():
    fold = torch.tensor([0.0, 1.0]).repeat(16)
    people, shots = various(32, epicanthus=fold, eye_shut=0.0, smile=0.3)
    made = drawpeople.render(people, shots | {k: torch.full((32,), v) for k, v in PLAIN.items()}, LOOSE, (436, 356))
    shown = made.regions == int(Region.EYES)
    for side in (shown[:, :, :178], shown[:, :, 178:]):
        high, wide = side.sum(1).amax(1).float(), side.any(1).sum(1).float()
        share = high / wide  # 1.08 to 3.1 cm, Farkas (1994)
        assert share.min() > 0.24 and share.max() < 0.5, share
        assert (share[fold == 1].mean() / share[fold == 0].mean()) > 0.85


def test_an_iris_is_as_large_in_a_small_eye_as_in_a_large_one():
    size = torch.tensor([-1.0, 0.0, 1.0])
    made = drawpeople.render(*turned(average_people(3), eye_size=size, skin_tone=1.0), LOOSE, (872, 712))
    wide = []
    for image, marks in zip(made.images, made.landmarks):
        x, y = marks[1].round().int().tolist()
        row = image[0, y + 3, x - 28 : x + 28].float()  # 1.1 cm to either side, within the lids
        wide.append(int((row < 0.6 * row.quantile(0.9)).sum()))
    assert max(wide) - min(wide) <= 4, wide  # of 30
