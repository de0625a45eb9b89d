"""Chapter 11's own code: folds, the judge, error versus reject, and the verdicts of the review."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from dlsfaces import data
from tests.from_notebook import definitions

NAMES = (
    *("auroc_by_kind", "error_versus_reject", "learn_judge", "out_of_fold", "probabilities"),
    *("review", "verdicts_in", "write_verdict"),
)


@pytest.fixture(scope="module")
def taught():
    return SimpleNamespace(**dict(zip(NAMES, definitions("11_trash", *NAMES))))


def test_what_is_left_out_is_the_worst(taught):
    random = torch.Generator().manual_seed(0)
    who = torch.arange(40) % 8
    vectors = torch.randn(8, 16, generator=random)[who] + 0.8 * torch.randn(40, 16, generator=random)
    badness = torch.rand(40, generator=random)
    unit = vectors / vectors.norm(dim=1, keepdim=True)
    pairs = [(i, j) for i in range(40) for j in range(i)]
    impostors = sorted((float(unit[i] @ unit[j]) for i, j in pairs if who[i] != who[j]), reverse=True)
    threshold, expected = impostors[int(0.05 * len(impostors)) - 1], []
    for share in (0.0, 0.25, 0.5):
        worst = badness.argsort(descending=True)[: int(share * 40)].tolist()
        kept = [(i, j) for i, j in pairs if who[i] == who[j] and i not in worst and j not in worst]
        expected.append(sum(float(unit[i] @ unit[j]) <= threshold + 1e-6 for i, j in kept) / len(kept))
    assert taught.error_versus_reject(vectors, who, badness, 0.05, (0.0, 0.25, 0.5)) == pytest.approx(expected)


def test_a_photo_does_not_help_to_whiten_itself(taught):
    random = torch.Generator().manual_seed(0)
    features, who = torch.randn(200, 6, generator=random), torch.arange(200) % 10
    before = taught.out_of_fold(features, who)
    changed = features.clone()
    changed[7] *= 50  # a photo of its own
    after = taught.out_of_fold(changed, who)
    same_fold = (after - before).abs().amax(1) < 1e-5
    assert not same_fold[7] and 40 <= same_fold.sum() <= 60  # the others of its fold do not see it


def test_each_kind_is_compared_with_clean_photos_alone(taught):
    kinds = np.array(["clean"] * 4 + list(data.TRASH) * 2)
    score = (kinds == "blurred") * 2.0 + (kinds == "dark") * -1.0
    found = taught.auroc_by_kind(score, kinds, np.ones(len(kinds), bool))
    assert found["blurred"] == 1 and found["dark"] == 0 and found["cropped"] == 0.5


def test_the_judge_learns_from_its_rows_alone(taught):
    random = np.random.default_rng(0)
    kinds = np.array(["clean", "dark", "blurred"])[np.arange(90) % 3]
    scores = {"a": (kinds == "dark") + 0.1 * random.normal(size=90), "b": (kinds == "blurred") + 0.0}
    rows = np.arange(90) < 45
    said = taught.probabilities(taught.learn_judge(scores, kinds, rows), scores)
    assert sum(said.values()).numpy() == pytest.approx(1, abs=1e-5)
    assert (said["dark"] > 0.5).numpy().tolist() == (kinds == "dark").tolist()
    spoilt = np.where(rows, kinds, "clean")
    again = taught.probabilities(taught.learn_judge(scores, spoilt, rows), scores)
    assert torch.equal(again["dark"], said["dark"])


def test_verdicts_are_written_at_once_and_the_review_goes_on_where_it_was(taught, tmp_path):
    path, files = tmp_path / "verdicts.csv", ["a.jpg", "b, c.jpg", "d.jpg"]
    images = torch.randint(0, 256, (3, 3, 20, 16), dtype=torch.uint8)
    text, picture, row = taught.review(images, files, path).children
    keep, trash, wrong = row.children[:3]
    assert "0 of 3 judged: a.jpg" in text.value and bytes(picture.value).startswith(b"\x89PNG")
    trash.click()
    wrong.click()
    assert taught.verdicts_in(path) == {"a.jpg": "trash", "b, c.jpg": "wrong person"}
    text, _, row = taught.review(images, files, path).children
    assert "2 of 3 judged: d.jpg" in text.value
    row.children[0].click()
    assert "all done" in text.value
    row.children[0].click()  # nothing waits
    assert len(taught.verdicts_in(path)) == 3 and keep.description == "1: keep"
    taught.write_verdict(path, "a.jpg", "keep")
    assert taught.verdicts_in(path)["a.jpg"] == "keep"  # the last word counts
