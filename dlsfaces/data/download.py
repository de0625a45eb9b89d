"""Getting files from the network, whole or not at all: from an address, Google Drive, or Yandex Disk."""

from __future__ import annotations

import json
import re
import shutil
import urllib.parse
import urllib.request
from pathlib import Path

from dlsfaces.data import archives
from dlsfaces.data.transfer import WebPage, alone, fetch, read

YANDEX_API = "https://cloud-api.yandex.net/v1/disk/public/resources"
DRIVE = "https://drive.google.com/uc"
QUOTA = re.compile(r"quota exceeded|too many users have viewed or downloaded", re.IGNORECASE)


def google_drive(
    file_id: str, path: Path, sha256: str | None = None, size: int | None = None, md5: str | None = None
) -> Path:
    """Have a public file of Google Drive at ``path``; as :func:`fetch`.

    The page on which Drive wants a large file confirmed is read by gdown, whose authors follow its changes. The bytes
    come by :func:`fetch`, because gdown, depending on its version, waits for ever, prints its errors, or continues a
    part with whatever page Drive answers. A break is continued where a hash is promised.

    Raises:
        OSError, ValueError: as :func:`fetch`; where Drive does not give the file, because its quota is used up or it
            is not public, the message says how to get it by hand.
    """
    open_url = urllib.request.build_opener(urllib.request.HTTPCookieProcessor()).open  # as gdown: cookies are kept
    link = address = f"{DRIVE}?{urllib.parse.urlencode({'id': file_id})}"
    by_hand = f"try again in a day, or open {link} in a browser and save the file as {path}"
    for _ in range(3):  # it asks once; more is a circle
        try:
            return fetch(address, path, sha256, size, md5, open_url)
        except WebPage as page:
            address = urllib.parse.urljoin(address, _confirmed(page, by_hand))
        except OSError as error:
            if QUOTA.search(str(error)):
                raise OSError(f"Google Drive's quota for {link} is used up ({error}); {by_hand}") from error
            raise
    raise OSError(f"Google Drive asks again and again whether {link} is wanted; {by_hand}")


def _confirmed(page: WebPage, by_hand: str) -> str:
    """The address that Drive's page leads to once its button is pressed."""
    if QUOTA.search(page.text):
        raise OSError(f"Google Drive's quota for this file is used up: {page}; {by_hand}") from page
    try:
        from gdown.download import get_url_from_gdrive_confirmation  # here, because it takes a while to load

        return get_url_from_gdrive_confirmation(page.text)
    except Exception as error:  # its own kind; ImportError, AssertionError, KeyError, by its version and the page
        raise OSError(f"Google Drive does not give the file ({error!r}); {by_hand}") from error


def yandex_disk(link: str, folder: Path, api: str = YANDEX_API) -> None:
    """Make ``folder`` of a public Yandex Disk folder: its files, its folders, and what its archives hold.

    An archive or a folder that holds ``folder`` itself, by name, is not nested. Everything arrives in ``.NAME.part``
    beside ``folder`` first, so that ``folder`` is never half of the set; what is whole there is not downloaded again
    by the next call. Of two processes that ask for the same folder, the second waits and finds it there. Where
    ``folder`` exists already, files of the same name are replaced one by one.

    Raises:
        OSError, ValueError: as :func:`fetch` and :func:`dlsfaces.data.archives.unpack`; or the answer is not a listing.
    """
    before = _stamp(folder)
    with alone(folder):
        if _stamp(folder) != before:  # another process has brought it meanwhile
            return
        staging = folder.with_name(f".{folder.name}.part")
        content = _opened(_arrived(link, staging, api), staging / "content")
        inner = content / folder.name
        source = inner if inner.is_dir() else content
        if folder.is_dir():
            archives.move_into(source, folder)
        else:
            source.replace(folder)
        shutil.rmtree(staging, ignore_errors=True)


def _stamp(folder: Path) -> tuple[int, int] | None:
    """Changes when the folder appears, or something in it is replaced."""
    return (folder.stat().st_ino, folder.stat().st_mtime_ns) if folder.is_dir() else None


def _arrived(link: str, into: Path, api: str) -> list[Path]:
    """Download what the link holds, a folder as a zip of it."""
    listing = _ask(f"{api}?{urllib.parse.urlencode({'public_key': link, 'limit': 1000})}")
    try:
        items = [listing] if listing.get("type") != "dir" else listing["_embedded"]["items"]
        if listing.get("_embedded", {}).get("total", 0) > len(items):
            raise ValueError(f"{link} holds more than the {len(items)} files that {api} lists at once")
        return [_arrived_item(item, link, into, api) for item in items]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"the answer of {api} for {link} is not a listing of files: {error!r}") from error


def _arrived_item(item: dict, link: str, into: Path, api: str) -> Path:
    name = Path(item["name"]).name
    if name in ("", ".."):
        raise ValueError(f"{api} lists a file called {item['name']!r} in {link}, which is no name of a file")
    if item["type"] != "dir":
        return fetch(item["file"], into / "files" / name, item.get("sha256"), item.get("size"))
    query = urllib.parse.urlencode({"public_key": link, "path": item["path"]})
    return fetch(_ask(f"{api}/download?{query}")["href"], into / "folders" / f"{name}.zip")


def _opened(files: list[Path], content: Path) -> Path:
    """Put what the archives hold, and the files that are none, into a fresh folder."""
    shutil.rmtree(content, ignore_errors=True)
    content.mkdir(parents=True)
    packed = [file for file in files if file.name.lower().endswith(archives.SUFFIXES)]
    for file in packed:
        try:
            archives.unpack(file, content)
        except ValueError:
            file.unlink()  # else the next call would take it for whole
            raise
    for file in files:
        if file not in packed:
            file.replace(content / file.name)
    (content / archives.LOCK).unlink(missing_ok=True)
    return content


def _ask(url: str) -> dict:
    try:
        found = json.loads(read(url))
    except (UnicodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{url} answered with something else than JSON ({error})") from error
    if not isinstance(found, dict):
        raise ValueError(f"{url} answered with a {type(found).__name__}, not an object")
    return found
