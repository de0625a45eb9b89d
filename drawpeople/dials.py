"""Every parameter of the invented people: its name, its range, and how it is drawn.

A *person* keeps their parameters in every image; a *shot* has pose, expression, light, background and sensor.
"""

from typing import NamedTuple


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


_SHAPE = Dial(-1, 1, 0, 1.0)  # in units of the largest change that still looks human
_SIZE = Dial(-1, 1, 0, 0.5)  # lengths and widths: spread 1.0 to 1.6 times as in Farkas (1994), who had one people
_SHARE = Dial(0, 1, 0.5, None)


def _switch(chance: float) -> Dial:
    """1 or 0; typically 0."""
    return Dial(0, 1, 0, chance=chance)


def _all(dial: Dial, names: str) -> dict[str, Dial]:
    return dict.fromkeys(names.split(), dial)


#: Shapes run from -1 to 1 with 0 the average; shares from 0 to 1.
PERSON: dict[str, Dial] = {
    "sex": _SHARE,  # 0 a woman, 1 a man; shifts shapes, hair and beard
    "age": _SHARE,  # 0 young, 1 old; shifts wrinkles, grey, hair line
    "weight": _SHAPE,  # 0 average; shifts cheeks, chin and neck
    "epicanthus": Dial(0, 1, 0, None),  # a fold at the inner corner of the eye, and the features that often go with it
    # head
    **_all(_SIZE, "skull_width face_width jaw_width chin_length midface_length"),
    "face_length": Dial(-1, 1, 0, 0.28),
    **_all(
        _SHAPE,
        "skull_height skull_depth forehead_slope forehead_bulge temples cheekbones cheek_fullness cheek_hollow "
        "jaw_angle chin_width chin_forward midface_forward",
    ),
    "double_chin": Dial(0, 1, 0, 0.35),
    **_all(_SHAPE, "ear_size ear_out neck_width asymmetry"),
    # eyes and brows
    **_all(_SIZE, "eye_size eye_spacing"),
    **_all(_SHAPE, "eye_height eye_tilt eye_openness eye_depth"),
    "eye_roundness": _SHARE,
    "eye_droop": _SHAPE,
    "eyelid_fold": _SHARE,
    "lashes": _SHARE,
    **_all(_SHAPE, "brow_ridge brow_height brow_thickness brow_arch"),
    "brow_tilt": Dial(-1, 1, -0.15, 0.6),  # above 0 the outer end is higher
    "brow_peak": _SHAPE,  # where the arch is highest: -1 over the pupil, 1 near the temple
    "brow_apart": _SHAPE,
    "brow_length": _SHAPE,
    "brow_density": _SHARE,
    # nose
    **_all(_SIZE, "nose_length nose_width"),
    **_all(_SHAPE, "nose_bridge nose_bridge_width nose_tip nose_tip_width nose_up nose_hump nose_wings"),
    "nose_bend": _SHAPE,  # to the viewer's right
    # mouth
    **_all(_SIZE, "mouth_width mouth_height lip_upper lip_lower"),
    "mouth_curve": Dial(-1, 1, 0.3, 0.7),
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
    "make_up": Dial(0, 1, 0, 0.2),  # the habit; images differ
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
    "hair_fringe": Dial(0, 1, 0, 0.5),
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
    "glasses": _switch(0.16),
    "glasses_shape": _SHARE,  # round, rectangular, aviator, cat-eye, and between
    "glasses_size": _SHAPE,
    "glasses_thick": _SHARE,  # from wire to horn rims
    "glasses_colour": Dial(0, 1, 0.1, None),  # black, browns, wine, navy, grey, gold, silver
    "half_rim": _switch(0.25),  # no rim below
    "earrings": _switch(0.4),  # women's; men hardly wear them
    "earring_size": _SHARE,  # from a ball to a long drop
    "earring_gold": _SHARE,  # silver under 0.4
}

