"""Downloads, from a server on this machine that behaves, breaks off, lies, and changes its mind."""

import errno
import hashlib
import http.server
import io
import json
import os
import re
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dlsfaces.data import download, transfer

BODY = bytes(range(256)) * 4000  # about a megabyte: more than the sockets between two processes hold
SHA256, MD5 = hashlib.sha256(BODY).hexdigest(), hashlib.md5(BODY).hexdigest()


@dataclass
class Reply:
    """What the server says to one request; ``ranges``: whether it can continue from a byte."""

    body: bytes = BODY
    status: int = 200
    headers: dict = field(default_factory=dict)
    tag: str | None = '"one"'
    ranges: bool = True
    stop: int | None = None  # breaks off after as many bytes of this answer
    endless: bool = False
    before: Callable[[], object] = bool  # called before anything is sent
    after: Callable[[], object] = bool  # ... and before the connection is closed


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path = self.path.split("?")[0]
        self.server.requests.append((self.path, dict(self.headers)))
        replies = self.server.files.get(path)
        if replies is None:
            return self.send_error(404)
        replies = replies if isinstance(replies, list) else [replies]
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        self.answer(reply if isinstance(reply, Reply) else Reply(reply))

    def answer(self, reply):
        reply.before()
        status, body, headers = reply.status, reply.body, {"ETag": reply.tag} if reply.tag else {}
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if asked and reply.ranges and reply.status == 200 and self.headers.get("If-Range") in (None, reply.tag):
            start = int(asked[1])
            status, headers["Content-Range"] = 206, f"bytes {start}-{len(body) - 1}/{len(body)}"
            if start >= len(body):
                status, headers["Content-Range"] = 416, f"bytes */{len(body)}"
            body = body[start:]
        self.send_response(status)
        for name, value in (headers | {"Content-Length": len(body)} | reply.headers).items():
            if value is not None:
                self.send_header(name, str(value))
        self.end_headers()
        try:
            self.wfile.write(body[: reply.stop])
            while reply.endless:
                self.wfile.write(BODY)
            reply.after()
        except OSError:
            self.server.hung_up.set()

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    """Serves ``files``: path -> Reply or bytes, or a list of them, the last of which stays; keeps ``requests``."""
    monkeypatch.setattr(transfer, "PAUSES", (0, 0, 0))
    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.files, running.requests, running.hung_up = {}, [], threading.Event()
    running.url = f"http://127.0.0.1:{running.server_address[1]}"
    threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


def ranges(server):
    return [headers.get("Range") for _, headers in server.requests]


def names(folder):
    """What is below a folder, without the locks."""
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.suffix != ".lock"}


