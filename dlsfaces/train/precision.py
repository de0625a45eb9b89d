"""In which precision does this machine train fastest? Measured, never assumed."""

from __future__ import annotations

import logging
import time

import torch
from torch import nn

log = logging.getLogger(__name__)

PRECISIONS = ("no", "bf16", "fp16")  #: as Accelerate names them; ``"no"`` is float32

_measured: dict[str, str] = {}


def faster_precision(device: torch.device) -> str:
    """``"bf16"`` or ``"fp16"`` where a small convolution network trains at least a fifth faster in it, else ``"no"``.

    fp16 is the candidate on GPUs without bf16 units (a T4 only emulates it), bf16 elsewhere. Measured once a process.
    """
    if str(device) not in _measured:
        candidate = half_precision(device)
        slow, fast = (seconds_a_step(device, p) for p in ("no", candidate))
        log.info("a probe step takes %.1f ms in float32, %.1f ms in %s", 1e3 * slow, 1e3 * fast, candidate)
        _measured[str(device)] = candidate if fast < slow / 1.2 else "no"
    return _measured[str(device)]


def half_precision(device: torch.device) -> str:
    """The half precision for which a device has units: ``"fp16"`` on GPUs before Ampere, else ``"bf16"``."""
    old_gpu = device.type == "cuda" and torch.cuda.get_device_capability(device)[0] < 8
    return "fp16" if old_gpu else "bf16"


def seconds_a_step(device: torch.device, precision: str) -> float:
    """Seconds of a forward and backward step of a small convolution network, the best of four."""
    dtype = {"no": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
    with torch.random.fork_rng():  # the weights' numbers must not change those of the training that follows
        layers = [nn.Conv2d(64, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU()] * 3
    network = nn.Sequential(*layers).to(device=device, memory_format=torch.channels_last)
    count = 512 if device.type == "cuda" else 32  # enough work that a GPU's time is not that of launching it
    x = torch.zeros(count, 64, 20, 16, device=device).contiguous(memory_format=torch.channels_last)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        with torch.autocast(device.type, dtype, enabled=precision != "no"):
            y = network(x).float().sum()
        y.backward()
        y.item()  # waits for the device
        times.append(time.perf_counter() - start)
    return min(times[1:])
