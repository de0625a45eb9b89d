"""The lists of CelebA-500, sound and damaged: what is wrong is said with the file and the line."""

import math

import pytest

from dlsfaces.data.lists import read_identities, read_landmarks, read_numbers

HEADER = "name,prob,x1,y1,x2,y2,lx,ly,rx,ry,nx,ny,mlx,mly,mrx,mry\n"
POINTS = ",".join(map(str, range(10)))


def written(tmp_path, content):
    path = tmp_path / "list.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    "content",
    [
        "a.jpg 0\nb.jpg 7\n",
        "\ufeffa.jpg 0\nb.jpg 7",  # a byte-order mark, no end of the last line
        "a.jpg 0\r\n\r\n  \r\nb.jpg\t7\r\n\r\n",
        "a.jpg 0\rb.jpg 7\r",
        "a.jpg 0\nb.jpg 7\na.jpg 0\n",  # the same twice
    ],
)
def test_numbers_as_editors_save_them(tmp_path, content):
    assert read_numbers(written(tmp_path, content), 8) == {"a.jpg": 0, "b.jpg": 7}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a.jpg 0\nb.jpg\n", r"list\.txt, line 2: expected 'name number', found 'b.jpg'"),
        ("a.jpg 0\n\nb.jpg 1 2\n", "line 3: expected 'name number'"),
        ("a.jpg -1\n", "line 1: expected a number from 0 to 7, found '-1'"),
        ("a.jpg 8\n", "line 1: expected a number from 0 to 7"),
        ("a.jpg 99999999999999999999999\n", "line 1: expected a number"),
        ("a.jpg " + "9" * 10_000 + "\n", r"line 1: expected a number from 0 to 7, found '9{77}\.\.\.'"),
        ("a.jpg 1.0\n", "line 1: expected a number"),
        ("a.jpg ٣\n", "line 1: expected a number"),
        ("a.jpg 0\nb.jpg 1\na.jpg 1\n", r"line 3: a\.jpg is listed a second time"),
        ("../../a.jpg 0\n", "line 1: expected the name of a file"),
        ("a" * 256 + " 0\n", r"line 1: expected the name of a file, found 'a{77}\.\.\.'"),
        ("a.jpg 0\nb\0.jpg 1\n", "line 2: a zero byte"),
        (b"a.jpg 0\n\xff\xfe.jpg 1\n", "line 2: no UTF-8 text"),
        ("a.jpg 0\n".encode("utf-16"), "line 1: no UTF-8 text"),
    ],
)
def test_damaged_numbers(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        read_numbers(written(tmp_path, content), 8)


def test_a_list_that_cannot_be_opened(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="cannot be read"):
        read_numbers(tmp_path, 8)
    monkeypatch.setattr("dlsfaces.data.lists.MAX_BYTES", 5)
    with pytest.raises(ValueError, match="far too many"):
        read_numbers(written(tmp_path, "a.jpg 0\n"), 8)


@pytest.mark.parametrize(
    "content",
    [
        "img,id\na.jpg,35\nb.jpg,36\n",
        "\ufeffimg,id\r\na.jpg,35\r\n\r\nb.jpg,36\r\na.jpg,35",
        'id,"img",more\n35,a.jpg,\n36,"b.jpg",x\n',
    ],
)
def test_identities_as_editors_save_them(tmp_path, content):
    assert read_identities(written(tmp_path, content)) == {"a.jpg": 35, "b.jpg": 36}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "line 1: there is no column 'img'"),
        ("img;id\na.jpg;3\n", "line 1: there is no column 'img', only 'img;id'"),
        ("img,who\na.jpg,3\n", "line 1: there is no column 'id'"),
        ("img,id\na.jpg\n", "line 2: 1 fields, but the header has 2"),
        ("img,id\na.jpg,1,2\n", "line 2: 3 fields"),
        ("img,id\na.jpg,\n", "line 2: expected a number from 0 to 999999, found ''"),
        ("img,id\na.jpg,-3\n", "line 2: expected a number"),
        ("img,id\na.jpg,1000000\n", "line 2: expected a number"),
        ("img,id\na.jpg,1\na.jpg,2\n", "line 3: a.jpg is listed a second time"),
        ("img,id\n,2\n", "line 2: expected the name of a file"),
        ('img,id\n"a.jpg,2\nb.jpg,3\n', "list.txt, line 3"),
        ("img,id\n" + "a" * 200_000 + ",2\n", "line 2: field larger than field limit"),
        ("img,id\na.jpg,2\nb\0.jpg,3\n", "line 3: a zero byte"),
    ],
)
def test_damaged_identities(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        read_identities(written(tmp_path, content))


def test_landmarks_and_where_there_are_none(tmp_path):
    found = read_landmarks(written(tmp_path, f"{HEADER}a.jpg,1,0,0,9,9,{POINTS}\nb.jpg{',' * 15}\nb.jpg{',' * 15}\n"))
    assert found["a.jpg"] == tuple(range(10)) and all(map(math.isnan, found["b.jpg"]))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "line 1: expected a header of 16 columns .* found 0"),
        ("name,x\na.jpg,1\n", "line 1: expected a header of 16 columns"),
        (f"{HEADER}a.jpg,1,0,0,9,9,1,2,3\n", "line 2: 9 fields, but the header has 16"),
        (f"{HEADER}a.jpg,1,0,0,9,9,{POINTS[:-1]}x\n", "line 2: expected a landmark's coordinate in pixels, found 'x'"),
        (f"{HEADER}a.jpg,1,0,0,9,9,{POINTS[:-1]}inf\n", "line 2: expected a landmark's coordinate"),
        (f"{HEADER}a.jpg,1,0,0,9,9,{POINTS[:-1]}1e30\n", "line 2: expected a landmark's coordinate"),
        (f"{HEADER}a.jpg,1,0,0,9,9,{POINTS}\na.jpg{',' * 15}\n", "line 3: a.jpg is listed a second time"),
    ],
)
def test_damaged_landmarks(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        read_landmarks(written(tmp_path, content))
