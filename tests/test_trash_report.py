"""Scores of trash photos against independent references, and the report."""

import csv

import numpy as np
import pytest
import torch
from scipy.fft import dctn
from sklearn.neighbors import NearestNeighbors
from torch.nn import functional as F

from dlsfaces import data, recognize, trash
from dlsfaces.trash import TrashReport


@pytest.fixture
def vectors():
    random = torch.Generator().manual_seed(0)
    who = torch.arange(60) % 6 * 10 + 3
    centres = torch.randn(6, 16, generator=random)
    return centres[torch.arange(60) % 6] + 0.4 * torch.randn(60, 16, generator=random), who


def test_a_photo_does_not_pull_its_own_centre(vectors):
    features, who = vectors
    found = trash.against_centres(features, who)
    unit = F.normalize(features, dim=1)
    for k in (0, 17, 59):
        rest = (who == who[k]) & (torch.arange(60) != k)
        own = float(F.normalize(unit[rest].mean(0), dim=0) @ unit[k])
        others = {
            int(p): float(F.normalize(unit[who == p].mean(0), dim=0) @ unit[k]) for p in who.unique() if p != who[k]
        }
        assert found.away[k] == pytest.approx(1 - own, abs=1e-5)
        assert found.other[k] == pytest.approx(max(others.values()) - own, abs=1e-5)
        assert found.likely[k] == max(others, key=others.get)


def test_a_person_with_one_photo_is_as_far_as_can_be(vectors):
    features, who = vectors
    who = torch.cat((who, torch.tensor([99])))
    found = trash.against_centres(torch.cat((features, torch.ones(1, 16))), who)
    assert found.away[-1] == 1 and found.other.isfinite().all()


def test_centres_need_names(vectors):
    features, who = vectors
    with pytest.raises(ValueError, match="identities"):
        trash.against_centres(features, torch.full_like(who, data.UNKNOWN))
    with pytest.raises(ValueError, match="two people"):
        trash.against_centres(features, torch.zeros_like(who))


@pytest.mark.parametrize("compare", [trash.against_centres, trash.odd_neighbours, lambda some, _: trash.copies(some)])
def test_one_photo_and_broken_features_are_not_compared(compare, vectors):
    features, who = vectors
    with pytest.raises(ValueError, match="two photos"):
        compare(features[:1], who[:1])
    features[7, 3] = float("nan")  # else every photo's score would be wrong
    with pytest.raises(ValueError, match="NaN"):
        compare(features, who)


def test_neighbours_need_a_name_each_and_one_neighbour(vectors):
    features, who = vectors
    with pytest.raises(ValueError, match="59 photos"):
        trash.odd_neighbours(features[1:], who)
    with pytest.raises(ValueError, match="identities"):
        trash.odd_neighbours(features, torch.where(who == 3, data.UNKNOWN, who))
    with pytest.raises(ValueError, match="k=0"):
        trash.odd_neighbours(features, who, k=0)


def test_no_example_is_refused(vectors):
    with pytest.raises(ValueError, match="one trash photo"):
        trash.like_examples(vectors[0], torch.zeros(0, 16))


def test_neighbours_are_those_of_scikit_learn(vectors, monkeypatch):
    features, who = vectors
    monkeypatch.setattr(trash, "AT_ONCE", 7)
    mixed = torch.where(torch.arange(60) % 7 == 0, who.roll(1), who)
    near = NearestNeighbors(n_neighbors=6, metric="cosine").fit(features).kneighbors(features, return_distance=False)
    expected = (mixed.numpy()[near[:, 1:]] != mixed.numpy()[:, None]).mean(1)
    assert np.allclose(trash.odd_neighbours(features, mixed), expected)
    best = trash.copies(features)
    assert (best.of.numpy() == near[:, 1]).all()
    assert torch.allclose(best.score, (F.normalize(features) * F.normalize(features[best.of])).sum(1))


def test_a_short_vector_is_worse_and_like_the_examples_is_worse():
    features = torch.tensor([[3.0, 4.0], [0.0, 1.0], [-2.0, 0.0]])
    assert trash.low_norm(features).tolist() == [-5, -1, -2]
    assert trash.like_examples(features, torch.tensor([[0.0, 9.0], [0.0, 0.1]])).tolist() == pytest.approx([0.8, 1, 0])


