"""Whitening within people, against scikit-learn's covariance and on people whose nuisance is known."""

import numpy as np
import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from dlsfaces import evaluate
from dlsfaces.recognize import within_class_whitening


def people(n=20, images=6, dim=8, seed=0):
    """People who differ in all directions alike, in images that differ mostly in the first two."""
    generator = torch.Generator().manual_seed(seed)
    spread = torch.tensor([6.0, 3.0] + [0.5] * (dim - 2))
    identities = torch.arange(n).repeat_interleave(images)[torch.randperm(n * images, generator=generator)]
    centres = torch.randn(n, dim, generator=generator)
    return centres[identities] + spread * torch.randn(n * images, dim, generator=generator) + 3, identities


def test_the_within_covariance_becomes_the_identity():
    features, identities = people()
    white = within_class_whitening(features, identities, shrinkage=0)(features)
    reference = LinearDiscriminantAnalysis(solver="eigen", store_covariance=True)
    assert np.allclose(reference.fit(white.numpy(), identities.numpy()).covariance_, np.eye(8), atol=1e-4)
    assert white.mean(0).abs().max() < 1e-4


def test_shrinkage_blends_with_an_even_variance():
    features, identities = people()
    reference = LinearDiscriminantAnalysis(solver="eigen", store_covariance=True).fit(features, identities).covariance_
    for share in (0.05, 1.0):
        wanted = (1 - share) * reference + share * np.trace(reference) / 8 * np.eye(8)
        found = within_class_whitening(features.double(), identities, share).matrix.numpy()
        assert np.allclose(np.linalg.inv(found @ found), wanted, atol=1e-5)


def test_other_people_are_told_apart_better():
    whitening = within_class_whitening(*people(n=60))
    features, identities = people(n=30, seed=1)
    before, after = (
        evaluate.identification_rate(x, identities, None, [0.05]).tpr[0] for x in (features - 3, whitening(features))
    )
    assert after > before + 0.2


@pytest.mark.parametrize(
    ("features", "identities", "shrinkage", "message"),
    [
        (torch.rand(4, 3), torch.tensor([0, 0, 1, 1]), -0.1, r"shrinkage=-0\.1"),
        (torch.rand(4, 3), torch.arange(4), 0.05, "nobody has two images"),
        (torch.rand(4, 3), torch.tensor([0, 0, 1, 1]), 0.0, "too few directions"),
        (torch.ones(4, 3), torch.tensor([0, 0, 1, 1]), 0.05, "too few directions"),
    ],
)
def test_bad_input_is_named(features, identities, shrinkage, message):
    with pytest.raises(ValueError, match=message):
        within_class_whitening(features, identities, shrinkage)


@pytest.mark.fault("unknown people")
def test_unknown_people_are_left_out():
    generator = torch.Generator().manual_seed(0)
    features, identities = torch.randn(60, 4, generator=generator), torch.arange(60) % 6 - 1
    known = identities >= 0
    found, wanted = (
        within_class_whitening(features, identities),
        within_class_whitening(features[known], identities[known]),
    )
    assert torch.equal(found.matrix, wanted.matrix) and torch.equal(found.mean, wanted.mean)
    with pytest.raises(ValueError, match="nobody has two images"):
        within_class_whitening(features, torch.full((60,), -1))
