"""The face networks that ship with the course: their files and cards."""

from __future__ import annotations

import hashlib
from pathlib import Path

import drawpeople
from benchmarks._landmarks import TERMS
from dlsfaces import recognize, weights
from dlsfaces.recognize.pretrained import save_face_net

SOURCE = {"synthetic": "invented", "celeba": "real"}  #: the file in the folder of trained networks


def write_weights(
    folder: Path,
    abouts: dict[str, dict],
    found: dict[str, dict],
    invented: str,
    real: str,
    trained_on: dict[str, list[str]],
) -> None:
    """The networks named in ``trained_on`` and a card for each, from the folder of trained networks.

    Args:
        abouts: what their headers say; ``found``: what was measured.
        invented, real: how they were trained, in words; ``real`` is empty where only people who are invented were seen.
        trained_on: what names each network's training images.
    """
    recipes = {"synthetic": invented, "celeba": f"{invented}, then {real}"}
    minutes = {"synthetic": abouts["invented"]["minutes"], "celeba": sum(a["minutes"] for a in abouts.values())}
    for name in trained_on:
        source = SOURCE[name]
        model = recognize.load_face_net(folder / f"{source}.safetensors")
        data = "synthetic people" + (", then CelebA-500 (500 people)" if name == "celeba" else "")
        digest = hashlib.sha256("\n".join(trained_on[name]).encode()).hexdigest()[:12]
        about = {"data": data, "data_hash": digest, "recipe": recipes[name], "terms": TERMS[name]}
        path = weights.FOLDER / f"faces_{name}.safetensors"
        save_face_net(model, path, about)
        text = CARD.format(
            name=name,
            flag="" if real else " --invented",
            settings=model.settings,
            data=data,
            recipe=recipes[name],
            minutes=minutes[name],
            machine=abouts["invented"]["machine"],
            terms=TERMS[name],
            generator=drawpeople.VERSION,
            crop=list(model.settings["image_size"]),
            accuracy=ACCURACY.format(found[source]["accuracy"]) if "accuracy" in found[source] else "",
            **{
                key.replace("@", "_").replace(".", "").replace("/", "_"): v
                for key, v in found[source].items()
                if key != "accuracy"
            },
        )
        path.with_suffix(".md").write_text(text, encoding="utf-8")


ACCURACY = "| CelebA-500, test split, 500 people | accuracy by the nearest class centre | {:.3f} |\n"
CARD = """# faces_{name}

Turns a face into 256 numbers that are similar, by cosine, for images of one person.
`recognize.load_face_net(trained_on="{name}")`, then `recognize.embed(model, images, mirror=True)`.

- **Network**: `FaceResNet`, {settings}; half precision in the file.
- **Input**: tight crops (`geometry.TIGHT`: brows to chin) at {crop} pixels, float in [0, 1]. Other crops ruin it.
- **Data**: {data}. Generator version {generator}.
- **Recipe**: CosFace; {recipe}.
- **Trained** in {minutes:.1f} minutes on: {machine}.
- **Terms**: {terms}
- **Made by** `python -m benchmarks.best_recipe{flag} --write`.

| measured on | figure | value |
|:--|:--|--:|
{accuracy}| celebA_ir, 51 strangers | TPR at FPR 0.01 | {tpr_001:.3f} ({tpr_001_low:.3f} to {tpr_001_high:.3f}) |
| | TPR at FPR 0.05 | {tpr_005:.3f} |
| | TPR at FPR 0.1 | {tpr_01:.3f} |

**Limits**: a network for teaching. It has seen few people, most of them invented or famous; at these rates it cannot
serve to let anybody in or to accuse anybody. How much worse it is for some groups than for others:
`python -m benchmarks.fairness`, for built-in people; among real people it was not measured.
"""
