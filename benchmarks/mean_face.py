"""The mean image of CelebA-500 and how its faces are exposed, beside built-in people: what chapter 13 compares.

    python -m benchmarks.mean_face [--root FOLDER]

Writes ``assets/mean_celeba500.png``: the mean of thousands of people's images, which shows nobody.
"""

from __future__ import annotations

import argparse

from torchvision.io import write_png

from benchmarks._record import ROOT, record
from dlsfaces import data
from tests.from_notebook import definitions

SIZE = (100, 83)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", default=str(ROOT.parent / "shared" / "data"), help="the folder that holds CelebA-500")
    chosen = parser.parse_args()
    describe = definitions("13_invented_to_real", "describe")
    sets = {
        "celeba500": data.load("celeba500", "train", chosen.root),
        "synthetic": data.load("synthetic", "train", people=400, images_per_person=21),
    }
    figures = {}
    for name, faces in sets.items():
        mean, numbers = describe(faces.images(SIZE))
        figures |= {f"{name}/{key}": value for key, value in numbers.items()}
        if name == "celeba500":
            write_png(mean, str(ROOT / "assets" / "mean_celeba500.png"))
    notes = [f"{name}: {len(faces)} training images of {len(faces.people)} people" for name, faces in sets.items()]
    record("mean_face", figures, "python -m benchmarks.mean_face", notes=notes)


if __name__ == "__main__":
    main()
