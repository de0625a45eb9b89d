"""In which precision does this machine train fastest? Measured, never assumed."""

import time
from functools import cache

import torch
from torch import nn


@cache
def faster_precision(device: torch.device) -> str:
    """The half precision, as Accelerate names it, where a GPU trains a fifth faster, else ``"no"`` (float32)."""
    if device.type == "cpu":  # in bf16 CosFace lost one of three seeds, and numbers should not depend on the laptop
        return "no"
    half = half_precision(device)
    return half if seconds_per_step(device, half) < seconds_per_step(device, "no") / 1.2 else "no"


def half_precision(device: torch.device) -> str:
    """``"fp16"`` on GPUs before Ampere (a T4 only emulates bf16), else ``"bf16"``."""
    old_gpu = device.type == "cuda" and torch.cuda.get_device_capability(device)[0] < 8
    return "fp16" if old_gpu else "bf16"


def seconds_per_step(device: torch.device, precision: str) -> float:
    """The best of four forward and backward steps of a small convolution network."""
    with torch.random.fork_rng([]):  # it is made on the CPU, whose random numbers are the caller's
        layers = [nn.Conv2d(64, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU()] * 3
    network = nn.Sequential(*layers).to(device, memory_format=torch.channels_last)
    x = torch.zeros(512 if device.type == "cuda" else 32, 64, 20, 16, device=device)  # enough to keep a GPU busy
    dtype, times = torch.float16 if precision == "fp16" else torch.bfloat16, []
    for _ in range(5):
        start = time.perf_counter()
        with torch.autocast(device.type, dtype, enabled=precision != "no"):
            y = network(x.contiguous(memory_format=torch.channels_last)).float().sum()
        y.backward()
        y.item()  # waits for the device
        times.append(time.perf_counter() - start)
    return min(times[1:])
