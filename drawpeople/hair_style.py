"""What a hairdresser would say: named styles as numbers, and a person's own as a mixture of a style and their dials.

Directions are weights of a comb: a lock goes where their sum points, along the scalp while it is held there.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from drawpeople.directions import smooth


class Style(NamedTuple):
    """One style. Lengths in centimetres; the rest are weights from 0 to 1 unless said otherwise."""

    name: str
    women: float  # shares of women and of men who wear it
    men: float
    top: float  # length of the locks that grow on top
    side: float  # and of those below, at the sides and the back
    crown: float  # combed away from the crown, all around
    across: float  # combed away from the part
    back: float  # combed back from the forehead
    stand: float  # stands off the scalp
    fall: float  # how much weight pulls it down
    body: float  # thickness in centimetres of the whole
    curl: float  # radius of the curls, centimetres
    turns: float  # curls a centimetre
    rough: float  # how far locks stray
    fringe: float  # how likely a fringe is: added to the dial
    tail: float = 0.0  # gathered: 0 no, 1 a pony tail, 2 a bun


STYLES = (
    #      name        women  men   top  side crwn acrs back stnd fall body  curl turn rough fringe tail
    Style("buzz cut", 0.02, 0.13, 0.7, 0.5, 1.0, 0.0, 0.0, 0.5, 0.0, 0.10, 0.00, 0.00, 0.3, -1.0),
    Style("crop", 0.05, 0.18, 3.0, 1.3, 0.9, 0.2, 0.0, 0.35, 0.1, 0.45, 0.10, 0.20, 0.5, 0.15),
    Style("side part", 0.04, 0.17, 6.5, 1.9, 0.1, 1.0, 0.35, 0.25, 0.2, 0.70, 0.05, 0.10, 0.2, -0.15),
    Style("swept back", 0.03, 0.15, 7.0, 1.8, 0.0, 0.15, 1.0, 0.45, 0.1, 0.80, 0.10, 0.10, 0.2, -1.0),
    Style("short curls", 0.04, 0.13, 4.0, 2.8, 0.7, 0.2, 0.3, 0.3, 0.0, 1.60, 0.45, 0.22, 0.6, -0.3),
    Style("afro", 0.07, 0.06, 2.6, 2.6, 0.6, 0.0, 0.1, 0.3, 0.0, 3.60, 0.40, 0.25, 0.7, -1.0),
    Style("shag", 0.06, 0.07, 10.0, 8.0, 0.7, 0.5, 0.1, 0.25, 0.7, 1.10, 0.30, 0.08, 0.5, 0.2),
    Style("bob", 0.15, 0.02, 19.0, 11.5, 0.3, 1.0, 0.1, 0.12, 1.0, 1.20, 0.10, 0.05, 0.2, 0.1),
    Style("long straight", 0.16, 0.02, 29.0, 25.0, 0.2, 1.0, 0.2, 0.10, 1.2, 1.10, 0.10, 0.03, 0.2, 0.0),
    Style("long waves", 0.14, 0.02, 27.0, 23.0, 0.2, 1.0, 0.2, 0.15, 1.0, 1.30, 0.90, 0.05, 0.4, -0.1),
    Style("long curls", 0.09, 0.01, 21.0, 18.0, 0.3, 0.9, 0.2, 0.30, 0.8, 1.90, 0.95, 0.08, 0.6, -0.2),
    Style("pony tail", 0.10, 0.02, 14.0, 12.0, 0.0, 0.1, 0.3, 0.10, 0.0, 0.40, 0.05, 0.05, 0.1, -0.1, 1.0),
    Style("bun", 0.05, 0.02, 14.0, 12.0, 0.0, 0.1, 0.3, 0.10, 0.0, 0.40, 0.05, 0.05, 0.1, -0.2, 2.0),
)


_STRAIGHT = ("side part", "swept back", "bob", "long straight", "shag")


def style_of(share: Tensor, man: Tensor, curly: Tensor) -> Tensor:
    """The dial ``hair_style`` of shares drawn evenly ``(N,)``: each style is worn as often as ``STYLES`` says.

    Those whose hair grows curly wear no straight style, and only they an afro.
    """
    shares = torch.tensor([[0.0] + [s.women for s in STYLES], [0.0] + [s.men for s in STYLES]], device=share.device)
    not_worn = torch.tensor([[False] + [s.name in names for s in STYLES] for names in (("afro",), _STRAIGHT)])
    weights = shares.index_select(0, man.long()) * ~not_worn.to(share.device).index_select(0, curly.long())
    ends = _running_sum(weights)
    ends = ends / ends[:, -1:]
    k = (share[:, None] >= ends[:, 1:]).sum(1).clamp(max=len(STYLES) - 1)
    low, high = ends.gather(1, k[:, None])[:, 0], ends.gather(1, k[:, None] + 1)[:, 0]
    return ((k + (share - low) / (high - low)) / len(STYLES)).clamp(0, 1)


def _running_sum(weights: Tensor) -> Tensor:
    """Along each row, summed in a fixed order."""
    columns = [weights[:, 0]]
    for column in weights.unbind(1)[1:]:
        columns.append(columns[-1] + column)
    return torch.stack(columns, 1)


def today(person: dict[str, Tensor], change: Tensor) -> dict[str, Tensor]:
    """A person on the day of an image: hair a little longer, fuller and less tidy, or the reverse.

    Args:
        change: the image's ``hair_change``, ``(N,)``: at its low end the part changes sides; at its high end long
            hair is tied back, and tied hair worn open.
    """
    p = dict(person)
    for name, by in {"hair_length": 0.12, "hair_volume": 0.25, "hair_fringe": 0.06, "hair_light": 0.03}.items():
        p[name] = (p[name] + by * change).clamp(0, 1)
    p["hair_wave"] = (p["hair_wave"] + 0.15 * change.abs()).clamp(0, 1)
    p["hair_part"] = torch.where(change < -0.7, -p["hair_part"], p["hair_part"])
    index = _index(p)
    names = [s.name for s in STYLES]
    opened, tied = names.index("long straight"), names.index("pony tail")
    other = torch.where(index >= tied, opened, tied)
    swaps = (change > 0.7) & (index >= opened)
    p["hair_style"] = torch.where(swaps, (other + 0.5) / len(STYLES), p["hair_style"])
    return p


def _index(person: dict[str, Tensor]) -> Tensor:
    return (person["hair_style"] * len(STYLES)).floor().clamp(0, len(STYLES) - 1).long()


def wanted(person: dict[str, Tensor]) -> dict[str, Tensor]:
    """The numbers of a person's hair: the fields of :class:`Style`, turned by the person's dials, ``(N, 1)`` each."""
    index = _index(person)
    table = torch.tensor([s[3:] for s in STYLES], device=index.device)
    w = {name: column[:, None] for name, column in zip(Style._fields[3:], table[index].unbind(1))}
    p = {k: v[:, None] for k, v in person.items() if k.startswith("hair_") or k == "baldness"}
    longer = 0.7 + 0.6 * p["hair_length"]
    w["top"], w["side"] = w["top"] * longer, w["side"] * longer
    w["body"] = w["body"] * (0.55 + 0.9 * p["hair_volume"])
    w["curl"] = w["curl"] * (0.5 + p["hair_wave"]) + 0.25 * (p["hair_wave"] - 0.3).clamp(min=0) * (w["top"] > 2)
    w["turns"] = w["turns"].clamp(min=0.06) * (0.85 + 0.3 * p["hair_wave"])
    w["rough"] = w["rough"] * (0.7 + 0.6 * p["hair_wave"])
    w["fringe"] = smooth(0.5, 0.54, p["hair_fringe"] + w["fringe"]) * (w["top"] > 2)
    w["knot"] = person["hair_style"][:, None] * len(STYLES) - index[:, None]  # how high hair is tied, 0 to 1
    w["part"] = 3.6 * p["hair_part"]  # centimetres from the middle
    w["thin"] = smooth(0.5, 0.56, p["baldness"])  # up to there the hair line recedes, then the crown is bare
    for name, most in {"top": 2.2, "side": 2.2, "curl": 0.3, "body": 0.6}.items():  # what a bald man keeps is short
        w[name] = w[name] + w["thin"] * (w[name].clamp(max=most) - w[name])
    return w
