"""Archives from strangers: what comes out, what is refused, and that a refused one leaves nothing."""

import errno
import gzip
import io
import random
import shutil
import stat
import struct
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from pathlib import Path

import pytest

from dlsfaces.data import archives

FILES = {"top.txt": b"top", "people/Имя 1/photo.jpg": bytes(range(256)) * 500, "people/empty": b""}
TARS = {".tar": "w", ".tar.gz": "w:gz", ".tar.bz2": "w:bz2", ".tar.xz": "w:xz"}


def zipped(files, method=zipfile.ZIP_DEFLATED):
    """A zip of (name or ZipInfo) -> bytes, in the order given; names may come twice."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files.items() if isinstance(files, dict) else files:
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(files, mode="w", form=tarfile.PAX_FORMAT):
    """A tar of name -> bytes, or of TarInfo."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode, format=form) as archive:
        for item in files.items() if isinstance(files, dict) else files:
            if isinstance(item, tarfile.TarInfo):
                archive.addfile(item)
            else:
                info = tarfile.TarInfo(item[0])
                info.size = len(item[1])
                archive.addfile(info, io.BytesIO(item[1]))
    return buffer.getvalue()


def special(name, kind, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def zip_info(name, mode):
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, mode << 16
    return info


@pytest.fixture
def unpack(tmp_path):
    """Unpacks bytes and gives what then is in the folder; whatever happens, nothing else may have been written."""
    (tmp_path / "victim").write_text("untouched")

    def run(content, **options):
        archive, into = tmp_path / "archive", tmp_path / "into"
        shutil.rmtree(into, ignore_errors=True)
        archive.write_bytes(content)
        try:
            archives.unpack(archive, into, **options)
        finally:
            assert {p.name for p in tmp_path.iterdir()} == {"archive", "into", "victim"}
            assert (tmp_path / "victim").read_text() == "untouched"
            assert not (into / archives.STAGING).exists()
        return contents(into)

    return run


def contents(folder):
    return {
        str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.suffix != ".lock"
    }


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip(unpack, tmp_path, method):
    assert unpack(zipped({**FILES, "people/nobody/": b""}, method)) == FILES
    assert (tmp_path / "into" / "people" / "nobody").is_dir()


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("mode", TARS.values())
def test_a_tar(unpack, tmp_path, mode, form):
    long = {} if form == tarfile.USTAR_FORMAT else {"deep/" * 30 + "x" * 200: b"long"}
    folder = special("people/nobody", tarfile.DIRTYPE)
    assert unpack(tarred([special("./", tarfile.DIRTYPE), *(FILES | long).items(), folder], mode, form)) == FILES | long
    assert (tmp_path / "into" / "people" / "nobody").is_dir()


@pytest.mark.skipif(sys.platform == "win32", reason="needs tar")
@pytest.mark.parametrize("options", ["-cf", "-czf"])
def test_what_tar_itself_writes(tmp_path, options):
    for name, content in FILES.items():
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(content)
    subprocess.run(["tar", options, tmp_path / "a", "-C", tmp_path / "in", "."], check=True)
    archives.unpack(tmp_path / "a", tmp_path / "into")
    assert contents(tmp_path / "into") == FILES


def test_streams_one_after_another_are_one(unpack):
    """As ``pigz`` and ``cat`` write them."""
    plain = tarred(FILES)
    assert unpack(gzip.compress(plain[:700]) + gzip.compress(plain[700:]) + bytes(100)) == FILES


def test_rights_are_not_taken_over(unpack, tmp_path):
    info = tarfile.TarInfo("program")
    info.mode = 0o6777
    unpack(tarred([info]))
    assert not (tmp_path / "into" / "program").stat().st_mode & (stat.S_IXUSR | stat.S_ISUID)


@pytest.mark.parametrize("name", ["../victim", "a/../../victim", "/victim", "//victim", "C:/victim", "c:victim"])
@pytest.mark.parametrize("pack", [zipped, tarred])
def test_names_that_lead_elsewhere(unpack, tmp_path, pack, name):
    name = str(tmp_path / "victim") if name == "/victim" else name
    with pytest.raises(ValueError, match=r"not to be trusted.*leaves the folder"):
        unpack(pack({"first": b"x", name: b"written"}))
    assert contents(tmp_path / "into") == {}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("..\\victim", "backslash"),
        ("a\\b", "backslash"),
        (".", "has no name"),
        ("./.", "has no name"),
        ("a/" * 101 + "b", "100 folders deep"),
        ("x" * 300, "cannot be written here"),
        (".unpacking/x", "needed while unpacking"),
        (".Unpacking.lock", "needed while unpacking"),
    ],
)
@pytest.mark.parametrize("pack", [zipped, tarred])
def test_names_that_no_file_can_have(unpack, tmp_path, pack, name, message):
    with pytest.raises(ValueError, match=rf"archive is not to be trusted.*{message}"):
        unpack(pack({"first": b"x", name: b"written"}))
    assert contents(tmp_path / "into") == {}


