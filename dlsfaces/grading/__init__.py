"""Checks of the homeworks: is an answer right, and if not, what kind of mistake does it look like?

A check calls the student's function with small inputs. It compares what comes back with what is right, and with what
the usual mistakes give. The graders call the same checks with other inputs.
"""

from __future__ import annotations

import copy
import importlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from dlsfaces.files import written_whole

Answer = Callable[..., object]
Check = Callable[[Answer], None]
Row = tuple[str, object, str]  #: of a table of mistakes: a kind, what such an answer gives, a sentence for the student
HOMEWORKS = ("alignment", "rate", "margins", "triplet", "detection", "pipeline", "photos", "attack")


class Mistake(Exception):
    """What is wrong with an answer: its kind, a short name, and a sentence for the student."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


def check(part: str, answer: Answer) -> None:
    """Check a function of a homework and print what was found, such as ``check("tpr_at_fpr", tpr_at_fpr)``."""
    try:
        public = {}
        for name in HOMEWORKS:
            public |= importlib.import_module(f"dlsfaces.grading.{name}").PUBLIC
        if part not in public:
            raise Mistake("part", f"there is no part of this name; there are {', '.join(public)}")
        if not callable(answer):
            raise Mistake("type", f"give the function itself, not {type(answer).__name__}: no brackets behind its name")
        public[part](answer)
    except NotImplementedError:
        print(f"{part}: not written yet")
    except Mistake as mistake:
        print(f"{part}: not right yet. {mistake}")
    except Exception as error:  # the student's, of any kind
        print(f"{part}: not right yet. It stops with {type(error).__name__}: {error}")
    else:
        print(f"{part}: right, as far as this check can see")


def save(homework: str, figures: Mapping[str, float]) -> None:
    """Write what was measured to ``HOMEWORK.json``, which is handed in with the notebook."""
    for name, value in figures.items():
        numbers(name, value, ())
    with written_whole(Path(f"{homework}.json")) as part:
        part.write_text(json.dumps({name: float(value) for name, value in figures.items()}, indent=1), encoding="utf-8")
    print(f"{homework}.json holds {len(figures)} figures")


def numbers(what: str, value: object, shape: Sequence[int | None]) -> Tensor:
    """An answer as a float64 tensor; a :class:`Mistake` where it is no numbers, of another shape, or not finite.

    A side that may be of any length is None in ``shape``. One number may come as a tensor of the shape (1,).
    """
    try:
        if isinstance(value, list | tuple) and value and all(isinstance(one, Tensor) for one in value):
            value = torch.stack([one.detach().cpu() for one in value])
        found = torch.as_tensor(value).detach().cpu().double()
    except (TypeError, ValueError, RuntimeError):
        raise Mistake("type", f"{what} should be numbers, and is {type(value).__name__}") from None
    if not shape and found.shape == (1,):
        found = found[0]
    if found.dim() != len(shape) or any(side not in (None, own) for side, own in zip(shape, found.shape)):
        wanted = ", ".join("any" if side is None else str(side) for side in shape)
        raise Mistake("shape", f"{what} has the shape {tuple(found.shape)} instead of ({wanted})")
    if not found.isfinite().all():
        raise Mistake("nan", f"{what} holds NaN or infinity: look for a division by zero, a root or an arc cosine")
    return found


def called(answer: Answer, *arguments: object) -> object:
    """What an answer gives for copies of its arguments; a :class:`Mistake` where it changes them."""
    given = copy.deepcopy(arguments)
    value = answer(*given)
    if not _unchanged(arguments, given):
        raise Mistake("in_place", "it changes what it was given: take a copy first")
    return value


def _unchanged(before: object, after: object) -> bool:
    if isinstance(before, Tensor):
        return isinstance(after, Tensor) and torch.equal(before, after)
    if isinstance(before, tuple | list):
        return len(before) == len(after) and all(map(_unchanged, before, after))
    if isinstance(before, dict):
        return _unchanged([*before], [*after]) and _unchanged([*before.values()], [*after.values()])
    return before == after


def runs(*cases: tuple) -> Check:
    """A check that makes several: each case is a check and what it takes beside the answer."""

    def run(answer: Answer) -> None:
        for check_, *given in cases:
            check_(answer, *given)

    return run


def compare(what: str, got: Tensor, right: Tensor, mistakes: Iterable[Row] = (), within: float = 1e-4) -> None:
    """Nothing where ``got`` is ``right``; else a :class:`Mistake`, of the first row that gives what was got."""
    if alike(got, right, within):
        return
    for kind, value, text in mistakes:
        value = torch.as_tensor(value).double()
        if not alike(value, right, within) and alike(got, value, within):
            raise Mistake(kind, f"{what}: {text}")
    if got.shape != right.shape:
        raise Mistake("shape", f"{what}: there are {tuple(got.shape)} numbers, and {tuple(right.shape)} are right")
    factor = float((got * right).sum() / right.square().sum())
    if right.numel() > 2 and alike(got, factor * right, within):
        raise Mistake("factor", f"{what}: each number is {factor:.4g} times what is right")
    place = int((got - right).abs().argmax())
    where = tuple(map(int, torch.unravel_index(torch.tensor(place), right.shape)))
    given, wanted = got.flatten()[place], right.flatten()[place]
    raise Mistake("value", f"{what}: it gives {given:.4g}{f' at {where}' if where else ''}, and {wanted:.4g} is right")


def alike(a: Tensor, b: Tensor, within: float = 1e-4) -> bool:
    """Whether two tensors have one shape and the same numbers."""
    return a.shape == b.shape and bool(((a - b).abs() <= within * (1 + b.abs())).all())


def gradient(answer: Answer, arguments: Sequence[object], which: int = 0, name: str = "the input") -> Tensor:
    """Of the sum of what an answer gives, by one of its arguments, which the student knows as ``name``."""
    try:
        remote = getattr(answer, "gradient", None)  # it runs in another process
        slope = remote(arguments, which) if remote else slope_of(answer, arguments, which)
    except (Mistake, RuntimeError) as error:
        if "require" not in str(error) and getattr(error, "kind", "") != "no_gradient":  # as PyTorch says it
            raise
        slope = None
    if slope is None:
        raise Mistake("no_gradient", f"nothing can be learned by {name}: the gradient is lost on the way")
    return numbers(f"the gradient by {name}", slope, arguments[which].shape)


def slope_of(answer: Answer, arguments: Sequence[object], which: int) -> Tensor | None:
    """The gradient as it comes; None where the result has none."""
    given = [one.clone() if isinstance(one, Tensor) else one for one in arguments]
    given[which] = given[which].requires_grad_()
    out = answer(*given)
    if not isinstance(out, Tensor) or not out.requires_grad:
        return None
    slope = torch.autograd.grad(out.sum(), given[which], allow_unused=True)[0]
    return torch.zeros_like(given[which]) if slope is None else slope
