"""Homework 8, graded: other networks and images, no steps, a target that is reached, images that must not change."""

from __future__ import annotations

from dlsfaces.grading import Answer, Mistake, attack
from dlsfaces.grading.attack import network, reached, step_case


def _gradients(answer: Answer) -> None:
    attack.similarity_gradient(answer, *network(10, 5, (1, 7, 4), 9))
    attack.similarity_gradient(answer, *network(11, 2, (3, 3, 6), 4))
    attack.similarity_gradient(answer, *network(12, 1, (2, 4, 4), 3))


def _reached(answer: Answer) -> None:
    for seed in (14, 15, 16):
        attack.similarity_gradient(answer, *reached(seed))


def _fgsm(answer: Answer) -> None:
    for seed, eps in ((20, 8 / 255), (21, 0.3), (22, 0.0)):
        attack.fgsm(answer, *step_case(seed, 0.0, (3, 1, 6, 4))[1:], eps)
    _, start, gradient = step_case(23, 0.0)
    attack.fgsm(answer, start, 1e-6 * gradient, 0.05)


def _steps(answer: Answer) -> None:
    for seed, drift, eps, alpha in ((30, 0.2, 0.12, 0.16), (31, 0.05, 0.05, 0.02), (32, 0.0, 0.04, 0.01)):
        attack.pgd_step(answer, *step_case(seed, drift, (3, 1, 5, 7)), eps, alpha)
    _, start, gradient = step_case(33, 0.0)
    attack.pgd_step(answer, start, start, gradient, 0.05, 0.2)  # one tensor twice, as in the first step


def _pgd(answer: Answer) -> None:
    attack.pgd(answer, *network(40, 4, (1, 5, 6), 5), 0.12, 0.15, 3)
    attack.pgd(answer, *network(48, 2, (3, 4, 4), 7), 0.08, 0.02, 9)
    attack.pgd(answer, *network(42, 1, (3, 4, 4), 7), 0.2, 0.05, 4)


def _pgd_borders(answer: Answer) -> None:
    attack.pgd(answer, *network(43, 3), 0.1, 0.03, 1)
    attack.pgd(answer, *network(44, 3), 0.1, 0.03, 0)


def _bisect(answer: Answer) -> None:
    attack.bisect(answer, 2.0, 10.0, 3.4, 5)
    for needed, rounds in ((0.13, 5), (0.377, 8), (0.249, 6), (0.051, 7)):
        attack.bisect(answer, 0.0, 0.4, needed, rounds)
    attack.bisect(answer, 0.125, 0.625, 0.6, 9)
    attack.bisect(answer, 1.0, 9.0, 5.1, 12)


def _bisect_borders(answer: Answer) -> None:
    attack.bisect(answer, 0.0, 1.0, 0.3, 0)
    attack.bisect(answer, 0.0, 1.0, 0.75, 4)
    attack.bisect(answer, 0.0, 1.0, 1.0, 5)


PARTS = {
    "similarity_gradient": (2.0, (_gradients, _reached)),
    "fgsm": (1.0, (_fgsm,)),
    "pgd_step": (1.0, (_steps,)),
    "pgd": (2.0, (_pgd, _pgd_borders)),
    "bisect": (1.0, (_bisect, _bisect_borders)),
}

FIGURES = {"fgsm/eps2": 0.5, "pgd/eps2": 0.833, "fgsm/eps8": 0.708, "pgd/eps8": 1.0}


def _measured(figures: dict[str, float]) -> None:
    """How often the door opens; other last digits turn the signs of some pixels, and the answers of a few pairs."""
    if missing := FIGURES.keys() - figures:
        raise Mistake("missing", f"there is no {', '.join(sorted(missing))}")
    for name, right in FIGURES.items():
        if not abs(figures[name] - right) < 0.13:  # three pairs of 24
            raise Mistake("value", f"{name} is {figures[name]:.3f}, and should be near {right:.3f}")


MEASURED = (1.0, _measured)
