"""Who is in the image and how it was taken: draws the parameters of people and images, and checks them.

Each number is a hash of (seed, person, image, name): adding a parameter leaves all others as they were, and nothing
is stored.
"""

import zlib

import torch
from torch import Tensor

from drawpeople import rng
from drawpeople.dials import PERSON, SHOT, Dial
from drawpeople.hair_style import style_of

#: How features go together, coarsely: what a dial adds to others when it goes from one end of its range to the other.
#: People differ far more within any group than between groups; but a face whose parts were drawn one by one would
#: belong to nobody.
_TOGETHER = {
    "sex": (
        "face_width 0.65, face_length 1.0, skull_width 0.6, jaw_width 0.4, jaw_angle 0.9, chin_length 0.4, "
        "chin_width 0.9, cheek_hollow 0.4, cheek_fullness -0.4, forehead_bulge -0.6, forehead_slope 0.6, "
        "brow_ridge 1.2, brow_thickness 1.5, brow_density 0.3, brow_height -1.1, brow_arch -1.0, brow_apart -0.3, "
        "eye_openness -0.3, eye_roundness -0.3, lashes -0.7, lip_upper -0.3, lip_lower -0.3, lip_red -0.7, "
        "nose_width 0.4, nose_bridge 0.5, nose_tip_width 0.3, nose_up -0.5, neck_width 1.4"
    ),
    "age": (
        "lip_upper -0.6, lip_lower -0.4, lip_red -0.4, eye_openness -0.5, eye_droop 0.9, eye_rings 0.4, "
        "nose_length 0.4, nose_tip_width 0.4, ear_size 0.6, cheek_hollow 0.5, double_chin 0.3, blotches 0.4, "
        "brow_density -0.3"
    ),
    "weight": (
        "cheek_fullness 0.9, cheek_hollow -0.8, double_chin 0.5, jaw_width 0.5, chin_width 0.3, face_width 0.3, "
        "neck_width 0.9, eye_openness -0.2"
    ),
    "epicanthus": (
        "eyelid_fold -0.5, eye_openness -0.3, eye_roundness -0.2, eye_tilt 0.6, eye_depth 1.0, eye_spacing 0.3, "
        "nose_bridge -0.9, nose_tip -0.4, nose_length -0.3, brow_ridge -0.8, brow_arch -0.4, face_width 0.4, "
        "cheekbones 0.5, skin_yellow 0.5, hair_wave -0.5"
    ),
    "skin_tone": (
        "nose_width -1.2, nose_wings -0.9, nose_bridge 0.9, nose_bridge_width -0.5, nose_tip_width -0.7, "
        "lip_upper -0.9, lip_lower -0.8, lips_forward -0.6, midface_forward -0.4, eye_roundness -0.2, "
        "hair_wave -0.6"
    ),
}
_TOGETHER = {
    cause: {name: float(shift) for name, shift in map(str.split, shifts.split(","))}
    for cause, shifts in _TOGETHER.items()
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
    # most people either have it plainly or not at all
    person["epicanthus"] = ((person["epicanthus"] - 0.68) / 0.14).clamp(0, 1)
    drawn = dict(person)
    for cause, shifts in _TOGETHER.items():
        share = (drawn[cause] - PERSON[cause].low) / (PERSON[cause].high - PERSON[cause].low)
        centre = 0.0 if cause == "epicanthus" else 0.5
        for name, shift in shifts.items():
            person[name] = person[name] + shift * (share - centre)
    # light hair and eyes are rare on dark skin and beside an epicanthus
    dark = (person["skin_tone"] < 0.5) | (person["epicanthus"] > 0.5)
    person["hair_light"] = torch.where(dark, 0.4 * person["hair_light"], person["hair_light"])
    person["hair_red"] = torch.where(dark, 0.2 * person["hair_red"], person["hair_red"])
    person["eye_colour"] = torch.where(dark, 0.35 * person["eye_colour"], person["eye_colour"])
    person["freckles"] = torch.where(dark, 0.2 * person["freckles"], person["freckles"])
    person["wrinkles"] = person["wrinkles"] + 1.2 * (person["age"] - 0.45).clamp(min=0)
    person["make_up"] = torch.where(man, 0.05 * person["make_up"], (0.15 + 3.2 * person["make_up"]).clamp(max=1))
    person["hair_grey"] = person["hair_grey"] + ((person["age"] - 0.68) / 0.32).clamp(min=0) * 0.9
    person["baldness"] = torch.where(man, 1.5 * person["baldness"] + 0.25 * old, torch.zeros_like(old))
    person["hair_style"] = style_of(person["hair_style"], man, person["hair_wave"] > 0.75)
    person["earrings"] = torch.where(man & (person["earring_gold"] < 0.95), torch.zeros_like(old), person["earrings"])
    for name in ("beard", "moustache", "goatee"):
        person[name] = torch.where(man, person[name], torch.zeros_like(old))
    return {name: person[name].clamp(dial.low, dial.high) for name, dial in PERSON.items()}


def shots(identities: Tensor, numbers: Tensor, seed: int = 0) -> dict[str, Tensor]:
    """The parameters of image ``numbers[k]`` of person ``identities[k]``: name to float32 ``(N,)``.

    Raises:
        ValueError: the two are not integers of one length.
    """
    identities, numbers = _integers("identities", identities), _integers("numbers", numbers)
    if identities.shape != numbers.shape:
        raise ValueError(f"{len(identities)} identities but {len(numbers)} shot numbers; give one number a shot")
    return _draw(SHOT, seed, identities, 2, numbers)


def average_people(n: int = 1) -> dict[str, Tensor]:
    """``n`` times the average face, to turn single dials of."""
    return {name: torch.full((n,), float(dial.typical)) for name, dial in PERSON.items()}


def neutral_shots(n: int = 1) -> dict[str, Tensor]:
    """``n`` times a frontal, neutral, well lit image, centred in its frame."""
    return {name: torch.full((n,), float(dial.typical)) for name, dial in SHOT.items()}


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
