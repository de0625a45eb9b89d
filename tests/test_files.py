import os
import socket
import subprocess
import sys

import pytest

from dlsfaces.files import written_whole


def test_the_new_content_takes_the_old_ones_place(tmp_path):
    path = tmp_path / "sub" / "a.txt"
    for text in ("old", "new"):
        with written_whole(path) as part:
            part.write_text(text)
            assert part.parent == path.parent  # on the same disk, or the rename is a copy
        assert path.read_text() == text and [p.name for p in path.parent.iterdir()] == ["a.txt"]


def test_a_failure_leaves_the_old_content_and_no_part(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), written_whole(path) as part:
        part.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old" and [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_what_a_killed_writer_left_is_removed_and_a_running_ones_is_not(tmp_path):
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    dead, alive = (f".a.txt.{socket.gethostname()}.{pid}.part" for pid in (int(gone.stdout), os.getppid()))
    others = [alive, ".a.txt.elsewhere.1.part", f".b.txt.{socket.gethostname()}.{int(gone.stdout)}.part"]
    for name in (dead, *others):
        (tmp_path / name).touch()
    with written_whole(tmp_path / "a.txt") as part:
        part.touch()
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([*others, "a.txt"])
