"""Do the installed torch and torchvision fit together? Exits 1 with the way out where they do not.

    .venv/bin/python tools/check_torch.py

Loads dlsfaces/course.py by its path: the rest of the package imports torchvision, and would fail first.
"""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType


def course() -> ModuleType:
    """The module dlsfaces.course, without importing the package around it."""
    path = Path(__file__).resolve().parent.parent / "dlsfaces" / "course.py"
    spec = importlib.util.spec_from_file_location("dlsfaces_course", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses looks its module up there
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    sys.exit(course().torch_problem())
