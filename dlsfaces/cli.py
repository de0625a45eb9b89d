"""Photos in, names out, from the command line: ``dlsfaces`` or ``python -m dlsfaces``.

Exit status: 0 if all went well, 1 if the answer is no or a photo could not be read, 2 after an error, 130 after Ctrl-C.
"""

from __future__ import annotations

import csv
import json
import os
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:  # torch takes seconds to import, and --help needs none of it: each command imports what it needs
    from torch import Tensor

    from dlsfaces.pipeline import FoundFace, Pipeline

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
Paths = Annotated[list[Path], typer.Argument(help="photos, or folders of photos (not the folders inside them)")]
File = Annotated[Path, typer.Option("--gallery", help="the file that holds whom you know")]
Network = Annotated[str, typer.Option(help="celeba (for research only), synthetic (MIT), or a file of `train`")]
Data = Annotated[
    str, typer.Option(help="synthetic, celeba500, celeba, lfw, or a folder of upright faces: person/1.jpg")
]
Json = Annotated[bool, typer.Option("--json", help="a JSON object a line")]
GALLERY = Path("gallery.safetensors")
unread: list[Path] = []  # of this run


def main() -> None:
    """Run; an error is one line."""
    sys.stdout.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show ends nothing
    try:
        app()
    except (OSError, ValueError, ImportError, MemoryError) as error:
        print(f"dlsfaces: {error or 'there is not enough memory'}", file=sys.stderr)
        raise SystemExit(2) from None


@app.command()
def detect(paths: Paths, network: Network = "celeba", as_json: Json = False) -> None:
    """The faces of photos: file, box, score, and why a face should get no name."""
    from dlsfaces.pipeline import load_pipeline

    for file, _, faces in _looked_at(_photos(_files(paths)), load_pipeline(network)):
        for face in faces:
            _say(as_json, file=file, box=face.box.tolist(), score=face.score, doubt=face.doubt)
    _finish()


@app.command()
def align(
    paths: Paths,
    to: Annotated[Path, typer.Option(help="the folder for the crops")],
    network: Network = "celeba",
    as_json: Json = False,
) -> None:
    """Write each face upright, as PNG. The surest face of a photo has the number 0."""
    from torchvision.utils import save_image

    from dlsfaces.files import written_whole
    from dlsfaces.pipeline import load_pipeline, upright

    to.mkdir(parents=True, exist_ok=True)
    for file, photo, faces in _looked_at(_photos(_files(paths)), load_pipeline(network)):
        for k, face in enumerate(faces):
            crop = to / f"{Path(file).absolute().parent.name}_{Path(file).name}_{k}.png"
            if crop.exists():
                raise ValueError(f"{crop} is there already; name another folder for {file}")
            with written_whole(crop) as part:
                save_image(upright(photo, face.landmarks[None])[0], part, format="png")
            _say(as_json, file=file, crop=str(crop), landmarks=face.landmarks.flatten().tolist(), doubt=face.doubt)
    _finish()


@app.command()
def enrol(
    paths: Paths,
    name: Annotated[str | None, typer.Option(help="whose photos these are; else each folder's name")] = None,
    gallery: File = GALLERY,
    fpir: Annotated[
        float | None, typer.Option(help="for a new gallery: the share of strangers taken for somebody (default 0.01)")
    ] = None,
    rule: Annotated[str | None, typer.Option(help="for a new gallery: mean or max (default mean)")] = None,
    network: Network = "celeba",
    as_json: Json = False,
) -> None:
    """Add people to the gallery, by photos that show one face each. Other photos are named and left out."""
    from dlsfaces.gallery import Gallery
    from dlsfaces.pipeline import load_pipeline, load_strangers, why_not

    if name is None and (files := [path for path in paths if not path.is_dir()]):
        raise ValueError(f"{files[0]} is no folder of one person's photos; with photos, say --name")
    whose = {file: path.resolve().name if name is None else name for path in paths for file in _files([path])}
    run, strangers = load_pipeline(network), load_strangers(network).draw()
    new = Gallery(run.network, strangers, 0.01 if fpir is None else fpir, rule or "mean")
    known = Gallery.load(gallery, run.network) if gallery.exists() else new  # an error comes before all the photos
    if fpir not in (None, known.fpir) or rule not in (None, known.rule):
        raise ValueError(f"{gallery} has --fpir {known.fpir} --rule {known.rule}: leave them out, or name another file")
    found = [(file, faces) for file, _, faces in _looked_at(_photos(list(whose)), run)]  # photos would fill the memory
    with Gallery.changed(gallery, run.network, lambda: new) as people:
        for file, faces in found:
            why = why_not(faces)
            if why is None:
                people.enrol(whose[Path(file)], faces[0].vector[None])
            _say(as_json, file=file, name=whose[Path(file)], left_out=why)
    _finish()


