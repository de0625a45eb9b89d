"""What covers part of a face: a medical or cloth mask, a hand; and earrings, which cover nothing."""

import torch
from torch import Tensor

from drawpeople import eyewear
from drawpeople.background import dye
from drawpeople.head import HAND, JEWEL, MASK, slice_at
from drawpeople.pieces import Piece, Wearers, along, point, tube
from drawpeople.samples import Samples, bump, cover, line, smooth_step
from drawpeople.skin import skin_colour

_ROWS, _COLUMNS = 9, 13
MASK_PIECES = (Piece(MASK, _ROWS, _COLUMNS, two_sided=True, closed=False), *[Piece(MASK, 4, 4)] * 4)

#: Rows of a mask from the bridge of the nose to under the chin: height in the middle and at its sides.
_MIDDLE = (-1.7, -2.8, -3.92, -4.9, -6.1, -7.0, -8.9, -10.6, -11.7)
_SIDES = (-2.9, -3.4, -4.0, -4.7, -5.6, -6.5, -7.4, -8.2, -8.9)
_TIP, _CHIN = 2, 7  # the rows between which the cloth hangs free


def _mask(w: Wearers) -> Tensor:
    """Cloth over nose, mouth and chin: ``(N, _ROWS, _COLUMNS, 3)``; it bridges hollows and rounds edges."""
    device = w.body.device
    across = torch.linspace(-1, 1, _COLUMNS, device=device)
    middle, sides = (torch.tensor(rows, device=device)[:, None] for rows in (_MIDDLE, _SIDES))
    y = middle + (sides - middle) * across**2
    x = across * 0.86 * slice_at(y)[0]
    skin = w.on_face(x[None], y[None])
    z = skin[..., 2]
    share = ((torch.arange(_ROWS, device=device) - _TIP) / (_CHIN - _TIP))[:, None]
    chord = z[:, _TIP : _TIP + 1] + (z[:, _CHIN : _CHIN + 1] - z[:, _TIP : _TIP + 1]) * share
    hanging = torch.maximum(z, torch.where((share > 0) & (share < 1), chord, z))
    beside = torch.maximum(hanging[:, :, 2:], hanging[:, :, :-2])
    hanging[:, :, 1:-1] = torch.maximum(hanging[:, :, 1:-1], beside - 0.5)
    above_and_below = torch.maximum(hanging[:, 2:], hanging[:, :-2])
    hanging[:, 1:-1] = torch.maximum(hanging[:, 1:-1], above_and_below - 0.3)
    under = (share > 1.1).float()  # the last row turns in under the chin
    lift = 0.1 + 0.35 * (1 - across.abs() ** 3) - 0.25 * under
    return point(skin[..., 0] * 1.03, skin[..., 1] - 0.35 * under, hanging + lift)


def build_mask(w: Wearers) -> tuple[tuple[Tensor, Tensor], ...]:
    """Points of ``MASK_PIECES`` and for paint: across -1 to 1, down 0 to 1; on the loops down is 2."""
    cloth = _mask(w)
    across = torch.linspace(-1, 1, _COLUMNS, device=cloth.device)
    down = torch.linspace(0, 1, _ROWS, device=cloth.device)[:, None]
    pieces = [(cloth, point(across, down, torch.zeros_like(cloth[..., 0])))]
    for side, column in ((-1, 0), (1, -1)):
        for row, y in ((0, 0.6), (_ROWS - 1, -3.4)):
            pieces.append(_loop(w, cloth[:, row, column], side, y))
    return tuple(pieces)


