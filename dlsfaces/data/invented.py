"""The embedded set: synthetic people, rendered when asked for and cached on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm.auto import tqdm

import drawpeople
from dlsfaces import geometry
from dlsfaces.data.kept import digest_of, kept
from dlsfaces.data.records import UNKNOWN, FaceSet

#: The first person's number in the query and among the distractors; the known people begin at 0.
QUERY_FROM, DISTRACTORS_FROM = 1_000_000, 2_000_000
CHUNK = 64  #: faces rendered at a time


def load(
    split: str,
    framing: str = "tight",
    people: int = 100,
    pictures: int = 20,
    seed: int = 0,
    cache: Path | None = None,
    dials: Mapping[str, float] | None = None,
    landmarks: int = 5,
) -> FaceSet:
    """One split of the synthetic people; see :func:`dlsfaces.data.load`.

    Of each known person's ``pictures``, of seven five are for training, one for validation and one for the test. The
    query has a fifth as many other people (at least 4) with a third as many pictures each (at least 4), the
    distractors ``people`` x 5 pictures, each of a person of its own.

    Args:
        cache: a folder to keep rendered pictures in; nothing is kept where None.
        dials: values, by name, that all people or pictures have instead of what is drawn for them.
        landmarks: 5, or the 68 of 300-W.
    Raises:
        ValueError: too few people or pictures to make the splits of, an unknown dial, a value out of its range, or
            another number of landmarks.
    """
    if landmarks not in (5, 68):
        raise ValueError(f"landmarks={landmarks}: synthetic people have 5 or 68")
    dials = dict(dials or {})
    _check_dials(dials)
    person, number = members(split, people, pictures)
    frame = geometry.FRAMINGS[framing]
    rendered = _cached(person, number, seed, frame, cache, dials)
    identities = person % QUERY_FROM if split != "distractors" else torch.full_like(person, UNKNOWN)
    return FaceSet(
        "synthetic",
        split,
        framing,
        [f"person{p:07d}_{n:03d}" for p, n in zip(person.tolist(), number.tolist(), strict=True)],
        identities,
        [] if split == "distractors" else [str(i) for i in range(int(identities.max()) + 1)],
        _Rendered(rendered["images"]),
        frame.size,
        rendered["landmarks"] if landmarks == 5 else _dense(person, number, seed, frame, dials),
        geometry.crop_matrix(geometry.whole(frame.size), frame.size),
    )


@dataclass(frozen=True, eq=False)
class _Rendered:
    """A :data:`~dlsfaces.data.records.Reader` over images in memory."""

    images: Tensor

    def __call__(self, indices: Sequence[int], size: tuple[int, int] | None) -> Tensor:
        chosen = self.images[torch.as_tensor(list(indices))]
        return chosen if size in (None, tuple(chosen.shape[2:])) else _resize(chosen, size)


def members(split: str, people: int, pictures: int) -> tuple[Tensor, Tensor]:
    """Person and picture number, int64 ``(N,)`` each, of each photo of a split; see :func:`load`.

    Raises:
        ValueError: an unknown split, or too few people or pictures to make the splits of.
    """
    if split not in ("train", "validation", "test", "query", "distractors"):
        raise ValueError(f"split={split!r} is none of train, validation, test, query, distractors")
    if people < 5 or pictures < 7:
        raise ValueError(f"people={people}, pictures={pictures}: at least 5 people and 7 pictures each are needed")
    if split == "distractors":
        return DISTRACTORS_FROM + torch.arange(people * 5), torch.zeros(people * 5, dtype=torch.int64)
    if split == "query":
        first, count = QUERY_FROM, max(4, people // 5)
        numbers = torch.arange(max(4, pictures // 3))
    else:
        first, count = 0, people
        held_out = max(1, round(pictures / 7))
        start = {"train": 2 * held_out, "validation": held_out, "test": 0}[split]
        numbers = torch.arange(start, pictures if split == "train" else start + held_out)
    person = (first + torch.arange(count)).repeat_interleave(len(numbers))
    return person, numbers.repeat(count)


def _cached(
    person: Tensor, number: Tensor, seed: int, framing: geometry.Framing, cache: Path | None, dials: dict[str, float]
) -> dict[str, Tensor]:
    """Render, or take from the cache what the same generator rendered from the same arguments."""
    key = {"seed": seed, "framing": framing.name, "members": digest_of(torch.stack((person, number))), "dials": dials}
    shapes = {"images": (len(person), 3, *framing.size), "landmarks": (len(person), 5, 2)}
    return kept(cache, key, lambda: _render(person, number, seed, framing, dials), shapes)


def _check_dials(dials: dict[str, float]) -> None:
    ranges = {**drawpeople.PERSON_RANGES, **drawpeople.SHOT_RANGES}
    for name, value in dials.items():
        if name not in ranges:
            raise ValueError(f"dials: there is no {name!r}; there are {', '.join(ranges)}")
        low, high = ranges[name]
        if not low <= value <= high:  # NaN is refused too
            raise ValueError(f"dials: {name}={value} is outside its range, {low:g} to {high:g}")


def _render(
    person: Tensor, number: Tensor, seed: int, framing: geometry.Framing, dials: dict[str, float]
) -> dict[str, Tensor]:
    images = torch.empty(len(person), 3, *framing.size, dtype=torch.uint8)
    landmarks = torch.empty(len(person), 5, 2)
    with tqdm(total=len(person), desc="rendering synthetic faces", unit=" faces", leave=False, delay=2) as bar:
        for start in range(0, len(person), CHUNK):
            rows = slice(start, start + CHUNK)
            rendering = drawpeople.render(*_drawn(person[rows], number[rows], seed, dials), framing)
            images[rows], landmarks[rows] = rendering.images, rendering.landmarks
            bar.update(len(rendering.images))
    return {"images": images, "landmarks": landmarks}


def _drawn(
    person: Tensor, number: Tensor, seed: int, dials: dict[str, float]
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Parameters of people and of their pictures."""
    people, pictures = drawpeople.people(person, seed), drawpeople.shots(person, number, seed)
    for name, value in dials.items():
        (people if name in people else pictures)[name].fill_(value)
    return people, pictures


def _dense(person: Tensor, number: Tensor, seed: int, framing: geometry.Framing, dials: dict[str, float]) -> Tensor:
    """The 68 landmarks, which need no drawing."""
    starts = tqdm(range(0, len(person), CHUNK), desc="68 landmarks", unit=" chunks", leave=False, delay=2)
    parts = [_drawn(person[k : k + CHUNK], number[k : k + CHUNK], seed, dials) for k in starts]
    return torch.cat([drawpeople.dense_landmarks(*part, framing) for part in parts])


def _resize(images: Tensor, size: tuple[int, int]) -> Tensor:
    scaled = F.interpolate(images.float(), size, mode="bilinear", antialias=True, align_corners=False)
    return scaled.round().clamp(0, 255).to(torch.uint8)
