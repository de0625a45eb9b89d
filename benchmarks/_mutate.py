"""Damage to files, as disks, networks and the ill-willed do it: each from a generator of random numbers, so repeatable.

A file is damaged as a row of bytes, or as the row of parts that its format makes of it (chunks of a PNG, segments of a
JPEG, headers of a tar, lines of a list); half the time checksums and lengths are put right afterwards, so that the
damage gets past the first check.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import zlib
from collections.abc import Callable
from random import Random

EXTREMES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 2**24 - 1, 2**31 - 1, 2**31, 2**32 - 1)
EXTREMES += (1_000, 3_000, 10_000, 50_000, 1_000_000)  # too large for the file, not for what is refused at once
SNIPPETS = (
    b"\0",
    b"-1",
    b"999999999999999999999",
    b"9" * 5000,
    b"a" * 200_000,
    b'"',
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\r",
)
SNIPPETS += (b"\n\n", b",,,", b"nan", b"1e999", b"../../", b"/etc/", b"\\", b" ", "Ада".encode(), "٣".encode())


def mutate(data: bytes, other: bytes, random: Random) -> bytes:
    """``data`` with one to four kinds of damage; some of them take a part of ``other``."""
    if random.random() < 0.3:
        inside = _damaged_inside(data, lambda content: mutate(content, other, random))
        if inside is not None:
            return inside
    for _ in range(random.choice((1, 1, 2, 4))):
        pieces = parts(data) if random.random() < 0.5 else [data]
        data = b"".join(_mutate_parts(pieces, random)) if len(pieces) > 1 else _mutate_bytes(data, other, random)
    return repaired(data) if random.random() < 0.5 else data


def _mutate_parts(pieces: list[bytes], random: Random) -> list[bytes]:
    at, to = random.randrange(len(pieces)), random.randrange(len(pieces))
    kind = random.randrange(6)
    if kind == 0:  # twice, or a thousand times, to a megabyte at most
        often = min(random.choice((2, 2, 1000)), max(2, 10**6 // (1 + len(pieces[at]))))
        return pieces[:at] + [pieces[at]] * often + pieces[at + 1 :]
    if kind == 1:
        return pieces[:at] + pieces[at + 1 :]
    if kind == 2:
        return [*pieces[:at], pieces[to], *pieces[at + 1 :]]
    if kind == 3:
        return pieces[: at + 1]
    return [*pieces[:at], _mutate_bytes(pieces[at], pieces[to], random), *pieces[at + 1 :]]


def _mutate_bytes(data: bytes, other: bytes, random: Random) -> bytes:
    if not data:
        return other
    # Headers are where damage does most: half of it falls on the first 64 bytes.
    start = random.randrange(min(64, len(data)) if random.random() < 0.5 else len(data))
    length = min(len(data) - start, random.choice((1, 2, 4, 8, 64, 1024)))
    kind = random.randrange(8)
    if kind == 0:  # bits turned round
        turned = bytearray(data)
        for _ in range(random.choice((1, 1, 4, 32))):
            turned[min(start + random.randrange(length), len(data) - 1)] ^= 1 << random.randrange(8)
        return bytes(turned)
    if kind == 1:  # a run of one byte, or of noise
        run = bytes([random.choice((0, 255, 32))]) * length if random.random() < 0.5 else random.randbytes(length)
        return data[:start] + run + data[start + length :]
    if kind == 2:  # cut short
        return data[:start]
    if kind == 3:  # bytes lost
        return data[:start] + data[start + length :]
    if kind == 4:  # bytes twice
        return data[: start + length] + data[start:]
    if kind == 5:  # the beginning of one file, the end of another
        return data[:start] + other[random.randrange(len(other) + 1) :]
    if kind == 6:  # a number at its extremes
        number = struct.pack(random.choice("<>") + "Q", random.choice(EXTREMES) << random.choice((0, 0, 32)))
        size = random.choice((1, 2, 4, 8))
        number = number[:size] if number[:1] != b"\0" or random.random() < 0.5 else number[-size:]
        return data[:start] + number + data[start + size :]
    snippet = random.choice(SNIPPETS)
    return data[:start] + snippet + data[start + random.choice((0, len(snippet))) :]


def parts(data: bytes) -> list[bytes]:
    """What a file is made of, by its format; all of it as one part where the format is not known."""
    if data.startswith(b"\x89PNG"):
        return _chunks(data, 8, ">I", 12)
    if data.startswith(b"RIFF"):
        return _chunks(data, 12, "<4xI", 8)
    if data.startswith(b"\xff\xd8"):
        return [b"\xff\xd8"] + [b"\xff" + piece for piece in data[2:].split(b"\xff")[1:]]
    if data.startswith(b"PK"):
        return [b"PK" + piece for piece in data.split(b"PK")[1:]]
    if data[257:262] == b"ustar":
        return [data[i : i + 512] for i in range(0, len(data), 512)]
    if data.startswith((b"II*\0", b"II+\0")):
        start = struct.unpack_from("<I", data + bytes(8), 4)[0]
        return [data[: start + 2], *(data[i : i + 12] for i in range(start + 2, len(data), 12))]
    if data[:1] not in (b"G", b"B", b"\x1f", b"\xfd"):
        return data.splitlines(keepends=True) or [data]
    return [data]


def _damaged_inside(data: bytes, damage: Callable[[bytes], bytes]) -> bytes | None:
    """A packed file whose content was damaged before it was packed; None of another file."""
    if data.startswith(b"\x1f\x8b"):
        return gzip.compress(damage(gzip.decompress(data)), mtime=0)
    for start, packer in ((b"BZh", bz2), (b"\xfd7zXZ", lzma)):
        if data.startswith(start):
            return packer.compress(damage(packer.decompress(data)))
    chunks = parts(data) if data.startswith(b"\x89PNG") else []
    pixels = [i for i, chunk in enumerate(chunks) if chunk[4:8] == b"IDAT"]
    if not pixels:
        return None
    content = zlib.compress(damage(zlib.decompress(b"".join(chunks[i][8:-4] for i in pixels))))
    chunk = struct.pack(">I", len(content)) + b"IDAT" + content + bytes(4)
    return repaired(b"".join((*chunks[: pixels[0]], chunk, *chunks[pixels[-1] + 1 :])))


def _chunks(data: bytes, start: int, length: str, frame: int) -> list[bytes]:
    """Pieces of ``frame`` bytes and as many more as they say (in a RIFF an even number)."""
    pieces = [data[:start]]
    while start < len(data):
        (size,) = struct.unpack_from(length, data[start:] + bytes(8))
        end = start + frame + size + (size % 2 if frame == 8 else 0)
        pieces.append(data[start:end])
        start = end
    return pieces


def repaired(data: bytes) -> bytes:
    """The checksums of a PNG and a tar, and the length in a WebP, put right for what the file holds now."""
    if data.startswith(b"\x89PNG"):
        head, *chunks = parts(data)
        return head + b"".join(c[:-4] + struct.pack(">I", zlib.crc32(c[4:-4])) for c in chunks if len(c) >= 12)
    if data.startswith(b"RIFF"):
        return data[:4] + struct.pack("<I", max(0, len(data) - 8)) + data[8:]
    if data[257:262] == b"ustar":
        return b"".join(_summed(block) if block[257:262] == b"ustar" else block for block in parts(data))
    return data


def _summed(header: bytes) -> bytes:
    """A tar's header with its sum, which counts its own place as eight spaces."""
    total = sum(header[:148]) + 8 * 32 + sum(header[156:])
    return header[:148] + b"%06o\0 " % total + header[156:]