def zipped(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in members.items():
            archive.writestr(name.replace("__", "/"), text)
    return buffer.getvalue()


# --- one file ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("promise", [{}, dict(sha256=SHA256.upper(), size=len(BODY)), dict(md5=MD5)])
def test_a_file_comes_whole_and_once(server, tmp_path, promise):
    server.files["/a"] = BODY
    for _ in range(2):
        path = download.fetch(f"{server.url}/a", tmp_path / "sub" / "a", **promise)
        assert path.read_bytes() == BODY and names(path.parent) == {"a"}
    assert len(server.requests) == 1


def test_a_file_that_is_not_the_promised_one_is_replaced(server, tmp_path):
    server.files["/a"] = BODY
    (tmp_path / "a").write_text("old")
    assert download.fetch(f"{server.url}/a", tmp_path / "a").read_text() == "old"
    assert download.fetch(f"{server.url}/a", tmp_path / "a", sha256=SHA256).read_bytes() == BODY


@pytest.mark.parametrize(
    ("reply", "promise", "message", "left"),
    [
        (b"content", dict(sha256="0" * 64), "SHA-256", False),
        (b"content", dict(md5="0" * 32, size=7), "MD5", False),
        (b"content", dict(size=9), "7 bytes come instead of 9", False),
        (b"content", dict(size=5), "7 bytes come instead of 5", False),
        (Reply(b"content", headers={"Content-Length": None}), dict(size=5), "more than 5 bytes come", False),
        (Reply(b"content", headers={"Content-Length": 5}), dict(size=7), "5 bytes come instead of 7", False),
        (Reply(b"content", headers={"Content-Length": 20}, ranges=False), {}, "broke off after 7 of 20 bytes", True),
        (Reply(b"content", headers={"Content-Length": 20}), {}, "cannot be continued", False),
        (Reply(b"content", headers={"Content-Length": None}, tag=None), dict(size=9), "after 7 of 9 bytes", True),
        (
            Reply(b"5\r\nhello\r\n", headers={"Transfer-Encoding": "chunked", "Content-Length": None}),
            {},
            "broke off",
            False,
        ),
        (Reply(b"<title>Not here</title>", status=403), {}, r'403 Forbidden \("Not here"\)', False),
        (Reply(b"", status=503), {}, "503", False),
        (Reply(b"", status=302, headers={"Location": "/a"}), {}, "redirect", False),
        (Reply(b"content", headers={"Content-Length": 10**11}), {}, "at most 50000000000", False),
    ],
)
def test_what_is_not_as_promised_is_not_moved_into_place(server, tmp_path, reply, promise, message, left):
    server.files["/a"] = reply
    (tmp_path / "kept").write_text("old")
    with pytest.raises((ValueError, OSError), match=message) as caught:
        download.fetch(f"{server.url}/a", tmp_path / "a", **promise)
    assert f"{server.url}/a" in str(caught.value)
    assert names(tmp_path) == {"kept"} | ({".a.part", ".a.part.json"} if left else set())


def test_where_there_is_no_server_or_no_address_there_is_no_waiting(tmp_path, monkeypatch):
    monkeypatch.setattr(transfer.time, "sleep", lambda seconds: pytest.fail("it waits"))
    with pytest.raises(OSError, match=r"cannot be reached.*is there a network"):
        download.fetch("http://127.0.0.1:9/a", tmp_path / "a")
    for url in ("file:///etc/hosts", "a/b", "http://127.0.0.1/a b"):
        with pytest.raises(ValueError, match="no address of a file on the web"):
            download.fetch(url, tmp_path / "a")


def test_a_network_that_goes_away_is_waited_for(server, tmp_path, monkeypatch):
    server.files["/a"] = [Reply(stop=1000), BODY]
    pauses, urlopen = [], transfer.urllib.request.urlopen

    def gone(*arguments, **options):
        if len(server.requests) == 1 and len(pauses) < 3:
            raise transfer.urllib.error.URLError("no route to host")
        return urlopen(*arguments, **options)

    monkeypatch.setattr(transfer, "PAUSES", (1, 4, 10))
    monkeypatch.setattr(transfer.time, "sleep", pauses.append)
    monkeypatch.setattr(transfer.urllib.request, "urlopen", gone)
    assert download.fetch(f"{server.url}/a", tmp_path / "a").read_bytes() == BODY
    assert pauses == [1, 4, 10] and ranges(server) == [None, "bytes=1000-"]


def test_a_server_that_never_stops_does_not_fill_the_disk(server, tmp_path, monkeypatch):
    monkeypatch.setattr(transfer, "LARGEST", 3_000_000)
    server.files["/a"] = Reply(headers={"Content-Length": None}, endless=True)
    with pytest.raises(ValueError, match="more than 3000000 bytes"):
        download.fetch(f"{server.url}/a", tmp_path / "a")
    assert server.hung_up.wait(10) and names(tmp_path) == set()


def test_a_redirect_is_followed_with_its_range(server, tmp_path):
    server.files |= {
        "/a": Reply(status=302, headers={"Location": "/b"}, body=b"", ranges=False),
        "/b": [Reply(stop=9), BODY],
    }
    assert download.fetch(f"{server.url}/a", tmp_path / "a").read_bytes() == BODY
    assert [path for path, _ in server.requests] == ["/a", "/b", "/a", "/b"]
    assert ranges(server)[2:] == ["bytes=9-"] * 2


# --- a web page in the place of a file --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b"\xef\xbb\xbf\n<!DOCTYPE html><html><head><title>Please\n log in</title>", ranges=False),
        Reply(b"<p><title>Please log in</title>", headers={"Content-Type": "text/html; charset=utf-8"}, ranges=False),
    ],
)
def test_a_web_page_is_recognised_and_spares_what_came_before(server, tmp_path, reply):
    server.files["/a"] = [Reply(stop=1000), Reply(stop=0), reply]
    with pytest.raises(download.WebPage, match=r'a web page \("Please log in"\) came instead'):
        download.fetch(f"{server.url}/a", tmp_path / "a.zip")
    assert (tmp_path / ".a.zip.part").stat().st_size == 1000
    assert download.fetch(f"{server.url}/a", tmp_path / "a.html").read_bytes() == reply.body  # here it is wanted


