import numpy as np
import pytest
import torch

from dlsfaces import evaluate


def test_accuracy_counts_and_refuses_nothing():
    scores = torch.tensor([[1.0, 2.0], [3.0, 0.0], [0.0, 1.0]])
    assert evaluate.accuracy(scores, torch.tensor([1, 0, 0])) == pytest.approx(2 / 3)
    with pytest.raises(ValueError, match="0 rows"):
        evaluate.accuracy(scores[:0], torch.tensor([], dtype=torch.int64))
    with pytest.raises(ValueError, match="3 rows of scores and 2"):
        evaluate.accuracy(scores, torch.tensor([1, 0]))


def test_nearest_centre_equals_scikit_learn_on_unit_vectors():
    neighbors = pytest.importorskip("sklearn.neighbors")
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(7, 5, generator=generator)
    ids = torch.arange(7).repeat(6)
    train, test = (centres[ids] + torch.randn(42, 5, generator=generator) for _ in range(2))
    unit = torch.nn.functional.normalize
    means = unit(torch.stack([unit(train, dim=1)[ids == i].mean(0) for i in range(7)]), dim=1)
    reference = neighbors.KNeighborsClassifier(1).fit(means.numpy(), np.arange(7)).predict(unit(test, dim=1).numpy())
    got = evaluate.nearest_centre_accuracy(train, ids, test, ids)
    assert got == pytest.approx((reference == ids.numpy()).mean())


def test_cosine_to_centres_leaves_out_the_own_one():
    centres = torch.eye(3)
    embeddings = torch.tensor([[3.0, 4.0, 0.0], [0.0, 0.0, 2.0]])
    own, other = evaluate.cosine_to_centres(embeddings, torch.tensor([0, 2]), centres)
    assert own.tolist() == pytest.approx([0.6, 1.0]) and other.tolist() == pytest.approx([0.8, 0.0])


def test_a_person_without_pictures_has_a_zero_centre():
    centres = evaluate.class_centres(torch.tensor([[2.0, 0.0], [0.0, 5.0]]), torch.tensor([0, 0]), 2)
    assert centres[0].tolist() == pytest.approx([0.5**0.5, 0.5**0.5]) and centres[1].tolist() == [0, 0]
