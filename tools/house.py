"""The house, drawn from its imports: which room imports which. Stamped into CONTRIBUTING.md by `make repo`.

A room is a module or a subpackage of dlsfaces, or drawpeople as a whole. Standard library only.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

# A room imports only from those before it.
ORDER = (
    *("drawpeople", "files", "rng", "geometry", "data", "evaluate", "course", "weights", "train"),
    *("recognize", "align", "detect", "joint", "gallery", "pipeline", "cli", "trash", "attacks", "grading"),
    *("plots", "widgets"),
)
MARKED = re.compile(r"(<!-- house -->\n).*?(<!-- /house -->)", re.DOTALL)


def room(module: str) -> str:
    """The room of a module: ``dlsfaces.data.sets`` lies in ``data``."""
    package, *rest = module.split(".")
    return (rest or [package])[0] if package == "dlsfaces" else package


def imports(root: Path) -> dict[str, set[str]]:
    """For every room the rooms that it imports from, wherever in its modules (also inside functions)."""
    found: dict[str, set[str]] = {}
    for path in sorted([*root.glob("dlsfaces/**/*.py"), *root.glob("drawpeople/**/*.py")]):
        module = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        if module not in ("dlsfaces", "dlsfaces.__main__"):  # no rooms
            mine = found.setdefault(room(module), set())
            mine |= {room(name) for name in imported(path)} - {room(module), "dlsfaces"}
    return found


def imported(path: Path) -> set[str]:
    """Names of modules of the house (and what is taken from them) that a file imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in names if name.partition(".")[0] in ("dlsfaces", "drawpeople")}


def against_the_order(rooms: dict[str, set[str]]) -> list[str]:
    """Imports from a room that does not stand before the importing one."""
    place = {name: number for number, name in enumerate(ORDER)}
    if unknown := (set(rooms) | set().union(*rooms.values())) - set(ORDER):
        return [f"{name} has no place in tools/house.py: ORDER" for name in sorted(unknown)]
    wrong = [(mine, other) for mine, others in rooms.items() for other in others if place[other] >= place[mine]]
    return [f"{mine} imports {other}, which stands below it" for mine, other in sorted(wrong)]


def drawing(root: Path) -> str:
    """The rooms as a Mermaid graph: an arrow leads to what a room imports, unless another arrow's way leads there."""
    rooms = imports(root)
    if wrong := against_the_order(rooms):
        raise ValueError("; ".join(wrong))

    def reached(name: str) -> set[str]:
        return rooms.get(name, set()).union(*(reached(other) for other in rooms.get(name, ())))

    lines = ["```mermaid", "graph BT"]
    for name in sorted(rooms, key=ORDER.index):
        direct = rooms[name] - set().union(*(reached(other) for other in rooms[name]))
        lines += [f"    {name}", *(f"    {name} --> {other}" for other in sorted(direct, key=ORDER.index))]
    return "\n".join([*lines, "```", ""])


def stamped(text: str, drawn: str) -> str:
    """CONTRIBUTING.md's text with the drawing between its two markers; unchanged where it has none."""
    return MARKED.sub(lambda match: match.group(1) + drawn + match.group(2), text)