# --- going on after a break -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("replies", "promise", "asked"),
    [
        ([Reply(stop=1000), Reply(stop=500), BODY], {}, [None, "bytes=1000-", "bytes=1500-"]),
        ([Reply(stop=1000), Reply(status=503), BODY], {}, [None, "bytes=1000-", "bytes=1000-"]),
        ([Reply(stop=1000, headers={"Content-Length": None}), BODY], dict(size=len(BODY)), [None, "bytes=1000-"]),
        # a server that cannot continue, or takes its own way of it
        ([Reply(stop=1000), Reply(ranges=False)], {}, [None, "bytes=1000-"]),
        ([Reply(stop=1000), Reply(status=206, ranges=False), BODY], {}, [None, "bytes=1000-", None]),
        ([Reply(stop=1000), Reply(b"", status=416), BODY], {}, [None, "bytes=1000-", None]),
        # the file has changed in between
        ([Reply(b"old" * 9000, stop=1000), Reply(tag='"two"')], {}, [None, "bytes=1000-"]),
        ([Reply(b"old" * 9000, tag='W/"1"', stop=1000), BODY], {}, [None, None]),
        ([Reply(b"old" * 9000, tag=None, stop=1000), BODY], {}, [None, None]),
        # without a name for its version, only a promised hash tells whether the halves belong together
        ([Reply(tag=None, stop=1000), Reply(tag=None)], dict(sha256=SHA256), [None, "bytes=1000-"]),
    ],
)
def test_a_break_is_continued_where_that_is_safe(server, tmp_path, replies, promise, asked):
    server.files["/a"] = replies
    assert download.fetch(f"{server.url}/a", tmp_path / "a", **promise).read_bytes() == BODY
    assert ranges(server) == asked and names(tmp_path) == {"a"}


def test_a_server_that_does_not_heed_if_range_is_caught(server, tmp_path):
    """It continues its new file from where the old one stopped."""
    changed = Reply(tag='"two"', body=BODY[1000:], status=206, ranges=False)
    changed.headers = {"Content-Range": f"bytes 1000-{len(BODY) - 1}/{len(BODY)}"}
    server.files["/a"] = [Reply(b"old" * 9000, stop=1000), changed, BODY]
    assert download.fetch(f"{server.url}/a", tmp_path / "a").read_bytes() == BODY
    assert [h.get("If-Range") for _, h in server.requests] == [None, '"one"', None]


def test_halves_of_two_files_do_not_pass_the_hash(server, tmp_path):
    server.files["/a"] = [Reply(bytes(len(BODY)), tag=None, stop=1000), Reply(tag=None)]
    with pytest.raises(ValueError, match="SHA-256"):
        download.fetch(f"{server.url}/a", tmp_path / "a", SHA256)
    assert names(tmp_path) == set()
    assert download.fetch(f"{server.url}/a", tmp_path / "a", SHA256).read_bytes() == BODY


def test_after_the_last_try_the_next_call_goes_on(server, tmp_path):
    server.files["/a"] = [*[Reply(stop=100)] * 4, BODY]
    with pytest.raises(OSError, match=rf"broke off after 400 of {len(BODY)} bytes; what came is kept, try again"):
        download.fetch(f"{server.url}/a", tmp_path / "a")
    assert download.fetch(f"{server.url}/a", tmp_path / "a").read_bytes() == BODY
    assert ranges(server)[-1] == "bytes=400-"


def test_the_rest_in_pieces_is_put_together(server, tmp_path):
    """A server may give less of the rest than was asked for."""
    pieces = []
    for start, end in ((1000, 5000), (5000, len(BODY))):
        reply = Reply(BODY[start:end], status=206, ranges=False)
        reply.headers = {"Content-Range": f"bytes {start}-{end - 1}/{len(BODY)}"}
        pieces.append(reply)
    server.files["/a"] = [Reply(stop=1000), *pieces]
    assert download.fetch(f"{server.url}/a", tmp_path / "a").read_bytes() == BODY


@pytest.mark.parametrize("promise", [{}, dict(size=len(BODY))])
def test_a_part_that_is_whole_is_not_downloaded_again(server, tmp_path, promise):
    """The process died between the last byte and the move."""
    server.files["/a"] = BODY
    (tmp_path / ".a.part").write_bytes(BODY)
    (tmp_path / ".a.part.json").write_text(json.dumps({"url": f"{server.url}/a", "validator": '"one"'}))
    assert download.fetch(f"{server.url}/a", tmp_path / "a", **promise).read_bytes() == BODY
    assert ranges(server) == ([] if promise else [f"bytes={len(BODY)}-"])


