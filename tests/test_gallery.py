"""A gallery that is changed, asked, written and read, against a dictionary and against the measures."""

import copy
import itertools
import multiprocessing
import random
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from dlsfaces import evaluate
from dlsfaces.gallery import Gallery, Strangers, fingerprint

DIM = 16


def vectors(count, seed=0):
    return F.normalize(torch.randn(count, DIM, generator=torch.Generator().manual_seed(seed)), dim=1)


def around(centre, count, seed=0, spread=0.3):
    return F.normalize(centre + spread * vectors(count, seed), dim=1)


@pytest.fixture
def gallery():
    return Gallery("abc", vectors(500, 9), fpir=0.02)


def known(gallery):
    """What is in it, as a dictionary of sorted vectors."""
    return {
        name: sorted(gallery.vectors[gallery.owner == k].round(decimals=5).tolist())
        for k, name in enumerate(gallery.names)
    }


@pytest.mark.parametrize("rule", ["mean", "max"])
@pytest.mark.parametrize("seed", range(5))
def test_any_order_of_changes_gives_what_a_dictionary_gives(rule, seed):
    gallery, people, dice = Gallery("abc", vectors(100, 9), 0.05, rule), {}, random.Random(seed)
    for step in range(60):
        action, name, other = dice.choice(("enrol", "enrol", "rename", "merge", "remove")), *dice.sample("abcdefgh", 2)
        if action == "enrol":
            some = vectors(dice.randint(1, 3), 1000 * seed + step)
            gallery.enrol(name, some)
            people.setdefault(name, []).extend(some.tolist())
        elif action == "rename" and name in people and other not in people:
            gallery.rename(name, other)
            people = {other if key == name else key: value for key, value in people.items()}
        elif action == "merge" and name in people and other in people:
            gallery.merge(name, other)
            people[name] += people.pop(other)
        elif action == "remove" and name in people:
            gallery.remove(name)
            del people[name]
        expected = {k: sorted(torch.tensor(v).round(decimals=5).tolist()) for k, v in people.items()}
        assert {k: np.round(v, 4).tolist() for k, v in known(gallery).items()} == {
            k: np.round(v, 4).tolist() for k, v in expected.items()
        }
    probes = vectors(7, 77)
    for row, probe in zip(gallery.scores(probes), probes):
        for name, score in zip(gallery.names, row):
            own = torch.tensor(people[name])
            mean = F.normalize(F.normalize(own, dim=1).sum(0), dim=0)
            torch.testing.assert_close(score, (own @ probe).max() if rule == "max" else mean @ probe)


