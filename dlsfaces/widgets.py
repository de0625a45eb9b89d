"""Every control that the course shows. Each redraw is a plain function, which works without any widget."""

import base64
import html
import io
import math
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Integral, Real

import ipywidgets
import numpy as np
import torch
from IPython.display import display
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

import drawpeople
from dlsfaces import geometry, plots
from dlsfaces.plots.common import COLOURS, DPI, LINE, as_image
from dlsfaces.recognize import add_angle
from drawpeople.dials import PERSON, SHOT
from drawpeople.hair_style import STYLES

#: The dials of :func:`person_sliders`, by tab.
DIALS: dict[str, tuple[str, ...]] = {
    "face": (
        "skin_tone",
        "wrinkles",
        "face_width",
        "jaw_width",
        "eye_size",
        "nose_length",
        "mouth_width",
        "brow_height",
    ),
    "hair": ("hair_style", "hair_length", "hair_volume", "hair_light", "hair_grey", "beard"),
    "worn": ("glasses", "sunglasses", "hat", "mask", "hand", "make_up"),
    "pose": ("yaw", "pitch", "roll", "smile", "mouth_open", "eye_shut", "brow_raise", "gaze_x"),
    "light": ("light_azimuth", "light_elevation", "light_hardness", "light_fill", "light_warmth", "ambient"),
    "camera": ("distance", "exposure", "white_balance", "blur", "noise", "jpeg", "low_resolution"),
}
_UNITS = {**dict.fromkeys(("yaw", "pitch", "roll", "light_azimuth", "light_elevation"), "°"), "distance": "cm"}
# The lowest, the highest and the smallest step at which something changes; elsewhere a hundredth does.
_VISIBLE = {"blur": (0.15, 2.45, 0.1), "low_resolution": (0, 2, 0.25), "noise": (0, 0.1, 0.002)}

# A stored output holds the picture, this style, and the view of the controls, one below the other. While there are
# controls, the picture would be their twin; without a kernel there are none, and their view says that they are missing.
_STYLE = """<style class="dlsfaces-style">
:is(.jp-OutputArea-child, .output_area):has(+ * .dlsfaces-style):has(+ * + * .dlsfaces-controls) { display: none }
:is(.jp-OutputArea-child, .output_area):has(.dlsfaces-style) + :has(> .jupyter-widgets,
  > .jupyter-widgets-view):not(:has(.dlsfaces-controls)) { display: none }
:is(.jp-OutputArea-child, .output_area):has(> * > .dlsfaces-style) { display: none }
.dlsfaces-controls :is(.lm-TabBar-tab, .p-TabBar-tab) { flex: 0 0 auto !important; min-width: 0 !important }
</style>"""


class Controls(ipywidgets.Box):
    """Controls, a button that resets them, and the picture of ``draw(**values)``; moving one draws it again.

    A browser sends a slider's next value when the kernel has answered the last one, so nothing queues.
    """

    def __init__(
        self,
        draw: Callable[..., Figure | torch.Tensor],
        controls: Mapping[str, ipywidgets.Widget],
        shown: Iterable[ipywidgets.Widget],
        beside: bool = False,
    ) -> None:
        self.draw, self.controls, self.is_quiet = draw, controls, False
        self.image = ipywidgets.Image(format="png", layout={"max_width": "100%", "object_fit": "contain"})
        self.problem, self.reset = ipywidgets.HTML(), ipywidgets.Button(description="reset")
        layout = {"max_width": "60em"} | ({"flex": "1 1 34em"} if beside else {"width": "100%"})
        column = ipywidgets.VBox([*shown, self.reset, self.problem], layout=layout)
        super().__init__([self.image, column] if beside else [column, self.image])
        self.layout = {"flex_flow": "row wrap" if beside else "column", "align_items": "flex-start"}
        self.redraw()
        start = {name: control.value for name, control in controls.items()}
        self.reset.on_click(lambda _: self.put(start))
        for control in controls.values():
            control.observe(self._moved, names="value")

    def redraw(self) -> None:
        """Draw the picture of the controls' values."""
        self.image.value = as_png(self.draw(**{name: control.value for name, control in self.controls.items()}))

    def put(self, values: Mapping[str, float | str]) -> None:
        """Give controls these values, and draw once."""
        before, self.is_quiet = self.is_quiet, True
        for name, value in values.items():
            self.controls[name].value = value
        self.is_quiet = before
        self._moved()

    def _moved(self, _: object = None) -> None:
        if self.is_quiet:
            return
        try:
            self.redraw()
            self.problem.value = ""
        except Exception:  # what a control's call raises is shown nowhere else
            self.problem.value = f"<pre>{html.escape(traceback.format_exc())}</pre>"

    def _ipython_display_(self, **_: object) -> None:
        _show(self, {**_recorded(self.image.value), "text/plain": "the picture of the controls below"})


class Page(ipywidgets.VBox):
    """Buttons and the like around somebody's photos: a stored notebook holds a line of text for it and no photo."""

    def _ipython_display_(self, **_: object) -> None:  # ipywidgets 7 has it, 8 has another; IPython asks for it first
        _show(self, {"text/plain": "Run this notebook to use the page."})


