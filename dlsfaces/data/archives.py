"""Archives from strangers: unpacked whole or not at all, inside one folder, and never without bound."""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import lzma
import os
import re
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tqdm.auto import tqdm

from dlsfaces.data.transfer import FULL, alone

#: The names that :func:`unpack` reads, by their endings.
SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
MAX_BYTES = 20 * 10**9  # CelebA's aligned pictures have 1.4 GB ...
MAX_MEMBERS = 2_000_000  # ... in 202,599 files
MAX_RATIO, RATIO_FROM = 200, 100 * 10**6  # how many times an archive may grow, asked once this many bytes are out
MAX_DEPTH = 100  # folders within folders: pathlib and rmtree recurse
BLOCK = 1 << 16  # bytes at a time; no header of an honest archive is longer
#: What takes a compressed tar apart, by how it begins; each gives no more bytes at a time than it is asked for.
DECOMPRESSORS = {b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file), b"BZ": bz2.BZ2File, b"\xfd7": lzma.LZMAFile}
STAGING, LOCK = ".unpacking", ".unpacking.lock"
UNSUITABLE = (errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL)  # what a file system says about a name

#: A member: its name, whether it is a folder, and its bytes.
Member = tuple[str, bool, Iterable[bytes]]


class _Refused(ValueError):
    """The archive can be read, but is not to be unpacked; the message says why."""


def unpack(archive: Path, into: Path, *, max_bytes: int = MAX_BYTES, max_members: int = MAX_MEMBERS) -> None:
    """Unpack a zip, or a tar plain or compressed by gzip, bzip2 or xz, into a folder, which is made where missing.

    The members arrive in a hidden folder inside ``into`` and are moved from there once all of them are whole; a file of
    the same name is replaced, other files stay. Only plain files and folders below ``into`` are unpacked: an archive
    with anything else (links, devices, names that lead elsewhere or come twice) is refused as a whole. Of two that
    unpack into the same folder at once, the second waits.

    Args:
        max_bytes: how many bytes may come out (counted as they come, a tar's headers among them). More than 100 MB
            must not be more than 200 times the archive either.
        max_members: how many files and folders may come out.

    Raises:
        ValueError: broken, cut short, encrypted, of another format, too much, or with a member that is refused.
        FileNotFoundError: there is no such archive.
        OSError: the disk is full, or it may not be read or written.
    """
    budget = _Budget(archive, max_bytes, max_members)
    with _Counted(archive.open("rb", buffering=0), budget) as file:
        staging = into / STAGING
        with alone(into / "unpacking"):
            shutil.rmtree(staging, ignore_errors=True)  # of a process that was killed
            staging.mkdir()
            try:
                _write(_members(file, budget), staging, budget)
                move_into(staging, into)
            except OSError as error:
                if error.errno in FULL:
                    message = f"there is no room to unpack {archive} in {into}; make some and try again"
                    raise OSError(error.errno, message) from error
                raise
            finally:
                shutil.rmtree(staging, ignore_errors=True)


def move_into(source: Path, into: Path) -> None:
    """Move what a folder holds into another: files take the place of files, folders are united.

    Raises:
        ValueError: a file would take the place of a folder, or a folder that of a file or a link; nothing is moved.
        OSError: it may not be written.
    """
    _refuse_clashes(source, into)
    _move(source, into)


def _refuse_clashes(source: Path, into: Path) -> None:
    for entry in os.scandir(source):
        target = into / entry.name
        folder = target.is_dir() and not target.is_symlink()
        if folder and entry.is_dir():
            _refuse_clashes(Path(entry.path), target)
        elif folder or (entry.is_dir() and os.path.lexists(target)):
            kinds = ("a file", "a folder") if folder else ("a folder", "a file or a link")
            raise ValueError(f"{target}: {kinds[0]} cannot take the place of {kinds[1]}; move that away and try again")


def _move(source: Path, into: Path) -> None:
    for entry in os.scandir(source):
        target = into / entry.name
        if entry.is_dir() and target.is_dir():
            _move(Path(entry.path), target)
        else:
            os.replace(entry.path, target)


