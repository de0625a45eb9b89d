"""The lists that come with data sets, read so that a damaged one is an error with its file and line."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

MAX_BYTES = 100 * 2**20  #: the longest real list has half a megabyte
MOST_PEOPLE = (
    1_000_000  #: identities count people from 0, and the course keeps a name for each number up to the largest
)
FARTHEST = 1e6  #: pixels from the corner at which a landmark can be


def read_numbers(path: Path, below: int) -> dict[str, int]:
    """Lines of ``name number``, such as CelebA's identities and splits: number by name. Blank lines are passed over.

    Args:
        below: numbers go from 0 to ``below - 1``.
    Raises:
        ValueError: no readable text, a line of another form, or a name listed with two numbers; names file and line.
    """
    numbers: dict[str, int] = {}
    for line, text in enumerate(io.StringIO(_text(path), newline=None), 1):
        if not text.strip():
            continue
        fields = text.split()
        if len(fields) != 2:
            raise ValueError(f"{path}, line {line}: expected 'name number', found {_short(text)}")
        _keep(numbers, _name(fields[0], path, line), _number(fields[1], below, path, line), path, line)
    return numbers


def read_identities(path: Path) -> dict[str, int]:
    """A table with the columns ``img`` and ``id``: identity by name. Raises as :func:`read_numbers` does."""
    table = _rows(path)
    _, header = next(table, (1, []))
    if missing := [column for column in ("img", "id") if column not in header]:
        raise ValueError(f"{path}, line 1: there is no column {missing[0]!r}, only {_short(', '.join(header))}")
    img, number = header.index("img"), header.index("id")
    identities: dict[str, int] = {}
    for line, row in table:
        name = _name(row[img], path, line)
        _keep(identities, name, _number(row[number], MOST_PEOPLE, path, line), path, line)
    return identities


def read_landmarks(path: Path) -> dict[str, tuple[float, ...]]:
    """A table of name, confidence, box (4) and landmarks (10): the landmarks ``x, y, x, y, ...`` by name.

    What is empty is NaN: the detector found no face. Raises as :func:`read_numbers` does.
    """
    table = _rows(path)
    _, header = next(table, (1, []))
    if len(header) < 16:
        raise ValueError(
            f"{path}, line 1: expected a header of 16 columns (name, confidence, box, five landmarks), "
            f"found {len(header)}"
        )
    landmarks: dict[str, tuple[float, ...]] = {}
    for line, row in table:
        point = tuple(_coordinate(value, path, line) for value in row[6:16])
        _keep(landmarks, _name(row[0], path, line), point, path, line)
    return landmarks


class Row(NamedTuple):
    """A line of :func:`read_rows`."""

    name: str
    values: tuple[float, ...]
    line: int  # counted from 1


def read_rows(path: Path, form: str) -> list[Row]:
    """Lines of a name and coordinates, such as boxes in photos: any number of them a name, the same line only once.

    Args:
        form: what a line is made of, such as ``"name x1 y1 x2 y2"``; says how many coordinates there are.
    Raises:
        ValueError: no readable text, no line at all, or one of another form; names file and line.
    """
    rows: dict[tuple[str, tuple[float, ...]], Row] = {}
    for line, text in enumerate(io.StringIO(_text(path), newline=None), 1):
        if not text.strip():
            continue
        name, *fields = text.split()
        values = tuple(_coordinate(value, path, line, "a coordinate") for value in fields)
        if len(values) + 1 != len(form.split()) or any(map(math.isnan, values)):
            raise ValueError(f"{path}, line {line}: expected {form!r}, found {_short(text)}")
        rows.setdefault((name, values), Row(_name(name, path, line), values, line))
    if not rows:
        raise ValueError(f"{path} is empty; its lines are {form!r}: copy it again")
    return list(rows.values())


def _text(path: Path) -> str:
    try:
        if (size := path.stat().st_size) > MAX_BYTES:
            raise ValueError(f"{path} has {size} bytes, far too many for such a list; it is another file")
        data = path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error})") from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = 1 + data.count(b"\n", 0, error.start)
        raise ValueError(f"{path}, line {line}: no UTF-8 text; save the file as UTF-8 or copy it again") from None
    if (at := text.find("\0")) >= 0:
        raise ValueError(
            f"{path}, line {1 + text.count(chr(10), 0, at)}: a zero byte; the file is damaged: copy it again"
        )
    return text


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows of a table with their lines, the header first; all have as many fields, empty lines are passed over."""
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    columns = 0
    try:
        for row in reader:
            if row:
                columns = columns or len(row)
                if len(row) != columns:
                    raise ValueError(f"{path}, line {reader.line_num}: {len(row)} fields, but the header has {columns}")
                yield reader.line_num, row
    except csv.Error as error:
        raise ValueError(f"{path}, line {reader.line_num}: {error}") from error


def _keep(found: dict, name: str, value: int | Sequence[float], path: Path, line: int) -> None:
    """The same line twice is harmless; two values for one name are not."""
    before = found.setdefault(name, value)
    if before is not value and str(before) != str(value):  # as text, in which NaN equals NaN
        raise ValueError(f"{path}, line {line}: {name} is listed a second time, with other values than before")


def _name(name: str, path: Path, line: int) -> str:
    """A file's name, not longer than file systems allow: with folders in it, it could lead out of the set."""
    if not name.strip(".") or "/" in name or "\\" in name or len(name) > 255:
        raise ValueError(f"{path}, line {line}: expected the name of a file, found {_short(name)}")
    return name


def _number(text: str, below: int, path: Path, line: int) -> int:
    digits = text.strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 18 and int(digits) < below):
        raise ValueError(f"{path}, line {line}: expected a number from 0 to {below - 1}, found {_short(text)}")
    return int(digits)


def _coordinate(text: str, path: Path, line: int, what: str = "a landmark's coordinate") -> float:
    try:
        value = float(text) if text.strip() else math.nan
    except ValueError:
        value = math.inf
    if abs(value) > FARTHEST:
        raise ValueError(f"{path}, line {line}: expected {what} in pixels, found {_short(text)}")
    return value


def _short(text: str) -> str:
    """Quoted, and not the whole of a line of a megabyte."""
    text = text.rstrip("\r\n")
    return repr(text if len(text) <= 80 else f"{text[:77]}...")
