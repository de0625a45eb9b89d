"""Portraits as in a studio: one person a photo, plain light, a plain wall, the face at varying place and size.

Such are FEI (Thomaz and Giraldi 2010), Caltech Faces 1999 and the Georgia Tech face database, on which a network that
looks for exactly one face is usually tried first.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from dlsfaces.data import folders, invented
from dlsfaces.data.compose import bodies, cutouts, scenery
from dlsfaces.data.compose.cutouts import Cutouts
from dlsfaces.data.compose.photosets import PhotoSet
from dlsfaces.data.compose.snapshot import snapshot
from dlsfaces.data.records import UNKNOWN, Face, Photo, Source
from dlsfaces.rng import Dice
from drawpeople import backdrops

_STUDIO_SEED = 35
EYES = (0.075, 0.16)  #: the distance between the eyes, as a share of the photo's side; faces are three times as wide
_SIDE_OF_EYES = 8  # the photo's side in eye distances of a rendered cutout


def studio(split: str = "train", side: int = 320, *, people: int = 280, pictures: int = 7, seed: int = 0) -> PhotoSet:
    """Square photos of one invented person each.

    Train, validation and test show the same people in other pictures, of seven five, one and one; the query and the
    distractors are other people, whose number of photos goes with ``people`` as in the embedded set of faces. The
    identity of a distractor is ``UNKNOWN``, a query's number begins at 0, as there.

    The first use renders the people, some minutes for 280, which are then kept in the cache folder.

    Args:
        split: ``"train"``, ``"validation"``, ``"test"``, ``"query"`` or ``"distractors"``.
        side: height and width in pixels; 320 or 640 are usual.
        people, pictures: how many people, and how many pictures of each in the first three splits together.
        seed: another seed is another population.
    Raises:
        ValueError: an unknown split, too few people or pictures to make the splits of, or a side under 64.
    """
    if side < 64:
        raise ValueError(f"side={side} pixels is too small for a face to be seen; take at least 64")
    person, number = invented.members(split, people, pictures)
    bank = cutouts.rendered(
        person, number, style="studio", seed=seed, eyes=side // _SIDE_OF_EYES, cache=folders.cache_folder()
    )
    identities = torch.full_like(person, UNKNOWN) if split == "distractors" else person % invented.QUERY_FROM
    made = _Studio(side, bank, identities, number, seed, split)
    about = f"{person.unique().numel()} people, {side}x{side}"
    return PhotoSet("studio", split, made, range(len(person)), about)


@dataclass(frozen=True, eq=False)
class _Studio:
    """Takes photo ``i``: that of the bank's cutout ``i``."""

    side: int
    bank: Cutouts
    identities: Tensor
    numbers: Tensor
    seed: int
    split: str

    def __call__(self, index: int) -> Photo:
        person, number = int(self.bank.identities[index]), int(self.numbers[index])
        dice = Dice(_STUDIO_SEED, self.seed, person, number)
        image = backdrops.plain((self.side, self.side), dice.fork(0))
        face = self._sit(image, index, dice.fork(1))
        name = f"person{person:07d}_{number:03d}"
        return Photo(snapshot(image, dice.fork(2), 0.5), Source(name, "studio", self.split), (face,))

    def _sit(self, image: Image.Image, index: int, dice: Dice) -> Face:
        """Paint the person, the whole face in the photo, rather in its middle than at its border."""
        cutout = self.bank.get(index).cropped()
        cutout = cutout.scaled(dice.log(*EYES) * self.side / cutout.eyes)
        left, top, right, bottom = cutout.box.tolist()
        share = [(dice() + dice()) / 2 for _ in range(2)]
        x = round(-left + 1 + share[0] * (self.side - right + left - 2))
        y = round(-top + 1 + 0.9 * share[1] * (self.side - bottom + top - 2))
        whole = bodies.clothed(cutout, self.side - y, dice)
        image.paste(scenery.lit(whole, scenery.light_of(image)), (x, y), whole)
        landmarks = cutout.landmarks + torch.tensor([float(x), float(y)])
        inside = ((landmarks >= 0) & (landmarks < self.side)).all(1)
        box = cutout.box + torch.tensor([x, y, x, y])
        return Face(int(self.identities[index]), box, landmarks, cutout.visibility & inside)
