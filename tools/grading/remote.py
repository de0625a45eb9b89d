"""A student's functions as seen from the grader: each call goes to a process that can be killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from torch import Tensor

from dlsfaces.grading import Mistake
from tools.grading import worker

HIDDEN = Path(__file__).resolve().parent
LIMITS = {"seconds": 60, "memory_mb": 2048, "file_mb": 16}  #: of a part: processor time, memory, and one file
CALL_SECONDS = 10.0  #: of processor time for a call; and six times as long on the clock, since a machine may be busy


class Lost(Exception):
    """The student's process has ended or was ended: time, memory, or its own ``exit()``."""


class Student:
    """A process with a submission's code; ``with Student(cells) as student: student["iou"](a, b)``."""

    def __init__(self, cells: list[str], limits: dict[str, int] = LIMITS, seconds: float = CALL_SECONDS) -> None:
        self.cells, self.limits, self.seconds = cells, limits, seconds

    def __enter__(self) -> Student:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["tools.grading.worker"])
        self.folder = TemporaryDirectory(prefix="submission-", ignore_cleanup_errors=True)
        self.connection, theirs = context.Pipe()
        given = (theirs, self.cells, self.folder.name, str(HIDDEN), self.limits)
        self.process = context.Process(target=worker.serve, args=given, daemon=True)
        self.process.start()
        theirs.close()
        self.is_shut_in = self._received(60.0)[1]
        return self

    def __exit__(self, *_: object) -> None:
        try:
            os.killpg(self.process.pid, signal.SIGKILL)  # and what it has started
        except (ProcessLookupError, PermissionError):
            self.process.kill()
        self.process.join(5)
        self.connection.close()
        self.folder.cleanup()

    def __getitem__(self, name: str) -> Remote:
        return Remote(self, name)

    def ask(self, *request: object) -> object:
        """Send a request and wait for the answer; ``Lost`` where none comes."""
        try:
            self.connection.send_bytes(worker.packed(request))
        except OSError as error:
            raise Lost("the program has ended") from error
        kind, *reply = self._received(self.seconds)
        if kind == "value":
            return reply[0]
        name, text, line = reply
        if name == "NotImplementedError":
            raise NotImplementedError(text)
        if name == "ChangedInPlace":
            raise Mistake("in_place", "it changes what it was given: take a copy first")
        raise Mistake("crash", f"it stops with {text}" + (f" (line {line} of its cell)" if line else ""))

    def _received(self, seconds: float) -> tuple:
        started, used = time.monotonic(), self._processor_seconds()
        while not self.connection.poll(0.2):
            if time.monotonic() - started > 6 * seconds or self._processor_seconds() - used > seconds:
                raise Lost(f"no answer within {seconds:g} seconds: an endless loop?")
        try:
            found = worker.unpacked(self.connection.recv_bytes(64 << 20))
        except (EOFError, OSError) as error:
            raise Lost("the program has ended: too much memory, too much time, or exit()") from error
        except Exception as error:
            raise Lost(f"the answer cannot be read: {type(error).__name__}") from error
        if not isinstance(found, tuple) or found[:1] not in (("value",), ("error",), ("ready",)):
            raise Lost("the answer cannot be read")
        return found

    def _processor_seconds(self) -> float:
        try:
            times = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
            return sum(map(int, times)) / os.sysconf("SC_CLK_TCK")
        except OSError:  # another system, or the process has ended
            return 0.0


class Remote:
    """A function, or a network that a function has returned, in the student's process."""

    def __init__(self, student: Student, name: str | int) -> None:
        self.student, self.name = student, name

    def __call__(self, *arguments: object, **options: object) -> object:
        value = self.student.ask("call", self.name, list(arguments), options)
        if isinstance(value, dict) and set(value) == {"network"}:
            return Remote(self.student, value["network"])
        if isinstance(value, dict) and set(value) == {"other"}:
            raise Mistake("type", f"it returns {value['other']}")
        return value

    def gradient(self, arguments: Sequence[object], which: int) -> Tensor:
        """Of the sum of what it gives, by one of its arguments."""
        value = self.student.ask("gradient", self.name, list(arguments), which)
        if value is None:
            raise Mistake("no_gradient", "nothing can be learned from the result: the gradient was lost on the way")
        return value

    def weights(self) -> int:
        """How many numbers a network learns."""
        return self.student.ask("weights", self.name, [], {})
