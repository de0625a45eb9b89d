"""Do the installed torch and torchvision fit together? If not, why, and the way out.

Only the standard library is imported at the top, since this must run where torch itself cannot be loaded.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import shlex
import sys


def problem() -> str | None:
    """What is wrong with the installed torch and torchvision, and the way out; ``None`` where they fit together.

    torchvision's operators are compiled against one release of torch. With another, the two import with an error that
    names neither (``operator torchvision::nms does not exist``), or only fail later. So both are loaded here, one
    compiled operator is called, and the torch that torchvision's own metadata asks for is compared with the one found.
    """
    error = _load_error()
    needed = _torch_that_torchvision_needs()
    if error is None and _satisfies(version("torch"), needed):
        return None
    return explain(version("torch"), version("torchvision"), needed, error)


def _load_error() -> str | None:
    """Load torch and torchvision and call a compiled operator of torchvision; the error where that does not work."""
    try:
        torch = importlib.import_module("torch")
        ops = importlib.import_module("torchvision.ops")
        ops.nms(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.ones(1), 0.5)
    except Exception as error:  # whatever broken binaries raise: the error is the answer
        return f"{type(error).__name__}: {str(error).strip()}"
    return None


def _torch_that_torchvision_needs() -> str:
    """The version of torch that torchvision asks for, such as ``"==2.11.0"``; empty where it does not say."""
    try:
        from packaging.requirements import Requirement

        requirements = map(Requirement, importlib.metadata.requires("torchvision") or [])
        return next((str(found.specifier) for found in requirements if found.name == "torch"), "")
    except ImportError:  # also PackageNotFoundError: there is nothing to compare, _load_error has said the rest
        return ""


def _satisfies(version: str | None, needed: str) -> bool:
    if not version or not needed:
        return True
    from packaging.specifiers import SpecifierSet

    return SpecifierSet(needed).contains(version, prereleases=True)


def explain(torch_version: str | None, torchvision_version: str | None, needed: str, error: str | None) -> str:
    """One message: what was found, what went wrong, and the command that installs a torch and torchvision that fit."""
    pip = f"{shlex.quote(sys.executable)} -m pip"
    if torch_version is None or torchvision_version is None:
        absent = " and ".join(
            name for name, found in (("torch", torch_version), ("torchvision", torchvision_version)) if found is None
        )
        return f"{absent} cannot be found ({error}).\nInstall both together:\n  {pip} install torch torchvision"
    lines = [f"torch {torch_version} and torchvision {torchvision_version} do not fit together."]
    if not _satisfies(torch_version, needed):
        lines.append(f"This torchvision needs torch {needed}.")
    if error:
        lines.append(f"Loading them says: {error}")
    lines.append("Remove both and install them again as a pair:")
    lines.append(f"  {pip} uninstall -y torch torchvision && {pip} install torch torchvision")
    lines.append("On Colab and Kaggle a fresh machine comes with a pair that fits; upgrade neither of them there.")
    return "\n".join(lines)


def version(package: str) -> str | None:
    """The installed version of a package, or None."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