def _show(widget: ipywidgets.Box, recorded: Mapping[str, str]) -> None:
    """Display a widget, and what a stored notebook shows in its place where no kernel runs."""
    widget.add_class("dlsfaces-controls")
    if "google.colab" not in sys.modules:  # Colab stores widgets with their state
        display(recorded, raw=True)
        display({"text/html": _STYLE, "text/plain": ""}, raw=True)
    view = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    text = "Run this cell to have the controls."
    display({"application/vnd.jupyter.widget-view+json": view, "text/plain": text}, raw=True)


def explore(
    draw: Callable[..., Figure | torch.Tensor], /, **controls: bool | Sequence[float] | Sequence[str]
) -> Controls:
    """Controls above the figure or image that ``draw(**values)`` returns for their values.

    ``(low, high, start)`` or ``(low, high, start, step)`` make a slider, of whole numbers where all of these are whole,
    several strings a menu that starts with the first, and a bool a checkbox. ``draw``'s error is raised at the start,
    and later shown below the controls. A figure is drawn fastest where ``draw`` changes and returns the same one again.
    """
    made = {name: _control(name, values) for name, values in controls.items()}
    width = f"{max(map(len, controls), default=0) + 1}ch"
    for control in made.values():
        control.style.description_width = width
    return Controls(draw, made, made.values())


def _control(name: str, values: bool | Sequence[float] | Sequence[str], unit: str = "") -> ipywidgets.Widget:
    wide = {"width": "auto", "min_width": "30em"}
    look = {"description": f"{name.replace('_', ' ')} {unit}".strip(), "layout": wide, "style": {}}
    if isinstance(values, bool):
        return ipywidgets.Checkbox(values, **look)
    several = list(values) if isinstance(values, Sequence) and not isinstance(values, str) else []
    if several and all(isinstance(value, str) for value in several):
        return ipywidgets.Dropdown(options=several, **look)
    if len(several) not in (3, 4) or not all(isinstance(value, Real) for value in several):
        wanted = "(low, high, start), (low, high, start, step), several strings, True or False"
        raise ValueError(f"{name}={values!r}: give {wanted}")
    whole = all(isinstance(value, Integral) for value in values)
    low, high, start, step = values if len(values) == 4 else (*values, 1 if whole else (values[1] - values[0]) / 100)
    if not low <= start <= high or not low < high or not step > 0:
        raise ValueError(f"{name}={values!r}: low must be below high, the start between them, and a step above 0")
    look |= {"min": low, "max": high, "step": step}
    if whole:
        return ipywidgets.IntSlider(start, **look)
    return ipywidgets.FloatSlider(start, readout_format=f".{max(2, math.ceil(-math.log10(step)))}f", **look)


def draw_person(person: int, seed: int = 0, framing: geometry.Framing = geometry.LOOSE, **dials: float) -> torch.Tensor:
    """A built-in person in an otherwise neutral image: uint8 ``(3, H, W)``; dials are those of ``drawpeople``."""
    who = drawpeople.people(torch.tensor([person]), seed)
    shot = drawpeople.neutral_shots(1)
    for name, value in dials.items():
        if name not in who and name not in shot:
            raise ValueError(f"there is no dial {name!r}; there are {', '.join([*shot, *who])}")
        (shot if name in shot else who)[name] = torch.tensor([float(value)])
    return drawpeople.render(who, shot, framing).images[0]


def person_sliders(dials: Mapping[str, Sequence[str]] = DIALS, seed: int = 0) -> Controls:
    """Controls for the person's number and for some dials, by the title of their tab, beside the image."""

    def values_of(number: int) -> dict[str, float | bool]:
        """The dials of a person in a neutral image, as the controls have them."""
        numbers = drawpeople.neutral_shots(1) | drawpeople.people(torch.tensor([number]), seed)
        return {name: _as_control(name, float(numbers[name])) for names in dials.values() for name in names}

    def draw(person: int, **values: float | bool) -> torch.Tensor:
        return draw_person(person, seed, _whole_head(values.get("yaw", 0.0)), **values)

    made = {"person": _control("person", (0, 200, 0))}
    made |= {name: _dial(name, value) for name, value in values_of(0).items()}
    for control in made.values():
        control.style.description_width = "9em"
    tabs = ipywidgets.Tab([ipywidgets.VBox([made[name] for name in names]) for names in dials.values()])
    for k, title in enumerate(dials):
        tabs.set_title(k, title)  # ipywidgets 7 and 8
    controls = Controls(draw, made, [made["person"], tabs], beside=True)

    def another(change: Mapping[str, int]) -> None:  # sets the dials of the person; those of the image stay
        own = {name: value for name, value in values_of(change["new"]).items() if name in PERSON}
        controls.put(own)

    made["person"].unobserve_all("value")  # one drawing, not two
    made["person"].observe(another, names="value")
    return controls


