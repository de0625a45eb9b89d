"""Train on all GPUs of a machine from a notebook: the same call, in processes of their own.

A notebook is one process, and one that has touched CUDA cannot divide itself. So the call travels: the function's name
and its arguments go into a file, ``torchrun`` starts as many fresh processes as there are GPUs, each makes the call,
and what the first of them returns comes back through another file. In a script there is no need of this: start the
script with ``torchrun --nproc_per_node 2 script.py``, or with ``accelerate launch``.
"""

from __future__ import annotations

import codecs
import importlib
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch

from dlsfaces.files import written_whole

Result = TypeVar("Result")
CALL, RESULT, ERROR = "call.pickle", "result.pt", "error.pickle"


def on_all_gpus(
    function: Callable[..., Result], *arguments: Any, processes: int | None = None, **options: Any
) -> Result:
    """``function(*arguments, **options)``, made in one process a GPU where there are several, else simply made.

    Args:
        function: of a module that can be imported (one that is defined in a notebook exists only there), such as
            ``recognize.train_cross_entropy``. It trains with :func:`dlsfaces.train.fit`, which does the dividing.
        arguments, options: what it takes, picklable.
        processes: as many of them instead of one a GPU; on a machine without GPUs they share the CPU.
    Returns:
        What the first process returned; tensors and modules come back on this process's device.
    Raises:
        ValueError: the function cannot be imported by other processes.
        RuntimeError: a process died; the message has the end of what they said. An exception that the function
            raised is raised here as it was.
    """
    count = processes or max(1, torch.cuda.device_count())
    if count == 1:
        return function(*arguments, **options)
    _refuse_unimportable(function)
    with tempfile.TemporaryDirectory(prefix="dlsfaces-") as folder:
        call = (function.__module__, function.__qualname__, arguments, options)
        Path(folder, CALL).write_bytes(pickle.dumps(call))
        status, said = _run(_command(folder, count), _environment(count))
        error, result = Path(folder, ERROR), Path(folder, RESULT)
        if error.exists():
            raise pickle.loads(error.read_bytes()) from RuntimeError(f"in {count} processes:\n{said}")
        if status or not result.exists():
            raise RuntimeError(f"training in {count} processes ended with status {status}:\n{said}")
        return torch.load(result, weights_only=False)  # this process's own children wrote it


def _refuse_unimportable(function: Callable) -> None:
    module, name = getattr(function, "__module__", "nowhere"), getattr(function, "__qualname__", repr(function))
    try:
        found = getattr(importlib.import_module(module), name)
    except (AttributeError, ImportError, ValueError):
        found = None
    if module == "__main__" or found is not function:
        raise ValueError(
            f"other processes cannot import {name}: it is defined in {module}. "
            "Give a function of a module, such as dlsfaces.recognize.train_cross_entropy"
        )


def _command(folder: str, count: int) -> list[str]:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--local-addr=127.0.0.1"]
    return [*torchrun, f"--nproc-per-node={count}", "-m", "dlsfaces.train.launch", folder]


def _environment(count: int) -> dict[str, str]:
    """This process's, with everything importable that is so here, and the cores shared."""
    path = os.pathsep.join(os.path.abspath(p) for p in sys.path)  # a notebook may have added to it
    threads = os.environ.get("OMP_NUM_THREADS") or str(max(1, torch.get_num_threads() // count))
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": threads, "PYTHONUNBUFFERED": "1"}


def _run(command: list[str], environment: dict[str, str]) -> tuple[int, str]:
    """Run a command while passing on what it says, since a notebook shows only what its own process prints."""
    decoder, said = codecs.getincrementaldecoder("utf-8")("replace"), ""
    child = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        while block := os.read(child.stdout.fileno(), 1 << 16):
            text = decoder.decode(block)
            sys.stderr.write(text)
            sys.stderr.flush()
            said = (said + text)[-4000:]
        return child.wait(), said
    finally:  # also when the cell is interrupted: torchrun then ends its processes
        child.terminate()
        try:
            child.wait(30)
        except subprocess.TimeoutExpired:
            child.kill()
        child.stdout.close()


def _make_call(folder: Path) -> None:
    """One of the processes: make the call; the first one keeps the result, whoever fails the error."""
    from dlsfaces import course

    course.limit_threads()
    try:
        module, name, arguments, options = pickle.loads((folder / CALL).read_bytes())
        result = getattr(importlib.import_module(module), name)(*arguments, **options)
    except Exception as error:
        _keep_error(folder, error)
        raise
    if int(os.environ["RANK"]) == 0:
        with written_whole(folder / RESULT) as part:
            torch.save(result, part)
    if torch.distributed.is_initialized():
        torch.distributed.barrier()  # a process that left early would look like a failure to the others
        torch.distributed.destroy_process_group()


def _keep_error(folder: Path, error: Exception) -> None:
    """The first one: the others fail only because it did."""
    try:
        content = pickle.dumps(error)
        pickle.loads(content)
    except Exception:  # some exceptions cannot be sent
        content = pickle.dumps(RuntimeError(f"{type(error).__name__}: {error}"))
    if not (folder / ERROR).exists():
        with written_whole(folder / ERROR) as part:
            part.write_bytes(content)


if __name__ == "__main__":
    _make_call(Path(sys.argv[1]))
