"""Backgrounds: every crop continues the same view, each kind has its share and its looks."""

from __future__ import annotations

import torch
from torch import Tensor

from dlsfaces.geometry import LOOSE
from drawpeople import shots
from drawpeople.background import background

KINDS = 6


def _shots(n: int) -> dict[str, Tensor]:
    """Images of all kinds in turn."""
    who = torch.arange(n)
    return shots(who, who) | {"back_kind": (who % KINDS + 0.5) / KINDS}


def _views(shot: dict[str, Tensor], step: int = 6) -> Tensor:
    """The whole of each background, ``(N, 3, H, W)``."""
    n = len(shot["back_kind"])
    y, x = torch.meshgrid(torch.arange(0, LOOSE.height, step), torch.arange(0, LOOSE.width, step), indexing="ij")
    which = torch.arange(n).repeat_interleave(x.numel())
    colour = background(which, x.flatten().repeat(n).float(), y.flatten().repeat(n).float(), shot)
    return colour.view(3, n, *x.shape).transpose(0, 1)


def test_a_place_has_its_colour_in_any_batch():
    shot = _shots(12)
    views = _views(shot)
    for k in range(KINDS):
        alone = {name: value[k : k + 1] for name, value in shot.items()}
        assert torch.equal(_views(alone)[0], views[k])
        x, y = torch.tensor([60.0]), torch.tensor([120.0])
        assert torch.equal(background(torch.tensor([0]), x, y, alone)[:, 0], views[k, :, 20, 10])


def test_kinds_differ_and_images_too():
    shot = _shots(2 * KINDS)
    same = {name: value[:1].expand(KINDS).clone() for name, value in shot.items()} | {
        "back_kind": shot["back_kind"][:KINDS]
    }
    for views in (_views(shot), _views(same)):
        for a in range(len(views)):
            for b in range(a):
                assert (views[a] - views[b]).abs().mean() > 1e-3
    one = {name: value[:1].expand(2).clone() for name, value in shot.items()} | {"grain": torch.tensor([0.1, 0.6])}
    assert not torch.equal(*_views(one))


def test_backgrounds_are_out_of_focus_and_mostly_muted():
    who = torch.arange(300)
    views = _views(shots(who, who))
    assert 0 <= views.min() and views.max() <= 1.2
    assert views.diff(dim=3).abs().mean() < 0.03
    level = views.sqrt()
    saturation = (level.amax(1) - level.amin(1)) / level.amax(1).clamp(min=0.05)
    assert saturation.mean((1, 2)).median() < 0.25
    assert (saturation.mean((1, 2)) > 0.35).float().mean() > 0.02
    shares = torch.bincount((shots(who, who)["back_kind"] * KINDS).long(), minlength=KINDS) / len(who)
    assert shares.min() > 0.1


def test_trees_are_green_and_the_sky_is_blue_above():
    views = _views(_shots(10 * KINDS))
    trees, sky = views[4::KINDS].mean((0, 2, 3)), views[5::KINDS, :, :4].mean((0, 2, 3))
    assert trees[1] > 1.2 * trees[2] and sky[2] > 1.1 * sky[0]
