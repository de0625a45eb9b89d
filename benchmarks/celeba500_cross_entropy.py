"""The chapters on real faces: a network trained from scratch on CelebA-500 with cross-entropy, on this machine.

    python -m benchmarks.celeba500_cross_entropy [--root FOLDER]

Runs notebooks 01, 03 and 04 in their ``gpu`` size on the set (GPU or not) and records what they measure. The executed
notebooks stay in build/course; they show real faces, so they are not for publishing.
"""

from __future__ import annotations

import argparse
import tempfile

from benchmarks._course import run_notebooks
from benchmarks._record import ROOT, record

MEASURED = {
    "accuracy": "03_cross_entropy/accuracy",
    "accuracy/nearest_centre": "03_cross_entropy/accuracy/nearest_centre",
    "accuracy/loose": "03_cross_entropy/accuracy/loose",
    "test_pairs/tpr@0.01/tight": "03_cross_entropy/tpr@0.01/tight",
    "test_pairs/tpr@0.01/loose": "03_cross_entropy/tpr@0.01/loose",
    **{f"tpr@{fpr}": f"04_identification_rate/tpr@{fpr}" for fpr in ("0.01", "0.05", "0.1", "0.2")},
    **{f"pixels/tpr@{fpr}": f"04_identification_rate/pixels/tpr@{fpr}" for fpr in ("0.01", "0.1")},
    "tpr@0.05/low": "04_identification_rate/tpr@0.05/low",
    "tpr@0.05/high": "04_identification_rate/tpr@0.05/high",
    "images_per_second": "03_cross_entropy/images_per_second",
    "minutes": "03_cross_entropy/training_minutes",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default=str(ROOT.parent / "shared" / "data"), help="the folder that holds the set")
    root = parser.parse_args().root
    with tempfile.TemporaryDirectory() as cache:
        found = run_notebooks("gpu", "celeba500", cache, "01 03 04", root)
    if any(n["results"].get("data") != "celeba500" for n in found["notebooks"].values()):
        raise RuntimeError("the notebooks went on without CelebA-500: there is nothing to record")
    record(
        "celeba500_cross_entropy",
        {name: found["figures"][key] for name, key in MEASURED.items()},
        "python -m benchmarks.celeba500_cross_entropy",
        minutes_by_notebook={name: n["minutes"] for name, n in found["notebooks"].items()},
    )


if __name__ == "__main__":
    main()