def _loop(w: Wearers, corner: Tensor, side: int, end: float) -> tuple[Tensor, Tensor]:
    """A cord from a corner of the mask over the cheek to a height behind the ear."""
    device = corner.device
    y = torch.tensor([[-1.0 if end > 0 else -6.0]], device=device)
    cheek = w.on_face(side * 0.96 * slice_at(y)[0], y) + torch.tensor([0.25 * side, 0.0, 0.2], device=device)
    ear = point(*torch.tensor([[7.5 * side, 7.4 * side], [end, end], [-1.8, -2.6]], device=device))
    ear = w.on_skull(ear.expand(len(corner), -1, -1))
    path = torch.cat((corner[:, None], cheek, ear), dim=1)
    high = torch.zeros_like(path)
    high[..., 1] = 0.16
    cord = tube(path, along(path), high, torch.full_like(path[..., 0], 0.16), 4)
    return cord, torch.full_like(cord, 2.0)


def paint_mask(s: Samples) -> tuple[Tensor, Tensor]:
    """Pleated and pale blue, or plain cloth of any colour: colour ``(3, M)`` and gloss ``(M,)``."""
    d = s.dials
    medical = (d["mask_kind"] < 0.5).float()
    light = torch.where(medical > 0, 0.72 + 0.4 * d["mask_kind"], 0.08 + 0.8 * d["mask_light"])
    tone = dye(torch.where(medical > 0, 0.55, d["mask_hue"]), 0.07 + 0.3 * (1 - medical) * d["mask_light"], light)
    across, down = s.x, s.y
    pleated = medical.index_select(0, s.image)
    pleats = 0.22 * line(torch.sin(3.5 * torch.pi * down), 0.2) * smooth_step(0.37 - (down - 0.5).abs(), 0.1) * pleated
    seam = 0.16 * line(across, 0.025) * (1 - pleated)
    hem = 0.15 * (line(down - 0.05, 0.02) + line(down - 0.95, 0.02) + line(across.abs() - 0.93, 0.02))
    colour = s.spread(tone) * (1 - pleats - seam - hem)
    cover(colour, torch.full_like(colour, 0.75), (down > 1.5).float())
    return colour, torch.full_like(down, 0.05)


_FINGER_ROWS, _FINGER_COLUMNS = 8, 7
_PALM_ROWS, _PALM_COLUMNS = 9, 11
HAND_PIECES = (*[Piece(HAND, _FINGER_ROWS, _FINGER_COLUMNS)] * 5, Piece(HAND, _PALM_ROWS, _PALM_COLUMNS))

#: Fingers of a left hand seen from its back, thumb to the right, the middle of the palm at the origin: where each
#: begins, its direction in degrees from straight up (positive to the right), length and radius; centimetres.
_FINGERS = (
    (2.6, -2.6, 40.0, 6.6, 1.0),
    (2.75, 3.6, 7.0, 7.2, 0.9),
    (0.92, 4.1, 1.5, 8.0, 0.92),
    (-0.92, 3.9, -3.0, 7.4, 0.88),
    (-2.65, 3.1, -9.0, 5.8, 0.78),
)
#: The palm and the arm from the knuckles down: height, half width, half thickness.
_PALM = (
    (4.9, 0.6, 0.2),
    (4.5, 2.9, 0.8),
    (3.0, 3.85, 1.15),
    (0.5, 3.95, 1.35),
    (-2.2, 3.6, 1.5),
    (-4.6, 2.7, 1.5),
    (-6.5, 2.5, 1.5),
    (-12.0, 3.1, 2.2),
    (-26.0, 4.2, 3.2),
)
#: Where a hand may lie: the palm's middle on the face, degrees from up that its fingers lean to the middle, and
#: how much they curl: under the chin, over the mouth, on the cheek, over an eye.
_PLACES = ((2.2, -13.8, 16.0, 0.9), (3.4, -7.9, 58.0, 0.15), (6.2, -7.0, 10.0, 0.15), (4.3, -3.6, 18.0, 0.05))


def build_hand(w: Wearers) -> tuple[tuple[Tensor, Tensor], ...]:
    """Points of ``HAND_PIECES``; for paint: angle around, share along (0 at the root), the finger (5 is the palm)."""
    fingers = [_finger(w, k) for k in range(5)]
    return tuple(_laid_on_face(w, *piece) for piece in (*fingers, _palm(w)))


