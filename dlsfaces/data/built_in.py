"""The built-in set: people who do not exist, rendered when asked for and cached on disk."""

import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor
from tqdm.auto import tqdm

import drawpeople
from dlsfaces import geometry
from dlsfaces.data.folders import cache_folder
from dlsfaces.data.images import resized
from dlsfaces.data.records import UNKNOWN, FaceSet
from dlsfaces.files import written_whole

log = logging.getLogger(__name__)

QUERY_FROM, DISTRACTORS_FROM = 1_000_000, 2_000_000  #: the first person's number there; known people begin at 0
CHUNK = 64  #: faces rendered at a time


def load_built_in(
    split: str,
    framing: str = "tight",
    *,
    people: int = 100,
    images_per_person: int = 20,
    seed: int = 0,
    dials: Mapping[str, float] | None = None,
    landmarks: int = 5,
) -> FaceSet:
    """One split of the built-in people; see :func:`dlsfaces.data.load` and :func:`members`.

    Args:
        dials: values that all have instead of what is drawn for each, such as ``{"yaw": 0, "glasses": 0}``; names and
            ranges are in ``drawpeople.PERSON_RANGES`` and ``SHOT_RANGES``.
        landmarks: 5, or the 68 of 300-W.
    """
    if landmarks not in (5, 68):
        raise ValueError(f"landmarks={landmarks}: built-in people have 5 or 68")
    if framing not in geometry.FRAMINGS:
        raise ValueError(f"framing={framing!r} is none of {', '.join(geometry.FRAMINGS)}")
    dials = dict(dials or {})
    ranges = {**drawpeople.PERSON_RANGES, **drawpeople.SHOT_RANGES}
    for name, value in dials.items():
        if name not in ranges:
            raise ValueError(f"dials: there is no {name!r}; there are {', '.join(ranges)}")
        low, high = ranges[name]
        if not low <= value <= high:  # NaN is refused too
            raise ValueError(f"dials: {name}={value} is outside its range, {low:g} to {high:g}")
    person, number = members(split, people, images_per_person)
    frame = geometry.FRAMINGS[framing]

    def draw(rows: slice) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        who, shots = drawpeople.people(person[rows], seed), drawpeople.shots(person[rows], number[rows], seed)
        for name, value in dials.items():
            (who if name in who else shots)[name].fill_(value)
        return who, shots

    def render() -> dict[str, Tensor]:
        made = [drawpeople.render(*draw(rows), frame) for rows in _chunks(len(person), "rendering built-in people")]
        return {name: torch.cat([getattr(part, name) for part in made]) for name in ("images", "landmarks")}

    key = {"seed": seed, "framing": framing, "dials": dials, "members": [person.tolist(), number.tolist()]}
    rendered = cached(key, render)
    if landmarks == 68:  # these need no drawing
        chunks = _chunks(len(person), "68 landmarks")
        rendered["landmarks"] = torch.cat([drawpeople.dense_landmarks(*draw(rows), frame) for rows in chunks])
    identities = person % QUERY_FROM if split != "distractors" else torch.full_like(person, UNKNOWN)
    names = [str(i) for i in range(int(identities.max()) + 1)]  # of distractors none
    files = [f"person{p:07d}_{n:03d}" for p, n in zip(person.tolist(), number.tolist())]
    read, marks, same = _Rendered(rendered["images"]), rendered["landmarks"], torch.eye(2, 3)
    return FaceSet("synthetic", split, framing, files, identities, names, read, frame.size, marks, same)


def members(split: str, people: int, images_per_person: int) -> tuple[Tensor, Tensor]:
    """Who is in a split: of each image the person's number and the shot's, both int64 ``(N,)``.

    Of a known person's images a seventh is for validation, a seventh for the test. The query has a fifth as many other
    people with a third as many images, at least 4 by 4, the distractors five people with an image each for each known.
    """
    if split not in ("train", "validation", "test", "query", "distractors"):
        raise ValueError(f"split={split!r} is none of train, validation, test, query, distractors")
    if people < 5 or images_per_person < 7:
        raise ValueError(f"people={people}, images_per_person={images_per_person}: take at least 5 people and 7 images")
    if split == "distractors":
        return DISTRACTORS_FROM + torch.arange(people * 5), torch.zeros(people * 5, dtype=torch.int64)
    if split == "query":
        first, count = QUERY_FROM, max(4, people // 5)
        numbers = torch.arange(max(4, images_per_person // 3))
    else:
        first, count = 0, people
        held_out = max(1, round(images_per_person / 7))
        start = {"train": 2 * held_out, "validation": held_out, "test": 0}[split]
        numbers = torch.arange(start, images_per_person if split == "train" else start + held_out)
    person = (first + torch.arange(count)).repeat_interleave(len(numbers))
    return person, numbers.repeat(count)


def _chunks(count: int, what: str) -> list[slice]:
    return tqdm([slice(k, k + CHUNK) for k in range(0, count, CHUNK)], desc=what, unit=" chunks", leave=False, delay=2)


@dataclass(frozen=True, eq=False)
class _Rendered:
    """A :data:`~dlsfaces.data.records.Reader` of images in memory."""

    images: Tensor

    def __call__(self, indices: Sequence[int], size: tuple[int, int] | None) -> Tensor:
        return resized(self.images[list(indices)], size)


def cached(key: Mapping[str, object], make: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """What ``make`` draws, or the cache folder's copy of it for this key (for JSON) and version of the generator."""
    digest = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]
    version = f"synthetic-v{drawpeople.VERSION}-"
    path = cache_folder() / f"{version}{digest}.cache"
    try:
        content = path.read_bytes()
        checksum, content = content[:32], content[32:]
        if hashlib.sha256(content).digest() != checksum:
            raise ValueError("its checksum is wrong")
        return load(content)
    except FileNotFoundError:
        pass
    except (SafetensorError, OSError, ValueError) as error:
        log.warning("the cache %s is broken (%s); it is drawn anew", path, error)
    made = make()
    try:
        content = save({name: tensor.contiguous() for name, tensor in made.items()})
        with written_whole(path) as part:
            part.write_bytes(hashlib.sha256(content).digest() + content)
        for old in path.parent.glob("synthetic-*"):
            if not old.name.startswith(version):
                old.unlink(missing_ok=True)
    except OSError as error:  # a full or read-only disk costs the cache, not the lesson
        log.warning("what was drawn could not be kept in %s (%s)", path, error)
    return made
