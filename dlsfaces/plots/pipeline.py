"""The whole course in one figure."""

from itertools import pairwise

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch
from torch import Tensor

import drawpeople
from dlsfaces import align, detect, geometry
from dlsfaces.plots.common import DPI, LINE, OTHER, SAME, as_image, bare, mark, outline


def pipeline(seed: int = 0) -> Figure:
    """A photo, the face that the course's detector finds in it, put upright by the landmarks that its aligner finds,
    made a vector (pooled grey levels, for show), and named."""
    photo, gallery = _pipeline_faces(seed)
    found = detect.TO_WIDER.inverse()(detect.load_detector("synthetic")([photo])[0])[:1]
    landmarks = align.find_landmarks(align.load_landmark_net("hourglass", "synthetic"), photo[None], found.boxes).points
    to_crop = geometry.similarity(landmarks, geometry.TIGHT.landmarks)
    upright = geometry.warp(photo[None], to_crop, geometry.TIGHT.size)[0]
    figure, panels = plt.subplots(
        1, 5, figsize=(12.5, 3.2), dpi=DPI, width_ratios=(1.25, 1, 1, 0.42, 2.2), layout="constrained"
    )
    figure.get_layout_engine().set(wspace=0.14)
    titles = ("1. a photo", "2. detect", "3. align", "4. embed", "5. identify")
    for axes, title in zip(panels, titles, strict=True):
        bare(axes).set_title(title, fontsize=12, weight="bold")
    for axes in panels[:2]:
        axes.imshow(as_image(photo), extent=(0, 178, 218, 0))
    outline(panels[1], found.boxes[0].tolist())
    mark(panels[1], landmarks[0])
    panels[2].imshow(as_image(upright), aspect="equal")
    vector = torch.nn.functional.adaptive_avg_pool2d(upright.float().mean(0, keepdim=True), (20, 2)).flatten()
    panels[3].imshow(vector.view(-1, 2).numpy(), cmap="coolwarm", aspect="auto")
    _draw_gallery(panels[4], gallery)
    for left, right in pairwise(panels):
        arrow = ConnectionPatch((1.02, 0.5), (-0.02, 0.5), "axes fraction", "axes fraction", axesA=left, axesB=right)
        arrow.set(arrowstyle="-|>", mutation_scale=18, color=LINE, lw=2)
        figure.add_artist(arrow)
    return figure


def _pipeline_faces(seed: int) -> tuple[Tensor, Tensor]:
    """A photo of a tilted built-in person, and the crops of four people of a gallery, the same person first."""
    ids = torch.tensor([79, 79, 75, 81, 77])
    people = drawpeople.people(ids, seed)
    shots = drawpeople.neutral_shots(len(ids))
    shots["back_colour"] = torch.cat((torch.tensor([0.2]), torch.linspace(0.5, 0.9, len(ids) - 1)))
    shots["yaw"][0], shots["back_contrast"][0], shots["smile"][0] = 12.0, 0.8, 0.25
    shots["roll"][0], shots["scale"][0] = 18.0, 0.8

    def take(rows: slice, framing: geometry.Framing) -> Tensor:
        return drawpeople.render(*({k: v[rows] for k, v in d.items()} for d in (people, shots)), framing).images

    return take(slice(0, 1), geometry.LOOSE)[0], take(slice(1, None), geometry.TIGHT)


def _draw_gallery(axes: Axes, images: Tensor) -> None:
    """Who is in the gallery, and how similar the face is to each; the names and numbers are made up."""
    names, similarities = ("Ada", "Boris", "Chen", "Dina"), (0.71, 0.18, 0.09, 0.24)
    for i, (image, name, value) in enumerate(zip(images, names, similarities, strict=True)):
        top = 1 - i / 4
        axes.imshow(as_image(image), extent=(0, 0.15, top - 0.23, top - 0.01), aspect="auto")
        axes.barh(top - 0.12, 0.75 * value / 0.71, 0.09, left=0.2, color=SAME if i == 0 else "0.75")
        axes.text(0.21, top - 0.04, f"{name}: {value:.2f}", fontsize=10, va="center", weight="bold" if i == 0 else None)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    threshold = 0.2 + 0.75 * 0.35 / 0.71
    axes.axvline(threshold, 0, 1, color=OTHER, ls="--")
    axes.text(threshold + 0.01, 0.02, "threshold", color=OTHER, fontsize=9)
    axes.set_frame_on(False)
