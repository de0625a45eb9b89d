import pytest
import torch

from dlsfaces.data import FaceSet, batches


def numbered(count=10, size=(4, 3)):
    images = torch.arange(count, dtype=torch.uint8).view(-1, 1, 1, 1).expand(count, 3, *size)
    ids = torch.arange(count) % 3
    return FaceSet(
        "n", "train", "tight", [str(i) for i in range(count)], ids, ["a", "b", "c"], lambda i, s: images[list(i)], size
    )


@pytest.mark.parametrize("limit", [2**30, 0], ids=["memory", "disk"])
def test_batches_hold_what_their_indices_say(limit):
    loader = batches(numbered(), (4, 3), 4, memory_limit=limit, workers=0)
    seen = []
    for images, identities, indices in loader:
        assert torch.equal(images[:, 0, 0, 0].long(), indices) and torch.equal(identities, indices % 3)
        assert images.dtype == torch.uint8 and images.shape[1:] == (3, 4, 3)
        seen += indices.tolist()
    assert seen == list(range(10))


def test_read_by_worker_processes():
    loader = batches(numbered(), (4, 3), 4, memory_limit=0, workers=2)
    assert [i for *_, indices in loader for i in indices.tolist()] == list(range(10))


def test_shuffled_epochs_differ_and_repeat():
    def epoch(seed, number):
        loader = batches(numbered(), (4, 3), 4, shuffle=True, seed=seed)
        loader.batch_sampler.sampler.set_epoch(number)
        return [indices.tolist() for *_, indices in loader]

    assert epoch(0, 0) == epoch(0, 0) and epoch(0, 0) != epoch(0, 1) != epoch(1, 1)
    assert [len(b) for b in epoch(0, 0)] == [4, 4]  # the last two are left out
    assert len({i for b in epoch(0, 0) for i in b}) == 8


def test_too_few():
    with pytest.raises(ValueError, match="is empty"):
        batches(numbered(0), (4, 3), 4)
    with pytest.raises(ValueError, match="fewer photos than one batch of 16"):
        batches(numbered(), (4, 3), 16, shuffle=True)


@pytest.mark.parametrize("limit", [2**30, 0], ids=["memory", "disk"])
def test_other_targets_go_with_their_photos(limit):
    targets = torch.arange(10.0)[:, None, None] + torch.tensor([[0.0, 0.5], [100, 100.5]])
    loader = batches(numbered(), (4, 3), 4, shuffle=True, memory_limit=limit, workers=0, targets=targets)
    seen = []
    for images, given, indices in loader:
        assert given.dtype == torch.float32 and given.shape == (4, 2, 2)
        assert torch.equal(given, targets[indices]) and torch.equal(images[:, 0, 0, 0].float(), given[:, 0, 0])
        seen += indices.tolist()
    assert len(set(seen)) == 8


def test_there_is_one_target_a_photo():
    with pytest.raises(ValueError, match=r"9 targets for the 10 photos of FaceSet\(n/train"):
        batches(numbered(), (4, 3), 4, targets=torch.zeros(9, 2))
