"""The embedded set: synthetic people, rendered when asked for and cached on disk."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F
from tqdm.auto import tqdm

from dlsfaces import geometry, synthetic
from dlsfaces.data.records import UNKNOWN, FaceSet
from dlsfaces.files import written_whole

log = logging.getLogger(__name__)

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
) -> FaceSet:
    """One split of the synthetic people; see :func:`dlsfaces.data.load`.

    Of each known person's ``pictures``, of seven five are for training, one for validation and one for the test. The
    query has a fifth as many other people (at least 4) with a third as many pictures each (at least 4), the
    distractors ``people`` x 5 pictures, each of a person of its own.

    Args:
        cache: a folder to keep rendered pictures in; nothing is kept where None.
    Raises:
        ValueError: too few people or pictures to make the splits of.
    """
    if people < 5 or pictures < 7:
        raise ValueError(f"people={people}, pictures={pictures}: at least 5 people and 7 pictures each are needed")
    person, number = _members(split, people, pictures)
    frame = geometry.FRAMINGS[framing]
    rendered = _cached(person, number, seed, frame, cache)
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
        rendered["landmarks"],
        geometry.crop_matrix(geometry.whole(frame.size), frame.size),
    )


@dataclass(frozen=True, eq=False)
class _Rendered:
    """A :data:`~dlsfaces.data.records.Reader` over images in memory."""

    images: Tensor

    def __call__(self, indices: Sequence[int], size: tuple[int, int] | None) -> Tensor:
        chosen = self.images[torch.as_tensor(list(indices))]
        return chosen if size in (None, tuple(chosen.shape[2:])) else _resize(chosen, size)


def _members(split: str, people: int, pictures: int) -> tuple[Tensor, Tensor]:
    """Person and picture number of each photo of a split."""
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
    person: Tensor, number: Tensor, seed: int, framing: geometry.Framing, cache: Path | None
) -> dict[str, Tensor]:
    """Render, or take from the cache what the same generator rendered from the same arguments."""
    if cache is None:
        return _render(person, number, seed, framing)
    key = {
        "version": synthetic.VERSION,
        "seed": seed,
        "framing": framing.name,
        "members": hashlib.sha256(torch.stack((person, number)).numpy().tobytes()).hexdigest(),
    }
    digest = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]
    path = cache / f"synthetic-v{synthetic.VERSION}-{digest}.safetensors"
    try:
        return _believed(path, len(person), framing)
    except FileNotFoundError:
        pass
    except (SafetensorError, OSError, ValueError) as error:
        log.warning("the cache %s is broken (%s); it is rendered anew", path, error)
    rendered = _render(person, number, seed, framing)
    _keep(rendered, path)
    return rendered


def _believed(path: Path, count: int, framing: geometry.Framing) -> dict[str, Tensor]:
    """What a cache file holds, if it is what was written.

    Raises:
        FileNotFoundError, OSError, SafetensorError, ValueError: there is none, or it is not.
    """
    with safe_open(path, "pt") as file:
        found = {name: file.get_tensor(name) for name in ("images", "landmarks")}
        written = (file.metadata() or {}).get("sha256")
    shapes = [tuple(t.shape) for t in found.values()]
    if shapes != [(count, 3, *framing.size), (count, 5, 2)]:
        raise ValueError(f"it holds tensors of shapes {shapes}")
    if _fingerprint(found) != written:
        raise ValueError("its content is not what was written")
    return found


def _fingerprint(tensors: dict[str, Tensor]) -> str:
    sha = hashlib.sha256()
    for tensor in tensors.values():
        sha.update(tensor.numpy())
    return sha.hexdigest()


def _keep(rendered: dict[str, Tensor], path: Path) -> None:
    """A full or read-only disk costs the cache, not the lesson. What another version rendered makes room."""
    try:
        with written_whole(path) as part:
            save_file(rendered, part, {"sha256": _fingerprint(rendered)})
        for old in path.parent.glob("synthetic-*.safetensors"):
            if not old.name.startswith(f"synthetic-v{synthetic.VERSION}-"):
                old.unlink(missing_ok=True)
    except (OSError, SafetensorError) as error:
        log.warning("the rendered faces could not be kept in %s (%s)", path, error)


def _render(person: Tensor, number: Tensor, seed: int, framing: geometry.Framing) -> dict[str, Tensor]:
    images = torch.empty(len(person), 3, *framing.size, dtype=torch.uint8)
    landmarks = torch.empty(len(person), 5, 2)
    with tqdm(total=len(person), desc="rendering synthetic faces", unit=" faces", leave=False, delay=2) as bar:
        for start in range(0, len(person), CHUNK):
            rows = slice(start, start + CHUNK)
            people = synthetic.people(person[rows], seed)
            pictures = synthetic.pictures(person[rows], number[rows], seed)
            rendering = synthetic.render(people, pictures, framing)
            images[rows], landmarks[rows] = rendering.images, rendering.landmarks
            bar.update(len(rendering.images))
    return {"images": images, "landmarks": landmarks}


def _resize(images: Tensor, size: tuple[int, int]) -> Tensor:
    scaled = F.interpolate(images.float(), size, mode="bilinear", antialias=True, align_corners=False)
    return scaled.round().clamp(0, 255).to(torch.uint8)
