"""One file over HTTP: checked before it is there, continued after a break, and fetched once by many processes."""

from __future__ import annotations

import errno
import hashlib
import http.client
import itertools
import json
import logging
import re
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from filelock import FileLock, Timeout
from tqdm.auto import tqdm

TIMEOUT = 20.0  # seconds without an answer
PAUSES = (1.0, 4.0, 10.0)  # seconds before the second, the third and the fourth try
LATER = (429, 500, 502, 503, 504)  # the answers of a server that wants to be asked again
LARGEST = 50 * 10**9  # bytes of a file whose size nobody has promised
PAGE = 1 << 24  # bytes of a web page that are read
BLOCK = 1 << 16
FULL = (errno.ENOSPC, errno.EDQUOT)  # what a full disk, or a used-up share of it, says

log = logging.getLogger(__name__)
Result = TypeVar("Result")
Opener = Callable[..., http.client.HTTPResponse]


class WebPage(ValueError):
    """A web page came where a file was expected; ``text`` is the page."""

    def __init__(self, message: str, text: str) -> None:
        super().__init__(message)
        self.text = text


class _Broken(OSError):
    """The connection broke off; another try goes on with what came."""


class _Unreachable(OSError):
    """There was no connection."""


@dataclass(frozen=True)
class _Promise:
    """What is known of a file before it comes; ``None``: nothing."""

    sha256: str | None
    size: int | None
    md5: str | None

    @property
    def most(self) -> int:
        return LARGEST if self.size is None else self.size

    def complaint(self, path: Path) -> str | None:
        size = path.stat().st_size
        if self.size not in (None, size):
            return f"{size} bytes came instead of {self.size}"
        for name, algorithm, expected in (("SHA-256", "sha256", self.sha256), ("MD5", "md5", self.md5)):
            if expected and (found := _digest(path, algorithm)) != expected.lower():
                return f"the file's {name} is {found}, not {expected}: it has changed or was damaged"
        return None

    def kept_by(self, path: Path) -> bool:
        return path.is_file() and self.complaint(path) is None


def _digest(path: Path, algorithm: str) -> str:
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


class _Part:
    """What has come of a file so far, beside its place, and a note of what it is a part of."""

    def __init__(self, path: Path) -> None:
        self.target = path
        self.file = path.with_name(f".{path.name}.part")
        self.about = path.with_name(f".{path.name}.part.json")

    def size(self) -> int:
        return self.file.stat().st_size if self.file.is_file() else 0

    def note(self) -> dict:
        """Its address, its validator there, and its total size; nothing, if that cannot be read."""
        try:
            note = json.loads(self.about.read_text())
        except (OSError, ValueError):
            return {}
        return note if isinstance(note, dict) else {}

    def forget(self) -> None:
        self.file.unlink(missing_ok=True)
        self.about.unlink(missing_ok=True)

    def no_room(self, number: int, why: str) -> OSError:
        message = f"there is no room for {self.target} ({why}); make some and try again: what came is kept"
        return OSError(number, message)


def fetch(
    url: str,
    path: Path,
    sha256: str | None = None,
    size: int | None = None,
    md5: str | None = None,
    open_url: Opener | None = None,
) -> Path:
    """Have the file of ``url`` at ``path``, with the promised size (bytes) and hash (hexadecimal).

    A file that is there already and keeps the promises (without any: whatever it is) is not downloaded again. Else the
    file arrives beside its place, is checked, and is moved there, so that ``path`` is never half a file. What came
    before a break stays in ``.NAME.part`` and is continued, a few times by this call and later by the next one; not
    where the server's file has changed since, or, without a promised hash, where it does not say so. Of two processes
    that fetch the same file, the second waits for the first and finds the file there.

    Args:
        open_url: opens a request in the place of ``urllib.request.urlopen``, for example with cookies.

    Raises:
        OSError: the server cannot be reached, refuses, or breaks off again and again; the disk is full.
        ValueError: what came is not of the promised size or hash, or is a web page (:class:`WebPage`).
    """
    promise = _Promise(sha256, size, md5)
    if promise.kept_by(path):
        return path
    with alone(path):
        if promise.kept_by(path):  # another process has brought it meanwhile
            return path
        part = _Part(path)
        _patiently(lambda: _receive(url, part, promise, open_url))
        if complaint := promise.complaint(part.file):
            part.forget()
            raise ValueError(f"{url}: {complaint}; try again")
        part.file.replace(path)
        part.forget()
    return path


