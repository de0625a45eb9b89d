"""Small valid files, damaged: each is read, or refused by a ValueError that names the file; nothing else happens."""

import io
import tarfile
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from benchmarks.cmu_mit import read_rows
from dlsfaces.data import celeba500, download, images

FEW = settings(max_examples=100, deadline=None, derandomize=True, database=None)
NOISE = np.random.default_rng(0).integers(0, 255, (24, 20, 3), np.uint8)
FORMS = {form: (form, {}) for form in ("jpeg", "png", "gif", "bmp", "webp", "tiff")}
FORMS |= {"progressive": ("jpeg", {"progressive": True}), "deflated": ("tiff", {"compression": "tiff_adobe_deflate"})}
MEMBERS = {"set/list.txt": b"a.jpg 1\n" * 40, "set/Ada/1.jpg": bytes(range(256)) * 4}
LANDMARKS = "name,p,x1,y1,x2,y2" + ",q" * 10 + "\na.jpg,1,0,0,9,9" + ",70.5" * 10 + "\nb.jpg" + "," * 15 + "\n"
LISTS = {
    "numbers": (lambda path: celeba500.read_numbers(path, 500), "000001.jpg 0\n000002.jpg 17\n"),
    "identities": (celeba500.read_identities, 'img,id\n"000001.jpg",35\n000002.jpg,36\n'),
    "landmarks": (celeba500.read_landmarks, LANDMARKS),
    "boxes": (lambda path: read_rows(path, 4), "a.gif 1 2 3 4.5\nb.gif 5 6 7 8\n"),
}
#: Where, as a share of the file; how many bytes; and what becomes of them.
DAMAGE = st.tuples(st.floats(0, 1), st.integers(1, 8), st.sampled_from(("flip", "cut", "repeat", "end", "fill")))


def damaged(content, damages):
    content = bytearray(content)
    for share, count, how in damages:
        at = int(share * len(content))
        part = content[at : at + count]
        content[at : at + count] = {
            "flip": bytes(b ^ 1 << b % 8 for b in part),
            "cut": b"",
            "repeat": part * 3,
            "end": b"",
            "fill": b"\xff" * len(part),
        }[how]
        if how == "end":
            del content[at:]
    return bytes(content)


def read_or_refused(read, content, damages):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "inner" / "the file"
        path.parent.mkdir()
        path.write_bytes(damaged(content, damages))
        try:
            read(path)
        except ValueError as error:
            assert "the file" in str(error)
        assert [p.name for p in Path(folder).iterdir()] == ["inner"]
        assert {p.name for p in path.parent.iterdir()} <= {"the file", "into", ".into.lock"}


@pytest.mark.filterwarnings("ignore")  # of Pillow, about damage that costs no pixel
@pytest.mark.parametrize("form", FORMS)
@FEW
@given(damages=st.lists(DAMAGE, min_size=1, max_size=3))
def test_images(form, damages):
    file = io.BytesIO()
    Image.fromarray(NOISE).save(file, FORMS[form][0], **FORMS[form][1])
    read_or_refused(images.read_image, file.getvalue(), damages)


@pytest.mark.parametrize("name", LISTS)
@FEW
@given(damages=st.lists(DAMAGE, min_size=1, max_size=3))
def test_lists(name, damages):
    read, content = LISTS[name]
    read_or_refused(read, content.encode(), damages)


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "tar"])
@FEW
@given(damages=st.lists(DAMAGE, min_size=1, max_size=3))
def test_archives(kind, damages):
    file = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in MEMBERS.items():
                archive.writestr(name, content)
    else:
        with tarfile.open(fileobj=file, mode="w:gz" if kind == "tar.gz" else "w") as archive:
            for name, content in MEMBERS.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    read_or_refused(lambda path: download.unpack(path, path.with_name("into")), file.getvalue(), damages)
