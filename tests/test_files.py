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
