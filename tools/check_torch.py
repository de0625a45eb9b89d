"""Do the installed torch and torchvision fit together? Exits 1 with the way out where they do not.

.venv/bin/python tools/check_torch.py
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from dlsfaces import torch_pair  # imports neither of the two by itself

if __name__ == "__main__":
    sys.exit(torch_pair.problem())
