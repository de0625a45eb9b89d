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