@pytest.mark.parametrize("rule", ["mean", "max"])
def test_the_threshold_is_that_of_the_measure(rule):
    strangers, people = vectors(400, 1), vectors(60, 2)
    gallery = Gallery("abc", strangers, 0.05, rule)
    gallery.enrol_many([str(k // 3) for k in range(60)], people)
    scores = evaluate.open_set_scores(
        people.numpy(), np.arange(60) // 3, torch.cat((strangers, people[:1])).numpy(),
        np.append(np.full(400, -1), 0), template=rule,
    )  # fmt: skip
    assert gallery.threshold == pytest.approx(evaluate.open_set_rate(scores, [0.05]).threshold[0], abs=1e-5)
    named = [match.name for match in gallery.identify(strangers)]
    assert sum(name is not None for name in named) == 20
    before = gallery.threshold
    gallery.enrol_many([f"new {k}" for k in range(200)], vectors(200, 3))
    assert gallery.threshold > before


def test_the_nearest_person_and_nobody(gallery):
    centres = vectors(3, 5)
    assert gallery.identify(centres) == [(None, None, -1.0)] * 3
    for name, centre in zip(("Anna", "Bert", "Carla"), centres):
        gallery.enrol(name, around(centre, 4))
    found = gallery.identify(torch.cat((around(centres[1], 1, 8), -centres[:1])))
    assert (found[0].name, found[0].nearest) == ("Bert", "Bert") and found[0].score > gallery.threshold
    assert found[1].name is None and found[1].nearest in ("Bert", "Carla") and found[1].score < gallery.threshold
    assert gallery.identify(-centres[:1], threshold=-1.0)[0].name == found[1].nearest


def test_look_alikes_are_the_pairs_above_the_threshold(gallery):
    centres = vectors(30, 5)
    for k, centre in enumerate(torch.cat((centres, around(centres[:2], 2, spread=0.2)))):
        gallery.enrol(f"p{k}", centre[None])
    cosines = gallery.vectors @ gallery.vectors.T
    expected = {(f"p{a}", f"p{b}") for a in range(32) for b in range(a + 1, 32) if cosines[a, b] > gallery.threshold}
    found = gallery.look_alikes()
    assert {pair[:2] for pair in found} == expected and ("p0", "p30") in expected
    assert [pair[2] for pair in found] == sorted((pair[2] for pair in found), reverse=True)


def test_the_unnamed_are_matched_after_a_naming(gallery):
    centres = torch.eye(DIM)[:3]
    gallery.keep_unnamed(torch.cat([around(centre, 2, k) for k, centre in enumerate(centres)]))
    assert gallery.match_unnamed() == []
    gallery.enrol("Anna", around(centres[0], 3, 7))
    found = gallery.match_unnamed()
    assert [name for name, _ in found] == ["Anna", "Anna"] and len(gallery.unnamed) == 4
    assert len(gallery.vectors) == 3  # they are not enrolled by themselves


def test_it_is_read_as_it_was_written(gallery, tmp_path):
    gallery.enrol_many(["Zoë", "Ånn", "Zoë"], vectors(3))
    gallery.keep_unnamed(vectors(2, 4))
    gallery.save(tmp_path / "g.safetensors")
    again = Gallery.load(tmp_path / "g.safetensors", "abc")
    assert known(again) == known(gallery) and again.names == ["Zoë", "Ånn"]
    assert again.threshold == gallery.threshold and again.fpir == 0.02 and again.rule == "mean"
    assert again.unnamed.equal(gallery.unnamed)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["g.safetensors"]


def test_another_networks_gallery_and_damaged_ones_are_refused(gallery, tmp_path):
    path = tmp_path / "g.safetensors"
    with pytest.raises(FileNotFoundError, match="enrol"):
        Gallery.load(path, "abc")
    gallery.enrol("Anna", vectors(1))
    gallery.save(path)
    with pytest.raises(ValueError, match="network abc, not xyz"):
        Gallery.load(path, "xyz")
    whole = path.read_bytes()
    for size in (0, 7, 50, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match="damaged"):
            Gallery.load(path, "abc")
    other = whole.replace(b'\\"version\\": 1', b'\\"version\\": 2')
    assert other != whole
    path.write_bytes(other)
    with pytest.raises(ValueError, match="version 2"):
        Gallery.load(path, "abc")


def _enrol_ten(path, which):
    for k in range(10):
        with Gallery.changed(path, "abc") as gallery:
            gallery.enrol(f"{which}-{k}", vectors(1, 10 * which + k))


def test_two_writers_lose_nothing_and_a_reader_always_finds_a_whole_file(gallery, tmp_path):
    path = tmp_path / "g.safetensors"
    gallery.enrol("Anna", vectors(1))
    gallery.save(path)
    processes = [multiprocessing.get_context("fork").Process(target=_enrol_ten, args=(path, k)) for k in range(2)]
    for process in processes:
        process.start()
    while any(process.is_alive() for process in processes):
        assert "Anna" in Gallery.load(path, "abc")
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert len(Gallery.load(path, "abc")) == 21


def test_a_change_that_fails_leaves_the_file_alone(gallery, tmp_path):
    path = tmp_path / "g.safetensors"
    gallery.enrol("Anna", vectors(1))
    gallery.save(path)
    with pytest.raises(ValueError, match="not in the gallery"), Gallery.changed(path, "abc") as changed:
        changed.enrol("Bert", vectors(1, 2))
        changed.remove("Carla")
    assert Gallery.load(path, "abc").names == ["Anna"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda g: g.enrol("", vectors(1)), "name"),
        (lambda g: g.enrol("Anna", torch.zeros(1, DIM)), "zero"),
        (lambda g: g.enrol("Anna", vectors(1)[:, :5]), r"\(N, 16\)"),
        (lambda g: g.enrol("Anna", vectors(0)), "at least one"),
        (lambda g: g.enrol("Anna", vectors(1) * torch.nan), "NaN"),
        (lambda g: g.enrol_many(["Anna"], vectors(2)), "1 names for 2"),
        (lambda g: g.remove("Bert"), "knows nobody"),
        (lambda g: Gallery("abc", vectors(50), 0.01), "at least 100"),
        (lambda g: Gallery("abc", vectors(50), 0.1, "median"), "median"),
    ],
)
def test_bad_input_is_refused_and_changes_nothing(gallery, change, says):
    with pytest.raises(ValueError, match=says):
        change(gallery)
    assert len(gallery) == 0 and len(gallery.vectors) == 0


def test_a_fingerprint_is_that_of_the_weights():
    torch.manual_seed(0)
    one, other = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)
    assert fingerprint(one) != fingerprint(other)
    other.load_state_dict(one.state_dict())
    assert fingerprint(one) == fingerprint(other) and len(fingerprint(one)) == 16


