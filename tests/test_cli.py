"""The command line as its user sees it: photos of built-in people, files and exit statuses."""

import csv
import json
import os
import shutil
import struct
import subprocess
import sys
import weakref
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torchvision.transforms.v2 import functional as V
from typer.testing import CliRunner

from dlsfaces import cli, data, pipeline
from dlsfaces.gallery import Gallery

ROOT = Path(__file__).resolve().parent.parent
BUILT_IN = ["--network", "synthetic"]


def run(*arguments):
    """Exit status, lines of stdout, and stderr; in this process."""
    cli.unread.clear()
    done = CliRunner().invoke(cli.app, [str(a) for a in arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout.splitlines(), done.stderr


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder a person, three photos each, and a folder ``door`` with another one of everybody."""
    top = tmp_path_factory.mktemp("photos")
    seen = {}
    for photo in data.studio("train", 160, people=5, images_per_person=7, seed=9):
        who = photo.faces[0].identity
        k = seen[who] = seen.get(who, 0) + 1
        if k <= 4:
            folder = top / ("door" if k == 4 else f"people/person {who}")
            folder.mkdir(parents=True, exist_ok=True)
            V.to_pil_image(photo.image).save(folder / (f"{who}.png" if k == 4 else f"{k}.png"))
    return top


def people_of(photos):
    return sorted((photos / "people").iterdir())


def test_people_are_enrolled_and_named(photos, tmp_path):
    file = tmp_path / "g.safetensors"
    status, rows, _ = run("enrol", *people_of(photos)[:4], "--gallery", file, "--json", *BUILT_IN)
    rows = [json.loads(row) for row in rows]
    assert status == 0 and len(rows) == 12 and {row["name"] for row in rows} == {f"person {k}" for k in range(4)}
    assert sum(row["left_out"] is None for row in rows) >= 8
    status, rows, _ = run("identify", photos / "door", "--gallery", file, "--json", *BUILT_IN)
    rows = [json.loads(row) for row in rows]
    assert status == 0 and len(rows) >= 4
    named = [row for row in rows if row["name"]]
    assert len(named) >= 2 and all(row["name"].split()[1] in row["file"].rpartition("door")[2] for row in named)
    assert all(row["nearest"] and -1 <= row["score"] <= 1 and len(row["box"]) == 4 for row in rows)
    status, rows, _ = run("identify", photos / "door", "--gallery", file, "--threshold", 1.1, *BUILT_IN)
    assert status == 0 and all(row.split("\t")[2] == "-" for row in rows)


def test_faces_are_found_and_put_upright(photos, tmp_path):
    status, rows, _ = run("detect", photos / "door", *BUILT_IN)
    assert status == 0 and rows and all(len(row.split("\t")) == 4 for row in rows)
    status, rows, _ = run("align", photos / "door", "--to", tmp_path / "crops", "--json", *BUILT_IN)
    crops = sorted((tmp_path / "crops").iterdir())
    assert status == 0 and sorted(json.loads(row)["crop"] for row in rows) == [str(crop) for crop in crops]
    assert data.read_image(crops[0]).shape == (3, 100, 83)
    with pytest.raises(ValueError, match="is there already; name another folder"):
        run("align", photos / "door", "--to", tmp_path / "crops", *BUILT_IN)


def test_two_photos_are_of_one_person_or_not(photos):
    first, second = people_of(photos)[:2]
    status, rows, _ = run("verify", first / "1.png", first / "1.png", "--json", *BUILT_IN)
    row = json.loads(rows[0])
    assert status == 0 and row["same"] and row["cosine"] == pytest.approx(1, abs=1e-4)
    status, rows, _ = run("verify", first / "1.png", second / "2.png", "--json", *BUILT_IN)
    row = json.loads(rows[0])
    assert (status == 0) == row["same"] == (row["cosine"] > row["threshold"]) and not row["same"]


def test_attendance_grows_by_a_row_a_sighting(photos, tmp_path):
    file, table = tmp_path / "g.safetensors", tmp_path / "a.csv"
    run("enrol", *people_of(photos), "--gallery", file, *BUILT_IN)
    for looks in (1, 2):
        status, rows, _ = run(
            "watch", photos / "people" / "person 0", "--gallery", file, "--csv", table, "--once", *BUILT_IN
        )
        seen = list(csv.DictReader(table.open()))
        assert status == 0 and len(seen) == looks * len(rows) and len(rows) >= 2
    assert {row["name"] for row in seen} == {"person 0"}


def test_a_video_is_watched_until_it_breaks_off(photos, tmp_path):
    av = pytest.importorskip("av", reason="PyAV is not installed")
    file, video = tmp_path / "g.safetensors", tmp_path / "v.mp4"
    run("enrol", people_of(photos)[0], "--gallery", file, *BUILT_IN)
    image = data.read_image(people_of(photos)[0] / "1.png").permute(1, 2, 0).numpy()
    with av.open(str(video), "w") as out:
        stream = out.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.bit_rate = 160, 160, 2_000_000
        for _ in range(30):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        out.mux(stream.encode())
    status, rows, _ = run("watch", video, "--gallery", file, "--csv", tmp_path / "a.csv", "--json", *BUILT_IN)
    assert status == 0
    assert [json.loads(row)["file"] for row in rows] == [f"{video}#{second:.2f}" for second in (0, 1, 2)]
    whole = video.read_bytes()
    video.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"v\.mp4 breaks off, or is no video"):
        run("watch", video, "--gallery", file, "--csv", tmp_path / "b.csv", *BUILT_IN)


def test_a_photo_that_cannot_be_read_is_named_and_the_others_are_done(photos, tmp_path):
    folder = tmp_path / "some"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"no image")
    (folder / "b.png").write_bytes((people_of(photos)[0] / "1.png").read_bytes())
    status, rows, errors = run("detect", folder, *BUILT_IN)
    assert status == 1 and len(rows) >= 1 and "a.png cannot be read" in errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["identify", "{photos}", "--gallery", "{tmp}/none"], "there is no gallery .*none; enrol somebody first"),
        (["detect", "{tmp}"], "there are no photos in"),
        (["enrol", "{photos}/1.png"], "is no folder of one person's photos; with photos, say --name"),
        (["detect", "{photos}", "--network", "lfw"], "'lfw' is none of synthetic, celeba, and no file"),
        (["watch", "{tmp}/none.mp4", "--gallery", "{tmp}/g"], "there is no gallery|there is no folder and no video"),
        (["train", "{tmp}/net.safetensors", "--data", "nowhere"], "'nowhere' is no folder"),
    ],
)
def test_errors_say_the_way_out(arguments, message, photos, tmp_path):
    given = [a.format(photos=people_of(photos)[0], tmp=tmp_path) for a in arguments]
    with pytest.raises((ValueError, OSError), match=message):
        run(*given)


def test_as_a_program_it_says_an_error_in_one_line(tmp_path):
    command = [sys.executable, "-m", "dlsfaces", "identify", str(tmp_path), "--gallery", str(tmp_path / "none")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == "" and done.stderr.startswith("dlsfaces: there ")
    assert len(done.stderr.splitlines()) == 1
    done = subprocess.run([sys.executable, "-m", "dlsfaces", "--help"], capture_output=True, text=True)
    assert done.returncode == 0 and "identify" in done.stdout


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["detect", "align", "enrol", "identify", "verify", "watch", "train", "evaluate", "", "x"]),
    st.lists(
        st.sampled_from(
            ["--json", "--gallery", "--threshold", "nan", "-1", "--fpir", "2", "--network", "synthetic", "--to", ""]
        )
        | st.text(max_size=5).filter(lambda text: "\x00" not in text),
        max_size=5,
    ),
)
def test_any_command_line_raises_only_documented_errors(tmp_path, monkeypatch, command, rest):
    monkeypatch.chdir(tmp_path)
    try:
        status, _, _ = run(command, *rest)
    except (ValueError, OSError):
        return
    assert status in (0, 1, 2)


def test_a_network_is_trained_measured_and_used(photos, tmp_path, monkeypatch):
    monkeypatch.setenv("DLSFACES_CACHE", str(tmp_path / "cache"))
    load = data.load
    monkeypatch.setattr(data, "load", lambda name, split, people: load(name, split, people=people, images_per_person=7))
    file = tmp_path / "net.safetensors"
    options = ["--data", "synthetic", "--people", "5", "--backbone", "small", "--epochs", "1", "--json"]
    status, rows, _ = run("train", file, *options)
    assert status == 0 and 0 <= json.loads(rows[0])["accuracy"] <= 1 and pipeline.strangers_file(file).exists()
    status, rows, _ = run("evaluate", file, "--data", "synthetic", "--people", "5", "--json")
    assert status == 0 and list(json.loads(rows[0])) == ["tpr@0.01", "tpr@0.05", "tpr@0.1", "tpr@0.2"]
    gallery = tmp_path / "g.safetensors"
    status, _, _ = run("enrol", people_of(photos)[0], "--gallery", gallery, "--network", file, "--fpir", 0.1)
    assert status == 0
    with pytest.raises(ValueError, match="holds vectors made by network"):
        run("identify", photos / "door", "--gallery", gallery, *BUILT_IN)


def test_nothing_of_torch_is_imported_for_help():
    code = "import sys; import dlsfaces.cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_the_own_network_of_the_command_line_has_its_own_strangers():
    drawn = {name: pipeline.load_strangers(name).draw(50) for name in pipeline.DETECTORS}
    assert not torch.equal(*drawn.values())
    assert all((vectors.norm(dim=1) - 1).abs().max() < 1e-5 for vectors in drawn.values())


def test_the_container_gets_all_that_the_command_line_needs(photos, tmp_path):
    lines = [line.split() for line in (ROOT / "Dockerfile").read_text().splitlines()]
    for _, *sources, to in [words for words in lines if words[:1] == ["COPY"]]:
        for source in sources:
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, tmp_path / to, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / source, tmp_path / to)
    command = [sys.executable, "-m", "dlsfaces", "detect", str(photos / "door"), *BUILT_IN]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and len(done.stdout.splitlines()) >= 4, done.stderr
    assert ["ENTRYPOINT", '["dlsfaces"]'] in lines
    assert 'dlsfaces = "dlsfaces.cli:main"' in (tmp_path / "pyproject.toml").read_text()


def test_a_missing_photo_is_an_error_and_not_another_person(photos, tmp_path):
    with pytest.raises(OSError, match="there is no image at"):
        run("verify", people_of(photos)[0] / "1.png", tmp_path / "none.png", *BUILT_IN)


def test_crops_of_photos_with_one_name_have_two(photos, tmp_path):
    status, rows, _ = run("align", *people_of(photos), "--to", tmp_path / "crops", *BUILT_IN)
    assert status == 0 and len(list((tmp_path / "crops").iterdir())) == len(rows) > 5


def test_a_gallery_keeps_what_it_was_made_with(photos, tmp_path):
    ada = ["enrol", people_of(photos)[0], "--gallery", tmp_path / "g", *BUILT_IN]
    assert run(*ada, "--fpir", 0.1)[0] == run(*ada)[0] == run(*ada, "--fpir", 0.1, "--rule", "mean")[0] == 0
    for other in (["--fpir", 0.2], ["--rule", "max"]):
        with pytest.raises(ValueError, match=r"g has --fpir 0\.1 --rule mean: leave them out"):
            run(*ada, *other)
    with pytest.raises(ValueError, match="a person's name is a text"):
        run(*ada, "--name", "")
    assert run("identify", people_of(photos)[0], "--gallery", tmp_path / "g", "--threshold", "5", *BUILT_IN)[0] == 2


def test_enrolment_holds_few_photos_at_once(monkeypatch, tmp_path):
    alive, most = weakref.WeakSet(), []

    class Photo:
        def __init__(self, _):
            alive.add(self)
            most.append(len(alive))

    class Sees(pipeline.Pipeline):
        def __call__(self, photos):
            return [[] for _ in photos]

    network = pipeline.load_pipeline()
    monkeypatch.setattr(pipeline, "load_pipeline", lambda _: Sees(None, None, None, network.network))
    monkeypatch.setattr(data, "read_image", Photo)
    (tmp_path / "many").mkdir()
    for k in range(100):
        (tmp_path / "many" / f"{k}.png").touch()
    assert run("enrol", tmp_path / "many", "--gallery", tmp_path / "g", *BUILT_IN)[0] == 0
    assert len(most) == 100 and max(most) < 50


@pytest.mark.parametrize("content", ["date,who\n1,bob\n", "seen_at,source,name,score\n1,2,b"])
def test_attendance_leaves_another_table_alone(content, photos, tmp_path):
    run("enrol", people_of(photos)[0], "--gallery", tmp_path / "g", *BUILT_IN)
    table = tmp_path / "a.csv"
    table.write_text(content)
    with pytest.raises(ValueError, match="other columns, or half a last line: name another --csv"):
        run("watch", people_of(photos)[0], "--gallery", tmp_path / "g", "--csv", table, "--once", *BUILT_IN)
    assert table.read_text() == content


def test_photos_that_come_late_or_change_are_looked_at(photos, tmp_path, monkeypatch):
    whole = (people_of(photos)[0] / "1.png").read_bytes()
    photo = tmp_path / "a.png"
    photo.write_bytes(whole[:500])
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    monkeypatch.setattr(cli.time, "sleep", lambda _: len(cli.unread) > 1 and photo.write_bytes(whole))
    assert next(cli._new_photos(tmp_path, 1, once=False))[0] == str(photo)  # it was half there for two looks
    assert sorted(file.name for file in cli.unread) == ["a.png", "gone.png"]


def test_a_video_without_times_is_an_error_and_one_of_a_phone_is_upright(tmp_path):
    av = pytest.importorskip("av", reason="PyAV is not installed")
    image = torch.zeros(64, 96, 3, dtype=torch.uint8).numpy()
    image[:, :48] = 255  # the left half; turned clockwise by a quarter, the upper one
    for name in ("a.mp4", "a.h264"):
        with av.open(str(tmp_path / name), "w") as out:
            stream = out.add_stream("mpeg4" if name == "a.mp4" else "libx264", rate=10)
            stream.width, stream.height = 96, 64
            for _ in range(3):
                out.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            out.mux(stream.encode())
    with pytest.raises(ValueError, match=r"a\.h264 has no frames with a time; convert it"):
        list(cli._frames(tmp_path / "a.h264", 1))
    film = (tmp_path / "a.mp4").read_bytes()
    upright, turned = ([1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30], [0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30])
    at = film.index(struct.pack(">9i", *upright), film.index(b"tkhd"))
    (tmp_path / "a.mp4").write_bytes(film[:at] + struct.pack(">9i", *turned) + film[at + 36 :])
    _, frame = next(cli._frames(tmp_path / "a.mp4", 1))
    assert frame.shape == (3, 96, 64) and frame[:, :40].min() > 200 and frame[:, -40:].max() < 50


def test_a_name_that_is_not_text_ends_nothing(photos, tmp_path):
    odd = os.fsencode(tmp_path) + b"/bad\xff\n.png"
    try:
        shutil.copy(people_of(photos)[0] / "1.png", odd)
    except OSError:
        pytest.skip("this file system takes text only")
    command = [sys.executable, "-m", "dlsfaces", "detect", str(tmp_path), *BUILT_IN]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith(f"{tmp_path}/bad\\udcff\\n.png\t"), done.stderr


def test_two_enrols_at_once_lose_nobody(photos, tmp_path):
    file, people = tmp_path / "g.safetensors", people_of(photos)[:4]
    command = [sys.executable, "-m", "dlsfaces", "enrol", "--gallery", str(file), *BUILT_IN]
    pairs = people[:2], people[2:]
    at_once = [subprocess.Popen([*command, *map(str, pair)], cwd=ROOT, stdout=subprocess.DEVNULL) for pair in pairs]
    assert [one.wait(300) for one in at_once] == [0, 0]
    known = Gallery.load(file, pipeline.load_pipeline("synthetic").network)
    assert sorted(known.names) == sorted(path.name for path in people)
