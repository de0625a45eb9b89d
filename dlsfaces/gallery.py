"""Whom a system knows: vectors of people by name. No photo is kept, and nothing is trained."""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import torch
from filelock import FileLock
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.nn import functional as F

from dlsfaces import evaluate
from dlsfaces.evaluate.identification import how_many
from dlsfaces.files import written_whole

log = logging.getLogger(__name__)

VERSION = 1  # of the file
AT_ONCE = 2**24  #: scores that are held at once
RULES = ("mean", "max")
SHARPER = 1.6  # power of the eigenvalues; chosen on CelebA's strangers, half of them fitted (benchmarks/pipeline.py)


class Match(NamedTuple):
    """Whom a vector belongs to, by the gallery's threshold."""

    name: str | None  # None: nobody whom the gallery knows
    nearest: str | None  # the most similar person, whether similar enough or not; None where the gallery is empty
    score: float  # its cosine


def fingerprint(network: nn.Module) -> str:
    """16 hexadecimal digits of a network's weights: vectors of one network mean nothing to another."""
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        value = value.detach().cpu().contiguous()
        digest.update(f"{name} {tuple(value.shape)}".encode())
        digest.update(value.flatten().view(torch.uint8).numpy())
    return digest.hexdigest()[:16]


class Strangers(nn.Module):
    """Vectors of people who do not exist, for a gallery's threshold. No real person's vector is kept.

    They are drawn from a normal distribution with the mean and the covariance of real strangers' vectors. Real people
    have more look-alikes than that, and thresholds would be too low. So the covariance's eigenvalues are raised to the
    power ``SHARPER``, at the same total variance: its long axes become longer, its short ones shorter.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("axes", torch.zeros(dim, dim))

    @classmethod
    def like(cls, vectors: Tensor, sharper: float = SHARPER) -> Strangers:
        """Fitted to unit vectors ``(M, D)`` of strangers, a few times more than numbers in a vector."""
        strangers = cls(vectors.shape[1])
        if len(vectors) <= vectors.shape[1]:
            few = "%d vectors of strangers are few for %d numbers each: thresholds that come from them are unsure"
            log.warning(few, *vectors.shape)
        values, axes = torch.linalg.eigh(torch.cov(vectors.T.double()))
        values = values.clamp(min=0)
        longer = values**sharper
        longer *= values.sum() / longer.sum()
        strangers.mean, strangers.axes = vectors.mean(0), (axes * longer.sqrt()).float()
        return strangers

    def draw(self, count: int = 2000, seed: int = 0) -> Tensor:
        """Vectors ``(count, D)`` of length 1."""
        normal = torch.randn(count, len(self.mean), generator=torch.Generator().manual_seed(seed))
        return F.normalize(self.mean + normal @ self.axes.T, dim=1)


class Gallery:
    """People's vectors, and the threshold from which a stranger is taken for one of them as rarely as is asked.

    Args:
        network: the :func:`fingerprint` of the network that makes the vectors.
        strangers: vectors ``(M, D)`` of people who will never be enrolled, of whom the threshold comes.
        fpir: the share of strangers who may be taken for somebody (false positive identification rate).
        rule: a person scores as the ``"mean"`` of the normalised vectors, or as the most similar one (``"max"``).
    """

    def __init__(self, network: str, strangers: Tensor, fpir: float = 0.01, rule: str = "mean") -> None:
        if rule not in RULES:
            raise ValueError(f"rule={rule!r} is none of {', '.join(RULES)}")
        if not 0 < fpir < 1:
            raise ValueError(f"fpir={fpir} is not between 0 and 1")
        if strangers.dim() != 2 or how_many(fpir, len(strangers)) < 1:
            given, needed = f"strangers {tuple(strangers.shape)}", max(2, math.ceil(1 / fpir - 1e-9))
            raise ValueError(f"{given}: an fpir of {fpir} needs vectors (M, D) of at least {needed} of them")
        self.network, self.fpir, self.rule = network, float(fpir), rule
        self.strangers = _unit(strangers, strangers.shape[1])
        self.names: list[str] = []
        self.vectors, self.owner = torch.zeros(0, strangers.shape[1]), torch.zeros(0, dtype=torch.int64)
        self.unnamed = self.vectors  # faces of nobody known, kept on request
        self._templates: Tensor | None = None
        self._threshold: float | None = None

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def enrol(self, name: str, vectors: Tensor) -> None:
        """Add vectors ``(N, D)`` of a person, who may be new or known."""
        self.enrol_many([name] * len(vectors), vectors)

    def enrol_many(self, names: Sequence[str], vectors: Tensor) -> None:
        """Add a vector each of people ``(N,)``; of the same person as many as wanted."""
        vectors = _unit(vectors, self.dim)
        if len(names) != len(vectors) or not len(names):
            raise ValueError(f"{len(names)} names for {len(vectors)} vectors: one each, at least one")
        for name in names:
            _check_name(name)
        number = {name: k for k, name in enumerate(self.names)}
        owner = torch.tensor([number.setdefault(name, len(number)) for name in names])
        self._set(list(number), torch.cat((self.vectors, vectors)), torch.cat((self.owner, owner)))

    def rename(self, name: str, new: str) -> None:
        """Another name for somebody; a :meth:`merge` where both are there."""
        if new in self.names:
            raise ValueError(f"{new!r} is in the gallery already; merge({new!r}, {name!r}) makes one person of both")
        _check_name(new)
        self.names[self._number(name)] = new

    def merge(self, name: str, other: str) -> None:
        """``other`` turns out to be ``name``, who gets the vectors of both."""
        keeps, goes = self._number(name), self._number(other)
        if keeps == goes:
            raise ValueError(f"{name!r} cannot be merged with itself")
        owner = torch.where(self.owner == goes, keeps, self.owner)
        self._set(self.names[:goes] + self.names[goes + 1 :], self.vectors, owner - (owner > goes).long())

    def remove(self, name: str) -> None:
        """Forget a person: name and vectors."""
        goes = self._number(name)
        kept = self.owner != goes
        owner = self.owner[kept]
        self._set(self.names[:goes] + self.names[goes + 1 :], self.vectors[kept], owner - (owner > goes).long())

    def scores(self, vectors: Tensor) -> Tensor:
        """Cosines of vectors ``(N, D)`` with everybody, ``(N, people)``, by the rule."""
        vectors = _unit(vectors, self.dim)
        if not len(self):
            return vectors.new_zeros(len(vectors), 0)
        similarity = vectors @ self._people().T
        if self.rule == "mean":
            return similarity
        best = similarity.new_full((len(similarity), len(self)), -1.0)
        return best.scatter_reduce(1, self.owner.expand(len(similarity), -1), similarity, "amax")

    def identify(self, vectors: Tensor, threshold: float | None = None) -> list[Match]:
        """Who each of vectors ``(N, D)`` is; by the gallery's own threshold if none is given."""
        vectors = _unit(vectors, self.dim)
        if not len(self):
            return [Match(None, None, -1.0)] * len(vectors)
        threshold = self.threshold if threshold is None else threshold
        best, who = self._best(vectors)
        pairs = [(self.names[k], score) for k, score in zip(who.tolist(), best.tolist())]
        return [Match(name if score > threshold else None, name, score) for name, score in pairs]

    @property
    def threshold(self) -> float:
        """The cosine above which ``fpir`` of the strangers at most are taken for somebody, today."""
        if self._threshold is None:
            best = self._best(self.strangers)[0].sort(descending=True).values if len(self) else torch.tensor([-1.0])
            # It is a stranger's own cosine, which differs in the last digits when they are asked alone.
            self._threshold = best[how_many(self.fpir, len(best)) if len(self) else 0].item() + 1e-6
        return self._threshold

    def look_alikes(self) -> list[tuple[str, str, float]]:
        """Pairs of people whose means are more alike than the threshold, the most similar first."""
        centres, found = evaluate.class_centres(self.vectors, self.owner, len(self)) if len(self) else self.vectors, []
        step = max(1, AT_ONCE // max(1, len(self)))
        for start in range(0, len(self), step):
            cosines = (centres[start : start + step] @ centres.T).triu(start + 1)
            for row, column in (cosines > max(self.threshold, 0)).nonzero().tolist():
                found.append((self.names[start + row], self.names[column], cosines[row, column].item()))
        return sorted(found, key=lambda pair: -pair[2])

    def keep_unnamed(self, vectors: Tensor) -> None:
        """Keep vectors ``(N, D)`` of nobody known, to be matched again when somebody was named."""
        self.unnamed = torch.cat((self.unnamed, _unit(vectors, self.dim)))

    def match_unnamed(self) -> list[tuple[str, Tensor]]:
        """Take out the unnamed vectors that the gallery knows by now, each with its name; they are not enrolled."""
        matches = self.identify(self.unnamed)
        known = torch.tensor([match.name is not None for match in matches], dtype=torch.bool)
        found = [(matches[k].name, self.unnamed[k]) for k in known.nonzero()[:, 0].tolist()]
        self.unnamed = self.unnamed[~known]
        return found

    @property
    def dim(self) -> int:
        """How many numbers a vector has."""
        return self.strangers.shape[1]

    def save(self, path: str | Path) -> None:
        """Write one file, whole or not at all."""
        about = {"version": VERSION, "network": self.network, "fpir": self.fpir, "rule": self.rule, "names": self.names}
        parts = {name: getattr(self, name).contiguous() for name in PARTS}
        about["digest"] = _digest(about, parts)
        try:
            with written_whole(Path(path)) as part:
                part.write_bytes(save(parts, {"gallery": json.dumps(about)}))  # save_file would hide it from others
        except (OSError, SafetensorError) as error:
            kept = "the last one is still there" if Path(path).exists() else "nothing is there yet"
            raise OSError(f"{path} could not be written ({error}); {kept}. Make room, or name another place") from error

    @classmethod
    def load(cls, path: str | Path, network: str) -> Gallery:
        """Read a file; ``ValueError`` where it is damaged, or of another network's vectors."""
        if not Path(path).is_file():
            raise FileNotFoundError(f"there is no gallery {path}; enrol somebody first")
        try:
            content = Path(path).read_bytes()  # at once: safe_open opens it twice, and it may change in between
            header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
            about, parts = json.loads(header["__metadata__"]["gallery"]), load(content)
            version = about["version"]
            if version == VERSION:
                if about.pop("digest") != _digest(about, parts):
                    raise ValueError("its content is not what was written")
                gallery = cls(about["network"], parts["strangers"], about["fpir"], about["rule"])
                gallery._set(about["names"], parts["vectors"], parts["owner"])
                gallery.unnamed = parts["unnamed"]
        except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise ValueError(f"{path} is damaged, or no gallery ({error}); restore it from a copy") from error
        if version != VERSION:
            raise ValueError(f"{path} is of version {version} and this program reads {VERSION}; take the other program")
        if gallery.network != network:
            asked = f"made by network {gallery.network}, not {network}"
            raise ValueError(f"{path} holds vectors {asked}: take that network, or enrol everybody again in a new file")
        return gallery

    @classmethod
    @contextmanager
    def changed(cls, path: str | Path, network: str, new: Callable[[], Gallery] | None = None) -> Iterator[Gallery]:
        """A gallery to change: read, and written again when the block ends well; two programs take turns.

        ``new`` makes one where there is no file yet.
        """
        path = Path(path).resolve()  # of a link the file that it leads to, which others lock, too
        with FileLock(f"{path}.lock"):
            gallery = new() if new and not path.exists() else cls.load(path, network)
            yield gallery
            gallery.save(path)

    def _set(self, names: list[str], vectors: Tensor, owner: Tensor) -> None:
        """Another content, checked; what depends on it is made anew when it is asked for."""
        if vectors.shape != (len(owner), self.dim) or len(set(names)) != len(names):
            raise ValueError(f"{len(owner)} owners for vectors {tuple(vectors.shape)}, or a name twice")
        if not torch.equal(owner.unique(), torch.arange(len(names))):
            raise ValueError("a vector without a person, or a person without a vector")
        self.names, self.vectors, self.owner = names, vectors, owner
        self._templates = self._threshold = None

    def _people(self) -> Tensor:
        if self.rule == "max":
            return self.vectors
        if self._templates is None:
            self._templates = evaluate.class_centres(self.vectors, self.owner, len(self))
        return self._templates

    def _best(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """The highest score of each vector, and whose it is; so many at once that memory stays bounded."""
        parts = [self.scores(part).max(1) for part in vectors.split(max(1, AT_ONCE // max(1, len(self.vectors))))]
        return torch.cat([part.values for part in parts]), torch.cat([part.indices for part in parts])

    def _number(self, name: str) -> int:
        if name not in self.names:
            there = ", ".join(self.names[:5]) + ", ..." * (len(self) > 5) if self.names else "nobody"
            raise ValueError(f"{name!r} is not in the gallery, which knows {there}")
        return self.names.index(name)


PARTS = ("vectors", "owner", "strangers", "unnamed")


def _digest(about: dict[str, object], parts: dict[str, Tensor]) -> str:
    """Of all that a file holds: a byte that has changed in a vector would give somebody another name."""
    digest = hashlib.sha256(json.dumps(about).encode())
    for name in PARTS:
        digest.update(parts[name].numpy().tobytes())
    return digest.hexdigest()


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"a person's name is a text, not {name!r}")


def _unit(vectors: Tensor, dim: int) -> Tensor:
    """Vectors of length 1, float32."""
    if vectors.dim() != 2 or vectors.shape[1] != dim:
        raise ValueError(f"vectors are (N, {dim}), not {tuple(vectors.shape)}")
    unit = F.normalize(vectors.detach().cpu().float(), dim=1)
    if not ((unit.norm(dim=1) - 1).abs() < 1e-3).all():  # NaN is not, either
        raise ValueError("a vector is zero, NaN, infinite, or far too long or short; leave it out")
    return unit