def _place_of(w: Wearers) -> tuple[Tensor, ...]:
    """The hand's place, lean and curl ``(N, 1, 1)`` each, on the viewer's right."""
    table = torch.tensor(_PLACES, device=w.body.device)
    k = (w.dials["hand_place"] * len(_PLACES)).long().clamp(0, len(_PLACES) - 1)
    k = torch.where(eyewear.wears(w.dials), k % 2, k)  # nobody lays a hand on their glasses
    return table[k].T[:, :, None, None]


def _finger(w: Wearers, k: int) -> tuple[Tensor, Tensor]:
    """A capsule that lies flat and curls towards its tip: hand coordinates (x, y, height over the face)."""
    x0, y0, lean, length, radius = _FINGERS[k]
    device = w.body.device
    share = torch.tensor([0.0, 0.25, 0.5, 0.75, 0.9, 0.96, 0.995, 1.0], device=device)
    bulge = torch.tensor([1.08, 0.98, 1.02, 0.9, 0.8, 0.62, 0.3, 0.0], device=device) * radius
    curl = _place_of(w)[3][:, :, 0] * (0.5 if k == 0 else 1.0)
    bend = curl * 1.9 * share  # radians at each place; curled fingers turn into the face
    reach = length * torch.where(curl > 1e-3, torch.sin(bend) / (curl * 1.9).clamp(min=1e-3), share.expand_as(bend))
    sink = -length * (1 - torch.cos(bend)) / (curl * 1.9).clamp(min=1e-3) * (curl > 1e-3)
    turn_ = torch.tensor(lean * torch.pi / 180, device=device)
    path = point(x0 + reach * torch.sin(turn_), y0 + reach * torch.cos(turn_), 0.35 + sink)
    up = torch.zeros_like(path)
    up[..., 2] = bulge
    points = tube(path, along(path), up, bulge.expand(len(path), -1), _FINGER_COLUMNS)
    angle = torch.linspace(0, 2 * torch.pi, _FINGER_COLUMNS, device=device)
    return points, point(angle, share[:, None], torch.full_like(points[..., 0], float(k)))


def _palm(w: Wearers) -> tuple[Tensor, Tensor]:
    device, n = w.body.device, len(w.body)
    y, wide, thick = torch.tensor(_PALM, device=device).T[:, :, None]
    angle = torch.linspace(-torch.pi, torch.pi, _PALM_COLUMNS, device=device)
    points = point(wide * torch.sin(angle), y, thick * torch.cos(angle)).expand(n, -1, -1, -1)
    share = torch.linspace(0, 1, _PALM_ROWS, device=device)[:, None]
    return points, point(angle, share, torch.full_like(points[..., 0], 5.0))


