"""Work done in processes that may hang, crash or ask for all the memory there is, without harm to the one that asks."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, NamedTuple

MEBIBYTE = 2**20


class Outcome(NamedTuple):
    """What came of a case: the judge's answer, or why there is none; how long it took; the most memory beyond the
    process's own that any case until then took in its process."""

    case: Any
    answer: Any
    failure: str
    seconds: float
    mebibytes: float


def judge_all(
    judge: Callable[[Any], Any], cases: Iterable, *, processes: int, seconds: float, mebibytes: float
) -> Iterator[Outcome]:
    """Give each case to ``judge`` in one of some processes; the outcomes come as they are ready.

    A case that takes longer than ``seconds`` or brings its process down costs that process, and another takes its
    place. Memory beyond ``mebibytes`` cannot be had there (on Linux): Python raises MemoryError.

    Args:
        judge: a function that other processes can import; it gets a case, its answer must be picklable.
    """
    left = iter(cases)
    workers = [_Worker(judge, mebibytes) for _ in range(processes)]
    try:
        busy = [worker for worker in workers if worker.take(left, seconds)]
        while busy:
            wait([w.connection for w in busy], timeout=max(0.0, min(w.deadline for w in busy) - time.monotonic()))
            for worker in [w for w in busy if w.connection.poll() or time.monotonic() > w.deadline]:
                yield worker.outcome()
                if not worker.take(left, seconds):
                    busy.remove(worker)
    finally:
        for worker in workers:
            worker.stop()


class _Worker:
    """A process that judges cases, and the one that follows it where it fails."""

    def __init__(self, judge: Callable[[Any], Any], mebibytes: float) -> None:
        self.judge, self.mebibytes = judge, mebibytes
        self.case, self.started, self.deadline = None, 0.0, 0.0
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, self.judge, self.mebibytes), daemon=True)
        self.process.start()
        theirs.close()
        self.ready = False

    def take(self, cases: Iterator, seconds: float) -> bool:
        """Begin the next case; False where none is left."""
        for self.case in cases:
            if not self.ready:
                self.connection.recv()  # what the judge's modules take to import does not count
                self.ready = True
            self.connection.send(self.case)
            self.started = time.monotonic()
            self.deadline = self.started + seconds
            return True
        return False

    def outcome(self) -> Outcome:
        """Of the case at hand; a process that gave none is replaced."""
        try:
            if self.connection.poll():
                return Outcome(self.case, *self.connection.recv())
            failure = "took too long"
        except EOFError:
            self.process.join()
            failure = f"the process ended by {_how(self.process.exitcode)}"
        self.stop()
        self._start()
        return Outcome(self.case, None, failure, time.monotonic() - self.started, 0.0)

    def stop(self) -> None:
        self.connection.close()  # upon which an idle process ends by itself
        self.process.join(1)
        self.process.kill()
        self.process.join()


def _how(code: int | None) -> str:
    return signal.Signals(-code).name if code is not None and code < 0 else f"exit code {code}"


def _work(connection: Connection, judge: Callable[[Any], Any], mebibytes: float) -> None:
    """A worker's life: a case in, its outcome out."""
    before = _peak()
    if sys.platform == "linux":  # elsewhere the limit is not kept
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + int(mebibytes * MEBIBYTE)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # C libraries write about each damage there
    connection.send("ready")
    while True:
        try:
            case = connection.recv()
        except EOFError:
            return
        start, answer, failure = time.perf_counter(), None, ""
        try:
            answer = judge(case)
        except BaseException as error:  # whatever it is, it is the outcome
            failure = f"{type(error).__name__}: {str(error)[:300]}"
        connection.send((answer, failure, time.perf_counter() - start, _peak() - before))


def _peak() -> float:
    """The most memory that this process has held, in MiB."""
    if sys.platform == "linux":  # getrusage counts what the parent held, too
        status = Path("/proc/self/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MEBIBYTE
