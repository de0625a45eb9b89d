"""Train on all GPUs of a machine from a notebook, which cannot fork once it has touched CUDA."""

import io
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch

from dlsfaces import course

Result = TypeVar("Result")


def on_all_gpus(
    function: Callable[..., Result], *arguments: Any, processes: int | None = None, **options: Any
) -> Result:
    """Call ``function(*arguments, **options)`` in one process per GPU where there are several, else in this one.

    The call travels in a file to processes that ``torchrun`` starts, the first one's result, or error, in another. The
    function, of a module, trains with :func:`dlsfaces.train.fit`, which shares each batch.
    """
    count = processes or max(1, torch.cuda.device_count())
    if count == 1:
        return function(*arguments, **options)
    call = pickle.dumps((function, arguments, options))
    if b"__main__" in call:
        what = f"{getattr(function, '__qualname__', function)} or an argument of it"
        raise ValueError(f"other processes cannot import {what}: it is defined in __main__; take one of a module")
    with tempfile.TemporaryDirectory(prefix="dlsfaces-") as folder:
        Path(folder, "call").write_bytes(call)
        status, said = _run(folder, count)
        error = Path(folder, "error")
        if error.exists():
            raise pickle.loads(error.read_bytes()) from RuntimeError(f"in {count} processes:\n{said}")
        if status:
            raise RuntimeError(f"training in {count} processes ended with status {status}:\n{said}")
        return torch.load(Path(folder, "result"), weights_only=False)  # this process's own children wrote it


def _run(folder: str, count: int) -> tuple[int, str]:
    """Start the processes and pass on what they say: a notebook shows only what its own process prints."""
    torchrun = ["torch.distributed.run", "--standalone", "--local-addr=127.0.0.1", f"--nproc-per-node={count}"]
    command = [sys.executable, "-m", *torchrun, "-m", "dlsfaces.train.launch", folder]
    path = os.pathsep.join(os.path.abspath(p) for p in sys.path)  # a notebook may have added to it
    threads = os.environ.get("OMP_NUM_THREADS") or str(max(1, torch.get_num_threads() // count))
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": threads, "PYTHONUNBUFFERED": "1"}
    said = ""
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as child:
        try:
            for line in io.TextIOWrapper(child.stdout, "utf-8", "replace", newline=""):  # a progress bar's end in \r
                sys.stderr.write(line)
                sys.stderr.flush()
                said = (said + line)[-4000:]
            return child.wait(), said
        finally:
            child.terminate()  # when the cell is interrupted; torchrun then ends its processes


def _make_call(folder: Path) -> None:
    """Make the call in one of the processes; the first keeps the result, whoever fails the error."""
    course.limit_threads()
    try:
        function, arguments, options = pickle.loads((folder / "call").read_bytes())
        result = function(*arguments, **options)
    except Exception as error:
        if not (folder / "error").exists():  # the others fail only because the first one did
            (folder / "error").write_bytes(pickle.dumps(error))
        raise
    if os.environ["RANK"] == "0":
        torch.save(result, folder / "result")
    if torch.distributed.is_initialized():
        torch.distributed.barrier()  # a process that left early would look like a failure to the others
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    _make_call(Path(sys.argv[1]))