def test_a_null_in_a_name_does_not_end_it(unpack):
    with pytest.raises(ValueError, match="null in its name"):
        unpack(zipped({"photo.jpg#.exe": b"x"}).replace(b"jpg#", b"jpg\0"))


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([special("link", tarfile.SYMTYPE, "/etc")], "'link' is a link to '/etc'"),
        ([special("link", tarfile.SYMTYPE, ".."), ("link/victim", b"x")], "is a link"),
        ([("a", b"x"), special("link", tarfile.LNKTYPE, "a")], "is a link to 'a'"),
        ([special("link", tarfile.LNKTYPE, "../victim"), ("link", b"x")], "is a link"),
        ([special("device", tarfile.CHRTYPE)], "no plain file"),
        ([special("pipe", tarfile.FIFOTYPE)], "no plain file"),
        ([special("odd", b"Z")], "no plain file"),
        ([special("holes", tarfile.GNUTYPE_SPARSE)], "no plain file"),
        ([("a", b"1"), ("a", b"2")], "comes twice"),
        ([("a", b"1"), ("./a", b"2")], "comes twice"),
        ([("a", b"1"), ("a/b", b"2")], "as a file and as a folder"),
        ([("a/b", b"1"), ("a", b"2")], "as a file and as a folder"),
    ],
)
def test_members_of_a_tar_that_are_refused(unpack, tmp_path, members, message):
    with pytest.raises(ValueError, match=f"not to be trusted.*{message}"):
        unpack(tarred(members, form=tarfile.GNU_FORMAT))
    assert contents(tmp_path / "into") == {}


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([(zip_info("link", stat.S_IFLNK | 0o777), "..")], "is a link"),
        ([(zip_info("link", stat.S_IFLNK | 0o777), ".."), ("link/victim", "x")], "is a link"),
        ([(zip_info("device", stat.S_IFCHR), "")], "no plain file"),
        ([("a", "1"), ("a/b", "2")], "as a file and as a folder"),
        pytest.param(
            [("a", "1"), ("a", "2")], "comes twice", marks=pytest.mark.filterwarnings("ignore:Duplicate name")
        ),
    ],
)
def test_members_of_a_zip_that_are_refused(unpack, tmp_path, members, message):
    with pytest.raises(ValueError, match=f"not to be trusted.*{message}"):
        unpack(zipped(members))
    assert contents(tmp_path / "into") == {}


def test_encrypted_and_odd_zips_are_refused_by_name(unpack):
    content = bytearray(zipped({"secret.jpg": b"x"}))
    content[content.index(b"PK\1\2") + 8] |= 1
    with pytest.raises(ValueError, match=r"archive wants a password for 'secret\.jpg'"):
        unpack(bytes(content))
    with pytest.raises(ValueError, match="packs 'a' by a method that is not supported"):
        unpack(zipped({"a": b"x"}, zipfile.ZIP_LZMA))


PACKED = {".zip": zipped(FILES)} | {suffix: tarred(FILES, mode) for suffix, mode in TARS.items()}


