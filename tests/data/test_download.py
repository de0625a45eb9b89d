"""Downloads, from a server on this machine."""

import hashlib
import http.server
import io
import json
import threading
import zipfile

import pytest

from dlsfaces.data import download


@pytest.fixture
def server():
    """Serves ``files``: path -> body, or (body, headers)."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = self.server.files.get(self.path.split("?")[0])
            if body is None:
                return self.send_error(404)
            body, headers = body if isinstance(body, tuple) else (body, {})
            self.send_response(200)
            for name, value in ({"Content-Length": str(len(body))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.files = {}
    running.url = f"http://127.0.0.1:{running.server_address[1]}"
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield running
    running.shutdown()


def zipped(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in members.items():
            archive.writestr(name.replace("__", "/"), text)
    return buffer.getvalue()


def test_a_file_comes_whole(server, tmp_path):
    server.files["/a"] = b"content"
    digest = hashlib.sha256(b"content").hexdigest()
    path = download.fetch(f"{server.url}/a", tmp_path / "sub" / "a", digest, 7)
    assert path.read_bytes() == b"content" and [p.name for p in path.parent.iterdir()] == ["a"]


@pytest.mark.parametrize(
    ("body", "options", "message"),
    [
        (b"content", dict(sha256="0" * 64), "SHA-256"),
        (b"content", dict(size=9), "7 bytes came instead of 9"),
        ((b"content", {"Content-Length": "20"}), {}, "7 bytes came instead of 20"),
        ((b"5\r\nhello\r\n", {"Transfer-Encoding": "chunked", "Content-Length": ""}), {}, "broke off"),
        (None, {}, "404"),
    ],
)
def test_what_is_not_as_promised_leaves_the_old_file(server, tmp_path, body, options, message):
    server.files["/a"] = body
    (tmp_path / "a").write_text("old")
    with pytest.raises((ValueError, OSError), match=message):
        download.fetch(f"{server.url}/a", tmp_path / "a", **options)
    assert (tmp_path / "a").read_text() == "old" and len(list(tmp_path.iterdir())) == 1


def test_a_public_yandex_folder(server, tmp_path):
    archive, inner = zipped(images__a="a", note="b"), zipped(more__c="c")
    server.files |= {
        "/archive": archive,
        "/inner": inner,
        "/text": b"read me",
        "/api/download": json.dumps({"href": f"{server.url}/inner"}).encode(),
        "/api": json.dumps(
            {
                "type": "dir",
                "_embedded": {
                    "items": [
                        {
                            "type": "file",
                            "name": "part.zip",
                            "file": f"{server.url}/archive",
                            "size": len(archive),
                            "sha256": hashlib.sha256(archive).hexdigest(),
                        },
                        {"type": "file", "name": "../README.txt", "file": f"{server.url}/text"},
                        {"type": "dir", "name": "more", "path": "/more"},
                    ]
                },
            }
        ).encode(),
    }
    download.yandex_disk("https://disk/d/key", tmp_path / "celebA_ir", f"{server.url}/api")
    found = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    assert found == {f"celebA_ir/{name}" for name in ("README.txt", "images/a", "note", "more/c")}


def test_an_archive_of_the_folder_itself_is_not_nested(server, tmp_path):
    server.files["/archive"] = zipped(celebA_ir__note="ir")
    listing = {"type": "file", "name": "celebA_ir.zip", "file": f"{server.url}/archive"}
    server.files["/api"] = json.dumps(listing).encode()
    download.yandex_disk("https://disk/d/key", tmp_path / "celebA_ir", f"{server.url}/api")
    assert [str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()] == ["celebA_ir/note"]


def test_a_listing_that_breaks_off_leaves_no_half_folder(server, tmp_path):
    items = [{"type": "file", "name": n, "file": f"{server.url}/{n}"} for n in ("here", "gone")]
    server.files |= {"/here": b"x", "/api": json.dumps({"type": "dir", "_embedded": {"items": items}}).encode()}
    with pytest.raises(OSError, match="404"):
        download.yandex_disk("https://disk/d/key", tmp_path / "celebA_ir", f"{server.url}/api")
    assert list(tmp_path.iterdir()) == []


def test_an_answer_that_is_no_listing(server, tmp_path):
    server.files["/api"] = b"<html>gone</html>"
    with pytest.raises(ValueError, match="something else than JSON"):
        download.yandex_disk("https://disk/d/key", tmp_path, f"{server.url}/api")
    server.files["/api"] = b"[]"
    with pytest.raises(ValueError, match="not an object"):
        download.yandex_disk("https://disk/d/key", tmp_path, f"{server.url}/api")
    server.files["/api"] = b'{"type": "dir"}'
    with pytest.raises(ValueError, match="is not a listing"):
        download.yandex_disk("https://disk/d/key", tmp_path, f"{server.url}/api")


def test_archives_stay_in_their_folder(tmp_path):
    (tmp_path / "evil.zip").write_bytes(zipped(**{"..__outside": "x"}))
    with pytest.raises(ValueError, match="not to be trusted"):
        download.unpack(tmp_path / "evil.zip", tmp_path / "into")
    (tmp_path / "broken.zip").write_bytes(zipped(a="text")[:-30])
    with pytest.raises(ValueError, match=r"broken\.zip is broken"):
        download.unpack(tmp_path / "broken.zip", tmp_path / "into")
    assert {p.name for p in tmp_path.rglob("*")} - {"into"} == {"evil.zip", "broken.zip"}


def test_unpacking_adds_to_what_is_there(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "old").write_text("old")
    (tmp_path / "a.zip").write_bytes(zipped(set__new="new", top="top"))
    download.unpack(tmp_path / "a.zip", tmp_path)
    assert {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*")} == {"set", "set/old", "set/new", "top", "a.zip"}
