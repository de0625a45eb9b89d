"""People that anything learns, and a recipe that takes a second."""

import torch

from dlsfaces import rng
from dlsfaces.data import FaceSet
from dlsfaces.recognize import Recipe

RECIPE = Recipe("small", (32, 32), embedding_dim=16, epochs=2, batch_size=16, lr=0.05)


def colours(split="train", n_people=4, images=8, size=(32, 32), light=200):
    """People that are colours."""
    ids = torch.arange(n_people).repeat(images)
    keys = rng.key(sum(map(ord, split)), torch.arange(len(ids)))
    plain = rng.uniform(rng.key(1, torch.arange(n_people)), 3)[ids, :, None, None] * light
    shown = (plain + 55 * rng.uniform(keys, 3 * size[0] * size[1]).view(-1, 3, *size)).to(torch.uint8)
    names = [f"{split}{i}" for i in range(len(ids))]
    people = [f"person {i}" for i in range(n_people)]
    return FaceSet("colours", split, "tight", names, ids, people, lambda i, s: shown[list(i)], size)


def equal(one, other):
    """Whether two modules have the same weights."""
    states = one.state_dict().values(), other.state_dict().values()
    return all(torch.equal(a, b) for a, b in zip(*states, strict=True))