@pytest.mark.parametrize(
    "note", ["", "[]", '{"url": 1, "validator": 2}', "\xff", '{"url": "http://else", "validator": "x"}']
)
def test_a_part_of_unknown_origin_is_not_continued(server, tmp_path, note):
    server.files["/a"] = BODY
    (tmp_path / ".a.part").write_bytes(b"something else")
    (tmp_path / ".a.part.json").write_text(note, encoding="latin-1")
    assert download.fetch(f"{server.url}/a", tmp_path / "a").read_bytes() == BODY
    assert ranges(server) == [None]


# --- a full disk ------------------------------------------------------------------------------------------------------


def test_no_room_is_said_before_the_download(server, tmp_path, monkeypatch):
    server.files["/a"] = BODY
    monkeypatch.setattr(transfer.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    with pytest.raises(OSError, match=rf"no room for .*a \({len(BODY)} bytes are missing, 1000 are free") as caught:
        download.fetch(f"{server.url}/a", tmp_path / "a")
    assert caught.value.errno == errno.ENOSPC and names(tmp_path) == set()


def test_a_disk_that_fills_up_keeps_what_came(server, tmp_path, monkeypatch):
    server.files["/a"] = BODY
    plain = transfer.tqdm.update
    monkeypatch.setattr(transfer.tqdm, "update", lambda bar, n: full(bar, n))

    def full(bar, n):  # as the write after the first block would
        plain(bar, n)
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match=r"no room for .*a .*what came is kept") as caught:
        download.fetch(f"{server.url}/a", tmp_path / "a")
    assert caught.value.errno == errno.ENOSPC and len(server.requests) == 1
    monkeypatch.undo()
    assert download.fetch(f"{server.url}/a", tmp_path / "a").read_bytes() == BODY
    assert ranges(server)[1] is not None


# --- several at once --------------------------------------------------------------------------------------------------

#: Imports the module without its package, whose torch takes seconds to load.
PROGRAM = """
import sys, types
from pathlib import Path
package = types.ModuleType("dlsfaces.data")
package.__path__ = [sys.argv[1]]
sys.modules["dlsfaces.data"] = package
from dlsfaces.data import download
print("ready", flush=True)
getattr(download, sys.argv[2])(sys.argv[3], Path(sys.argv[4]), *sys.argv[5:])
"""


def start(function, *arguments):
    where = str(Path(download.__file__).parent)
    command = [sys.executable, "-c", PROGRAM, where, function, *map(str, arguments)]
    env = os.environ | {"PYTHONPATH": str(Path(where).parent.parent)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, text=True)
    assert process.stdout.readline() == "ready\n", process.stderr.read()
    return process


def test_two_processes_download_once(server, tmp_path):
    both = threading.Event()
    server.files["/a"] = Reply(before=lambda: both.wait(10))
    processes = [start("fetch", f"{server.url}/a", tmp_path / "a", SHA256) for _ in range(2)]
    time.sleep(0.2)  # so that the second has met the lock
    both.set()
    for process in processes:
        assert process.wait(20) == 0, process.stderr.read()
    assert (tmp_path / "a").read_bytes() == BODY and len(server.requests) == 1


def test_a_killed_download_is_continued_and_its_lock_is_free(server, tmp_path):
    killed = threading.Event()
    server.files["/a"] = [Reply(stop=200_000, after=lambda: killed.wait(20)), BODY]
    process = start("fetch", f"{server.url}/a", tmp_path / "a")
    part = tmp_path / ".a.part"
    while not (part.is_file() and part.stat().st_size > 100_000):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    process.kill()
    process.wait()
    had = part.stat().st_size
    killed.set()
    assert download.fetch(f"{server.url}/a", tmp_path / "a").read_bytes() == BODY
    assert ranges(server) == [None, f"bytes={had}-"] and had > 100_000


# --- Google Drive -----------------------------------------------------------------------------------------------------

#: What Drive shows before a large file: in one line, as it writes it. gdown's own code reads it.
CONFIRM = (
    "<!DOCTYPE html><html><head><title>Google Drive - Virus scan warning</title></head><body>"
    '<form id="download-form" action="{url}/download" method="get"><input type="submit" value="Download anyway"/>'
    '<input type="hidden" name="id" value="key"><input type="hidden" name="confirm" value="t">'
    '<input type="hidden" name="uuid" value="{uuid}"></form></body></html>'
)
QUOTA = (
    "<!DOCTYPE html><html><head><title>Google Drive - Quota exceeded</title></head><body>"
    '<p class="uc-error-caption">Sorry, you can&#39;t view or download this file at this time.</p>'
    '<p class="uc-error-subcaption">Too many users have viewed or downloaded this file recently.</p></body></html>'
)


