"""Do the installed torch and torchvision fit together? Exits 1 with the way out where they do not."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from dlsfaces import course

if __name__ == "__main__":
    sys.exit(course.torch_problem())