def _laid_on_face(w: Wearers, points: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
    """Hand coordinates to the head's: turned, put in place, bent around the face, and mirrored for a left hand."""
    at_x, at_y, lean, _ = _place_of(w)
    turn_ = -lean * torch.pi / 180
    cos, sin = torch.cos(turn_), torch.sin(turn_)
    x, y, height = points.unbind(-1)
    x, y = at_x + x * cos + y * sin, at_y + y * cos - x * sin
    z = _hollow(x, y) + height + _reach(w)
    left = w.dial("hand_side", 2) < 0.5
    mirrored = point(torch.where(left, -x, x), y, z)
    flipped = torch.where(left[..., None], mirrored.flip(2), mirrored)
    return flipped, torch.where(left[..., None], place.flip(2), place)


def _hollow(x: Tensor, y: Tensor) -> Tensor:
    """The sheet on which a hand lies: how far it falls back from the middle of the face."""
    beside, below = (x.abs() - 1.0).clamp(min=0), (-11.0 - y).clamp(min=0)
    return -0.1 * beside * beside.clamp(max=6) - 0.04 * (y + 4) ** 2 * (y > -4) - 0.06 * below


def _reach(w: Wearers) -> Tensor:
    """How far in front the sheet must lie so that the palm touches the face, ``(N, 1, 1)``."""
    at_x, at_y, _, _ = _place_of(w)
    offsets = torch.tensor([(-1.5, -1.0), (-1.5, 1.5), (0.5, 1.5), (-2.5, 0.5)], device=w.body.device)
    side = torch.where(w.dial("hand_side") < 0.5, -1.0, 1.0)
    x = (at_x[:, 0] + offsets[:, 0]).clamp(-5.5, 5.5)
    y = (at_y[:, 0] + offsets[:, 1]).clamp(-10.8, 8)
    touched = w.on_face(side * x, y)[..., 2] - _hollow(x, y)
    return touched.amax(1)[:, None, None] + 0.7


def paint_hand(s: Samples) -> tuple[Tensor, Tensor]:
    """The person's skin, redder at the knuckles, with nails: colour ``(3, M)`` and gloss ``(M,)``."""
    colour = s.spread(skin_colour(s.dials))
    angle, share, finger = s.x, s.y, s.z
    on_finger = (finger < 4.5).float()
    back = torch.cos(angle)
    knuckles = on_finger * (bump(share, back, 0.42, 1, 0.06, 0.5) + bump(share, back, 0.72, 1, 0.05, 0.5))
    creases = on_finger * line(torch.sin(60 * share), 0.3) * knuckles
    between = on_finger * (1 - smooth_step(back + 0.5, 1.0)) * 0.25
    for k, (red, dark) in enumerate(((0.02, 0.8), (-0.14, 1.0), (-0.13, 1.0))):
        colour[k] *= (1 + red * knuckles) * (1 - dark * (0.12 * creases + between))
    sleeve = s.spread(dye(s.dials["clothes_hue"], torch.full_like(s.dials["age"], 0.3), s.dials["clothes_light"]))
    cover(colour, sleeve, (1 - on_finger) * smooth_step(share - 0.86, 0.02))
    nail = on_finger * smooth_step(0.0725 - (share - 0.9125).abs(), 0.03) * smooth_step(back - 0.45, 0.2)
    pink = colour * 0.75 + torch.tensor([0.17, 0.10, 0.09], device=colour.device)[:, None]
    cover(colour, pink, 0.8 * nail)
    return colour, 0.3 + 0.4 * nail


EARRING_PIECES = (Piece(JEWEL, 5, 7), Piece(JEWEL, 5, 7))


def build_earrings(w: Wearers) -> tuple[tuple[Tensor, Tensor], ...]:
    """A ball or a drop at each ear lobe."""
    pieces = []
    for side in (-1, 1):
        grid = w.shared.grids[1 if side < 0 else 2]
        rest = w.shared.rest[grid.start : grid.start + grid.rows * grid.columns]
        lobe = w.ear(side)[:, int(rest[:, 1].argmin())][:, None, None]
        size = w.dial("earring_size", 2)
        lat = torch.linspace(torch.pi / 2, -torch.pi / 2, 5, device=lobe.device)[:, None]
        lon = torch.linspace(-torch.pi, torch.pi, 7, device=lobe.device)
        radius = 0.28 + 0.22 * size
        wide = radius * torch.cos(lat)
        x, z = wide * torch.sin(lon), wide * torch.cos(lon)
        y = radius * (1 + 2.2 * size) * (torch.sin(lat) - 0.7)
        points = lobe + point(x + 0.15 * side, y, z + 0.25)
        pieces.append((points, points))
    return tuple(pieces)


def paint_earrings(s: Samples) -> tuple[Tensor, Tensor]:
    """Gold or silver: colour ``(3, M)`` and gloss ``(M,)``."""
    gold = torch.tensor([0.62, 0.40, 0.12], device=s.x.device)[:, None]
    silver = torch.tensor([0.55, 0.55, 0.56], device=s.x.device)[:, None]
    colour = silver + (gold - silver) * (s.dial("earring_gold") > 0.4).float()
    return colour * (0.7 + 0.5 * s.normal[1]).clamp(0.2, 1.2), torch.ones_like(s.x)
