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


class Dial(NamedTuple):
    """One parameter: its range, its value on the average face, and how it is drawn.

    ``spread`` is the standard deviation of a normal around ``typical``, clamped to the range; ``None`` draws uniformly.
    A dial whose typical value lies at an end of its range is therefore off for about half of all draws.
    """

    low: float
    high: float
    typical: float
    spread: float | None


_SHAPE = Dial(-1, 1, 0, 0.5)  # in units of the largest change that still looks human
_SHARE = Dial(0, 1, 0.5, None)

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
    "cheekbones": _SHAPE,
    "cheek_fullness": _SHAPE,
    "jaw_width": _SHAPE,
    "jaw_angle": _SHAPE,
    "chin_length": _SHAPE,
    "chin_width": _SHAPE,
    "chin_forward": _SHAPE,
    "midface_length": _SHAPE,
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
    "eyelid_fold": _SHARE,
    "brow_ridge": _SHAPE,
    "brow_height": _SHAPE,
    "brow_thickness": _SHAPE,
    "brow_tilt": _SHAPE,
    "brow_arch": _SHAPE,
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
    # mouth
    "mouth_width": _SHAPE,
    "mouth_height": _SHAPE,
    "mouth_curve": _SHAPE,
    "lip_upper": _SHAPE,
    "lip_lower": _SHAPE,
    "lip_bow": _SHARE,
    # colours
    "skin_tone": Dial(0, 1, 0.6, None),  # 0 darkest, 1 lightest
    "skin_red": _SHAPE,  # -1 olive, 1 rosy
    "lip_red": _SHARE,
    "freckles": Dial(0, 1, 0, 0.3),
    "eye_colour": Dial(0, 1, 0.3, None),  # brown, hazel, green, blue, grey
    "hair_light": Dial(0, 1, 0.3, None),  # black to blond
    "hair_red": Dial(0, 1, 0, 0.3),
    "hair_grey": Dial(0, 1, 0, 0.1),
    # hair
    "hair_length": Dial(0, 1, 0.15, None),  # 0 above the ears, 1 over the shoulders
    "hair_line": _SHAPE,  # -1 low on the forehead, 1 high
    "hair_volume": Dial(0, 1, 0.5, None),
    "hair_fringe": Dial(0, 1, 0, 0.45),
    "hair_part": _SHAPE,  # -1 parted on the viewer's left, 1 on the right
    "hair_wave": _SHARE,
    "baldness": Dial(0, 1, 0, 0.2),
    "beard": Dial(0, 1, 0, 0.6),
    "moustache": Dial(0, 1, 0, 0.6),
    "beard_length": _SHARE,
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
    "light_azimuth": Dial(-90, 90, 20, None),  # degrees; positive: from the viewer's right
    "light_elevation": Dial(-20, 70, 35, None),  # degrees above the horizon
    "light_strength": Dial(0.3, 1.6, 0.9, 0.3),
    "light_warmth": Dial(-1, 1, 0, 0.45),  # -1 blue, 1 orange
    "ambient": Dial(0.12, 0.8, 0.4, 0.15),
    "ambient_warmth": Dial(-1, 1, 0, 0.4),
    # what is around the head
    "hair_change": Dial(-1, 1, 0, 0.4),  # of length, volume and colour
    "clothes_hue": _SHARE,
    "clothes_light": Dial(0, 1, 0.4, None),
    "back_hue": _SHARE,
    "back_colour": Dial(0, 1, 0.3, None),  # 0 grey
    "back_light": Dial(0, 1, 0.5, None),
    "back_contrast": Dial(0, 1, 0.3, None),
    # framing: the share of an eye distance by which the face is off its place, and its size
    "shift_x": Dial(-0.5, 0.5, 0, 0.06),
    "shift_y": Dial(-0.5, 0.5, 0, 0.06),
    "scale": Dial(0.6, 1.6, 1, 0.05),
    # sensor
    "exposure": Dial(-1.5, 1.5, 0, 0.35),  # stops
    "white_balance": Dial(-1, 1, 0, 0.3),
    "contrast": Dial(0.6, 1.4, 1, 0.12),
    "blur": Dial(0, 2.5, 0.4, 0.3),  # standard deviation, in pixels of the loose framing
    "noise": Dial(0, 0.12, 0.015, 0.012),  # standard deviation, in grey levels from 0 to 1
    "grain": _SHARE,  # seeds noise and background
}

#: What a man adds to a woman's shape and takes from it, in halves; and what age does.
_SEX_SHIFT = {
    "jaw_width": 0.5,
    "jaw_angle": 0.5,
    "chin_length": 0.3,
    "chin_width": 0.5,
    "brow_ridge": 0.7,
    "brow_thickness": 0.6,
    "brow_height": -0.5,
    "brow_arch": -0.5,
    "eye_size": -0.4,
    "lip_upper": -0.3,
    "lip_lower": -0.3,
    "nose_width": 0.3,
    "nose_length": 0.3,
    "cheek_fullness": -0.2,
    "neck_width": 0.9,
    "lip_red": -0.5,
}
_AGE_SHIFT = {"lip_upper": -0.4, "hair_line": 0.4, "eye_openness": -0.3, "nose_length": 0.2, "ear_size": 0.4}


def _draw(dials: dict[str, Dial], *parts: int | Tensor) -> dict[str, Tensor]:
    """One number a dial and key."""
    values = {}
    for name, dial in dials.items():
        keys = rng.key(*parts, zlib.crc32(name.encode()))
        if dial.spread is None:
            value = dial.low + (dial.high - dial.low) * rng.uniform(keys, 1)[..., 0]
        else:
            value = dial.typical + dial.spread * rng.normal(keys, 1)[..., 0]
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
    person["hair_grey"] = person["hair_grey"] + ((person["age"] - 0.6) / 0.4).clamp(min=0) * 0.9
    person["baldness"] = torch.where(man, 1.5 * person["baldness"] + 0.25 * old, torch.zeros_like(old))
    person["hair_length"] = torch.where(man, person["hair_length"] ** 3 * 0.6, person["hair_length"])
    for name in ("beard", "moustache"):
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
