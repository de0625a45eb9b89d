"""The real CelebA-500: its facts as the course states them, and a few steps of training on it."""

import pytest
import torch

from dlsfaces import data, evaluate, train
from dlsfaces.recognize import CrossEntropy, FaceResNet, embed

pytestmark = pytest.mark.real


def load(split, root, **options):
    return data.load("celeba500", split, root, **options)


def test_counts(real_data):
    sizes = {split: load(split, real_data) for split in data.SPLITS}
    assert [len(s) for s in sizes.values()] == [8544, 1878, 1589, 1222, 2001]
    people = [s.identities.unique().numel() for s in sizes.values()]
    assert people == [500, 498, 491, 51, 1]


def test_the_two_folders_show_the_same_framing(real_data):
    """The mean face of the training crops and that of the query nearly coincide; the loose one is another."""
    means = {}
    for name, split, options in (
        ("train", "train", {}),
        ("query", "query", {}),
        ("loose", "train", {"framing": "loose"}),
    ):
        faces = load(split, real_data, **options)
        images = faces.subset(torch.arange(0, len(faces), len(faces) // 400)).images((50, 42))
        means[name] = images.float().mean((0, 1)).flatten()
    correlation = torch.corrcoef(torch.stack(list(means.values())))
    assert correlation[0, 1] > 0.98 and correlation[0, 2] < 0.8


def test_landmarks_lie_where_the_framing_says(real_data):
    faces = load("validation", real_data)
    median = faces.landmarks.nanmedian(0).values
    expected = torch.tensor([[26.0, 37], [65, 37], [45, 62], [28, 78], [63, 78]])
    assert (median - expected).abs().max() < 2
    assert faces.landmarks.isnan().any(-1).any(-1).float().mean() < 0.01


def test_a_little_training_beats_none(real_data):
    faces = load("train", real_data)
    few = faces.subset((faces.identities < 8).nonzero()[:, 0])
    test = load("test", real_data)
    test = test.subset((test.identities < 8).nonzero()[:, 0])
    torch.manual_seed(0)
    model, loss = FaceResNet("small", 64, (40, 32)), CrossEntropy(64, 8)

    def accuracy():
        vectors = [embed(model, s.images((40, 32))) for s in (few, test)]
        return evaluate.nearest_centre_accuracy(vectors[0], few.identities, vectors[1], test.identities)

    loader = data.batches(few, (40, 32), 32, shuffle=True)
    history = train.fit(model, loss, loader, train.Settings(8, lr=0.05, precision="no"))
    assert history[-1]["loss"] < 0.7 * history[0]["loss"] and accuracy() > 0.4


def test_pixels_reach_what_is_known_of_them(real_data):
    """Mean-centred grey pixels: TPR about 0.28 at FPR 0.1 on this set."""
    query, distractors = load("query", real_data), load("distractors", real_data)
    vectors = [s.images((50, 42)).float().mean(1).flatten(1) for s in (query, distractors)]
    mean = torch.cat(vectors).mean(0)
    rate = evaluate.identification_rate(vectors[0] - mean, query.identities, vectors[1] - mean, [0.1])
    assert (rate.positive_pairs, rate.false_pairs) == (14721, 3176532)
    assert 0.22 < rate.tpr[0] < 0.36