def read(url: str) -> bytes:
    """The answer of ``url`` itself, a page's length of it at most.

    Raises:
        OSError, ValueError: as :func:`fetch`.
    """

    def answered() -> bytes:
        with _request(url) as answer:
            return b"".join(itertools.islice(_blocks(url, answer), PAGE // BLOCK))

    return _patiently(answered)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Keep other processes and threads that ask for the same ``path`` waiting; makes the folder it lies in.

    The lock beside it, ``.NAME.lock``, stays there: the system frees it when its holder ends, however it ends.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(str(path.with_name(f".{path.name}.lock")))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log.info("waiting for another process that is getting %s", path)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _patiently(action: Callable[[], Result]) -> Result:
    """Call again, after growing pauses, while the connection breaks off; not where there never was one."""
    reached = False
    for pause in PAUSES:
        try:
            return action()
        except (_Broken, _Unreachable) as error:
            reached = reached or isinstance(error, _Broken)
            if not reached:
                raise
            log.info("%s; trying again in %g s", error, pause)
            time.sleep(pause)
    return action()


def _request(
    url: str, headers: dict[str, str] | None = None, open_url: Opener | None = None
) -> http.client.HTTPResponse:
    """The server's answer: the file, a part of it, or that it has no such part (416)."""
    if not url.lower().startswith(("http://", "https://")):
        raise ValueError(f"{url!r} is no address of a file on the web")
    request = urllib.request.Request(url, headers={"User-Agent": "dlsfaces"} | (headers or {}))
    try:
        return (open_url or urllib.request.urlopen)(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code == 416:
            return error
        page = b""
        with error, suppress(OSError, http.client.HTTPException):
            page = error.read(PAGE)
        message = f"{url}: the server answers {error.code} {error.reason}{_title(page.decode('utf-8', 'replace'))}"
        raise (_Broken if error.code in LATER else OSError)(message) from error
    except http.client.InvalidURL as error:
        raise ValueError(f"{url!r} is no address of a file on the web ({error})") from error
    except (http.client.HTTPException, ConnectionError, TimeoutError) as error:
        raise _Broken(f"{url}: the connection broke off ({error!r}); try again") from error
    except OSError as error:
        raise _Unreachable(f"{url} cannot be reached ({error}); is there a network?") from error


def _blocks(url: str, answer: http.client.HTTPResponse) -> Iterator[bytes]:
    """What the server sends; the first block is long enough to tell a web page by."""
    try:
        yield answer.read(512)
        while block := answer.read1(BLOCK):  # what is there by now: a break loses nothing
            yield block
    except (http.client.HTTPException, OSError) as error:
        raise _Broken(f"{url}: the connection broke off ({error!r}); what came is kept, try again") from error


def _receive(url: str, part: _Part, promise: _Promise, open_url: Opener | None) -> None:
    """One try: ask for what is missing of the part, and append that, or begin anew where the server does."""
    have, note = part.size(), part.note()
    if have == promise.size:  # only the check is missing
        return
    hashed = promise.sha256 or promise.md5
    with _request(url, _range(url, have, note, bool(hashed)), open_url) as answer:
        total = _total(answer)
        if answer.status == 416 and total == have and note.get("total") in (None, have):
            return
        if answer.status in (206, 416) and not _continues(answer, have, note):
            part.forget()
            raise _Broken(f"{url}: what came before cannot be continued; try again")
        start = have if answer.status == 206 else 0
        blocks = _blocks(url, answer)
        head = next(blocks)
        if not start:
            _refuse_page(url, part, answer, head, blocks)
            note = {"url": url, "validator": _validator(answer), "total": total}
        _check_announced(url, part, total, promise)
        came = _append(part, start, itertools.chain([head], blocks), total, promise.most, note)
    if came > promise.most:
        part.forget()
        raise ValueError(f"{url}: more than {promise.most} bytes come, so that is not the file that was expected")
    wanted = total if promise.size is None else promise.size
    if wanted is not None and came < wanted:
        raise _Broken(f"{url}: the connection broke off after {came} of {wanted} bytes; what came is kept, try again")


def _range(url: str, have: int, note: dict, hashed: bool) -> dict[str, str]:
    """Headers that ask for the rest, if a changed file would be noticed: by its validator now, or its hash later."""
    validator = note.get("validator")
    if not have or not (hashed or (validator and note.get("url") == url)):
        return {}
    return {"Range": f"bytes={have}-"} | ({"If-Range": validator} if validator else {})


def _continues(answer: http.client.HTTPResponse, have: int, note: dict) -> bool:
    """Whether this is the rest that was asked for, and of the same file; not every server heeds ``If-Range``."""
    rest = re.match(rf"bytes {have}-\d", answer.headers.get("Content-Range", ""))
    then, now = (note.get("validator"), note.get("total")), (_validator(answer), _total(answer))
    same = all(None in pair or pair[0] == pair[1] for pair in zip(then, now))
    return answer.status == 206 and rest is not None and same


def _total(answer: http.client.HTTPResponse) -> int | None:
    """How long the whole file is, if the server says so."""
    if answer.status not in (206, 416):
        return answer.length
    found = re.search(r"/(\d+)$", answer.headers.get("Content-Range", ""))
    return int(found[1]) if found else None


def _validator(answer: http.client.HTTPResponse) -> str | None:
    """What changes with the file: its ETag, if that stands for every byte (a weak one does not), or its date."""
    tag = answer.headers.get("ETag")
    return tag if tag and not tag.startswith("W/") else answer.headers.get("Last-Modified")


def _check_announced(url: str, part: _Part, total: int | None, promise: _Promise) -> None:
    """Refuse before anything is written over what came earlier."""
    if total is None:
        return
    if total > promise.most or promise.size not in (None, total):
        wanted = f"at most {LARGEST}" if promise.size is None else promise.size
        raise ValueError(f"{url}: {total} bytes come instead of {wanted}; it has changed, or something else came")
    missing, free = total - part.size(), shutil.disk_usage(part.file.parent).free
    if missing > free:
        raise part.no_room(errno.ENOSPC, f"{missing} bytes are missing, {free} are free")


def _refuse_page(url: str, part: _Part, answer: http.client.HTTPResponse, head: bytes, rest: Iterator[bytes]) -> None:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    as_page = answer.headers.get_content_type() == "text/html" and start.startswith(b"<")
    if not (as_page or start.startswith((b"<!doctype html", b"<html"))) or part.target.suffix in (".html", ".htm"):
        return
    text = b"".join([head, *itertools.islice(rest, PAGE // BLOCK)]).decode("utf-8", "replace")
    message = f"{url}: a web page{_title(text)} came instead of a file; open it in a browser to see what it says"
    raise WebPage(message, text)


def _title(page: str) -> str:
    found = re.search(r"<title[^>]*>([^<]*)</title>", page, re.IGNORECASE)
    return f' ("{" ".join(found[1].split())[:100]}")' if found else ""


def _append(part: _Part, start: int, blocks: Iterable[bytes], total: int | None, most: int, note: dict) -> int:
    """Write from byte ``start`` on, at most up to ``most``, and say how far the blocks went."""
    came = start
    bar = tqdm(total=total, initial=start, unit="B", unit_scale=True, desc=part.target.name, leave=False, delay=2)
    try:
        with bar, part.file.open("ab" if start else "wb") as file:
            if not start:  # only now: it must not stand for the bytes of an earlier file
                part.about.write_text(json.dumps(note))
            for block in blocks:
                came += len(block)
                if came > most:
                    break
                file.write(block)
                bar.update(len(block))
    except OSError as error:
        if error.errno in FULL:
            raise part.no_room(error.errno, f"the disk is full after {came} bytes") from error
        raise
    return came