def test_dropout_moves_what_hangs_on_few_inputs():
    network = recognize.FaceResNet("small", 16, (32, 32)).eval()
    images = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    network.train()
    spread = trash.unstable(network, images)
    assert network.training and (spread > 0).all() and (spread < 2).all()
    assert torch.allclose(spread[:1], trash.unstable(network, images[:1]), atol=1e-4)  # alone as beside others
    assert trash.unstable(network, images, dropout=0.01).max() < spread.min()
    assert trash.change_by(network, images, recognize.features_of(network, images), lambda x: x).abs().max() < 1e-5


@pytest.mark.parametrize("kind", ["ImageNetResNet", "InceptionResnetV1"])
def test_dropout_is_for_every_backbone(kind):
    torch.manual_seed(0)
    options = {"weights": None} if kind == "ImageNetResNet" else {}
    network = getattr(recognize, kind)(embedding_dim=8, **options).eval()
    images = torch.randint(0, 256, (2, 3, 80, 80), dtype=torch.uint8)
    spread = trash.unstable(network, images)
    assert spread.shape == (2,) and (spread > 0).all()
    assert torch.allclose(trash.unstable(network.bfloat16(), images), spread, atol=0.1)
    assert recognize.features_of(network, images).shape == (2, 8)  # the dropout is gone again


@pytest.mark.parametrize("options", [{"passes": 1}, {"dropout": 1.0}, {"dropout": 0.0}, {"dropout": 50}])
def test_dropout_that_says_nothing_is_refused(options):
    network = recognize.FaceResNet("small", 16, (32, 32)).train()
    with pytest.raises(ValueError, match="two passes"):
        trash.unstable(network, torch.zeros(2, 3, 32, 32), **options)
    with pytest.raises(ValueError, match="255"):
        trash.unstable(network, torch.full((2, 3, 32, 32), 255.0))
    assert network.training


def test_an_empty_set_has_no_scores_and_tiny_images_are_refused():
    none = torch.zeros(0, 3, 32, 32, dtype=torch.uint8)
    network = recognize.FaceResNet("small", 16, (32, 32))
    assert len(trash.dark(none)) == len(trash.unstable(network, none)) == 0
    with pytest.raises(ValueError, match="4 pixels"):
        trash.unsharp(torch.zeros(2, 3, 3, 3))


