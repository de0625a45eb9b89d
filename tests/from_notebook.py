"""Definitions that stand in a notebook, for tests: the code that is tested is the code that is taught."""

from __future__ import annotations

import ast
from typing import Any

from tools import notebooks


def definitions(notebook: str | int, *names: str) -> Any:
    """Functions, classes and constants of a notebook by name: one by itself, several as a tuple.

    Runs imports, definitions and assignments of plain values in a fresh namespace, in their order, and nothing else: no
    call, and nothing of the set-up cell. A function whose default values come from a call is left out.

    Args:
        notebook: a part of its path, such as ``"05_triplet"``; or its number.
    Raises:
        KeyError: no such notebook, several, or nothing of that name is defined in it.
    """
    part = f"/{notebook:02}_" if isinstance(notebook, int) else notebook
    found = [path for path in notebooks.everything() if part in path.as_posix()]
    found = [path for path in found if path in notebooks.chapters()] or found  # not a chapter's solutions
    if len(found) != 1:
        raise KeyError(f"{part!r} is in the path of {len(found)} notebooks, not of one")
    space: dict[str, Any] = {"__name__": found[0].stem}
    reasons = []
    for number, cell in notebooks.code_cells(notebooks.read(found[0])):
        if cell.get("id") == "setup":
            continue
        for node in filter(_defines, ast.parse(notebooks.source(cell)).body):
            code = compile(ast.Module([node], []), f"{found[0].name}, cell {number}", "exec", dont_inherit=True)
            try:
                exec(code, space)
            except NameError as error:  # of what only a call makes, as a default value or a decorator
                reasons.append(f"{getattr(node, 'name', 'an import')}: {error}")
    if missing := [name for name in names if name not in space]:
        raise KeyError(f"{found[0].name} has no definition of {', '.join(missing)} ({'; '.join(reasons)})")
    return space[names[0]] if len(names) == 1 else tuple(space[name] for name in names)


def _defines(node: ast.stmt) -> bool:
    """Whether this is an import, a function, a class, or names for a value that is written out."""
    if isinstance(node, ast.Assign) and all(isinstance(target, ast.Name) for target in node.targets):
        try:
            ast.literal_eval(node.value)
        except ValueError:
            return False
        return True
    return isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef)
