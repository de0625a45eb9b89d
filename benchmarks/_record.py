"""How a benchmark keeps what it measured: one JSON file a claim, written whole."""

from __future__ import annotations

import json
import math
import os
import platform
import subprocess
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch

from dlsfaces.files import written_whole

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"


def record(name: str, figures: dict[str, float], command: str, **more: object) -> Path:
    """Write ``results/NAME.json``: figures (name to number), command, machine, date, commit, and what else is given.

    Raises:
        ValueError: a figure is no finite number.
    """
    for figure, value in figures.items():
        if not math.isfinite(value):
            raise ValueError(f"{name}: {figure} is {value}, not a finite number")
    content = {
        "figures": {k: round(float(v), 4) for k, v in figures.items()},
        "command": command,
        "machine": machine(),
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "commit": _git("rev-parse", "--short", "HEAD") + ("+" if _git("status", "--porcelain") else ""),
        **more,
    }
    path = RESULTS / f"{name}.json"
    with written_whole(path) as part:
        part.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(content["figures"], indent=1))
    return path


def record_part(
    name: str, figures: dict[str, float], detail: dict[str, object], command: str, notes: list[str]
) -> None:
    """:func:`record` a part of a benchmark into the file as it is now, where the other parts' figures stay."""
    before = recorded(name)
    record(name, before.get("figures", {}) | figures, command, detail=before.get("detail", {}) | detail, notes=notes)


def recorded(name: str) -> dict[str, Any]:
    """What was recorded the last time; nothing where there is none."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def machine() -> str:
    """The processor or GPU, cores, memory, and the versions that numbers depend on."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB, {gpu}; "
        f"Python {platform.python_version()}, torch {torch.__version__}"
    )


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    names = [line for line in info.read_text().splitlines() if "model name" in line] if info.exists() else []
    return names[0].partition(":")[2].strip() if names else platform.processor() or platform.machine()


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip()
