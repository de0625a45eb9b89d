"""Every control that the course shows. Each redraw is a plain function, which works without any widget."""

import io
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import ipywidgets
import torch
from matplotlib.figure import Figure
from PIL import Image

import drawpeople
from dlsfaces import geometry, plots
from dlsfaces.plots.common import as_image
from drawpeople.dials import PERSON, SHOT

#: The sliders of the demo, by tab.
DIALS: dict[str, tuple[str, ...]] = {
    "person": ("age", "skin_tone", "face_width", "jaw_width", "eye_size", "nose_length", "mouth_width", "brow_height"),
    "hair": ("hair_style", "hair_length", "hair_light", "hair_volume", "hair_fringe", "beard"),
    "worn": ("glasses", "sunglasses", "hat", "hat_kind", "mask", "hand", "make_up"),
    "pose": ("yaw", "pitch", "roll", "smile", "mouth_open", "eye_shut", "brow_raise", "gaze_x"),
    "light": ("light_azimuth", "light_elevation", "light_hardness", "light_fill", "light_warmth", "ambient"),
    "camera": ("distance", "exposure", "white_balance", "blur", "noise", "jpeg", "low_resolution"),
}


def draw_person(person: int, seed: int = 0, **dials: float) -> torch.Tensor:
    """A built-in person in an otherwise neutral image: uint8 ``(3, 218, 178)``; dials are those of ``drawpeople``."""
    who = drawpeople.people(torch.tensor([person]), seed)
    shot = drawpeople.neutral_shots(1)
    for name, value in dials.items():
        if name not in who and name not in shot:
            raise ValueError(f"there is no dial {name!r}; there are {', '.join([*shot, *who])}")
        (shot if name in shot else who)[name] = torch.tensor([float(value)])
    return drawpeople.render(who, shot, geometry.LOOSE).images[0]


def person_sliders(dials: Mapping[str, Sequence[str]] = DIALS, seed: int = 0) -> ipywidgets.Widget:
    """Sliders for the person's number and for some dials, by the title of their tab, beside the image."""
    ranges = {**drawpeople.PERSON_RANGES, **drawpeople.SHOT_RANGES}
    neutral = drawpeople.neutral_shots(1)
    number = ipywidgets.IntSlider(0, 0, 200, description="person", continuous_update=False)
    sliders = {name: _slider(name, *ranges[name], neutral) for names in dials.values() for name in names}
    image = ipywidgets.Image(format="png", width=356, height=436)

    def redraw(_: object = None) -> None:
        image.value = as_png(draw_person(number.value, seed, **{k: s.value for k, s in sliders.items()}))

    def another(_: object = None) -> None:  # sets the dials of the person; those of the image stay
        who = drawpeople.people(torch.tensor([number.value]), seed)
        for name in sliders.keys() & who.keys():
            sliders[name].unobserve(redraw, names="value")  # one drawing, not one a slider
            sliders[name].value = float(who[name])
            sliders[name].observe(redraw, names="value")
        redraw()

    for slider in sliders.values():
        slider.observe(redraw, names="value")
    number.observe(another, names="value")
    another()
    tabs = ipywidgets.Tab([ipywidgets.VBox([sliders[name] for name in names]) for names in dials.values()])
    for k, title in enumerate(dials):
        tabs.set_title(k, title)  # ipywidgets 7 and 8
    return ipywidgets.HBox([image, ipywidgets.VBox([number, tabs])])


def _slider(name: str, low: float, high: float, start: Mapping[str, torch.Tensor]) -> ipywidgets.FloatSlider:
    value = float(start[name]) if name in start else (low + high) / 2
    whole = high - low > 10 or (PERSON | SHOT)[name].chance is not None  # many steps, or a switch
    return ipywidgets.FloatSlider(
        value,
        min=low,
        max=high,
        step=1.0 if whole else 0.01,
        readout_format=".0f" if whole else ".2f",
        description=name.replace("_", " "),
        style={"description_width": "8em"},
    )


def margin_explorer(
    draw: Callable[[float, float, float], Figure] | None = None, n_people: int = 99
) -> ipywidgets.Widget:
    """Sliders for ArcFace's angle in radians, CosFace's margin as a cosine, and the scale, above what they do.

    By default :func:`dlsfaces.plots.margins_over_angle` draws that, with so many other people.
    """
    draw = draw or partial(plots.margins_over_angle, n_people=n_people)
    wide = {"description_width": "11em"}
    sliders = [
        ipywidgets.FloatSlider(0.5, min=0, max=1, step=0.05, description="ArcFace: angle m", style=wide),
        ipywidgets.FloatSlider(0.0, min=0, max=0.6, step=0.05, description="CosFace: cosine c", style=wide),
        ipywidgets.FloatSlider(30, min=1, max=64, step=1, readout_format=".0f", description="scale s", style=wide),
    ]
    image = ipywidgets.Image(format="png")

    def redraw(_: object = None) -> None:
        figure, buffer = draw(*(slider.value for slider in sliders)), io.BytesIO()
        figure.savefig(buffer, format="png")
        plots.plt.close(figure)  # or the notebook would show it once more
        image.value = buffer.getvalue()

    for slider in sliders:
        slider.observe(redraw, names="value")
    redraw()
    return ipywidgets.VBox([*sliders, image])


def as_png(image: torch.Tensor) -> bytes:
    """A uint8 ``(3, H, W)`` image as the bytes of a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(as_image(image)).save(buffer, "png")
    return buffer.getvalue()
