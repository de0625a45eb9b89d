"""Batches of faces, and batches of P people by K images, in one process and shared by several."""

from itertools import islice

import pytest
import torch
from accelerate.data_loader import BatchSamplerShard

from dlsfaces.data import FaceSet
from dlsfaces.data.batches import PeopleSampler, batches
from dlsfaces.train import processes


def numbered(ids, size=(4, 3)):
    """A set whose images show their own index."""
    images = torch.arange(len(ids), dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 3, *size)
    names = [str(i) for i in range(len(ids))]
    people = [str(i) for i in range(int(ids.max()) + 1)] if len(ids) else []
    return FaceSet("n", "train", "tight", names, ids, people, lambda rows, size: images[list(rows)], size)


TEN = numbered(torch.arange(10) % 3)


@pytest.fixture(params=[2**30, 0], ids=["memory", "disk"])
def limit(request, monkeypatch):
    monkeypatch.setitem(batches.__globals__, "MEMORY_LIMIT", request.param)


def test_batches_hold_what_their_indices_say(limit):
    targets = torch.arange(10.0)[:, None, None] + torch.tensor([[0.0, 0.5], [100, 100.5]])
    for given in (None, targets):
        seen = []
        for images, wanted, indices in batches(TEN, (4, 3), 4, workers=2 if given is None else 0, targets=given):
            assert torch.equal(images[:, 0, 0, 0].long(), indices) and images.dtype == torch.uint8
            assert torch.equal(wanted, indices % 3 if given is None else targets[indices])
            seen += indices.tolist()
        assert seen == list(range(10))


def test_shuffled_epochs_differ_and_repeat():
    def epoch(seed, number):
        loader = batches(TEN, (4, 3), 4, shuffle=True, seed=seed)
        loader.batch_sampler.sampler.set_epoch(number)
        return [indices.tolist() for *_, indices in loader]

    assert epoch(0, 0) == epoch(0, 0) and epoch(0, 0) != epoch(0, 1) != epoch(1, 1)
    assert [len(b) for b in epoch(0, 0)] == [4, 4]  # the last two are left out
    assert len({i for b in epoch(0, 0) for i in b}) == 8


@pytest.mark.fault("ignored options")
def test_a_seed_is_for_a_random_order():
    with pytest.raises(ValueError, match=r"seed=0 decides the order .* give shuffle=True"):
        batches(TEN, (4, 3), 4, seed=0)
    first, second = (batches(TEN, (4, 3), 4, shuffle=True, **seed) for seed in ({}, {"seed": 0}))
    assert [i.tolist() for *_, i in first] == [i.tolist() for *_, i in second]


def test_what_gives_no_batches_is_an_error():
    with pytest.raises(ValueError, match="is empty"):
        batches(TEN.subset([]), (4, 3), 4)
    with pytest.raises(ValueError, match="fewer images than one batch of 16"):
        batches(TEN, (4, 3), 16, shuffle=True)
    with pytest.raises(ValueError, match=r"9 targets for the 10 images of FaceSet\(n/train"):
        batches(TEN, (4, 3), 4, targets=torch.zeros(9, 2))


IMAGES = [7, 4, 1, 12, 2, 5, 3, 1, 9]  # of each person
ALONE = [person for person, images in enumerate(IMAGES) if images == 1]
IDENTITIES = torch.repeat_interleave(torch.arange(len(IMAGES)), torch.tensor(IMAGES))
IDENTITIES = torch.cat([IDENTITIES, torch.tensor([-1, -1])])  # two of unknown people
IDENTITIES = IDENTITIES[torch.randperm(len(IDENTITIES), generator=torch.Generator().manual_seed(0))]


def drawn(people, images, seed=0, epochs=1, identities=IDENTITIES):
    """One tensor ``(batches, people, images)`` of indices for each epoch."""
    sampler = PeopleSampler(identities, people, images, seed)
    found = []
    for epoch in range(epochs):
        sampler.set_epoch(epoch)
        indices = list(sampler)
        assert len(indices) == len(sampler)
        found.append(torch.tensor(indices).view(-1, people, images))
    return found