@pytest.fixture
def drive(server, monkeypatch):
    monkeypatch.setattr(download, "DRIVE", f"{server.url}/uc")
    monkeypatch.setattr(
        server, "confirm", lambda uuid="1": page(CONFIRM.format(url=server.url, uuid=uuid)), raising=False
    )
    return server


def page(text, status=200):
    headers = {"Content-Type": "text/html; charset=utf-8", "Set-Cookie": "seen=1; Path=/"}
    return Reply(text.encode(), status, headers, tag=None, ranges=False)


def test_a_small_file_of_drive(drive, tmp_path):
    drive.files["/uc"] = BODY
    assert download.google_drive("key", tmp_path / "a", md5=MD5).read_bytes() == BODY
    assert [path for path, _ in drive.requests] == ["/uc?id=key"]


def test_a_large_file_of_drive_is_confirmed_and_continued(drive, tmp_path):
    """A new confirmation gives a new address; the file is the same."""
    drive.files |= {"/uc": [drive.confirm("1"), drive.confirm("2")], "/download": [*[Reply(stop=100)] * 4, BODY]}
    with pytest.raises(OSError, match="broke off after 400"):
        download.google_drive("key", tmp_path / "a", size=len(BODY), md5=MD5)
    assert download.google_drive("key", tmp_path / "a", size=len(BODY), md5=MD5).read_bytes() == BODY
    last_path, last = drive.requests[-1]
    assert last_path.endswith("confirm=t&uuid=2") and last["Range"] == "bytes=400-" and last["Cookie"] == "seen=1"
    assert names(tmp_path) == {"a"}


@pytest.mark.parametrize(
    "reply",
    [page(QUOTA), page(QUOTA, 403), page(QUOTA, 429), page("<html>" + QUOTA[15:].replace(" - Quota exceeded", ""))],
)
def test_drives_quota_page_is_answered_with_what_to_do(drive, tmp_path, reply):
    drive.files |= {"/uc": drive.confirm(), "/download": [Reply(stop=100), Reply(stop=0), *[reply] * 9]}
    with pytest.raises(
        OSError, match=rf"quota .* is used up.*in a day.*{drive.url}/uc\?id=key in a browser.*{tmp_path}/a"
    ):
        download.google_drive("key", tmp_path / "a", md5=MD5)
    assert (tmp_path / ".a.part").stat().st_size == 100  # to be continued in a day
    (tmp_path / "a").write_bytes(BODY)  # or saved by hand
    assert download.google_drive("key", tmp_path / "a", md5=MD5).read_bytes() == BODY


@pytest.mark.parametrize(
    "text",
    [
        "<html>You need access",
        '<html><p class="uc-error-subcaption">You need access</p>',
        '<html><form id="download-form">',
        '<html><form id="download-form" action="file:///etc/hosts">',
    ],
)
def test_other_pages_of_drive(drive, tmp_path, text):
    drive.files["/uc"] = page(text)
    with pytest.raises((OSError, ValueError), match=r"(does not give the file .* in a browser|no address)"):
        download.google_drive("key", tmp_path / "a")
    assert names(tmp_path) == set()


def test_drive_that_asks_in_a_circle(drive, tmp_path):
    drive.files |= {"/uc": drive.confirm(), "/download": drive.confirm()}
    with pytest.raises(OSError, match="again and again"):
        download.google_drive("key", tmp_path / "a")
    assert len(drive.requests) == 3


# --- Yandex Disk ------------------------------------------------------------------------------------------------------


def listing(server, *items):
    """The folder of the link: items of (name, body) or whole."""
    whole = []
    for item in items:
        if isinstance(item, tuple):
            name, body = item
            server.files[f"/{name}"] = body
            item = {"type": "file", "name": name, "file": f"{server.url}/{name}"}
        whole.append(item)
    server.files["/api"] = json.dumps({"type": "dir", "_embedded": {"items": whole, "total": len(whole)}}).encode()


def get(server, folder):
    download.yandex_disk("https://disk/d/key", folder, f"{server.url}/api")
    return names(folder.parent)