@app.command()
def identify(
    paths: Paths,
    gallery: File = GALLERY,
    threshold: Annotated[float | None, typer.Option(min=-2, max=2, help="a cosine; else the gallery's own")] = None,
    network: Network = "celeba",
    as_json: Json = False,
) -> None:
    """Who is in photos: file, box, name (or -), nearest person, cosine, and why the face is in doubt (or -)."""
    for row in _named(_photos(_files(paths)), gallery, threshold, network):
        _say(as_json, **row)
    _finish()


@app.command()
def verify(
    first: Path,
    second: Path,
    fpr: Annotated[float, typer.Option(help="the share of strangers who would pass")] = 0.01,
    network: Network = "celeba",
    as_json: Json = False,
) -> None:
    """Do two photos show the same person? Exit status 0: yes, 1: no."""
    from dlsfaces import pipeline

    verdict = pipeline.verify(first, second, fpr, network)
    _say(as_json, **verdict._asdict())
    raise typer.Exit(0 if verdict.same else 1)


@app.command()
def watch(
    source: Annotated[Path, typer.Argument(help="a video, or a folder that photos come into")],
    gallery: File = GALLERY,
    to: Annotated[Path, typer.Option("--csv", help="where rows are added")] = Path("attendance.csv"),
    every: Annotated[float, typer.Option(min=0, max=86400, help="seconds between two looks")] = 1.0,
    once: Annotated[bool, typer.Option(help="look at a folder once, and end")] = False,
    network: Network = "celeba",
    as_json: Json = False,
) -> None:
    """Attendance: each sighting of somebody in the gallery is a row of a CSV file. A folder is watched until Ctrl-C."""
    photos = _new_photos(source, every, once) if source.is_dir() else _frames(source, every)
    before = to.read_text(encoding="utf-8-sig", errors="replace") if to.exists() else ""
    if before and not (before.startswith("seen_at,source,name,score\n") and before.endswith("\n")):
        raise ValueError(f"{to} has other columns, or half a last line: name another --csv, or mend it")
    if not os.access(to if to.exists() else to.absolute().parent, os.W_OK):
        raise ValueError(f"{to} cannot be written; name another --csv")  # now, not when somebody is seen
    for row in _named(photos, gallery, None, network, at_once=1):
        if row["name"]:
            with to.open("a", newline="", encoding="utf-8", errors="backslashreplace") as file:  # at once: it stays
                rows = csv.writer(file)
                if not file.tell():
                    rows.writerow(("seen_at", "source", "name", "score"))
                rows.writerow((time.strftime("%Y-%m-%d %H:%M:%S"), row["file"], row["name"], f"{row['score']:.3f}"))
            _say(as_json, **row)
    _finish()


@app.command()
def train(
    to: Annotated[Path, typer.Argument(help="the file of the network, .safetensors")],
    data: Data,
    people: Annotated[int | None, typer.Option(help="how many people (default: all)")] = None,
    backbone: Annotated[str, typer.Option(help="small, medium, large, or inception (InceptionResnetV1)")] = "medium",
    loss: Annotated[str, typer.Option(help="cross_entropy, cosface, arcface, triplet_semihard, ...")] = "cosface",
    epochs: int = 30,
    lr: float = 0.1,
    as_json: Json = False,
) -> None:
    """Train a face network from scratch; a run that was stopped goes on. Writes strangers for galleries, too."""
    from dlsfaces import recognize, weights
    from dlsfaces.data import load
    from dlsfaces.gallery import Strangers
    from dlsfaces.pipeline import strangers_file
    from dlsfaces.recognize.pretrained import save_face_net

    if to.suffix != ".safetensors" or to.is_dir():
        raise ValueError(f"{to} is no name for the network's file; end it with .safetensors")
    size = (96, 80) if backbone == "inception" else (80, 64)
    faces, validation, others = (load(data, split, people=people) for split in ("train", "validation", "distractors"))
    recipe = recognize.Recipe(backbone, size, epochs=epochs, lr=lr, batch_size=max(1, min(128, len(faces))))
    trained = recognize.train_loss_recipe(loss, faces, validation, recipe)
    strangers = Strangers.like(recognize.embed(trained.model, others.images(size), mirror=True))
    about = {"data": data, "people": len(faces.people), "loss": loss, "epochs": epochs, "lr": lr}
    save_face_net(trained.model, to, about)
    weights.write(strangers_file(to), strangers, {"dim": recipe.embedding_dim}, {"data": data})
    _say(as_json, file=str(to), **trained.history[-1])


@app.command()
def evaluate(
    network: Annotated[str, typer.Argument(help="celeba, synthetic, or a file of `train`")],
    data: Data,
    people: Annotated[int | None, typer.Option(help="how many people (default: all)")] = None,
    as_json: Json = False,
) -> None:
    """TPR at FPR 0.01, 0.05, 0.1 and 0.2 on query and distractors.

    With the data and the --people of its training these are people whom the network was not trained on.
    """
    from dlsfaces import evaluate as measure
    from dlsfaces import recognize
    from dlsfaces.data import load
    from dlsfaces.pipeline import face_net

    model, fprs = face_net(network)[0], (0.01, 0.05, 0.1, 0.2)
    query, others = (load(data, split, people=people) for split in ("query", "distractors"))
    size = tuple(model.settings["image_size"])
    asked, strange = (recognize.embed(model, faces.images(size), mirror=True) for faces in (query, others))
    rate = measure.identification_rate(asked, query.identities, strange, fprs)
    _say(as_json, **{f"tpr@{fpr}": float(tpr) for fpr, tpr in zip(fprs, rate.tpr)})