@pytest.mark.parametrize(("people", "images"), [(2, 2), (3, 4), (5, 3), (7, 5)])
def test_every_batch_has_so_many_people_with_so_many_images_each(people, images):
    for batch in torch.cat(drawn(people, images, epochs=20)):
        of_each = IDENTITIES[batch]
        assert (of_each == of_each[:, :1]).all()
        assert len(of_each[:, 0].unique()) == people
        assert not set(of_each[:, 0].tolist()) & {*ALONE, -1}
        for person, indices in zip(of_each[:, 0].tolist(), batch):
            times = indices.unique(return_counts=True)[1]
            assert len(times) == min(images, IMAGES[person])  # twice only where there are fewer
            assert times.max() - times.min() <= 1


def test_all_people_come_before_one_comes_again_and_so_do_all_images_of_a_person():
    identities = IDENTITIES.repeat(9)[:300]
    epoch = drawn(3, 4, identities=identities)[0].flatten(0, 1)
    people, n_people = identities[epoch[:, 0]], 9
    for turn in islice(people.split(n_people), len(people) // n_people):
        assert len(turn.unique()) == n_people
    for person in people.unique():
        shown, own = epoch[people == person].flatten(), (identities == person).sum().item()
        assert len(shown) >= 8
        assert all(len(turn.unique()) == len(turn) for turn in shown.split(own))


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


@pytest.mark.parametrize(("people", "images", "count"), [(2, 2, 44), (3, 4, 36), (7, 4, 28), (7, 9, 63)])
def test_an_epoch_is_as_long_as_the_set_in_whole_batches_but_one_at_least(people, images, count):
    assert len(PeopleSampler(IDENTITIES, people, images, 0)) == count


def test_settings_that_make_no_such_batches():
    faces = numbered(IDENTITIES)
    with pytest.raises(ValueError, match=r"8 people by 4 images needs 8 people .* there are 7; lower batch_size"):
        PeopleSampler(IDENTITIES, 8, 4, 0)
    for options in (dict(images_per_person=1), dict(images_per_person=5), dict(images_per_person=4, shuffle=False)):
        with pytest.raises(ValueError, match=r"at least 2 images, a batch that is a multiple of them"):
            batches(faces, (4, 3), 12, **{"shuffle": True, **options})


def test_processes_share_a_batch_in_whole_people_and_the_epoch_reaches_the_sampler():
    loader = batches(numbered(IDENTITIES), (4, 3), 16, shuffle=True, images_per_person=4)
    shares = [list(BatchSamplerShard(loader.batch_sampler, 2, i, split_batches=True)) for i in range(2)]
    whole = [batch.flatten(1) for batch in drawn(4, 4)[0]]
    assert len(shares[0]) == len(shares[1]) == len(whole) == 2
    for first, second, batch in zip(*shares, whole):
        assert first + second == batch.flatten().tolist()
    with processes.own_state():
        prepared = processes.accelerator("no").prepare(loader)
        for epoch, expected in enumerate(drawn(4, 4, epochs=3)):
            prepared.set_epoch(epoch)
            found = torch.stack([indices.cpu() for *_, indices in prepared])
            assert torch.equal(found, expected.flatten(1))


@pytest.mark.fault("unknown people")
def test_unknown_people_are_in_no_batch_of_people_and_make_no_epoch_longer():
    ids = torch.cat((torch.arange(4).repeat(4), torch.full((32,), -1)))
    sampler = PeopleSampler(ids, 4, 2, seed=0)
    assert len(sampler) == len(list(sampler)) == 16 and sorted(sampler) == list(range(16))


@pytest.mark.fault("few photos")
def test_a_set_with_one_image_a_person_gives_no_batches_of_people_and_says_what_is_needed():
    with pytest.raises(ValueError, match=r"needs 4 people with two images .* there are 0; .* need four"):
        batches(numbered(torch.arange(6)), (4, 3), 16, shuffle=True, images_per_person=4)
    few = batches(numbered(torch.arange(4).repeat(2)), (4, 3), 16, shuffle=True, images_per_person=4)
    assert [len(i) for _, i, _ in few] == [16]  # some are shown twice
