"""Trained networks that come with the course: safetensors files, each with a card that says what is in it.

A file's header holds the settings that build the network again, and what it was trained on. Nothing is unpickled.
"""

import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

import drawpeople
from dlsfaces.files import written_whole

log = logging.getLogger(__name__)
FOLDER = Path(__file__).resolve().parent
Header, Load = Mapping[str, object], Callable[[Path], object]


def path_of(name: str) -> Path:
    """The file of a network that comes with the course; ``FileNotFoundError`` names those that there are."""
    path = FOLDER / f"{name}.safetensors"
    if not path.is_file():
        there = ", ".join(sorted(p.stem for p in FOLDER.glob("*.safetensors"))) or "none"
        raise FileNotFoundError(f"the course has no weights {name!r}; it has {there}")
    return path


def read(path: Path) -> tuple[dict[str, Tensor], dict]:
    """Weights in float32, and what the header says; ``ValueError`` where the file is damaged or not the course's."""
    if not path.is_file():
        raise FileNotFoundError(f"there are no weights {path}")
    try:
        with safe_open(path, "pt") as file:
            about = dict(json.loads((file.metadata() or {})["about"]))
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged, or not weights of this course ({error}); copy it again") from error
    drawn_by = about.get("generator")
    alone = str(about.get("data", "")).endswith(("synthetic", "synthetic people"))  # and no real people after them
    if alone and drawn_by != drawpeople.VERSION:
        warning = "%s was trained on synthetic people of generator version %s; this is version %s"
        log.warning(warning, path.name, drawn_by, drawpeople.VERSION)
    return {k: v.float() if v.is_floating_point() else v for k, v in state.items()}, about


def write(path: Path, model: nn.Module, settings: Header, about: Header | None = None, load: Load = read) -> None:
    """Write a network's weights in half precision, with ``settings`` and ``about`` (data, recipe, terms) in the header.

    ``ValueError`` where a weight is NaN, infinite, or too large for half precision, or ``load`` cannot read the file
    back. A file that was there then stays.
    """
    about, state = dict(about or {}), {}
    if taken := settings.keys() & about:
        raise ValueError(f"about holds {', '.join(taken)}, which the network needs for itself; take other names")
    if not path.suffix:
        raise ValueError(f"{path} could be taken for a network of the course; name it {path.name}.safetensors")
    for name, value in model.state_dict().items():
        value = value.detach().cpu().contiguous()
        value = state[name.replace("_orig_mod.", "")] = value.half() if value.is_floating_point() else value
        if not value.isfinite().all():
            raise ValueError(f"{name} holds a number that is not finite in half precision")
    try:
        header = json.dumps({"generator": drawpeople.VERSION, **settings, **about}, default=float)
        with written_whole(path) as part:
            save_file(state, part, {"about": header})
            load(part)  # what cannot be read back never takes a name
    except (SafetensorError, TypeError, ValueError) as error:
        raise ValueError(f"{path} was not written, since it could not be loaded again: {error}") from error


def load(path: Path, build: Callable[[dict], nn.Module], what: str) -> nn.Module:
    """A network from its file, in evaluation mode, on the CPU; ``ValueError`` where the file is another network's.

    ``build`` makes the network that the header describes; ``what`` names it in the error: ``"a face network"``.
    """
    state, about = read(path)
    try:
        model = build(about)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is not {what}'s file ({error!r})") from error
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise ValueError(f"{path}: its weights do not fit the network that its header describes ({error})") from error
    if not all(value.isfinite().all() for value in model.state_dict().values()):
        raise ValueError(f"{path}: it holds NaN or infinity; copy it again")
    return model.eval()