# --- what they share ------------------------------------------------------------------------------------------------


def _say(as_json: bool, **row: object) -> None:
    """One line: values with tabs between them, or JSON."""
    print(json.dumps(row) if as_json else "\t".join(map(_text, row.values())), flush=True)


def _text(value: object) -> str:
    if isinstance(value, list):
        return ",".join(f"{number:.1f}" for number in value)
    text = f"{value:.3f}" if isinstance(value, float) else "-" if value is None else str(value)
    return text.replace("\n", "\\n").replace("\t", "\\t")


def _files(paths: list[Path]) -> list[Path]:
    from dlsfaces.data.images import list_images

    files = [file for path in paths for file in (list_images(path) if path.is_dir() else [path])]
    if not files:
        raise ValueError(f"there are no photos in {', '.join(map(str, paths))}; name the folders inside, if any")
    return files


def _photos(files: list[Path]) -> Iterator[tuple[str, Tensor]]:
    """Those that can be read; the others are named, and the command ends with 1."""
    from tqdm import tqdm

    from dlsfaces.data import read_image

    for file in tqdm(files, unit=" photos", delay=2, leave=False, disable=None):
        try:
            yield str(file), read_image(file)
        except (OSError, ValueError) as error:
            unread.append(file)
            print(f"dlsfaces: {error}", file=sys.stderr)


def _new_photos(folder: Path, every: float, once: bool) -> Iterator[tuple[str, Tensor]]:
    """Photos of a folder, each when it has come whole."""
    from dlsfaces.data.images import list_images

    before: dict[Path, object] = {}
    done: dict[Path, object] = {}
    while True:
        now = {file: os.path.exists(file) and file.stat()[6:9:2] for file in list_images(folder)}  # size and date
        for file, state in now.items():
            if done.get(file) != state and (once or before.get(file) == state):  # once more when it has changed
                done[file] = state
                yield from _photos([file])
        if once:
            return
        before = now
        time.sleep(every)


def _frames(video: Path, every: float) -> Iterator[tuple[str, Tensor]]:
    """Frames of a video, one in so many seconds, named by their time."""
    import torch

    try:
        import av
    except ImportError:
        raise ImportError("videos are read by PyAV: pip install av") from None
    if not video.is_file():
        raise FileNotFoundError(f"there is no folder and no video {video}")
    at = float("-inf")
    try:
        with av.open(str(video)) as file:
            for frame in file.decode(video=0):
                if frame.time is not None and frame.time >= at:
                    at = frame.time + every
                    image = torch.from_numpy(frame.to_ndarray(format="rgb24")).permute(2, 0, 1)
                    image = torch.rot90(image, round(getattr(frame, "rotation", 0) / 90), (1, 2))  # a phone's, upright
                    yield f"{video}#{frame.time:.2f}", image.contiguous()
    except (av.FFmpegError, IndexError) as error:
        to = f"it was watched to second {max(at, 0):.1f}"
        raise ValueError(f"{video} breaks off, or is no video ({error}); {to}") from error
    if at == float("-inf"):
        raise ValueError(f"{video} has no frames with a time; convert it to .mp4 (ffmpeg -i {video} new.mp4)")


def _looked_at(
    photos: Iterator[tuple[str, Tensor]], run: Pipeline, at_once: int = 16
) -> Iterator[tuple[str, Tensor, list[FoundFace]]]:
    """Photos with their faces."""
    while some := list(islice(photos, at_once)):
        for (file, photo), faces in zip(some, run(photo for _, photo in some)):
            yield file, photo, faces


def _named(
    photos: Iterator[tuple[str, Tensor]], file: Path, threshold: float | None, network: str, at_once: int = 16
) -> Iterator[dict[str, object]]:
    """Faces with names."""
    from dlsfaces.gallery import Gallery
    from dlsfaces.pipeline import load_pipeline

    run = load_pipeline(network)
    people = Gallery.load(file, run.network)
    for source, _, faces in _looked_at(photos, run, at_once):
        for face in faces:
            name, nearest, score = people.identify(face.vector[None], threshold)[0]
            found = dict(file=source, box=face.box.tolist(), name=None if face.doubt else name)
            yield found | dict(nearest=nearest, score=score, doubt=face.doubt)


def _finish() -> None:
    if unread:
        print(f"dlsfaces: could not be read: {', '.join(map(str, unread))}", file=sys.stderr)
        raise typer.Exit(1)
