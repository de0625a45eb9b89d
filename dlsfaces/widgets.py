"""Every control that the course shows. Each redraw is a plain function, which works without any widget."""

import base64
import html
import io
import math
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from numbers import Integral, Real

import ipywidgets
import torch
from IPython.display import display
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
    return _Pictured(image, [image, ipywidgets.VBox([number, tabs])])


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


def explore(draw: Callable[..., Figure], /, **controls: Sequence[float] | Sequence[str]) -> ipywidgets.Widget:
    """Controls above the figure that ``draw(**values)`` returns for their values; moving one draws it again.

    ``(low, high, start)`` or ``(low, high, start, step)`` make a slider, of whole numbers where all of these are whole,
    and several strings a menu that starts with the first. ``draw``'s error is raised at the start, and later shown
    below the controls.
    """
    look = {"style": {"description_width": f"{max(map(len, controls), default=0) + 1}ch"}, "layout": {"width": "32em"}}
    made = {name: _control(name, values, look) for name, values in controls.items()}
    problem = ipywidgets.HTML()
    image = ipywidgets.Image(format="png", layout={"align_self": "flex-start", "max_width": "100%"})

    def redraw() -> None:
        figure, buffer = draw(**{name: control.value for name, control in made.items()}), io.BytesIO()
        figure.savefig(buffer, format="png")
        plots.plt.close(figure)  # or the notebook would show it once more
        image.value = buffer.getvalue()

    def moved(_: object) -> None:
        try:
            redraw()
            problem.value = ""
        except Exception:  # what a control's call raises is shown nowhere else
            problem.value = f"<pre>{html.escape(traceback.format_exc())}</pre>"

    redraw()
    for control in made.values():
        control.observe(moved, names="value")
    return _Pictured(image, [*made.values(), problem, image], layout={"flex_flow": "column"})


def _control(name: str, values: Sequence[float] | Sequence[str], look: Mapping[str, object]) -> ipywidgets.Widget:
    look = {**look, "description": name.replace("_", " ")}
    if not isinstance(values, str) and len(values) and all(isinstance(value, str) for value in values):
        return ipywidgets.Dropdown(options=list(values), **look)
    if isinstance(values, str) or len(values) not in (3, 4) or not all(isinstance(value, Real) for value in values):
        raise ValueError(f"{name}={values!r}: give (low, high, start), (low, high, start, step), or several strings")
    whole = all(isinstance(value, Integral) for value in values)
    low, high, start, step = values if len(values) == 4 else (*values, 1 if whole else (values[1] - values[0]) / 100)
    if not low <= start <= high or not low < high or not step > 0:
        raise ValueError(f"{name}={values!r}: low must be below high, the start between them, and a step above 0")
    # The kernel answers one message after another: were each value on a slider's way sent, as many figures would queue.
    look |= {"min": low, "max": high, "step": step, "continuous_update": False}
    if whole:
        return ipywidgets.IntSlider(start, **look)
    return ipywidgets.FloatSlider(start, readout_format=f".{max(2, math.ceil(-math.log10(step)))}f", **look)


class _Pictured(ipywidgets.Box):
    """Controls whose output also holds what ``image`` shows: a stored notebook shows that where no kernel runs."""

    def __init__(self, image: ipywidgets.Image, children: Sequence[ipywidgets.Widget], **options: object) -> None:
        super().__init__(children, **options)
        self.image = image

    def _ipython_display_(self, **_: object) -> None:  # ipywidgets 7 has it, 8 has another; IPython asks for it first
        shown, buffer = Image.open(io.BytesIO(self.image.value)), io.BytesIO()
        shown.convert("RGB").save(buffer, "jpeg", quality=80)  # keeps notebooks small
        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        picture = {"image/jpeg": base64.b64encode(buffer.getvalue()).decode(), "text/plain": "controls and a picture"}
        display({"application/vnd.jupyter.widget-view+json": view, **picture}, raw=True)


def margin_explorer(
    draw: Callable[[float, float, float], Figure] | None = None, n_people: int = 99
) -> ipywidgets.Widget:
    """Sliders for ArcFace's angle in radians, CosFace's margin as a cosine, and the scale, above what they do.

    By default :func:`dlsfaces.plots.margins_over_angle` draws that, with so many other people.
    """
    draw = draw or partial(plots.margins_over_angle, n_people=n_people)
    margins = {"ArcFace: angle m": (0, 1, 0.5, 0.05), "CosFace: cosine c": (0, 0.6, 0, 0.05), "scale s": (1, 64, 30)}
    return explore(lambda **values: draw(*values.values()), **margins)


def as_png(image: torch.Tensor) -> bytes:
    """A uint8 ``(3, H, W)`` image as the bytes of a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(as_image(image)).save(buffer, "png")
    return buffer.getvalue()
