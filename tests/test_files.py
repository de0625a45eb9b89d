import os

import pytest

from dlsfaces.files import written_whole


def test_the_new_content_takes_the_old_ones_place(tmp_path):
    path = tmp_path / "sub" / "a.txt"
    for text in ("old", "new"):
        with written_whole(path) as part:
            part.write_text(text)
            assert part.name == "a.txt" and part.stat().st_dev == path.parent.stat().st_dev
        assert path.read_text() == text and [p.name for p in path.parent.iterdir()] == ["a.txt"]


def test_a_failure_leaves_the_old_content_and_no_part(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), written_whole(path) as part:
        part.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old" and [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_what_a_killed_writer_left_is_removed_an_hour_later(tmp_path):
    left, recent = (tmp_path / f".part-a.txt-{name}" for name in ("old", "new"))
    for folder in (left, recent):
        folder.mkdir()
        (folder / "a.txt").touch()
    os.utime(left, (0, 0))
    with written_whole(tmp_path / "a.txt") as part:
        part.write_text("whole")
    assert sorted(p.name for p in tmp_path.iterdir()) == [recent.name, "a.txt"]
