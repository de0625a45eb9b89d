import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier
from torch.nn.functional import normalize

from dlsfaces import evaluate


def test_accuracy_counts_and_refuses_nothing():
    scores = torch.tensor([[1.0, 2.0], [3.0, 0.0], [0.0, 1.0]])
    assert evaluate.accuracy(scores, torch.tensor([1, 0, 0])) == pytest.approx(2 / 3)
    with pytest.raises(ValueError, match=r"3 image vectors but identities of shape \(2,\)"):
        evaluate.accuracy(scores, torch.tensor([1, 0]))


def test_nearest_centre_equals_scikit_learn_on_unit_vectors():
    generator = torch.Generator().manual_seed(0)
    ids = torch.arange(7).repeat(6)
    centres = torch.randn(7, 5, generator=generator)[ids]
    train, test = (normalize(centres + torch.randn(42, 5, generator=generator), dim=1) for _ in range(2))
    means = normalize(torch.stack([train[ids == i].mean(0) for i in range(7)]), dim=1)
    reference = KNeighborsClassifier(1).fit(means.numpy(), np.arange(7)).predict(test.numpy())
    assert evaluate.nearest_centre_accuracy(3 * train, ids, test, ids) == pytest.approx(
        (reference == ids.numpy()).mean()
    )


def test_centres():
    own, other = evaluate.cosine_to_centres(
        torch.tensor([[3.0, 4.0, 0.0], [0.0, 0.0, 2.0]]), torch.tensor([0, 2]), torch.eye(3)
    )
    assert own.tolist() == pytest.approx([0.6, 1.0]) and other.tolist() == pytest.approx([0.8, 0.0])
    centres = evaluate.class_centres(torch.tensor([[2.0, 0.0], [0.0, 5.0]]), torch.tensor([0, 0]), 2)
    assert centres[0].tolist() == pytest.approx([0.5**0.5, 0.5**0.5]) and centres[1].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(dict(ids=[0, -1, 2]), "an unknown person", marks=pytest.mark.fault("unknown people")),
        pytest.param(dict(ids=[0, 1, 3]), "of person 3, but", marks=pytest.mark.fault("label numbering")),
        pytest.param(dict(ids=[0.0, 1, 2]), "must be integers", marks=pytest.mark.fault("obscure arguments")),
        pytest.param(dict(rows=0), "there are no images", marks=pytest.mark.fault("obscure arguments")),
        pytest.param(dict(nan=1), "image 1: its row holds NaN", marks=pytest.mark.fault("obscure numbers")),
    ],
)  # fmt: skip
def test_what_is_no_closed_set_is_refused_by_all_measures(change, said):
    vectors, ids = torch.eye(3), torch.tensor(change.get("ids", [0, 1, 2]))
    if "nan" in change:
        vectors = vectors.index_fill(0, torch.tensor([change["nan"]]), torch.nan)
    vectors, ids = vectors[: change.get("rows", 3)], ids[: change.get("rows", 3)]
    good = torch.eye(3), torch.arange(3)
    for measure in (
        lambda: evaluate.accuracy(vectors, ids),
        lambda: evaluate.class_centres(vectors, ids, 3),
        lambda: evaluate.cosine_to_centres(vectors, ids, good[0]),
    ):
        with pytest.raises(ValueError, match=said):
            measure()
    if ids.tolist() != [0, 1, 3]:
        for both in ((*good, vectors, ids), (vectors, ids, *good)):
            with pytest.raises(ValueError, match=said):
                evaluate.nearest_centre_accuracy(*both)
    with pytest.raises(ValueError, match="have 2 numbers, the others 3"):
        evaluate.nearest_centre_accuracy(*good, torch.eye(2), torch.arange(2))
