"""Whitening within people, against scikit-learn's covariance and on people whose nuisance is known."""

import numpy as np
import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from dlsfaces import evaluate
from dlsfaces.recognize import within_class_whitening


def people(n=20, pictures=6, dim=8, seed=0):
    """People who differ in all directions alike, in pictures that differ mostly in the first two."""
    generator = torch.Generator().manual_seed(seed)
    spread = torch.tensor([6.0, 3.0] + [0.5] * (dim - 2))
    identities = torch.arange(n).repeat_interleave(pictures)[torch.randperm(n * pictures, generator=generator)]
    centres = torch.randn(n, dim, generator=generator)
    return centres[identities] + spread * torch.randn(n * pictures, dim, generator=generator) + 3, identities


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


def test_bad_input_is_named():
    features, identities = people()
    with pytest.raises(ValueError, match="119 identities"):
        within_class_whitening(features, identities[1:])
    with pytest.raises(ValueError, match=r"shrinkage=-0\.1"):
        within_class_whitening(features, identities, -0.1)
    with pytest.raises(ValueError, match="nobody has two pictures"):
        within_class_whitening(features, torch.arange(len(features)))
    with pytest.raises(ValueError, match="too few directions"):
        within_class_whitening(features[:4], torch.tensor([0, 0, 1, 1]), 0)
    with pytest.raises(ValueError, match="too few directions"):
        within_class_whitening(torch.ones(4, 3), torch.tensor([0, 0, 1, 1]))