def test_a_byte_that_changed_is_noticed(gallery, tmp_path):
    path = tmp_path / "g.safetensors"
    gallery.enrol_many(["Anna", "Bert"], vectors(2))
    gallery.save(path)
    whole = bytearray(path.read_bytes())
    start = 8 + int.from_bytes(whole[:8], "little")
    for at in [whole.index(b"Anna"), *range(start, len(whole), 997)]:
        changed = bytearray(whole)
        changed[at] ^= 0x40
        path.write_bytes(changed)
        with pytest.raises(ValueError, match="damaged"):
            Gallery.load(path, "abc")
    path.write_bytes((200_000).to_bytes(8, "little") + b"[" * 200_000)
    with pytest.raises(ValueError, match="damaged"):
        Gallery.load(path, "abc")


def test_vectors_of_any_precision_and_with_a_gradient():
    gallery = Gallery("abc", vectors(100, 1).double(), np.float32(0.05))
    layer = torch.nn.Linear(DIM, DIM)
    gallery.enrol("Anna", layer(vectors(2)))
    gallery.enrol("Bert", vectors(1, 3).double())
    assert not gallery.vectors.requires_grad and gallery.vectors.dtype == torch.float32
    assert gallery.identify(vectors(1, 3).half())[0].name == "Bert"
    copy.deepcopy(gallery)


def test_counts_are_those_of_the_measure_also_where_a_product_is_not_exact():
    strangers, person = vectors(100, 1), vectors(1, 2)
    gallery = Gallery("abc", strangers, 0.29)
    gallery.enrol("Anna", person)
    assert sum(match.name is not None for match in gallery.identify(strangers)) == 29
    assert sum(gallery.identify(one[None])[0].name is not None for one in strangers) == 29  # also one at a time
    Gallery("abc", vectors(49), 1 / 49)
    with pytest.raises(ValueError, match="at least 4"):
        Gallery("abc", vectors(3), 0.3)


def test_a_gallery_of_nobody_has_no_scores(gallery):
    gallery.enrol("Anna", vectors(1))
    gallery.remove("Anna")
    assert gallery.scores(vectors(3)).shape == (3, 0) and gallery.look_alikes() == []
    with pytest.raises(ValueError, match="name"):
        gallery.rename("Anna", None)


