"""Faces and photos, and what is known of them."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from torch import Tensor

import drawpeople
from dlsfaces import geometry
from dlsfaces.data.records import Photo
from dlsfaces.plots.common import DPI, OTHER, as_image, cells, mark, outline, sheet
from drawpeople.rendering import Rendering


def faces(images: Tensor, titles: Sequence[str] = (), columns: int = 8, height: float = 1.4) -> Figure:
    """A sheet of images ``(N, 3, H, W)``, row by row, with a title over each where given."""
    width = height * images.shape[3] / images.shape[2]
    figure, grid = cells(len(images), columns, width, height + (0.25 if titles else 0.02), titles)
    for axes, image in zip(grid, images):
        axes.imshow(as_image(image), interpolation="nearest")
    return figure


def photo(photo: Photo, axes: Axes | None = None) -> Figure:
    """A photo with its faces' boxes and landmarks; the left eye, the viewer's left, is cyan."""
    if axes is None:
        _, axes = plt.subplots(figsize=(3, 3.6), dpi=DPI)
    axes.imshow(as_image(photo.image), extent=(0, photo.image.shape[2], photo.image.shape[1], 0))
    for face in photo.faces:
        if face.landmarks is not None:
            mark(axes, face.landmarks)
        if face.box is not None:
            outline(axes, face.box.tolist())
    axes.set_axis_off()
    return axes.figure


def photos(shown: Sequence[Photo], columns: int = 2, width: float = 4.5, landmarks: bool = True) -> Figure:
    """Photos with any number of people, each face's box drawn, and its landmarks as dots: hidden ones in red."""
    shown = list(shown)  # some sets make a photo anew each time they are asked for it
    ratio = max(photo.image.shape[1] / photo.image.shape[2] for photo in shown)
    figure, grid = cells(len(shown), columns, width, width * ratio)
    for axes, one in zip(grid, shown):
        _, height, across = one.image.shape
        axes.imshow(as_image(one.image), extent=(0, across, height, 0))
        for face in one.faces:
            if face.box is not None:
                outline(axes, face.box.tolist(), lw=1, clip_on=True)
            if landmarks and face.landmarks is not None:
                seen = torch.ones(5, dtype=torch.bool) if face.visibility is None else face.visibility
                for part, colour in ((seen, "tab:cyan"), (~seen, OTHER)):
                    axes.scatter(*face.landmarks[part].T.numpy(), s=2, c=colour, linewidths=0)
        axes.set(xlim=(0, across), ylim=(height, 0))
    return figure


def rectangle(axes: Axes, box: Sequence[float], label: str, colour: str = "yellow") -> None:
    """A named box on an image."""
    outline(axes, box, colour)
    axes.text(box[0] + 3, box[1] + 3, label, color=colour, va="top", fontsize=9, weight="bold")


# fmt: off
REGION_COLOURS = {
    "background": "#30343a", "skin": "#e0a080", "hair": "#5a3a20", "eyes": "#2a7fff", "brows": "#8a4dff",
    "nose": "#ffd166", "mouth": "#e63946", "beard": "#7a7a4a", "glasses": "#00c2b2", "clothes": "#8aa0b8",
    "hat": "#b5651d", "mask": "#a8e6cf", "hand": "#ff9bd2", "jewellery": "#fff275",
}
# fmt: on


def ground_truth(made: Rendering) -> Figure:
    """Built-in people, a column each: as they are, what each pixel shows, and 68 landmarks, hidden ones hollow."""
    names = [region.name.lower() for region in drawpeople.Region]
    palette = torch.tensor([to_rgb(REGION_COLOURS[name]) for name in names])
    n, (height, width) = len(made.images), made.images.shape[2:]
    figure, grid = sheet(3, n, 1.8, 1.8 * height / width + 0.2)
    for k, (top, middle, bottom) in enumerate(grid.T):
        pale = 0.35 * made.images[k] / 255 + 0.65  # so that the landmarks stand out
        regions = palette[made.regions[k].long()].movedim(2, 0)
        for axes, image in ((top, made.images[k]), (middle, regions), (bottom, pale)):
            axes.imshow(as_image(image), extent=(0, width, height, 0))
            axes.axis("off")
        points, visible = made.dense[k], made.dense_visibility[k]
        bottom.scatter(*points[visible].T.numpy(), s=9, c="tab:blue", linewidths=0, label="landmark")
        bottom.scatter(*points[~visible].T.numpy(), s=11, c="none", edgecolors=OTHER, linewidths=0.8, label="hidden")
        bottom.set(xlim=(0, width), ylim=(height, 0))
    found = [names[i] for i in made.regions.unique().tolist()]
    handles = [Patch(color=REGION_COLOURS[name], label=name) for name in found]
    handles += bottom.get_legend_handles_labels()[0]
    figure.legend(handles=handles, loc="outside lower center", ncols=max(2, n + 1), fontsize=8, frameon=False)
    return figure


def contact_sheet(
    people: int = 8, images_per_person: int = 8, first: int = 0, seed: int = 0, height: float = 1.4
) -> Figure:
    """Built-in people, a row each, in some of their images."""
    who, which = torch.arange(first, first + people), torch.arange(images_per_person)
    who, which = who.repeat_interleave(images_per_person), which.repeat(people)
    made = drawpeople.render(drawpeople.people(who, seed), drawpeople.shots(who, which, seed), geometry.LOOSE)
    return faces(made.images, columns=images_per_person, height=height)
