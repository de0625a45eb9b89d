"""Batches of P people by K pictures, in one process and shared by several."""

from itertools import islice

import pytest
import torch
from accelerate.data_loader import BatchSamplerShard

from dlsfaces.data import FaceSet, batches
from dlsfaces.data.batches import PeopleSampler
from dlsfaces.train import processes

PICTURES = [7, 4, 1, 12, 2, 5, 3, 1, 9]  # of each person
ALONE = [person for person, pictures in enumerate(PICTURES) if pictures == 1]
IDENTITIES = torch.repeat_interleave(torch.arange(len(PICTURES)), torch.tensor(PICTURES))
IDENTITIES = torch.cat([IDENTITIES, torch.tensor([-1, -1])])  # two distractors
IDENTITIES = IDENTITIES[torch.randperm(len(IDENTITIES), generator=torch.Generator().manual_seed(0))]


def drawn(people, pictures, seed=0, epochs=1, identities=IDENTITIES):
    """One tensor ``(batches, people, pictures)`` of indices for each epoch."""
    sampler = PeopleSampler(identities, people, pictures, seed)
    found = []
    for epoch in range(epochs):
        sampler.set_epoch(epoch)
        indices = list(sampler)
        assert len(indices) == len(sampler)
        found.append(torch.tensor(indices).view(-1, people, pictures))
    return found


@pytest.mark.parametrize(("people", "pictures"), [(2, 2), (3, 4), (5, 3), (7, 5)])
def test_every_batch_has_so_many_people_with_so_many_pictures_each(people, pictures):
    for batch in torch.cat(drawn(people, pictures, epochs=20)):
        of_each = IDENTITIES[batch]
        assert (of_each == of_each[:, :1]).all()
        assert len(of_each[:, 0].unique()) == people
        assert not set(of_each[:, 0].tolist()) & {*ALONE, -1}
        for person, indices in zip(of_each[:, 0].tolist(), batch):
            times = indices.unique(return_counts=True)[1]
            assert len(times) == min(pictures, PICTURES[person])  # twice only where there are fewer
            assert times.max() - times.min() <= 1


def test_all_people_come_before_one_comes_again_and_so_do_all_pictures_of_a_person():
    identities = IDENTITIES.repeat(9)[:300]
    epoch = drawn(3, 4, identities=identities)[0].flatten(0, 1)
    people, n_people = identities[epoch[:, 0]], 9
    for turn in islice(people.split(n_people), len(people) // n_people):
        assert len(turn.unique()) == n_people
    for person in people.unique():
        shown, own = epoch[people == person].flatten(), (identities == person).sum().item()
        assert len(shown) >= 8
        assert all(len(turn.unique()) == len(turn) for turn in shown.split(own))


def test_over_many_epochs_everybody_and_every_picture_is_seen_as_often():
    shown = torch.cat(drawn(3, 4, epochs=600)).flatten()
    times = torch.bincount(shown, minlength=len(IDENTITIES))
    of_person = torch.bincount(IDENTITIES[shown], minlength=len(PICTURES))
    expected = len(shown) / (len(PICTURES) - len(ALONE))
    for person, pictures in enumerate(PICTURES):
        if person in ALONE:
            assert of_person[person] == 0
            continue
        assert of_person[person].item() == pytest.approx(expected, rel=0.1)
        of_each = times[IDENTITIES == person] / of_person[person] * pictures
        assert of_each.min() > 0.8 and of_each.max() < 1.2


def test_seed_and_epoch_decide_and_nothing_else():
    torch.manual_seed(1)
    first = drawn(3, 4, epochs=3)
    torch.manual_seed(2)
    state = torch.get_rng_state()
    again, other = drawn(3, 4, epochs=3), drawn(3, 4, seed=1, epochs=3)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    different = [*first, *other]
    assert not any(torch.equal(a, b) for i, a in enumerate(different) for b in different[:i])


@pytest.mark.parametrize(("people", "pictures", "count"), [(2, 2, 44), (3, 4, 36), (7, 4, 28), (7, 9, 63)])
def test_an_epoch_is_as_long_as_the_set_in_whole_batches_but_one_at_least(people, pictures, count):
    assert len(IDENTITIES) == 46
    assert len(PeopleSampler(IDENTITIES, people, pictures, 0)) == count


def test_too_few_people_are_counted():
    message = r"8 people by 4 pictures needs 8 people with two pictures or more, and there are 7; lower batch_size"
    with pytest.raises(ValueError, match=message):
        PeopleSampler(IDENTITIES, 8, 4, 0)


def faces():
    count = len(IDENTITIES)
    images = torch.arange(count, dtype=torch.uint8).view(-1, 1, 1, 1).expand(count, 3, 2, 2)
    names = [str(i) for i in range(count)]
    people = [f"person {i}" for i in range(len(PICTURES))]
    return FaceSet("n", "train", "tight", names, IDENTITIES, people, lambda i, s: images[list(i)], (2, 2))


def loader(batch_size=12, shuffle=True, **options):
    return batches(faces(), (2, 2), batch_size, shuffle=shuffle, **{"pictures_per_person": 4, **options})


def test_batches_are_those_of_the_sampler():
    found = loader(seed=5)
    assert len(found) == 3
    expected = drawn(3, 4, seed=5)[0]
    for (images, identities, indices), batch in zip(found, expected, strict=True):
        assert indices.tolist() == batch.flatten().tolist() == images[:, 0, 0, 0].tolist()
        assert torch.equal(identities, IDENTITIES[indices])


@pytest.mark.parametrize(
    "options",
    [
        dict(pictures_per_person=1),
        dict(pictures_per_person=0),
        dict(pictures_per_person=5),
        dict(pictures_per_person=-4),
        dict(shuffle=False),
    ],
)
def test_settings_that_make_no_such_batches(options):
    with pytest.raises(ValueError, match=r"at least 2 pictures, a batch that is a multiple of them, and shuffle=True"):
        loader(**options)


def test_processes_share_a_batch_in_whole_people():
    whole = [batch.flatten(1) for batch in drawn(4, 4)[0]]
    shares = [
        list(BatchSamplerShard(loader(16).batch_sampler, num_processes=2, process_index=i, split_batches=True))
        for i in range(2)
    ]
    assert len(shares[0]) == len(shares[1]) == len(whole) == 2
    for first, second, batch in zip(*shares, whole):
        assert first + second == batch.flatten().tolist()
        of_each = [IDENTITIES[torch.tensor(share).view(2, 4)] for share in (first, second)]
        assert all((share == share[:, :1]).all() for share in of_each)


def test_the_epoch_reaches_the_sampler_through_accelerate():
    prepared = processes.accelerator("no").prepare(loader())
    for epoch, expected in enumerate(drawn(3, 4, epochs=3)):
        prepared.set_epoch(epoch)
        found = torch.stack([indices.cpu() for *_, indices in prepared])
        assert torch.equal(found, expected.flatten(1))