def test_a_link_stays_a_link_and_others_may_read_the_file(gallery, tmp_path):
    (tmp_path / "real").mkdir()
    gallery.enrol("Anna", vectors(1))
    gallery.save(tmp_path / "real" / "g.safetensors")
    link = tmp_path / "g.safetensors"
    link.symlink_to(tmp_path / "real" / "g.safetensors")
    with Gallery.changed(link, "abc") as changed:
        changed.enrol("Bert", vectors(1, 2))
    assert link.is_symlink() and Gallery.load(tmp_path / "real" / "g.safetensors", "abc").names == ["Anna", "Bert"]
    ordinary = tmp_path / "ordinary"
    ordinary.write_text("")
    assert (tmp_path / "real" / "g.safetensors").stat().st_mode == ordinary.stat().st_mode


def test_drawn_strangers_spread_like_those_that_they_are_fitted_to():
    random = torch.Generator().manual_seed(0)
    axes = torch.linalg.qr(torch.randn(DIM, DIM, generator=random)).Q * torch.linspace(0.35, 0.05, DIM)
    real = F.normalize(0.1 + torch.randn(3000, DIM, generator=random) @ axes.T, dim=1)
    drawn = Strangers.like(real, sharper=1.0).draw(20000)
    np.testing.assert_allclose(drawn.mean(0), real.mean(0), atol=0.02)
    np.testing.assert_allclose(torch.cov(drawn.T), torch.cov(real.T), atol=0.01)
    nearest = [(some[:100] @ some[100:].T).amax(0).mean() for some in (real, drawn, Strangers.like(real).draw(20000))]
    assert nearest[2] > nearest[0] and nearest[2] > nearest[1]  # sharper: more look-alikes
    assert not (drawn @ real.T > 0.9999).any()  # and nobody of those
    with pytest.raises(ValueError, match="needs vectors"):
        Gallery("abc", Strangers.like(real).draw(50), fpir=0.01)


def test_a_gallery_is_made_where_there_is_none(gallery, tmp_path):
    file = tmp_path / "g.safetensors"
    with Gallery.changed(file, "abc", lambda: gallery) as made:
        made.enrol("Anna", vectors(2))
    with Gallery.changed(file, "abc", lambda: pytest.fail("it is there")) as again:
        assert again.names == ["Anna"]


def full_disk(file):
    """Write a larger gallery than there is room for."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
    with Gallery.changed(file, "abc") as gallery:
        gallery.enrol_many([f"p{k}" for k in range(1000)], vectors(1000))


def test_a_full_disk_is_said_and_the_last_file_stays(gallery, tmp_path):
    file = tmp_path / "g.safetensors"
    gallery = Gallery("abc", vectors(100, 9), fpir=0.02)
    gallery.enrol("Anna", vectors(2))
    gallery.save(file)
    code = f"from tests.test_gallery import full_disk; full_disk({str(file)!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[1])
    assert (
        done.returncode == 1 and "could not be written" in done.stderr and "the last one is still there" in done.stderr
    )
    assert Gallery.load(file, "abc").names == ["Anna"]


def write_for_ever(file):
    for k in itertools.count():
        with Gallery.changed(file, "abc") as gallery:
            gallery.enrol(f"p{k}", vectors(300, k))


def test_a_writer_that_is_killed_leaves_a_whole_file_and_a_free_lock(gallery, tmp_path):
    file = tmp_path / "g.safetensors"
    gallery.save(file)
    writer = multiprocessing.get_context("fork").Process(target=write_for_ever, args=(file,))
    writer.start()
    while len(Gallery.load(file, "abc")) < 2:
        time.sleep(0.01)
    time.sleep(0.05)
    writer.kill()
    writer.join()
    with Gallery.changed(file, "abc") as again:
        assert len(again) >= 2 and len(again.vectors) == 300 * len(again)