def test_pixel_scores_have_the_right_order():
    from torchvision.transforms.v2 import functional as V

    sharp = torch.randint(0, 256, (1, 3, 60, 50), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    series = torch.cat([sharp, V.gaussian_blur(sharp, 5, 1.0), V.gaussian_blur(sharp, 9, 2.0)])
    assert trash.unsharp(series).diff().gt(0).all()
    assert trash.dark(torch.cat([sharp, sharp // 3, sharp // 20])).diff().gt(0).all()
    assert trash.unsharp(torch.zeros_like(sharp)).isfinite().all()


def test_the_hash_is_that_of_a_cosine_transform():
    from torchvision.transforms.v2 import functional as V

    images = torch.randint(0, 256, (9, 3, 40, 30), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    images[1] = images[0] // 2 + 20  # duller and brighter
    grey = V.resize(V.rgb_to_grayscale(images / 255), [32, 32], antialias=True)[:, 0].numpy()
    low = dctn(grey, axes=(1, 2))[:, :8, :8].reshape(9, 64)
    expected = low > np.median(low[:, 1:], axis=1, keepdims=True)
    found = trash.perceptual_hash(images)
    assert (found == expected).mean() > 0.99
    assert trash.hash_copies(found)[:2].tolist() == pytest.approx([-(found[0] != found[1]).sum()] * 2)
    assert trash.hash_copies(found)[2:].max() < -8


@pytest.fixture
def report():
    scores = {
        "blurred": torch.tensor([0.9, 0.1, 0.9, 0.7, 0.8, 0.9]),
        "wrong_identity": torch.tensor([0.9, 0.9, 0.2, 0.9, 0.9, 0.9]),
        "duplicate": torch.tensor([0.9, 0.9, 0.9, 0.3, 0.3, 0.4]),
    }
    likely, copy_of = ["Ada", "Bo", "Chen", "Ada", "Ada", "Bo"], torch.tensor([1, 0, 3, 4, 3, 4])
    return TrashReport([f"{k}.jpg" for k in range(6)], scores, likely, copy_of)


def test_the_table_names_issues_and_who_is_who(report, tmp_path):
    report.to_csv(tmp_path / "trash.csv")
    with (tmp_path / "trash.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["is_blurred_issue"] for row in rows] == ["False", "True", "False", "False", "False", "False"]
    assert [row["likely_person"] for row in rows] == ["", "", "Chen", "", "", ""]
    assert [row["duplicates_group"] for row in rows] == ["", "", "", "0", "0", "0"]
    assert float(rows[1]["blurred_score"]) == pytest.approx(0.1)


@pytest.mark.parametrize("name", ['a, "b"\nc.jpg', "é文.jpg", "\udce9.jpg"])  # the last is no UTF-8 on the disk
def test_names_come_back_from_the_table(name, tmp_path):
    TrashReport([name], {"blurred": torch.tensor([0.1])}).to_csv(tmp_path / "trash.csv")
    with (tmp_path / "trash.csv").open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        assert [row["file"] for row in csv.DictReader(file)] == [name]


def test_an_empty_report_is_a_table_and_no_kinds_are_no_issues(tmp_path):
    TrashReport([], {"blurred": torch.zeros(0)}).to_csv(tmp_path / "trash.csv")
    header = "file,blurred_score,is_blurred_issue,likely_person,duplicates_group"
    assert (tmp_path / "trash.csv").read_text().splitlines() == [header]
    assert TrashReport(["a"], {}).dropped().tolist() == [False] and TrashReport(["a"], {}) != TrashReport(["a"], {})


def test_of_copies_the_best_one_stays(report):
    assert report.groups() == [[3, 4, 5]]
    assert report.dropped().tolist() == [False, True, True, True, True, False]
    assert report.issues("duplicate").tolist() == [False, False, False, True, True, True]


def test_cleaning_makes_a_new_list_and_says_what_it_left_out(report, caplog):
    faces = data.load("synthetic", "query", people=5, images_per_person=7)
    few = TrashReport(faces.files, {"blurred": torch.tensor([0.1] + [0.9] * (len(faces) - 1))})
    assert few.kept(faces).files == faces.files[1:] and len(faces.files) == len(few.files)
    assert f"1 of {len(faces)} photos are left out (1 blurred)" in caplog.text
    with pytest.raises(ValueError, match="other photos"):
        report.kept(faces)


def test_the_poorer_copy_is_counted_though_it_has_no_issue_itself(caplog):
    faces = data.load("synthetic", "query", people=5, images_per_person=7)[:3]
    scores = {"blurred": torch.tensor([0.9, 0.6, 0.9]), "duplicate": torch.tensor([0.1, 0.9, 0.9])}
    assert TrashReport(faces.files, scores, copy_of=torch.tensor([1, 0, 0])).kept(faces).files == faces.files[::2]
    assert "(0 blurred, 0 duplicate, 1 only as poorer copies)" in caplog.text


NO_SCORES = [torch.tensor([0.5]), torch.tensor([0.5, 1.5]), torch.tensor([float("nan"), 0]), [0.5, 0.5], np.ones(2)]


@pytest.mark.parametrize("score", NO_SCORES)
def test_scores_that_are_none_are_refused(score):
    with pytest.raises(ValueError, match="blurred"):
        TrashReport(["a", "b"], {"blurred": score})


@pytest.mark.parametrize(
    "wrong", [{"likely": ["Ada"]}, *({"copy_of": torch.tensor(of)} for of in ([1], [-1, 0], [0, 0]))]
)
def test_people_and_copies_are_one_for_each_photo(wrong):
    with pytest.raises(ValueError, match="2 photos"):
        TrashReport(["a", "b"], {"duplicate": torch.tensor([0.1, 0.1])}, **wrong)