SHOT: dict[str, Dial] = {
    # pose, degrees, and camera
    "yaw": Dial(-75, 75, 0, 19),  # positive: the nose points to the viewer's right
    "pitch": Dial(-30, 30, 0, 9),  # positive: looks up
    "roll": Dial(-40, 40, 0, 2.5),  # positive: the head tips to the viewer's right
    "distance": Dial(40, 200, 90, 25),  # cm from camera to head
    # expression
    "mouth_open": Dial(0, 1, 0, 0.33),
    "smile": Dial(-0.5, 1, 0.3, 0.55),
    "brow_raise": Dial(-1, 1, 0, 0.4),
    "eye_shut": Dial(0, 1, 0, 0.2),
    "gaze_x": Dial(-1, 1, 0, 0.3),  # positive: to the viewer's right
    "gaze_y": Dial(-1, 1, 0, 0.2),  # positive: up
    # light
    "light_azimuth": Dial(-90, 90, 20, 50),  # degrees; positive: from the viewer's right
    "light_elevation": Dial(-20, 70, 30, 20),  # degrees above the horizon
    "light_hardness": Dial(0, 1, 0.2, 0.4),  # 0 a window or an overcast sky, 1 the sun
    "light_warmth": Dial(-1, 1, 0.1, 0.55),  # -1 blue, 1 orange
    "light_fill": Dial(0, 0.8, 0.12, 0.15),  # from the side that the lamp leaves dark; the lamp is 1
    "light_rim": Dial(0, 1, 0, 0.3),  # from behind, on that side
    "ambient": Dial(0.1, 1.5, 0.55, 0.3),  # from all around
    "ambient_warmth": Dial(-1, 1, 0, 0.4),
    # what is around the head
    "make_up_change": Dial(-1, 1, 0, 0.6),
    "hair_change": Dial(-1, 1, 0, 0.4),  # of length, volume and colour
    "glasses_off": _switch(0.3),  # a day without one's glasses
    "lens_glare": Dial(0, 1, 0.35, 0.3),  # what clear lenses mirror
    "sunglasses": _switch(0.03),
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
    "clothes_kind": _SHARE,  # pullover, from a half on shirt, from three quarters on hood
    "clothes_hue": _SHARE,
    "clothes_colour": Dial(0, 1, 0.5, None),  # 0 grey
    "clothes_light": Dial(0, 1, 0.4, None),
    "back_kind": Dial(0, 1, 0.1, None),  # in sixths: paper, wall, room, street, trees, sky
    "back_hue": _SHARE,  # round the colour wheel from red over green and blue
    "back_colour": Dial(0, 1, 0.4, None),  # 0 grey
    "back_light": Dial(0, 1, 0.55, None),
    "back_contrast": Dial(0, 1, 0.4, None),
    # framing: the share of an eye distance by which the face is off its place, and its size
    "shift_x": Dial(-0.5, 0.5, 0, 0.03),
    "shift_y": Dial(-0.5, 0.5, 0, 0.035),
    "scale": Dial(0.6, 1.6, 1, 0.03),
    # sensor
    "exposure": Dial(-1.5, 1.5, 0, 0.4),  # stops off what the meter says, see sensor.py
    "white_balance": Dial(-1, 1, 0, 0.4),
    "contrast": Dial(0.6, 1.6, 1.2, 0.2),
    "vignette": Dial(0, 1, 0.15, 0.15),  # how much darker the corners are
    "blur": Dial(0, 2.5, 0.15, 0.25),  # standard deviation, in pixels of the loose framing
    "shake": Dial(-2.5, 2.5, 0, 0.25),  # the same along one side: across the image; below 0 down it
    "noise": Dial(0, 0.1, 0.004, 0.007),  # standard deviation, in grey levels from 0 to 1
    "low_resolution": Dial(0, 2, 0, 0.3),  # how often the image was halved before it was shown in this size
    "jpeg": Dial(20, 100, 96, 9),  # the file's quality; 100: never saved
    "grain": _SHARE,  # seeds noise and background
}