@pytest.mark.parametrize("kind", PACKED)
def test_no_archive_that_is_cut_short_is_taken(unpack, tmp_path, kind):
    whole = PACKED[kind]
    end = len(whole.rstrip(b"\0")) + 512 * 2 if kind == ".tar" else len(whole)
    for length in sorted({0, 1, 5, 100, 512, 1024, 2048, end // 3, end // 2, end - 600, end - 30, end - 1}):
        if 0 <= length < end - (1024 if kind == ".tar" else 0):
            with pytest.raises(ValueError, match=r"archive is broken.*delete it and download it again"):
                unpack(whole[:length])
            assert contents(tmp_path / "into") == {}


@pytest.mark.parametrize("content", [b"<html>", bytes(20_000), zipped({}), tarred({}), b"\x1f\x8b", b"BZh9", b"PK\3\4"])
def test_what_is_no_archive_or_holds_nothing(unpack, content):
    with pytest.raises(ValueError, match=r"archive (is broken|holds no file).*delete it and download it again"):
        unpack(content)


def test_a_damaged_header_is_not_taken_for_the_end(unpack):
    content = bytearray(tarred({"a": b"1", "b": b"2"}, form=tarfile.USTAR_FORMAT))
    content[1024] ^= 1
    with pytest.raises(ValueError, match="breaks off or is damaged after 1536 bytes"):
        unpack(bytes(content))
    content[1024:1536] = bytes(512)
    with pytest.raises(ValueError, match="more after its end"):
        unpack(bytes(content))


@pytest.mark.parametrize("size", [-512, -(2**40), 2**40, 2**62])
@pytest.mark.parametrize("kind", [b"0", b"x", b"g", b"L", b"S"])
def test_forged_sizes_lead_into_no_loop_and_reserve_no_memory(unpack, size, kind):
    header = bytearray(tarred({"a": b""}, form=tarfile.GNU_FORMAT)[:512])
    header[124:136] = b"\xff" * 4 + struct.pack(">q", size) if size < 0 else b"\x80\0\0\0" + struct.pack(">q", size)
    header[156:157] = kind
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    start = time.monotonic()
    message = "lead backwards" if size == -(2**40) and kind == b"0" else "archive is (broken|not to be trusted)"
    with pytest.raises(ValueError, match=message):
        unpack(bytes(header) + tarred(FILES))
    assert time.monotonic() - start < 2


def test_a_header_of_a_tar_is_not_read_whatever_its_length(unpack):
    with pytest.raises(ValueError, match="a header of 100352 bytes"):
        unpack(tarred({"x" * 100_000: b""}, "w:gz", tarfile.GNU_FORMAT))


def test_the_index_of_a_zip_is_counted_before_it_is_read(unpack, monkeypatch):
    content = zipped({f"{n}": b"" for n in range(20)})
    monkeypatch.setattr(archives.zipfile, "ZipInfo", None)
    with pytest.raises(ValueError, match="holds more than 10 members"):
        unpack(content, max_members=10)


def test_more_than_allowed(unpack, tmp_path):
    for pack in (zipped, tarred):
        with pytest.raises(ValueError, match=r"unpacks to more than 100,000 bytes; .* raise max_bytes"):
            unpack(pack(FILES), max_bytes=100_000)
        with pytest.raises(ValueError, match="holds more than 4 members"):
            unpack(pack(FILES), max_members=4)
        assert contents(tmp_path / "into") == {}
        assert unpack(pack(FILES), max_bytes=150_000, max_members=5) == FILES  # three files in two folders


@pytest.mark.parametrize("kind", ["zip", *TARS.values()])
def test_what_grows_without_bound(unpack, monkeypatch, kind):
    monkeypatch.setattr(archives, "RATIO_FROM", 10**6)
    blown = {f"{n}": bytes(10**6) for n in range(4)}
    content = zipped(blown) if kind == "zip" else tarred(blown, kind)
    if kind == "w":
        assert len(unpack(content)) == 4
    else:
        with pytest.raises(ValueError, match="more than 200 times"):
            unpack(content)


def test_a_zip_that_states_less_than_it_holds(unpack):
    """The size in the index is a statement, not a fact."""
    content = bytearray(zipped({"a": bytes(10**6)}))
    at = content.index(b"PK\1\2") + 24
    content[at : at + 4] = struct.pack("<I", 100)
    with pytest.raises(ValueError, match="archive is broken"):
        unpack(bytes(content))
    content[at : at + 4] = struct.pack("<I", 2 * 10**6)
    with pytest.raises(ValueError, match="archive is broken"):
        unpack(bytes(content))


def test_what_is_there_is_replaced_file_by_file(tmp_path):
    into = tmp_path / "into"
    (into / "set").mkdir(parents=True)
    (into / "set" / "old").write_text("old")
    (into / "set" / "both").write_text("a longer text than the new one")
    (into / "alias").symlink_to(tmp_path / "elsewhere")
    (into / archives.STAGING).mkdir()  # of a process that was killed
    (into / archives.STAGING / "half").touch()
    (tmp_path / "a.zip").write_bytes(zipped({"set/both": b"new", "set/sub/new": b"new", "alias": b"new"}))
    archives.unpack(tmp_path / "a.zip", into)
    assert contents(into) == {"set/old": b"old", "set/both": b"new", "set/sub/new": b"new", "alias": b"new"}
    assert not (tmp_path / "elsewhere").exists() and not (into / "alias").is_symlink()


@pytest.mark.parametrize("target", ["file", "folder", "link"])
def test_a_folder_and_a_file_do_not_replace_each_other(tmp_path, target):
    into, elsewhere = tmp_path / "into", tmp_path / "elsewhere"
    into.mkdir()
    elsewhere.mkdir()
    {"file": Path.touch, "folder": Path.mkdir, "link": lambda path: path.symlink_to(elsewhere)}[target](into / "set")
    members = {"first": b"1", "set": b"2"} if target == "folder" else {"first": b"1", "set/a": b"2"}
    (tmp_path / "a.zip").write_bytes(zipped(members))
    with pytest.raises(ValueError, match=r"into/set: .* cannot take the place of .*; move that away"):
        archives.unpack(tmp_path / "a.zip", into)
    assert list(elsewhere.iterdir()) == [] and not (into / "first").exists()


def test_errors_of_the_disk_stay_errors_of_the_disk(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"a\.zip"):
        archives.unpack(tmp_path / "a.zip", tmp_path / "into")
    with pytest.raises(IsADirectoryError):
        archives.unpack(tmp_path, tmp_path / "into")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "a.zip").write_bytes(zipped(FILES))

    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(archives, "_make_folders", full)
    with pytest.raises(OSError, match=r"no room to unpack .*a\.zip in .*into; make some") as caught:
        archives.unpack(tmp_path / "a.zip", tmp_path / "into")
    assert caught.value.errno == errno.ENOSPC and contents(tmp_path / "into") == {}


def test_the_second_to_unpack_into_a_folder_waits(tmp_path, monkeypatch):
    for name in "ab":
        (tmp_path / name).write_bytes(tarred({"set/photo": name.encode()}))
    moving, go, move_into = threading.Event(), threading.Event(), archives.move_into

    def slow(source, into):
        moving.set()
        assert go.wait(10)
        move_into(source, into)

    monkeypatch.setattr(archives, "move_into", slow)
    first, second = (threading.Thread(target=archives.unpack, args=(tmp_path / n, tmp_path / "into")) for n in "ab")
    first.start()
    assert moving.wait(10)
    second.start()
    second.join(0.1)
    assert contents(tmp_path / "into" / archives.STAGING) == {"set/photo": b"a"}
    go.set()
    first.join()
    second.join()
    assert contents(tmp_path / "into") == {"set/photo": b"b"}


def test_mutated_archives_raise_only_what_is_documented(unpack):
    random_state = random.Random(0)
    seeds = [*PACKED.values(), tarred(FILES, form=tarfile.GNU_FORMAT), zipped(FILES, zipfile.ZIP_STORED)]
    outcomes = {"unpacked": 0, "refused": 0}
    for _ in range(200):
        content = bytearray(random_state.choice(seeds))
        for _ in range(random_state.choice((1, 1, 3))):
            at = random_state.randrange(len(content))
            at = random_state.choice((at, at // 512 * 512 + 124, len(content) - 1 - at % 200)) % len(content)
            change = random_state.choice((b"\xff" * 8, bytes(8), b"\x80" + b"\xff" * 11, bytes([content[at] ^ 1])))
            content[at : at + len(change)] = change
        try:
            unpack(bytes(content))
            outcomes["unpacked"] += 1
        except (ValueError, OSError) as error:
            assert "archive" in str(error)
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 10
