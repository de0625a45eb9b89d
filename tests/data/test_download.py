"""Downloads from a server on this machine, and archives: whole or not at all, and nothing outside their folder."""

import errno
import hashlib
import http.server
import io
import json
import os
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from dlsfaces.data import download

BODY = bytes(range(256)) * 4000  # about a megabyte: more than the sockets between two processes hold
MD5 = hashlib.md5(BODY).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path = self.path.split("?")[0]
        self.server.requests.append(self.path)
        if path not in self.server.files:
            return self.send_error(404)
        answer = self.server.files[path]
        status, body, headers = answer if isinstance(answer, tuple) else (200, answer, {})
        self.send_response(status)
        for name, value in ({"Content-Length": len(body)} | headers).items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body[: headers.get("stop")])
        time.sleep(headers.get("wait", 0))

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    """Serves ``files``: path -> bytes, or (status, bytes, headers); counts ``requests``.

    Of the headers, ``stop`` breaks off after as many bytes, and ``wait`` keeps the connection open for as many seconds.
    """
    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.files, running.requests = {}, []
    running.url = f"http://127.0.0.1:{running.server_address[1]}"
    threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    monkeypatch.setattr(download, "YANDEX", f"{running.url}/api")
    yield running
    running.shutdown()
    running.server_close()


def names(folder):
    """What is below a folder, without the locks."""
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.suffix != ".lock"}


