"""Every control that the course shows. Each redraw is a plain function, which works without any widget."""

from __future__ import annotations

import io

import ipywidgets
import torch
from PIL import Image

from dlsfaces import geometry, synthetic
from dlsfaces.plots import as_picture

DIALS = ("yaw", "pitch", "roll", "smile", "mouth_open", "eye_shut", "light_azimuth", "ambient", "blur")


def draw_person(person: int, seed: int = 0, **dials: float) -> torch.Tensor:
    """A synthetic person in an otherwise neutral picture: uint8 ``(3, 218, 178)``.

    Args:
        person: the number of the person, 0 or more.
        dials: values of ``synthetic.PICTURE_RANGES`` or ``synthetic.PERSON_RANGES`` by name.
    Raises:
        ValueError: an unknown dial.
    """
    who = synthetic.people(torch.tensor([person]), seed)
    picture = synthetic.neutral_pictures(1)
    for name, value in dials.items():
        if name not in who and name not in picture:
            raise ValueError(f"there is no dial {name!r}; there are {', '.join([*picture, *who])}")
        (picture if name in picture else who)[name] = torch.tensor([float(value)])
    return synthetic.render(who, picture, geometry.LOOSE).images[0]


def person_sliders(dials: tuple[str, ...] = DIALS, seed: int = 0) -> ipywidgets.Widget:
    """Sliders for the person's number and for some dials, beside the picture."""
    who = synthetic.people(torch.tensor([0]), seed)
    start = {**{k: float(v) for k, v in who.items()}, **{k: float(v) for k, v in synthetic.neutral_pictures(1).items()}}
    ranges = {**synthetic.PERSON_RANGES, **synthetic.PICTURE_RANGES}
    number = ipywidgets.IntSlider(0, 0, 200, description="person", continuous_update=False)
    sliders = [
        ipywidgets.FloatSlider(start[d], min=ranges[d][0], max=ranges[d][1], step=0.01, description=d) for d in dials
    ]
    picture = ipywidgets.Image(format="png", width=356, height=436)

    def redraw(_: object = None) -> None:
        image = draw_person(number.value, seed, **{s.description: s.value for s in sliders})
        picture.value = as_png(image)

    for control in (number, *sliders):
        control.observe(redraw, names="value")
    redraw()
    return ipywidgets.HBox([picture, ipywidgets.VBox([number, *sliders])])


def as_png(image: torch.Tensor) -> bytes:
    """A uint8 ``(3, H, W)`` image as the bytes of a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(as_picture(image)).save(buffer, "png")
    return buffer.getvalue()