class _Budget:
    """Counts what comes out of an archive, and refuses it once that is too much."""

    def __init__(self, archive: Path, max_bytes: int, max_members: int) -> None:
        self.archive, self.max_bytes, self.max_members = archive, max_bytes, max_members
        self.size = archive.stat().st_size
        self.bytes = self.members = 0

    def take(self, count: int) -> None:
        self.bytes += count
        if self.bytes > self.max_bytes:
            raise self.refusal(f"unpacks to more than {self.max_bytes:,} bytes; if that is right, raise max_bytes")
        if self.bytes > max(RATIO_FROM, MAX_RATIO * self.size):
            raise self.refusal(f"unpacks to more than {MAX_RATIO} times its {self.size:,} bytes: such files are traps")

    def add_member(self) -> None:
        self.members += 1
        self.check_members(self.members)

    def check_members(self, count: int) -> None:
        if count > self.max_members:
            raise self.refusal(f"holds more than {self.max_members:,} members; if that is right, raise max_members")

    def refusal(self, why: str) -> _Refused:
        return _Refused(f"{self.archive} {why}")

    def member_refusal(self, name: str, why: str) -> _Refused:
        return self.refusal(f"is not to be trusted: its member {name[:200]!r} {why}")


def _write(members: Iterator[Member], staging: Path, budget: _Budget) -> None:
    made = {staging}
    for name, is_folder, blocks in tqdm(members, desc=budget.archive.name, unit=" files", leave=False, delay=2):
        parts = _parts(name, budget)
        if not (parts or is_folder):
            raise budget.member_refusal(name, "has no name")
        path = staging.joinpath(*parts)
        try:
            _make_folders(path if is_folder else path.parent, made, budget)
            if not is_folder:
                budget.add_member()
                with path.open("xb") as file:
                    file.writelines(blocks)
        except (FileExistsError, NotADirectoryError) as error:
            raise budget.member_refusal(name, "comes twice, or as a file and as a folder") from error
        except (OSError, UnicodeError) as error:
            if isinstance(error, OSError) and error.errno not in UNSUITABLE:
                raise
            raise budget.member_refusal(name, f"has a name that cannot be written here ({error})") from error
    if not budget.members:
        raise budget.refusal("holds no file; delete it and download it again")


def _parts(name: str, budget: _Budget) -> list[str]:
    """The folders and the file of a member's name, which must lie below the folder that is unpacked into."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or re.match("[A-Za-z]:", name):
        raise budget.member_refusal(name, "leaves the folder")
    if "\\" in name or "\0" in name:
        raise budget.member_refusal(name, "has a backslash or a null in its name")
    if len(parts) > MAX_DEPTH:
        raise budget.member_refusal(name, f"lies more than {MAX_DEPTH} folders deep")
    if parts and parts[0].casefold() in (STAGING, LOCK):
        raise budget.member_refusal(name, "has a name that is needed while unpacking")
    return parts


def _make_folders(path: Path, made: set[Path], budget: _Budget) -> None:
    if path not in made:
        _make_folders(path.parent, made, budget)
        budget.add_member()
        path.mkdir(exist_ok=True)  # on a file system that takes A for a, it may be there
        made.add(path)


def _members(file: _Counted, budget: _Budget) -> Iterator[Member]:
    with _reading(budget):
        start = file.read(4)
        file.seek(0)
    if start in (b"PK\3\4", b"PK\5\6"):
        return _zip_members(file, budget)
    decompress = DECOMPRESSORS.get(start[:2], lambda file: file)
    return _tar_members(decompress(file), budget)


@contextmanager
def _reading(budget: _Budget) -> Iterator[None]:
    """Whatever the readers raise over a broken archive, as one ValueError; the disk's own errors stay."""
    try:
        yield
    except _Refused:
        raise
    except Exception as error:  # zipfile and tarfile raise a dozen kinds, KeyError and RecursionError among them
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise
        message = f"{budget.archive} is broken, or neither a zip nor a tar ({type(error).__name__}: {error})"
        raise ValueError(f"{message}; delete it and download it again") from error


