"""Getting files from the network, whole or not at all."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import shutil
import urllib.parse
import urllib.request
import zipfile
import zlib
from pathlib import Path

from tqdm.auto import tqdm

from dlsfaces.files import written_whole

YANDEX_API = "https://cloud-api.yandex.net/v1/disk/public/resources"
TIMEOUT = 20.0  # seconds without an answer


def fetch(url: str, path: Path, sha256: str | None = None, size: int | None = None) -> Path:
    """Download ``url`` to ``path``: written beside it, checked, then renamed, so that ``path`` is never half a file.

    Raises:
        OSError: the server cannot be reached or breaks off (``urllib.error.URLError`` is one).
        ValueError: what came is not of the expected size or hash.
    """
    digest = hashlib.sha256()
    with written_whole(path) as part:
        try:
            size = _receive(url, part, digest, size)
        except http.client.HTTPException as error:
            raise OSError(f"{url}: the connection broke off ({error!r}); try again") from error
        if size is not None and part.stat().st_size != size:
            raise ValueError(f"{url}: {part.stat().st_size} bytes came instead of {size}; try again")
        if sha256 is not None and digest.hexdigest() != sha256:
            raise ValueError(f"{url}: the file's SHA-256 is {digest.hexdigest()}, not {sha256}; it has changed")
    return path


def _receive(url: str, part: Path, digest: hashlib._Hash, size: int | None) -> int | None:
    """Read the answer into a file and a hash; gives the size that was asked for, or else promised."""
    with urllib.request.urlopen(url, timeout=TIMEOUT) as answer, part.open("wb") as file:
        size = size or int(answer.headers.get("Content-Length") or 0) or None
        with tqdm(total=size, unit="B", unit_scale=True, desc=part.name, leave=False, delay=2) as bar:
            while block := answer.read(1 << 20):
                file.write(block)
                digest.update(block)
                bar.update(len(block))
    return size


def yandex_disk(link: str, folder: Path, api: str = YANDEX_API) -> None:
    """Make ``folder`` of a public Yandex Disk folder: its files, its folders, and what its zip archives hold.

    An archive or a folder that holds ``folder`` itself, by name, is not nested. Everything arrives beside ``folder``
    first, so that ``folder`` is never half of the set.

    Raises:
        OSError, ValueError: as :func:`fetch`, or the answer is not a listing.
    """
    listing = _ask(f"{api}?{urllib.parse.urlencode({'public_key': link, 'limit': 1000})}")
    staging = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        for item in listing["_embedded"]["items"] if listing.get("type") == "dir" else [listing]:
            _yandex_item(item, link, staging, api)
        inner = staging / folder.name
        shutil.copytree(inner if inner.is_dir() else staging, folder, dirs_exist_ok=True)
    except (KeyError, TypeError) as error:
        raise ValueError(f"the answer of {api} for {link} is not a listing of files: {error!r}") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _yandex_item(item: dict, link: str, into: Path, api: str) -> None:
    name = Path(item["name"]).name
    if item["type"] == "dir":
        query = urllib.parse.urlencode({"public_key": link, "path": item["path"]})
        archive = fetch(_ask(f"{api}/download?{query}")["href"], into / f"{name}.zip")
    else:
        archive = fetch(item["file"], into / name, item.get("sha256"), item.get("size"))
    if zipfile.is_zipfile(archive):
        unpack(archive, into)
        archive.unlink()


def _ask(url: str) -> dict:
    with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
        try:
            found = json.load(answer)
        except json.JSONDecodeError as error:
            raise ValueError(f"{url} answered with something else than JSON ({error})") from error
    if not isinstance(found, dict):
        raise ValueError(f"{url} answered with a {type(found).__name__}, not an object")
    return found


def unpack(archive: Path, into: Path) -> None:
    """Unpack a zip into a folder beside its place and move it there once whole; nothing lands outside ``into``.

    Raises:
        ValueError: broken, or a member would leave the folder.
    """
    staging = into / f".{archive.name}.{os.getpid()}.unpacking"
    try:
        with zipfile.ZipFile(archive) as opened:
            for member in opened.namelist():
                if not (staging / member).resolve().is_relative_to(staging.resolve()):
                    raise ValueError(f"{archive} is not to be trusted: its member {member!r} leaves the folder")
            opened.extractall(staging)
        for child in staging.iterdir():
            target = into / child.name
            if target.is_dir():
                shutil.copytree(child, target, dirs_exist_ok=True)
            else:
                child.replace(target)
    except (zipfile.BadZipFile, zlib.error, RuntimeError) as error:  # RuntimeError: it wants a password
        raise ValueError(f"{archive} is broken ({error}); delete it and download it again") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
