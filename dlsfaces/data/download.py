"""Data sets from Google Drive, Yandex Disk and archives, whole or not at all."""

import errno
import http.client
import json
import shutil
import tarfile
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock
from torchvision.datasets.utils import check_integrity
from tqdm.auto import tqdm

from dlsfaces.files import written_whole

YANDEX = "https://cloud-api.yandex.net/v1/disk/public/resources/download"
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
CONTENT = "content"  # the folder in the hidden folder that archives are unpacked into
TIMEOUT = 20.0  # seconds without an answer
_NO_FAULT_OF_THE_ARCHIVE = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS)  # but of the disk it goes to


@contextmanager
def alone(path: Path) -> Iterator[Path]:
    """Keep other processes that want the same ``path`` waiting; gives a hidden folder beside it to work in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    staging = path.with_name(f".{path.name}.part")
    with FileLock(path.with_name(f".{path.name}.lock")):
        shutil.rmtree(staging / CONTENT, ignore_errors=True)  # what was half unpacked by a process that was killed
        staging.mkdir(exist_ok=True)
        try:
            yield staging
        except ValueError:  # what is in it is wrong; after another error it stays, so that a download can go on
            shutil.rmtree(staging, ignore_errors=True)
            raise
        shutil.rmtree(staging, ignore_errors=True)


def fetch(url: str, path: Path) -> Path:
    """Download a file; an OSError where it cannot be had whole."""
    try:
        with written_whole(path) as part, urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
            size, options = answer.length, dict(unit="B", unit_scale=True, leave=False, delay=2)
            with tqdm.wrapattr(answer, "read", size, desc=path.name, **options) as body, part.open("wb") as file:
                shutil.copyfileobj(body, file)
            if answer.length:  # it counts down what is still to come
                raise OSError(f"the connection broke off, {answer.length} of {size} bytes are missing")
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise OSError(f"{url} cannot be downloaded ({error}); try again") from error
    return path


def google_drive(file_id: str, path: Path, md5: str) -> Path:
    """Have a public file of Google Drive at ``path``; a download that broke off goes on. Its MD5 must be right."""
    import gdown  # here, because it takes a while to load

    link = f"https://drive.google.com/uc?id={file_id}"
    by_hand = f"try again in a day, or open {link} in a browser and save the file as {path}"
    with alone(path) as staging:
        if check_integrity(path, md5):
            return path
        part = staging / path.name
        try:
            gdown.download(id=file_id, output=str(part), resume=True, use_cookies=False)
            part.stat()  # some versions of gdown print an error instead of raising one
        except Exception as error:  # ... and each has kinds of its own
            raise OSError(f"Drive does not give {path.name}, its quota may be used up ({error}); {by_hand}") from error
        if not check_integrity(part, md5):
            raise ValueError(f"{link} has not the MD5 {md5}, so it has changed or was damaged; {by_hand}")
        part.replace(path)
    return path


def yandex_disk(link: str, folder: Path, holds: str) -> Path:
    """Make ``folder`` of a public folder of Yandex Disk, which gives it as one zip; archives in it are unpacked, too.

    What lies beside the file ``holds`` becomes ``folder``; an OSError or ValueError where there is none.
    """
    with alone(folder) as staging:
        if (folder / holds).exists():
            return folder
        if folder.exists():
            raise OSError(f"{folder} is there, but without {holds}: move it away and try again")
        query = f"{YANDEX}?{urllib.parse.urlencode({'public_key': link})}"
        try:
            with urllib.request.urlopen(query, timeout=TIMEOUT) as answer:
                address = json.load(answer)["href"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise OSError(f"Yandex Disk does not say where {link} can be downloaded: {error!r}") from error
        content = _extract(fetch(address, staging / f"{folder.name}.zip"), staging / CONTENT)
        for inner in [path for path in content.rglob("*") if path.name.lower().endswith(ARCHIVES)]:
            _extract(inner, inner.parent)
            inner.unlink()
        if (found := next(content.rglob(holds), None)) is None:
            raise ValueError(f"what {link} holds has no {holds}: it is another set, or has changed")
        found.parent.replace(folder)
    return folder


def unpack(archive: Path, folder: Path) -> None:
    """Make ``folder`` of an archive, if it is not there yet; a folder of its own name is not nested."""
    with alone(folder) as staging:
        if folder.exists():
            return
        content = _extract(archive, staging / CONTENT)
        inner = content / folder.name
        (inner if inner.is_dir() else content).replace(folder)


def _extract(archive: Path, into: Path) -> Path:
    """Unpack a zip or a tar, plain or compressed; no member gets out of ``into``."""
    try:
        into.mkdir(exist_ok=True)
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as opened:
                opened.extractall(into, tqdm(opened.infolist(), archive.name, unit=" files", leave=False, delay=2))
        else:
            with tarfile.open(archive) as opened:
                opened.extractall(into, filter="data")
    except Exception as error:  # both readers raise a dozen kinds over a broken archive
        shutil.rmtree(into, ignore_errors=True)  # of a full disk
        if isinstance(error, OSError) and error.errno in _NO_FAULT_OF_THE_ARCHIVE:
            raise
        raise ValueError(f"{archive} cannot be unpacked ({error}); delete it and download it again") from error
    return into
