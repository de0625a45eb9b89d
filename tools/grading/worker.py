"""The process in which a student's code runs: no network, no view of the graders, limits of time, memory and files.

It answers calls with tensors and numbers. What it sends is read as data alone, never as code.
"""

from __future__ import annotations

import ast
import contextlib
import ctypes
import importlib
import io
import os
import resource
import sys
import traceback
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dlsfaces import course
from dlsfaces.grading import slope_of
from tools.grading.source import needed, nodes

NEW_USER, NEW_MOUNTS, NEW_NETWORK = 0x10000000, 0x20000, 0x40000000


def packed(value: object) -> bytes:
    """Tensors, numbers, text, lists and dictionaries as bytes."""
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def unpacked(data: bytes) -> Any:
    """What :func:`packed` packed; nothing in it can run."""
    return torch.load(io.BytesIO(data), weights_only=True)


def serve(connection: Connection, cells: list[str], folder: str, hidden: str, limits: dict[str, int]) -> None:
    """Answer calls until the connection is closed. Runs in a process of its own."""
    os.setsid()
    for number in map(int, os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else []):
        if number > 2 and number != connection.fileno():  # pipes of the graders' own
            with contextlib.suppress(OSError):
                os.close(number)
    is_shut = shut_in(hidden)
    os.chdir(folder)
    sys.path[:] = [path for path in sys.path if path and not Path(hidden).is_relative_to(Path(path).resolve())]
    for name in [name for name in sys.modules if name.startswith("tools.grading.hidden")]:
        del sys.modules[name]
    torch.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits["file_mb"] << 20,) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (limits["seconds"],) * 2)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (limits["memory_mb"] << 20),) * 2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1), os.dup2(nowhere.fileno(), 2)
    course.set_seed(0)  # who draws random numbers gets the same points when graded again
    connection.send_bytes(packed(("ready", is_shut)))
    answers = _Answers(cells)
    while True:
        try:
            request = unpacked(connection.recv_bytes())
        except EOFError:
            return
        try:
            reply = ("value", answers(*request))
        except BaseException as error:  # SystemExit, KeyboardInterrupt and the like are the student's, too
            text = f"{type(error).__name__}: {error}"[:500]
            line = next(
                (f.lineno for f in reversed(traceback.extract_tb(error.__traceback__)) if f.filename == "answer"), 0
            )
            reply = ("error", type(error).__name__, text, line)
        connection.send_bytes(packed(reply))


def shut_in(hidden: str) -> bool:
    """No network and an empty folder instead of the graders', where the system allows it; says whether it does."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(NEW_USER | NEW_MOUNTS | NEW_NETWORK):
        return False
    return libc.mount(b"tmpfs", hidden.encode(), b"tmpfs", 0, None) == 0


class ChangedInPlace(Exception):
    """A function has changed what it was given."""


class _Answers:
    """The student's functions by name, each defined when it is first asked for."""

    def __init__(self, cells: list[str]) -> None:
        self.statements = nodes(cells)
        self.spaces: dict[str, dict[str, Any]] = {}
        self.things: list[object] = []  # networks that a function returned; they stay here

    def __call__(self, what: str, name: str | int, arguments: list, options: Any) -> object:
        function = self.things[name] if isinstance(name, int) else self.defined(name)
        if what == "weights":
            return sum(weight.numel() for weight in function.parameters() if weight.requires_grad)
        if what == "gradient":
            return slope_of(function, arguments, options)
        before = packed(arguments)
        value = self.plain(function(*arguments, **options))
        if packed(arguments) != before:
            raise ChangedInPlace
        return value

    def defined(self, name: str) -> Any:
        if name not in self.spaces:
            space = self.spaces[name] = {"__name__": "answer"}
            for node in needed(self.statements, name):
                try:
                    exec(compile(ast.Module([node], []), "answer", "exec", dont_inherit=True), space)
                except Exception:
                    if name in getattr(node, "name", ""):
                        raise
        if name not in self.spaces[name]:
            raise NotImplementedError(f"there is no {name}")
        return self.spaces[name][name]

    def plain(self, value: object) -> object:
        """The value as data; a network stays here, in evaluation mode, and its number goes out."""
        if isinstance(value, nn.Module):
            value.eval()  # dropout would add noise to what checks compare
            self.things.append(value)
            return {"network": len(self.things) - 1}
        if isinstance(value, Tensor):
            return value.detach().cpu().clone()
        if isinstance(value, np.ndarray):
            return torch.from_numpy(np.ascontiguousarray(value)).clone()
        if isinstance(value, np.generic):
            return value.item()
        if isinstance(value, dict):
            return {key if isinstance(key, str | int) else str(key): self.plain(one) for key, one in value.items()}
        if isinstance(value, list | tuple | set):
            return type(value)(self.plain(one) for one in value) if type(value) in (list, tuple) else list(value)
        if value is None or isinstance(value, bool | int | float | str):
            return value
        return {"other": type(value).__name__}


# Loaded once, before the students' processes are forked off: what the first call would otherwise import.
torch.set_num_threads(1)
unpacked(packed(("value", [torch.zeros(1)], {})))
PRELOADED = ("torchvision", *(f"dlsfaces.{name}" for name in ("attacks", "pipeline", "plots", "trash")))
for module in PRELOADED:
    with contextlib.suppress(ImportError):
        importlib.import_module(module)
