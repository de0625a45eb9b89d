"""Cosine similarities of more vectors than fit into memory, block by block."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import numpy as np
import torch
from torch import Tensor

Array = Tensor | np.ndarray
Rows = slice | Tensor

# The side of the largest block of cosines: 16 MB of float32. Large enough for the product to run at full speed, small
# enough for a cache to hold it while it is looked through.
_SIDE = 2048


class Vectors:
    """Embeddings ``(N, D)`` as they came; checked and normalised only where and when some of them are asked for.

    Args:
        name: what messages call them.
        vectors: of any length but zero. A tensor stays where it is; a numpy array (or a memory map of a file) is read
            piece by piece. float64 stays, everything else becomes float32.
    Raises:
        ValueError: not two-dimensional, or not real numbers.
    """

    def __init__(self, name: str, vectors: Array | Sequence[Sequence[float]]) -> None:
        self.name = name
        self._data = vectors.detach() if isinstance(vectors, Tensor) else np.asarray(vectors)
        self.device = self._data.device if isinstance(vectors, Tensor) else torch.device("cpu")
        if self._data.ndim != 2:
            raise ValueError(f"{name} must be (count, dimension), not {tuple(self._data.shape)}")
        kind = self._data.dtype
        is_real = not kind.is_complex if isinstance(kind, torch.dtype) else kind.kind in "biuf"
        if not is_real:
            raise ValueError(f"{name} must be real numbers, not {kind}")
        is_double = kind == torch.float64 if isinstance(kind, torch.dtype) else kind.kind == "f" and kind.itemsize >= 8
        self.dtype = torch.float64 if is_double else torch.float32

    def __len__(self) -> int:
        return len(self._data)

    @property
    def dim(self) -> int:
        """How many numbers a vector has."""
        return self._data.shape[1]

    def unit(self, rows: Rows, out: Tensor) -> Tensor:
        """Write some vectors, divided by their lengths, into ``out`` ``(n, D)``, on its device and in its dtype.

        Raises:
            ValueError: one of them holds NaN or infinity, or is zero; the message has its row among all.
        """
        x = self._read(rows).to(out.device, out.dtype)
        length = torch.linalg.vector_norm(x, dim=1, keepdim=True)
        torch.div(x, length, out=out)
        number = torch.finfo(out.dtype)
        trusted = (length > (number.tiny / number.eps) ** 0.5) & (length < torch.inf)  # its square kept all digits
        if not trusted.all():
            self._mend(rows, x, (~trusted[:, 0]).nonzero()[:, 0], out)
        return out

    def _read(self, rows: Rows) -> Tensor:
        if isinstance(self._data, Tensor):
            return self._data[rows if isinstance(rows, slice) else rows.to(self._data.device)]
        some = self._data[rows if isinstance(rows, slice) else rows.cpu().numpy()]
        # A copy: torch takes no arrays that are read-only or of a foreign byte order.
        return torch.from_numpy(np.array(some, dtype=np.float64 if self.dtype == torch.float64 else np.float32))

    def _mend(self, rows: Rows, x: Tensor, doubtful: Tensor, out: Tensor) -> None:
        """Vectors so long or so short that their squares leave the range of numbers: first brought to middle length."""
        for row in doubtful.tolist():
            place = rows.start + row if isinstance(rows, slice) else int(rows[row])
            if not x[row].isfinite().all():
                raise ValueError(f"{self.name}: vector {place} holds NaN or infinity")
            if not x[row].any():
                raise ValueError(f"{self.name}: vector {place} is zero: it has no direction to compare")
        x = x[doubtful]
        x = x / x.abs().amax(1, keepdim=True)
        out[doubtful] = x / torch.linalg.vector_norm(x, dim=1, keepdim=True)


class Tile:
    """The one product that all cosines of a computation come from.

    The order in which a library adds up depends on the shape of the product, so the cosine of the same two vectors can
    differ in its last bit from one product to another, and at the ragged edge of a product from its middle. In
    products of one shape, filled up to sides of whole 16s, equal pairs have equal cosines: a tie is a tie.

    Args:
        rows, columns: sides, as :func:`side` gives them.
    """

    def __init__(self, rows: int, columns: int, dim: int, dtype: torch.dtype, device: torch.device) -> None:
        self.vectors = torch.zeros(rows, dim, dtype=dtype, device=device)
        self._out = torch.empty(rows, columns, dtype=dtype, device=device)
        self._filled = 0

    def load(self, vectors: Vectors, rows: Rows) -> None:
        """Put some vectors, divided by their lengths, into the rows."""
        count = rows.stop - rows.start if isinstance(rows, slice) else len(rows)
        vectors.unit(rows, self.vectors[:count])
        self.fill(count)

    def fill(self, count: int) -> None:
        """Only the first ``count`` rows of :attr:`vectors` are in use."""
        self._filled = count

    def cosines(self, columns: Tensor, filled: int) -> Tensor:
        """Of all rows with ``columns`` ``(columns, D)``, of which ``filled`` are in use: ``(rows, columns)``.

        Minus infinity in rows and columns that are not in use. The next call overwrites it.
        """
        torch.mm(self.vectors, columns.T, out=self._out)
        self._out[self._filled :] = -torch.inf
        self._out[:, filled:] = -torch.inf
        return self._out


def side(count: int) -> int:
    """The side of blocks for ``count`` vectors: in as few equal parts as may be, filled up to whole 16s."""
    parts = max(1, math.ceil(count / _SIDE))
    return max(1, math.ceil(count / parts / 16)) * 16


def slices(count: int, size: int) -> list[slice]:
    """``count`` rows in parts of at most ``size``."""
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


def identity_numbers(name: str, identities: Sequence[int] | Array, count: int) -> np.ndarray:
    """Identities as an array of integers, ``(count,)``.

    Raises:
        ValueError: another shape, or no integers.
    """
    ids = identities.cpu().numpy() if isinstance(identities, Tensor) else np.asarray(identities)
    if ids.shape != (count,):
        raise ValueError(f"{count} {name} vectors but identities of shape {ids.shape}")
    if len(ids) and ids.dtype.kind not in "iub":
        raise ValueError(f"identities must be integers, not {ids.dtype}")
    return ids


@contextmanager
def full_precision(device: torch.device) -> Iterator[None]:
    """Products in the precision of their numbers, whatever autocast and precision the caller has chosen.

    What was chosen holds again afterwards.
    """
    try:
        settings = [(torch.set_float32_matmul_precision, "highest", torch.get_float32_matmul_precision())]
    except RuntimeError:  # once a caller has used torch's newer interface, the older one refuses to answer
        backends = (torch.backends.cuda.matmul, torch.backends.mkldnn.matmul)
        settings = [(partial(setattr, b, "fp32_precision"), "ieee", b.fp32_precision) for b in backends]
    for change, wanted, _ in settings:
        change(wanted)
    try:
        with torch.autocast(device.type, enabled=False):
            yield
    finally:
        for change, _, before in settings:
            change(before)
