"""The landmark networks that ship with the course: on which faces and how they are trained."""

from __future__ import annotations

from dataclasses import replace

import drawpeople
from benchmarks._record import machine
from dlsfaces import data, weights
from dlsfaces.align.networks import LandmarkNet
from dlsfaces.align.pretrained import save_landmark_net
from dlsfaces.align.recipe import COLOURS, LandmarkRecipe, train_landmarks
from dlsfaces.data import FaceSet
from dlsfaces.train import History

PEOPLE, IMAGES_PER_PERSON, SEED = 900, 14, 6  #: built-in people to learn from
#: Without grain and print, with which the regression missed by 0.053 instead (see nme_synthetic).
PLAIN = replace(COLOURS, coarse=0.0, screen=0.0, grain=0.0)
RECIPES = {
    "regression": LandmarkRecipe(kind="regression", size="medium", epochs=20, augmentation=PLAIN),
    "hourglass": LandmarkRecipe(kind="hourglass", size="medium", epochs=14),
}
#: What goes on from there with real faces; fewer epochs, since most is learned.
REAL_EPOCHS = {"regression": 10, "hourglass": 8}


def synthetic_faces(split: str) -> FaceSet:
    """Built-in people in loose images, with exact landmarks."""
    return data.load("synthetic", split, framing="loose", people=PEOPLE, images_per_person=IMAGES_PER_PERSON, seed=SEED)


EVERY = 10  #: of CelebA-500's people each tenth is held out: no landmark network has seen the 50


def real_faces(split: str, root: str, held_out: bool) -> FaceSet:
    """CelebA-500's loose photos with pseudo-landmarks: of the 50 people held out, or of the 450 others."""
    faces = data.load("celeba500", split, root, framing="loose")
    known = faces.landmarks.isfinite().flatten(1).all(1).nonzero()[:, 0]
    return data.split_people(faces.subset(known), EVERY)[held_out]


def trained(kind: str, root: str | None = None) -> tuple[LandmarkNet, History]:
    """The network of a kind, trained on synthetic people, and where ``root`` is given, on real ones after that.

    A run that was made before on this machine is not made again.
    """
    recipe = RECIPES[kind]
    faces, validation = synthetic_faces("train"), synthetic_faces("test")
    validation = validation.subset(range(0, len(validation), 3))
    model, history, _ = train_landmarks(faces, validation, recipe, recipe.checkpoint(faces))
    if root is None:
        return model, history
    recipe = replace(recipe, epochs=REAL_EPOCHS[kind], lr=recipe.lr / 2)
    # with the built-in faces beside them it was worse, on old prints and on CelebA
    faces, validation = (real_faces(split, root, held_out=False) for split in ("train", "test"))
    model, history, _ = train_landmarks(faces, validation, recipe, recipe.checkpoint(faces, model), model)
    return model, history


def strangers() -> FaceSet:
    """An image each of 1,000 synthetic people whom no network has seen, tilted."""
    return data.unaligned(data.load("synthetic", "distractors", framing="loose", people=200, seed=SEED))


def held_out_faces(root: str) -> list[FaceSet]:
    """Tilted photos of the 50 people of CelebA-500 whom no network has seen."""
    splits = ("train", "validation", "test")
    return [data.unaligned(real_faces(name, root, held_out=True), seed=k) for k, name in enumerate(splits)]


#: Of weights, by what they were trained on.
TERMS = {
    "synthetic": "MIT, as the code: no image of a real person was used.",
    "celeba": "Non-commercial research only: trained on CelebA, whose terms these weights inherit.",
}


def write_weights(nets: dict, detail: dict[str, dict], histories: dict[str, History]) -> None:
    """The networks and a card for each."""
    invented = synthetic_faces("train")
    for (kind, trained_on), model in nets.items():
        name = f"landmarks_{kind}_{trained_on}"
        faces = "synthetic people" + (
            ", then CelebA-500 (450 people, pseudo-landmarks)" if trained_on == "celeba" else ""
        )
        data_hash = RECIPES[kind].checkpoint(invented).stem.rpartition("-")[2]  # of the recipe and the images
        about = {"data": faces, "data_hash": data_hash, "recipe": repr(RECIPES[kind]), "terms": TERMS[trained_on]}
        path = weights.FOLDER / f"{name}.safetensors"
        save_landmark_net(model, path, about)
        path.with_suffix(".md").write_text(card(name, kind, trained_on, about, detail, histories), encoding="utf-8")


def card(name: str, kind: str, trained_on: str, about: dict, detail: dict, histories: dict) -> str:
    """The model card: what it is, what it was trained on, how well it does, what it may be used for."""
    recipe, rows = RECIPES[kind], []
    for on, title in (
        ("synthetic", "synthetic people not seen"),
        ("cmu_mit", "CMU+MIT, 511 faces"),
        ("celeba_held_out", "CelebA-500, 50 people not seen, against pseudo-landmarks"),
    ):
        score = detail[f"{kind}_{trained_on}/{on}"]
        rows.append(
            f"| {title} | {100 * score['nme']:.2f} % | {100 * score['failure_rate']:.1f} % | {score['area']:.3f} |"
        )
    epochs = f"{recipe.epochs} epochs of {PEOPLE * IMAGES_PER_PERSON * 5 // 7:,} images of {PEOPLE} synthetic people"
    if trained_on == "celeba":
        epochs += (
            f", then {REAL_EPOCHS[kind]} epochs of CelebA-500's training photos of 450 people at half the learning rate"
        )
    minutes = sum(row["seconds"] for row in histories[f"{kind}_{trained_on}"]) / 60
    return CARD.format(
        name=name,
        kind=kind,
        recipe=recipe,
        rows="\n".join(rows),
        epochs=epochs,
        minutes=minutes,
        varied="colours, sharpness, grain and print" if recipe.augmentation.grain else "colours and sharpness",
        machine=machine(),
        terms=about["terms"],
        generator=drawpeople.VERSION,
        trained_on=trained_on,
    )


CARD = """# {name}

Finds five landmarks (left eye, right eye, nose, left and right mouth corner; left is the viewer's) of a face whose box
is known. `align.load_landmark_net("{kind}", "{trained_on}")`, then `align.find_landmarks`.

- **Network**: `{recipe.kind}`, size `{recipe.size}`, squares of {recipe.side} pixels; half precision in the file.
- **Data and recipe**: {epochs};
  batches of {recipe.batch_size}, {recipe.optimizer}, learning rate {recipe.lr};
  turned by up to {recipe.rotation:g} degrees, zoomed, shifted, mirrored; {varied} varied.
  Generator version {generator}. Took {minutes:.0f} minutes on: {machine}.
- **Terms**: {terms}
- **Made by** `python -m benchmarks.landmarks --write`.

| measured on | mean error by eye distance | faces off by more than 10 % | area under the error curve to 10 % |
|:--|--:|--:|--:|
{rows}

**Limits**: faces tilted by more than about 40 degrees, profiles, and faces under some 20 pixels are not what it was
trained for. It gives points wherever it is pointed at, also where there is no face: look at the confidence.
"""
