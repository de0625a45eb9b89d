"""Which photos do not belong in a face set? Scores of photos, higher is worse, and a report. Nothing is deleted."""

from __future__ import annotations

import csv
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.transforms.v2 import functional as V

from dlsfaces import geometry
from dlsfaces.data import UNKNOWN, FaceSet
from dlsfaces.files import written_whole
from dlsfaces.recognize import Backbone, embed

log = logging.getLogger(__name__)

AT_ONCE = 2048  #: rows of similarities that are held at once


# --- scores by a network --------------------------------------------------------------------------------------------


def _unit(features: Tensor, identities: Tensor | None = None) -> Tensor:
    """Features ``(N, D)`` at length 1; ``ValueError`` where they cannot be compared, or a photo has no identity."""
    if len(features) < 2 or not features.isfinite().all():
        raise ValueError(f"features {tuple(features.shape)}: take two photos or more, and none with NaN or infinity")
    if identities is not None and (len(identities) != len(features) or (identities == UNKNOWN).any()):
        raise ValueError(f"{len(identities)} identities, {len(features)} photos: each needs one, not -1; take a subset")
    return F.normalize(features, dim=1)


def _to_others(unit: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Numbers of some photos, and their cosines to all; to themselves -2."""
    for rows in torch.arange(len(unit)).split(AT_ONCE):
        cosine = unit[rows] @ unit.T
        cosine[torch.arange(len(rows)), rows] = -2.0
        yield rows, cosine


def low_norm(features: Tensor) -> Tensor:
    """How short raw features ``(N, D)`` are (MagFace, Meng et al. 2021: a short vector, a poor image): ``(N,)``."""
    return -features.norm(dim=1)


class Centres(NamedTuple):
    """How photos lie to the people's centres. The own centre is taken without the photo itself."""

    away: Tensor  # (N,): 1 - cosine to the own centre; 1 where a person has no other photo
    other: Tensor  # (N,): cosine to the nearest other centre, less that to the own
    likely: Tensor  # (N,): who that other person is


def against_centres(features: Tensor, identities: Tensor) -> Centres:
    """Of features ``(N, D)`` with identities ``(N,)``; ``ValueError`` where a photo has none, or all have the same."""
    unit = _unit(features, identities)
    people, number = identities.unique(return_inverse=True)
    if len(people) < 2:
        raise ValueError("all photos have the same identity; centres need photos of two people at least")
    sums = unit.new_zeros(len(people), unit.shape[1]).index_add_(0, number, unit)
    own = (unit * F.normalize(sums[number] - unit, dim=1)).sum(1)
    cosine = unit @ F.normalize(sums, dim=1).T
    best = cosine.scatter(1, number[:, None], -2.0).max(1)
    return Centres(1 - own, best.values - own, people[best.indices])


def odd_neighbours(features: Tensor, identities: Tensor, k: int = 5) -> Tensor:
    """The share of a photo's ``k`` nearest photos that carry another identity: ``(N,)``."""
    if k < 1:
        raise ValueError(f"k={k}: take one nearest photo at least")
    unit, shares = _unit(features, identities), []
    for rows, cosine in _to_others(unit):
        near = cosine.topk(min(k, len(unit) - 1), dim=1).indices
        shares.append((identities[near] != identities[rows, None]).float().mean(1))
    return torch.cat(shares)


def like_examples(features: Tensor, examples: Tensor) -> Tensor:
    """Cosine ``(N,)`` of features to the mean of a few trash photos' unit features ``(M, D)``."""
    if examples.dim() != 2 or not len(examples):
        raise ValueError(f"examples {tuple(examples.shape)}: give features (M, D) of one trash photo at least")
    return F.normalize(features, dim=1) @ F.normalize(F.normalize(examples, dim=1).mean(0), dim=0)


def unstable(model: Backbone, images: Tensor, passes: int = 50, dropout: float = 0.5, seed: int = 0) -> Tensor:
    """Mean distance between embeddings under random dropout before the last linear layer: ``(N,)``, on the CPU.

    SER-FIQ (Terhörst et al. 2020, equation 1, without the sigmoid): what a network is sure of hardly moves. Only what
    comes from that layer on runs ``passes`` times.
    """
    if passes < 2 or not 0 < dropout < 1:
        raise ValueError(f"passes={passes}, dropout={dropout}: take two passes or more, and a share between 0 and 1")
    last = [layer for layer in model.modules() if isinstance(layer, nn.Linear)][-1]
    random = torch.rand(passes, last.in_features, generator=torch.Generator().manual_seed(seed))
    kept, spread = ((random >= dropout) / (1 - dropout)).to(model.mean), []  # the same masks for all photos
    with last.register_forward_pre_hook(lambda _, given: (given[0][:, None] * kept).flatten(0, 1)):
        for chunk in images.split(256):
            unit = embed(model, geometry.to_float(chunk)).view(len(chunk), passes, model.embedding_dim)
            spread.append(torch.cdist(unit, unit).sum((1, 2)) / (passes * (passes - 1)))
    return torch.cat(spread)


def change_by(model: Backbone, images: Tensor, features: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
    """1 - cosine ``(N,)`` between images' ``features`` and those of what ``change`` makes of them, as by a mirror."""
    return 1 - (F.normalize(features, dim=1) * embed(model, change(images))).sum(1)


# --- scores by pixels -----------------------------------------------------------------------------------------------


def unsharp(images: Tensor) -> Tensor:
    """Minus the logarithm of the variance of the Laplacian ``(N,)`` of images ``(N, 3, H, W)``."""
    if min(images.shape[-2:]) < 4:
        raise ValueError(f"images {tuple(images.shape)}: a Laplacian needs 4 pixels a side at least; take larger ones")
    grey = V.rgb_to_grayscale(geometry.to_float(images))
    kernel = torch.tensor([[[[0.0, 1, 0], [1, -4, 1], [0, 1, 0]]]])
    return -(F.conv2d(grey, kernel).flatten(1).var(1) + 1e-8).log()


def dark(images: Tensor) -> Tensor:
    """1 - the brightness ``(N,)`` that a tenth of the pixels exceeds."""
    grey = V.rgb_to_grayscale(geometry.to_float(images))
    return 1 - grey.flatten(1).quantile(0.9, dim=1) if len(grey) else grey.new_empty(0)


def perceptual_hash(images: Tensor) -> np.ndarray:
    """pHash ``(N, 64)``, Boolean: the 8 x 8 lowest frequencies of a grey 32 x 32 image, above their median or not."""
    small = V.resize(V.rgb_to_grayscale(geometry.to_float(images)), [32, 32], antialias=True)[:, 0]
    waves = torch.cos(torch.pi / 32 * torch.arange(8.0)[:, None] * (torch.arange(32) + 0.5))  # of a cosine transform
    low = (waves @ small @ waves.T).flatten(1)
    return (low > low[:, 1:].median(dim=1, keepdim=True).values).numpy()


class Copies(NamedTuple):
    """How much photos look like another one of the set."""

    score: Tensor  # (N,): cosine to the most similar photo
    of: Tensor  # (N,): the number of that photo


def copies(features: Tensor) -> Copies:
    """The most similar photo of each, by features ``(N, D)``: copies, also brighter, trimmed or saved again."""
    unit, found = _unit(features), []
    for _, cosine in _to_others(unit):
        found.append(cosine.max(1))
    return Copies(torch.cat([best.values for best in found]), torch.cat([best.indices for best in found]))


def hash_copies(hashes: np.ndarray) -> Tensor:
    """Minus the number of bits ``(N,)`` in which the most similar :func:`perceptual_hash` differs."""
    bits = torch.from_numpy(hashes).float() * 2 - 1  # as -1 and 1 their product says in how many bits two agree
    return (copies(bits).score - 1) * hashes.shape[1] / 2


# --- the report -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class TrashReport:
    """What is wrong with which photo of a set. It names photos; it deletes none.

    Columns are named as CleanVision names them: ``KIND_score`` in [0, 1], lower is worse, and ``is_KIND_issue``, which
    is true below one half.

    Args:
        files: names of the photos.
        scores: for each kind of trash a score ``(N,)``.
        likely: who a photo with a wrong identity may show; names of people ``(N,)``.
        copy_of: numbers ``(N,)`` of the photos that look most alike; without them no copy is dropped.
    """

    files: Sequence[str]
    scores: Mapping[str, Tensor]
    likely: Sequence[str] | None = None
    copy_of: Tensor | None = None

    def __post_init__(self) -> None:
        count = len(self.files)
        for kind, score in self.scores.items():
            if not isinstance(score, Tensor) or score.shape != (count,) or not ((score >= 0) & (score <= 1)).all():
                raise ValueError(f"{kind}: give a tensor of {count} scores, one a photo, each from 0 to 1 and none NaN")
        if self.likely is not None and len(self.likely) != count:
            raise ValueError(f"likely: {len(self.likely)} names for {count} photos; give one each")
        if self.copy_of is not None:
            of, own = torch.as_tensor(self.copy_of, device="cpu"), torch.arange(count)
            if of.shape != own.shape or ((of < 0) | (of >= count) | (of == own)).any():
                raise ValueError(f"copy_of: give each of {count} photos the number of another, as copies(features).of")

    def issues(self, kind: str | None = None) -> Tensor:
        """Which photos ``(N,)`` have an issue: of a kind, or any."""
        kinds = self.scores if kind is None else [kind]
        return torch.stack([torch.zeros(len(self.files)) > 0, *(self.scores[kind] < 0.5 for kind in kinds)]).any(0)

    def groups(self) -> list[list[int]]:
        """Photos that are copies of each other, as lists of numbers; four may make two, as each names but one."""
        if self.copy_of is None or "duplicate" not in self.scores:
            return []
        group = {}  # of a photo's number
        for k in self.issues("duplicate").nonzero()[:, 0].tolist():
            a, b = (group.setdefault(n, [n]) for n in (k, int(self.copy_of[k])))
            if a is not b:
                a.extend(b)
                group.update(dict.fromkeys(b, a))
        return sorted({id(numbers): sorted(numbers) for numbers in group.values()}.values())

    def dropped(self) -> Tensor:
        """Which photos ``(N,)`` should go: those with an issue; but of copies the best one stays."""
        others = [kind for kind in self.scores if kind != "duplicate"]
        bad = torch.stack([self.scores[kind] < 0.5 for kind in others]).any(0) if others else self.issues() & False
        worst = torch.stack([*(self.scores[kind] for kind in others), torch.ones(len(self.files))]).amin(0)
        for numbers in self.groups():
            best = max(numbers, key=lambda k: worst[k])  # the first of equals
            bad[[k for k in numbers if k != best]] = True
        return bad

    def rows(self) -> list[dict[str, object]]:
        """The table, a photo a row."""
        group = {k: number for number, numbers in enumerate(self.groups()) for k in numbers}
        table = []
        for k, file in enumerate(self.files):
            row: dict[str, object] = {"file": file}
            for kind, score in self.scores.items():
                row |= {f"{kind}_score": round(float(score[k]), 4), f"is_{kind}_issue": bool(score[k] < 0.5)}
            wrong = "wrong_identity" in self.scores and self.scores["wrong_identity"][k] < 0.5
            row["likely_person"] = self.likely[k] if self.likely is not None and wrong else ""
            table.append(row | {"duplicates_group": group.get(k, "")})
        return table

    def to_csv(self, path: str | Path) -> None:
        """Write the table."""
        with written_whole(Path(path)) as part, part.open("w", -1, "utf-8", "surrogateescape", newline="") as file:
            scores = [name for kind in self.scores for name in (f"{kind}_score", f"is_{kind}_issue")]
            table = csv.DictWriter(file, ["file", *scores, "likely_person", "duplicates_group"])
            table.writeheader()
            table.writerows(self.rows())

    def kept(self, faces: FaceSet) -> FaceSet:
        """The set without the photos that should go; a warning says how many of which kind."""
        if list(faces.files) != list(self.files):
            raise ValueError(f"{faces!r} has other photos than this report; make the report of this set")
        bad = self.dropped()
        kinds = ", ".join(f"{int((self.issues(kind) & bad).sum())} {kind}" for kind in self.scores)
        kinds += f", {alike} only as poorer copies" if (alike := int((bad & ~self.issues()).sum())) else ""
        log.warning("%d of %d photos are left out (%s)", int(bad.sum()), len(bad), kinds)
        return faces.subset(~bad)