def zipped(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(members, mode="w", link=None):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        if link:
            info = tarfile.TarInfo("link")
            info.type, info.linkname = tarfile.SYMTYPE, link
            archive.addfile(info)
    return buffer.getvalue()


# --- one file


def test_a_file_comes_whole_or_not_at_all(server, tmp_path):
    server.files |= {"/a": BODY, "/half": (200, BODY, {"stop": 1000}), "/secret": (403, b"", {})}
    server.files["/chunk"] = (200, b"5\r\nhello\r\n", {"Transfer-Encoding": "chunked"})
    assert download.fetch(f"{server.url}/a", tmp_path / "sub" / "a").read_bytes() == BODY
    for name, why in (("half", "1023000 of 1024000 bytes"), ("secret", "403"), ("chunk", "Incomplete"), ("b", "404")):
        (tmp_path / name).write_text("old")
        with pytest.raises(OSError, match=rf"{server.url}/{name} cannot be downloaded \(.*{why}"):
            download.fetch(f"{server.url}/{name}", tmp_path / name)
        assert (tmp_path / name).read_text() == "old"
    assert names(tmp_path) == {"sub", "sub/a", "half", "secret", "chunk", "b"}
    for url in ("http://127.0.0.1:9/a", "no address"):
        with pytest.raises(OSError, match=f"{url} cannot be downloaded"):
            download.fetch(url, tmp_path / "a")


# --- Google Drive, through gdown

CONFIRM = (  # what Drive shows before a large file
    '<html><form id="download-form" action="https://drive.google.com/download" method="get">'
    '<input type="hidden" name="id" value="key"><input type="hidden" name="confirm" value="t"></form></html>'
)
QUOTA = '<html><p class="uc-error-subcaption">Too many users have viewed or downloaded this file recently.</p></html>'
FILE = {"Content-Type": "application/zip", "Content-Disposition": 'attachment; filename="a.zip"'}


@pytest.fixture
def drive(server, monkeypatch):
    """The server answers in Drive's place; ``pages`` are bytes of web pages."""
    real = requests.Session.get
    monkeypatch.setattr(
        requests.Session,
        "get",
        lambda session, url, **options: real(session, url.replace("https://drive.google.com", server.url), **options),
    )
    return server


def page(text, status=200):
    return status, text.encode(), {"Content-Type": "text/html; charset=utf-8"}


def test_a_large_file_of_drive_is_confirmed_and_not_downloaded_twice(drive, tmp_path):
    drive.files |= {"/uc": page(CONFIRM), "/download": (200, BODY, FILE)}
    for _ in range(2):
        assert download.google_drive("key", tmp_path / "a.zip", MD5).read_bytes() == BODY
    assert names(tmp_path) == {"a.zip"} and len(drive.requests) == 2


@pytest.mark.parametrize("answer", [page(QUOTA), page(QUOTA, 403), page("<html>You need access"), page("gone", 404)])
def test_drives_quota_page_is_answered_with_what_to_do(drive, tmp_path, answer):
    drive.files["/uc"] = answer
    by_hand = rf"in a day, or open https://drive\.google\.com/uc\?id=key in a browser and save the file as {tmp_path}/a"
    with pytest.raises(OSError, match=rf"(?s)quota may be used up .*{by_hand}"):
        download.google_drive("key", tmp_path / "a", MD5)
    (tmp_path / "a").write_bytes(BODY)
    assert download.google_drive("key", tmp_path / "a", MD5).read_bytes() == BODY


def test_another_file_than_the_promised_one_is_refused_and_forgotten(drive, tmp_path):
    drive.files["/uc"] = (200, b"something else", FILE)
    with pytest.raises(ValueError, match=f"has not the MD5 {MD5}"):
        download.google_drive("key", tmp_path / "a", MD5)
    assert names(tmp_path) == set()


# --- Yandex Disk

SET = {"imgs/1.jpg": b"1", "imgs/2.jpg": b"2", "list.txt": b"1.jpg 0\n"}


def in_folder(name, members):
    return {f"{name}/{path}": content for path, content in members.items()}


def serve(server, archive):
    server.files |= {"/api": json.dumps({"href": f"{server.url}/zip"}).encode(), "/zip": archive}


@pytest.mark.parametrize(
    "content",
    [
        SET,
        in_folder("set", SET),
        in_folder("some name/set", SET),
        in_folder("set", {"set.zip": zipped(in_folder("set", SET))}),
        in_folder("set", {"imgs.tar.gz": tarred(in_folder("imgs", {"1.jpg": b"1", "2.jpg": b"2"}), "w:gz")})
        | {"set/list.txt": SET["list.txt"]},
    ],
)
def test_a_public_yandex_folder_however_it_is_nested(server, tmp_path, content):
    serve(server, zipped(content))
    for _ in range(2):
        folder = download.yandex_disk("https://disk/d/key", tmp_path / "set", "list.txt")
        assert names(folder) == {"imgs", *SET} and names(tmp_path) == {"set", "set/imgs", *in_folder("set", SET)}
    assert server.requests == ["/api?public_key=https%3A%2F%2Fdisk%2Fd%2Fkey", "/zip"]


@pytest.mark.parametrize(
    ("api", "archive", "message"),
    [
        (b"<html>gone</html>", b"", "Yandex Disk does not say where https://disk/d/key"),
        (b'{"error": "no such link"}', b"", "does not say where"),
        (None, zipped(SET)[:-40], r"(?s)set\.zip cannot be unpacked .*download it again"),
        (None, b"<html>wait</html>", "cannot be unpacked"),
        (None, zipped({"other.txt": b""}), r"has no list\.txt"),
        (None, (200, zipped(SET), {"stop": 10}), "broke off"),
    ],
)
def test_a_yandex_folder_that_is_not_the_set_is_not_moved_into_place(server, tmp_path, api, archive, message):
    serve(server, archive)
    server.files["/api"] = api or server.files["/api"]
    with pytest.raises((OSError, ValueError), match=message):
        download.yandex_disk("https://disk/d/key", tmp_path / "set", "list.txt")
    assert not (tmp_path / "set").exists()
    serve(server, zipped(SET))
    assert names(download.yandex_disk("https://disk/d/key", tmp_path / "set", "list.txt")) == {"imgs", *SET}


def test_half_a_copy_that_is_there_is_not_touched(server, tmp_path):
    (tmp_path / "set").mkdir()
    with pytest.raises(OSError, match=r"set is there, but without list\.txt: move it away"):
        download.yandex_disk("https://disk/d/key", tmp_path / "set", "list.txt")


PROGRAM = """
import sys
from pathlib import Path
from dlsfaces.data import download
download.YANDEX = sys.argv[1]
print("ready", flush=True)
download.yandex_disk("link", Path(sys.argv[2]), "list.txt")
"""


def start(server, folder):
    command = [sys.executable, "-c", PROGRAM, f"{server.url}/api", str(folder)]
    env = os.environ | {"PYTHONPATH": str(Path(download.__file__).parents[2])}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
    assert process.stdout.readline() == "ready\n", process.stderr.read()
    return process


def test_two_processes_download_once_and_a_killed_one_leaves_no_half(server, tmp_path):
    serve(server, (200, zipped(SET | {"noise": BODY}), {"stop": 100, "wait": 20}))
    killed = start(server, tmp_path / "set")
    while "/zip" not in server.requests:
        time.sleep(0.01)
    killed.kill()
    killed.wait()
    assert not (tmp_path / "set").exists()
    server.requests.clear()
    serve(server, zipped(SET))
    for process in [start(server, tmp_path / "set") for _ in range(2)]:
        assert process.wait(30) == 0, process.stderr.read()
    assert names(tmp_path / "set") == {"imgs", *SET} and server.requests == ["/api?public_key=link", "/zip"]


# --- archives

FILES = {"top.txt": b"top", "people/Имя 1/photo.jpg": bytes(range(256)) * 50, "people/empty": b""}


@pytest.mark.parametrize("content", [zipped(FILES), *(tarred(FILES, f"w:{kind}") for kind in ("", "gz", "bz2", "xz"))])
def test_every_kind_is_unpacked(tmp_path, content):
    (tmp_path / "a").write_bytes(content)
    download.unpack(tmp_path / "a", tmp_path / "into")
    into = tmp_path / "into"
    assert {str(p.relative_to(into)): p.read_bytes() for p in into.rglob("*") if p.is_file()} == FILES
    assert {name.split("/")[0] for name in names(tmp_path)} == {"a", "into"}


@pytest.mark.parametrize("name", ["../out", "/tmp/out", "a/../../out"])
@pytest.mark.parametrize("pack", [zipped, tarred])
def test_a_member_that_would_lead_out_of_the_folder_does_not(tmp_path, pack, name):
    (tmp_path / "a").write_bytes(pack({"fine.txt": b"1", name: b"2"}))
    with suppress(ValueError):
        download.unpack(tmp_path / "a", tmp_path / "into")
    assert {path.name for path in tmp_path.iterdir()} <= {"a", "into", ".into.lock"} and not Path("/tmp/out").exists()


@pytest.mark.parametrize("link", ["/etc", "../../elsewhere"])
def test_a_link_that_leads_out_of_the_folder(tmp_path, link):
    (tmp_path / "a").write_bytes(tarred({"fine.txt": b"1"}, link=link))
    with pytest.raises(ValueError, match="a cannot be unpacked"):
        download.unpack(tmp_path / "a", tmp_path / "into")
    assert names(tmp_path) == {"a"}


def test_a_full_disk_is_not_taken_for_a_broken_archive_and_is_not_left_full(tmp_path, monkeypatch):
    def full(archive, into, members):
        (into / "half").touch()
        raise OSError(errno.ENOSPC, "no space left")

    (tmp_path / "a").write_bytes(zipped({"zeros": bytes(10**6)}))
    monkeypatch.setattr(zipfile.ZipFile, "extractall", full)
    with pytest.raises(OSError, match="no space left"):
        download.unpack(tmp_path / "a", tmp_path / "into")
    assert not list(tmp_path.rglob("half")) and not (tmp_path / "into").exists()