def test_a_public_yandex_folder(server, tmp_path):
    archive = zipped(images__a="a", note="b")
    server.files |= {
        "/archive": archive,
        "/inner": zipped(more__c="c"),
        "/api/download": json.dumps({"href": f"{server.url}/inner"}).encode(),
    }
    part = {"type": "file", "name": "part.ZIP", "file": f"{server.url}/archive", "size": len(archive)}
    part["sha256"] = hashlib.sha256(archive).hexdigest()
    readme = {"type": "file", "name": "../README.txt", "file": f"{server.url}/archive"}
    listing(server, part, readme, {"type": "dir", "name": "more", "path": "/more"})
    found = {name for name in get(server, tmp_path / "celebA_ir") if (tmp_path / name).is_file()}
    assert found == {f"celebA_ir/{name}" for name in ("README.txt", "images/a", "note", "more/c")}
    assert not list((tmp_path / "celebA_ir").rglob("*.lock"))


def test_an_archive_of_the_folder_itself_is_not_nested(server, tmp_path):
    server.files["/archive"] = zipped(celebA_ir__note="ir")
    server.files["/api"] = json.dumps(
        {"type": "file", "name": "celebA_ir.zip", "file": f"{server.url}/archive"}
    ).encode()
    assert get(server, tmp_path / "celebA_ir") == {"celebA_ir", "celebA_ir/note"}


def test_a_yandex_folder_that_breaks_off_is_continued(server, tmp_path):
    listing(server, ("here.txt", b"x"), ("set.zip", [*[Reply(stop=100)] * 4, zipped(a="a")]))
    server.files["/set.zip"][:4] = [Reply(zipped(a="a"), stop=100), *[Reply(b"", status=503)] * 3]
    with pytest.raises(OSError, match="503"):
        get(server, tmp_path / "set")
    assert not (tmp_path / "set").exists()
    assert get(server, tmp_path / "set") == {"set", "set/here.txt", "set/a"}
    asked = [(path, headers.get("Range")) for path, headers in server.requests if path in ("/here.txt", "/set.zip")]
    assert asked == [("/here.txt", None), ("/set.zip", None), *[("/set.zip", "bytes=100-")] * 4]


def test_a_broken_archive_is_downloaded_again(server, tmp_path):
    listing(server, ("set.zip", [zipped(a="a")[:-30], zipped(a="a")]))
    with pytest.raises(ValueError, match=r"set\.zip is broken"):
        get(server, tmp_path / "set")
    assert get(server, tmp_path / "set") == {"set", "set/a"}


def test_a_folder_that_is_there_is_completed(server, tmp_path):
    (tmp_path / "set" / "sub").mkdir(parents=True)
    (tmp_path / "set" / "mine").write_text("mine")
    (tmp_path / "set" / "sub" / "a").write_text("old")
    listing(server, ("set.zip", zipped(set__sub__a="new", set__sub__b="new")))
    assert get(server, tmp_path / "set") == {"set", "set/mine", "set/sub", "set/sub/a", "set/sub/b"}
    assert (tmp_path / "set" / "sub" / "a").read_text() == "new"


def test_two_at_once_get_a_yandex_folder_once(server, tmp_path):
    both = threading.Barrier(2)
    listing(server, ("a.txt", Reply(b"x", before=lambda: time.sleep(0.2))))

    def run():
        both.wait()
        get(server, tmp_path / "set")

    threads = [threading.Thread(target=run) for _ in range(2)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert names(tmp_path) == {"set", "set/a.txt"}
    assert sorted(path.split("?")[0] for path, _ in server.requests) == ["/a.txt", "/api"]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"<html>gone</html>", "something else than JSON"),
        (b"\xff\xfe\x00", "something else than JSON"),
        (b"[" * 100_000, "something else than JSON"),
        (b"[]", "not an object"),
        (b'{"type": "dir"}', "is not a listing"),
        (b'{"type": "dir", "_embedded": []}', "is not a listing"),
        (b'{"type": "dir", "_embedded": {"items": [1]}}', "is not a listing"),
        (b'{"type": "dir", "_embedded": {"items": [{"name": 1}]}}', "is not a listing"),
        (b'{"type": "dir", "_embedded": {"items": [], "total": 2000}}', "holds more than the 0 files"),
        (b'{"type": "file", "name": "x/..", "file": "http://a"}', "'x/..' .* no name of a file"),
        (b'{"type": "file", "name": "x", "file": "ftp://a"}', "no address"),
    ],
)
def test_an_answer_that_is_no_listing(server, tmp_path, answer, message):
    server.files["/api"] = answer
    with pytest.raises(ValueError, match=message):
        get(server, tmp_path / "set")
    assert not (tmp_path / "set").exists()