class _Counted(io.BufferedReader):
    """A file that refuses to give the index of a zip with more entries than allowed.

    zipfile reads the index in one piece and makes an object of each entry, whatever number the archive states.
    """

    def __init__(self, raw: io.RawIOBase, budget: _Budget) -> None:
        super().__init__(raw)
        self.budget = budget

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        if data[:4] == b"PK\1\2":
            self.budget.check_members(data.count(b"PK\1\2"))
        return data


def _zip_members(file: _Counted, budget: _Budget) -> Iterator[Member]:
    with _reading(budget), zipfile.ZipFile(file) as opened:
        for info in opened.infolist():
            name = info.orig_filename if "\0" in info.orig_filename else info.filename
            kind = stat.S_IFMT(info.external_attr >> 16)  # as Unix writes it; 0 from elsewhere
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise budget.member_refusal(name, "is a link" if kind == stat.S_IFLNK else "is no plain file")
            if info.flag_bits & 1:
                raise budget.refusal(f"wants a password for {name[:200]!r}; unpack it by hand")
            # Of the others zipfile cannot bound how much comes out at once.
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise budget.refusal(f"packs {name[:200]!r} by a method that is not supported; unpack it by hand")
            yield name, info.is_dir(), _zip_blocks(opened, info, budget)


def _zip_blocks(opened: zipfile.ZipFile, info: zipfile.ZipInfo, budget: _Budget) -> Iterator[bytes]:
    with _reading(budget), opened.open(info) as member:
        left = info.file_size
        while block := member.read(BLOCK):
            budget.take(len(block))
            left -= len(block)
            yield block
        if left:
            raise EOFError(f"{info.filename[:200]!r} is shorter than stated")


def _tar_members(file: BinaryIO, budget: _Budget) -> Iterator[Member]:
    with _reading(budget):
        stream = _Stream(file, budget)
        opened = tarfile.TarFile(fileobj=stream, encoding="utf-8", errors="surrogateescape")
        while (member := opened.next()) is not None:
            opened.members.clear()  # it would keep every header
            if member.issym() or member.islnk():
                raise budget.member_refusal(member.name, f"is a link to {member.linkname[:200]!r}")
            if not (member.isfile() or member.isdir()) or member.issparse():
                raise budget.member_refusal(member.name, "is no plain file")
            yield member.name, member.isdir(), _tar_blocks(stream, member)
        if stream.last != bytes(tarfile.BLOCKSIZE):  # tarfile takes a damaged header for the end
            raise EOFError(f"it breaks off or is damaged after {stream.position} bytes")
        while block := stream.read(BLOCK):  # to the end, where gzip, bzip2 and xz keep their checksums
            if block.strip(b"\0"):
                raise ValueError("there is more after its end")


def _tar_blocks(stream: _Stream, member: tarfile.TarInfo) -> Iterator[bytes]:
    with _reading(stream.budget):
        stream.seek(member.offset_data)
        for start in range(0, member.size, BLOCK):
            size = min(BLOCK, member.size - start)
            block = stream.read(size)
            if len(block) < size:
                raise EOFError(f"it breaks off inside {member.name[:200]!r}")
            yield block


class _Stream:
    """The bytes of a tar for tarfile: forwards only, so that nothing is read twice, and a block at most at a time."""

    def __init__(self, file: BinaryIO, budget: _Budget) -> None:
        self.file, self.budget = file, budget
        self.position = 0
        self.last = b""  # what was read last: a header, once tarfile stops

    def tell(self) -> int:
        return self.position

    def seek(self, position: int) -> None:
        if position < self.position:
            raise ValueError("its headers lead backwards")
        while self.position < position and self.read(min(BLOCK, position - self.position)):
            pass

    def read(self, size: int) -> bytes:
        if not 0 <= size <= BLOCK:
            raise ValueError(f"it has a header of {size} bytes")
        self.last = self.file.read(size)
        self.position += len(self.last)
        self.budget.take(len(self.last))
        return self.last