def _dial(name: str, start: float | bool) -> ipywidgets.Widget:
    if isinstance(start, bool):
        return _control(name, start)
    if name == "hair_style":
        control = _control(name, [style.name for style in STYLES])
        control.options = [(style.name, (k + 0.5) / len(STYLES)) for k, style in enumerate(STYLES)]
        control.value = start
        return control
    low, high = (PERSON | SHOT)[name][:2]
    if high - low > 10:  # degrees, centimetres, or a quality
        return _control(name, (low, high, round(start)), _UNITS.get(name, ""))
    low, high, step = _VISIBLE.get(name, (low, high, 0.01))
    return _control(name, (low, high, start, step))


def _as_control(name: str, value: float) -> float | bool:
    """A dial's number as its control has it: a switch is a checkbox, and the menu has the middle of each hair style."""
    if (PERSON | SHOT)[name].chance is not None:
        return bool(value)
    return (math.floor(value * len(STYLES)) + 0.5) / len(STYLES) if name == "hair_style" else value


def _whole_head(yaw: float) -> geometry.Framing:
    """A wider view than the loose one, which follows the head when it turns: its middle moves away from the eyes."""
    width, height, above = 270, 238, 20
    left = (width - 178) / 2 + 72 * math.sin(math.radians(yaw))
    landmarks = tuple((x + left, y + above) for x, y in geometry.LOOSE.landmarks)
    box = (-left, -above, width - left, height - above)
    return geometry.Framing("whole head", width, height, landmarks, box)


def margin_explorer(n_people: int = 99) -> Controls:
    r"""What margins do to the true person's logit, and to the loss, over the face's angle to its own centre.

    .. math:: z_y = s (\cos(\theta_y + m) - c), \quad L = -\log \frac{e^{z_y}}{e^{z_y} + e^{s \cos 60°} + (n - 1) e^0}

    The sliders are ArcFace's m in radians, CosFace's c, and the scale s. n other people are 60 degrees away (one) and
    90. Both panels show values divided by s.
    """
    degrees = torch.linspace(0, 180, 361, dtype=torch.float64)
    cosines = degrees.deg2rad().cos()
    figure, (left, right) = plots.plt.subplots(1, 2, figsize=(9, 3.4), dpi=DPI, layout="constrained")
    lines = {}
    for axes, what, ylim in ((left, "true logit / s", (-2.6, 1.1)), (right, "loss / s", (0, 3.7))):
        plain = axes.plot(degrees, cosines, color=COLOURS[1], ls="--", label="no margin")[0]
        lines[axes] = axes.plot(degrees, cosines, color=COLOURS[0], label="with the margins")[0], plain
        axes.set(xlabel="angle to the own centre in degrees", ylabel=what, xlim=(0, 180), xticks=range(0, 181, 30))
        axes.set(ylim=ylim, title=" ")
        axes.axvline(60, color=LINE, ls=":", lw=1, label="nearest other centre")
        axes.grid(alpha=0.3, lw=0.6)
    left.legend(fontsize=8, loc="lower left")
    rest = math.log(n_people - 1) if n_people > 1 else -math.inf  # those at 90 degrees; one is at 60

    def draw(angle: float, cosine: float, scale: float) -> Figure:
        others = torch.tensor([scale / 2, rest], dtype=torch.float64).logsumexp(0)
        for k, (m, c) in enumerate(((angle, cosine), (0.0, 0.0))):
            logit = scale * (add_angle(cosines, torch.tensor(m, dtype=torch.float64)) - c)
            lines[left][k].set_ydata(logit / scale)
            lines[right][k].set_ydata((torch.logaddexp(logit, others) - logit) / scale)
        left.set_title(f"m = {angle:.2f}, c = {cosine:.2f}", fontsize=10)
        right.set_title(f"s = {scale:g}, other people: {n_people}", fontsize=10)
        return figure

    margins = {"ArcFace: angle m": (0, 1, 0.5, 0.05), "CosFace: cosine c": (0, 0.6, 0, 0.05), "scale s": (4, 64, 30)}
    return explore(lambda **values: draw(*values.values()), **margins)


def as_png(picture: Figure | torch.Tensor) -> bytes:
    """A figure, or a uint8 ``(3, H, W)`` image, as the bytes of a PNG file."""
    buffer = io.BytesIO()
    if isinstance(picture, Figure):
        canvas = FigureCanvasAgg(picture)
        canvas.draw()  # once: savefig draws twice
        picture.set_layout_engine("none")  # where it is drawn again, its axes stand still
        plots.plt.close(picture)  # or the notebook would show it once more
        image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    else:
        image = Image.fromarray(as_image(picture))
    image.save(buffer, "png", compress_level=1)
    return buffer.getvalue()


def _recorded(png: bytes) -> dict[str, str]:
    """A picture for a stored notebook, in the smaller of two formats: a plot is smaller as PNG, a photo as JPEG."""
    image, forms = Image.open(io.BytesIO(png)).convert("RGB"), {}
    for kind, shown, options in (("png", image.quantize(64), {"optimize": True}), ("jpeg", image, {"quality": 80})):
        buffer = io.BytesIO()
        shown.save(buffer, kind, **options)
        forms[f"image/{kind}"] = base64.b64encode(buffer.getvalue()).decode()
    smaller = min(forms, key=lambda form: len(forms[form]))
    return {smaller: forms[smaller]}
