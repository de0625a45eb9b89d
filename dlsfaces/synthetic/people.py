"""Who is in the picture and how it was taken: every parameter has a name, a range and a typical value.

A *person* keeps their parameters in every picture; a *picture* has pose, expression, light, background and sensor.
Each number is a hash of (seed, person, picture, name): adding a parameter leaves all others as they were, and nothing
is stored.
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

import torch
from torch import Tensor

from dlsfaces import rng
from dlsfaces.synthetic.hair_style import style_of


class Dial(NamedTuple):
    """One parameter: its range, its value on the average face, and how it is drawn.

    ``spread`` is the standard deviation of a normal around ``typical``, clamped to the range; ``None`` draws uniformly.
    A dial whose typical value lies at an end of its range is therefore off for about half of all draws. With a
    ``chance`` it is a switch: drawn 1 with that chance, else 0.
    """

    low: float
    high: float
    typical: float
    spread: float | None = None
    chance: float | None = None


_SHAPE = Dial(-1, 1, 0, 0.6)  # in units of the largest change that still looks human
_SHARE = Dial(0, 1, 0.5, None)


def _switch(chance: float) -> Dial:
    """1 or 0; typically 0."""
    return Dial(0, 1, 0, chance=chance)


#: Shapes run from -1 to 1 with 0 the average; shares from 0 to 1.
PERSON: dict[str, Dial] = {
    "sex": _SHARE,  # 0 a woman, 1 a man; shifts shapes, hair and beard
    "age": _SHARE,  # 0 young, 1 old; shifts wrinkles, grey, hair line
    # head
    "skull_width": _SHAPE,
    "skull_height": _SHAPE,
    "skull_depth": _SHAPE,
    "forehead_slope": _SHAPE,
    "face_width": _SHAPE,
    "face_length": _SHAPE,
    "forehead_bulge": _SHAPE,
    "temples": _SHAPE,
    "cheekbones": _SHAPE,
    "cheek_fullness": _SHAPE,
    "cheek_hollow": _SHAPE,
    "jaw_width": _SHAPE,
    "jaw_angle": _SHAPE,
    "chin_length": _SHAPE,
    "chin_width": _SHAPE,
    "chin_forward": _SHAPE,
    "midface_length": _SHAPE,
    "midface_forward": _SHAPE,
    "double_chin": Dial(0, 1, 0, 0.35),
    "ear_size": _SHAPE,
    "ear_out": _SHAPE,
    "neck_width": _SHAPE,
    "asymmetry": _SHAPE,
    # eyes and brows
    "eye_size": _SHAPE,
    "eye_spacing": _SHAPE,
    "eye_height": _SHAPE,
    "eye_tilt": _SHAPE,
    "eye_openness": _SHAPE,
    "eye_depth": _SHAPE,
    "eye_roundness": _SHARE,
    "eye_droop": _SHAPE,
    "eyelid_fold": _SHARE,
    "lashes": _SHARE,
    "brow_ridge": _SHAPE,
    "brow_height": _SHAPE,
    "brow_thickness": _SHAPE,
    "brow_tilt": _SHAPE,
    "brow_arch": _SHAPE,
    "brow_peak": _SHAPE,  # where the arch is highest: -1 over the pupil, 1 near the temple
    "brow_apart": _SHAPE,
    "brow_length": _SHAPE,
    "brow_density": _SHARE,
    # nose
    "nose_length": _SHAPE,
    "nose_width": _SHAPE,
    "nose_bridge": _SHAPE,
    "nose_bridge_width": _SHAPE,
    "nose_tip": _SHAPE,
    "nose_tip_width": _SHAPE,
    "nose_up": _SHAPE,
    "nose_hump": _SHAPE,
    "nose_wings": _SHAPE,
    "nose_bend": _SHAPE,  # to the viewer's right
    # mouth
    "mouth_width": _SHAPE,
    "mouth_height": _SHAPE,
    "mouth_curve": _SHAPE,
    "lip_upper": _SHAPE,
    "lip_lower": _SHAPE,
    "lip_bow": _SHARE,
    "lips_forward": _SHAPE,
    "philtrum": _SHAPE,  # the length of the upper lip's skin
    # colours
    "skin_tone": Dial(0, 1, 0.6, None),  # 0 darkest, 1 lightest
    "skin_red": _SHAPE,  # -1 pale, 1 rosy
    "skin_yellow": _SHAPE,
    "skin_pattern": _SHARE,  # seeds where blotches and freckles lie
    "ruddy": _SHARE,  # cheeks, nose and ears
    "blotches": _SHARE,
    "eye_rings": Dial(0, 1, 0.2, 0.3),
    "wrinkles": Dial(0, 1, 0.1, 0.15),
    "lip_red": _SHARE,
    "freckles": Dial(0, 1, 0, 0.3),
    "mole_1": _SHARE,  # where it lies; none under a third
    "mole_2": _SHARE,
    "mole_3": _SHARE,
    "make_up": Dial(0, 1, 0, 0.2),  # the habit; pictures differ
    "make_up_hue": _SHARE,
    "eye_colour": Dial(0, 1, 0.3, None),  # brown, hazel, green, blue, grey
    "hair_light": Dial(0, 1, 0.3, None),  # black to blond
    "hair_red": Dial(0, 1, 0, 0.3),
    "hair_grey": Dial(0, 1, 0, 0.1),
    # hair; its styles are in hair_style.py
    "hair_style": Dial(0, 1, 0.2, None),
    "hair_length": _SHARE,  # within what the style allows
    "hair_line": _SHAPE,  # -1 low on the forehead, 1 high
    "hair_volume": _SHARE,
    "hair_fringe": _SHARE,
    "hair_part": _SHAPE,  # -1 parted on the viewer's left, 1 on the right
    "hair_wave": _SHARE,
    "hair_pattern": _SHARE,  # seeds how single locks lie
    "hair_streaks": _SHARE,  # how much lighter locks and ends are than the rest
    "hair_gloss": _SHARE,
    "baldness": Dial(0, 1, 0, 0.2),
    "beard": Dial(0, 1, 0, 0.6),
    "moustache": Dial(0, 1, 0, 0.6),
    "goatee": Dial(0, 1, 0, 0.5),
    "beard_line": _SHAPE,  # on the cheeks: 1 low
    "beard_length": _SHARE,
    # habits: the same frame and earrings every day
    "glasses": _switch(0.27),
    "glasses_shape": _SHARE,  # round, rectangular, aviator, cat-eye, and between
    "glasses_size": _SHAPE,
    "glasses_thick": _SHARE,  # from wire to horn rims
    "glasses_colour": Dial(0, 1, 0.1, None),  # black, browns, wine, navy, grey, gold, silver
    "half_rim": _switch(0.25),  # no rim below
    "earrings": _switch(0.4),  # women's; men hardly wear them
    "earring_size": _SHARE,  # from a ball to a long drop
    "earring_gold": _SHARE,  # silver under 0.4
}

PICTURE: dict[str, Dial] = {
    # pose, degrees, and camera
    "yaw": Dial(-75, 75, 0, 20),  # positive: the nose points to the viewer's right
    "pitch": Dial(-30, 30, 0, 8),  # positive: looks up
    "roll": Dial(-40, 40, 0, 4),  # positive: the head tips to the viewer's right
    "distance": Dial(40, 200, 90, 25),  # cm from camera to head
    # expression
    "mouth_open": Dial(0, 1, 0, 0.3),
    "smile": Dial(-0.5, 1, 0, 0.45),
    "brow_raise": Dial(-1, 1, 0, 0.4),
    "eye_shut": Dial(0, 1, 0, 0.2),
    "gaze_x": Dial(-1, 1, 0, 0.3),  # positive: to the viewer's right
    "gaze_y": Dial(-1, 1, 0, 0.2),  # positive: up
    # light
    "light_azimuth": Dial(-90, 90, 20, 40),  # degrees; positive: from the viewer's right
    "light_elevation": Dial(-20, 70, 30, 20),  # degrees above the horizon
    "light_hardness": Dial(0, 1, 0.35, 0.3),  # 0 a window or an overcast sky, 1 the sun
    "light_warmth": Dial(-1, 1, 0, 0.4),  # -1 blue, 1 orange
    "light_fill": Dial(0, 0.8, 0.12, 0.15),  # from the side that the lamp leaves dark; the lamp is 1
    "light_rim": Dial(0, 1, 0, 0.3),  # from behind, on that side
    "ambient": Dial(0.1, 1.5, 0.45, 0.25),  # from all around
    "ambient_warmth": Dial(-1, 1, 0, 0.4),
    # what is around the head
    "make_up_change": Dial(-1, 1, 0, 0.4),
    "hair_change": Dial(-1, 1, 0, 0.4),  # of length, volume and colour
    "glasses_off": _switch(0.12),  # a day without one's glasses
    "lens_glare": Dial(0, 1, 0.35, 0.3),  # what clear lenses mirror
    "sunglasses": _switch(0.02),
    "hat": _switch(0.05),
    "hat_kind": Dial(0, 1, 0.1, None),  # in fifths: cap, cap turned backwards, knitted, brimmed, headscarf
    "hat_hue": _SHARE,
    "hat_colour": _SHARE,  # 0 grey
    "hat_light": Dial(0, 1, 0.4, None),
    "hat_trim": _SHARE,  # how much visor, stripe, band or dots differ from the rest
    "mask": _switch(0.015),
    "mask_kind": Dial(0, 1, 0.2, None),  # pleated and pale blue up to a half, then of cloth
    "mask_hue": _SHARE,
    "mask_light": _SHARE,
    "hand": _switch(0.015),
    "hand_place": Dial(0, 1, 0.1, None),  # in quarters: chin, mouth, cheek, eye
    "hand_side": _SHARE,  # the viewer's left under a half
    "neckline": Dial(0, 1, 0, 0.6),  # 0 round, 1 a deep V
    "clothes_hue": _SHARE,
    "clothes_light": Dial(0, 1, 0.4, None),
    "back_kind": Dial(0, 1, 0.1, None),  # in sixths: paper, wall, room, street, trees, sky
    "back_hue": _SHARE,  # round the colour wheel from red over green and blue
    "back_colour": Dial(0, 1, 0.4, None),  # 0 grey
    "back_light": Dial(0, 1, 0.55, None),
    "back_contrast": Dial(0, 1, 0.4, None),
    # framing: the share of an eye distance by which the face is off its place, and its size
    "shift_x": Dial(-0.5, 0.5, 0, 0.06),
    "shift_y": Dial(-0.5, 0.5, 0, 0.06),
    "scale": Dial(0.6, 1.6, 1, 0.05),
    # sensor
    "exposure": Dial(-1.5, 1.5, 0, 0.25),  # stops
    "white_balance": Dial(-1, 1, 0, 0.2),
    "contrast": Dial(0.6, 1.5, 1.1, 0.12),
    "vignette": Dial(0, 1, 0.15, 0.15),  # how much darker the corners are
    "blur": Dial(0, 2.5, 0.3, 0.25),  # standard deviation, in pixels of the loose framing
    "shake": Dial(-2.5, 2.5, 0, 0.25),  # the same along one side: across the picture; below 0 down it
    "noise": Dial(0, 0.1, 0.004, 0.007),  # standard deviation, in grey levels from 0 to 1
    "low_resolution": Dial(0, 2, 0, 0.3),  # how often the picture was halved before it was shown in this size
    "jpeg": Dial(20, 100, 96, 9),  # the file's quality; 100: never saved
    "grain": _SHARE,  # seeds noise and background
}

#: What a man adds to a woman's shape and takes from it, in halves; and what age does.
_SEX_SHIFT = {
    "face_width": 0.3,
    "jaw_width": 0.8,
    "jaw_angle": 0.7,
    "chin_length": 0.5,
    "chin_width": 0.8,
    "cheek_hollow": 0.3,
    "forehead_bulge": -0.5,
    "forehead_slope": 0.5,
    "brow_ridge": 0.9,
    "brow_thickness": 0.9,
    "brow_height": -0.8,
    "brow_arch": -0.8,
    "brow_apart": -0.3,
    "eye_size": -0.6,
    "eye_openness": -0.4,
    "eye_roundness": -0.2,
    "lashes": -0.5,
    "lip_upper": -0.5,
    "lip_lower": -0.5,
    "nose_width": 0.5,
    "nose_length": 0.5,
    "nose_bridge": 0.4,
    "nose_up": -0.4,
    "cheek_fullness": -0.3,
    "neck_width": 1.2,
    "lip_red": -0.4,
    "face_length": 0.3,
}
_AGE_SHIFT = {
    "lip_upper": -0.6,
    "lip_lower": -0.4,
    "eye_openness": -0.5,
    "eye_droop": 0.7,
    "nose_length": 0.3,
    "nose_tip_width": 0.3,
    "ear_size": 0.5,
    "cheek_hollow": 0.4,
    "double_chin": 0.3,
    "eye_rings": 0.4,
    "blotches": 0.3,
    "brow_density": -0.3,
    "lip_red": -0.3,
}


def _draw(dials: dict[str, Dial], *parts: int | Tensor) -> dict[str, Tensor]:
    """One number a dial and key."""
    device = next(part.device for part in parts if isinstance(part, Tensor))
    names = torch.tensor([zlib.crc32(name.encode()) for name in dials], device=device)
    keys = rng.key(*parts, names[:, None])  # all dials at once: (dials, N)
    even, bell = rng.uniform(keys, 1)[..., 0], rng.normal(keys, 1)[..., 0]
    values = {}
    for (name, dial), u, z in zip(dials.items(), even, bell):
        if dial.chance is not None:
            value = (u < dial.chance).float()
        elif dial.spread is None:
            value = dial.low + (dial.high - dial.low) * u
        else:
            value = dial.typical + dial.spread * z
        values[name] = value.clamp(dial.low, dial.high)
    return values


def _integers(name: str, values: Tensor) -> Tensor:
    values = torch.as_tensor(values)
    if values.dim() != 1 or values.dtype.is_floating_point or values.dtype == torch.bool:
        raise ValueError(f"{name} must be a 1-dimensional tensor of integers, not {values.dtype} {tuple(values.shape)}")
    return values.to(torch.int64)


def people(identities: Tensor, seed: int = 0) -> dict[str, Tensor]:
    """The parameters of some people.

    Args:
        identities: int64 ``(N,)``; any integers: there are as many people as numbers.
        seed: another seed is another population.
    Returns:
        name to float32 ``(N,)``; ranges in ``PERSON_RANGES``.
    """
    person = _draw(PERSON, seed, _integers("identities", identities), 1)
    man, old = person["sex"] > 0.5, (person["age"] - 0.45).clamp(min=0) / 0.55
    person["sex"] = torch.where(man, 0.75 + person["sex"] / 4, person["sex"] / 2)
    for name, shift in _SEX_SHIFT.items():
        person[name] = person[name] + shift * (person["sex"] - 0.5)
    for name, shift in _AGE_SHIFT.items():
        person[name] = person[name] + shift * (person["age"] - 0.5)
    dark = person["skin_tone"] < 0.55  # light hair and eyes are rare on dark skin
    person["hair_light"] = torch.where(dark, 0.3 * person["hair_light"], person["hair_light"])
    person["hair_red"] = torch.where(dark, 0.2 * person["hair_red"], person["hair_red"])
    person["eye_colour"] = torch.where(dark, 0.25 * person["eye_colour"], person["eye_colour"])
    person["freckles"] = torch.where(dark, 0.2 * person["freckles"], person["freckles"])
    person["wrinkles"] = person["wrinkles"] + 1.1 * (person["age"] - 0.35).clamp(min=0)
    person["make_up"] = torch.where(man, 0.05 * person["make_up"], (3.2 * person["make_up"]).clamp(max=1))
    person["hair_grey"] = person["hair_grey"] + ((person["age"] - 0.6) / 0.4).clamp(min=0) * 0.9
    person["baldness"] = torch.where(man, 1.5 * person["baldness"] + 0.25 * old, torch.zeros_like(old))
    person["hair_style"] = style_of(person["hair_style"], man)
    person["earrings"] = torch.where(man & (person["earring_gold"] < 0.95), torch.zeros_like(old), person["earrings"])
    for name in ("beard", "moustache", "goatee"):
        person[name] = torch.where(man, person[name], torch.zeros_like(old))
    return {name: person[name].clamp(dial.low, dial.high) for name, dial in PERSON.items()}


def pictures(identities: Tensor, numbers: Tensor, seed: int = 0) -> dict[str, Tensor]:
    """The parameters of picture ``numbers[k]`` of person ``identities[k]``: name to float32 ``(N,)``.

    Raises:
        ValueError: the two are not integers of one length.
    """
    identities, numbers = _integers("identities", identities), _integers("numbers", numbers)
    if identities.shape != numbers.shape:
        raise ValueError(f"{len(identities)} identities but {len(numbers)} picture numbers; give one number a picture")
    return _draw(PICTURE, seed, identities, 2, numbers)


def average_people(n: int = 1) -> dict[str, Tensor]:
    """``n`` times the average face, to turn single dials of."""
    return {name: torch.full((n,), float(dial.typical)) for name, dial in PERSON.items()}


def neutral_pictures(n: int = 1) -> dict[str, Tensor]:
    """``n`` times a frontal, neutral, well lit picture, centred in its frame."""
    return {name: torch.full((n,), float(dial.typical)) for name, dial in PICTURE.items()}


def check(name: str, values: dict[str, Tensor], dials: dict[str, Dial]) -> int:
    """The number of samples of a parameter dictionary.

    Raises:
        ValueError: an unknown or missing name, shapes that differ, or a number that is not finite.
    """
    if unknown := sorted(values.keys() - dials.keys()):
        raise ValueError(f"{name} has unknown parameters {unknown}; known are {sorted(dials)}")
    if missing := sorted(dials.keys() - values.keys()):
        raise ValueError(f"{name} lacks the parameters {missing}")
    shapes = {tuple(v.shape) for v in values.values()}
    if len(shapes) != 1 or len(shape := shapes.pop()) != 1:
        odd = {k: tuple(v.shape) for k, v in values.items() if v.dim() != 1} or sorted(shapes)
        raise ValueError(f"every parameter of {name} must have the same shape (N,); found {odd}")
    if broken := [k for k, v in values.items() if not bool(torch.isfinite(v).all())]:
        raise ValueError(f"{name} holds numbers that are not finite, in {broken}")
    return shape[0]
