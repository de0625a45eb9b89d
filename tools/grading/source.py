"""A submission's code: notebooks and files to definitions, of which only those run that an answer needs.

Standard library only: this is loaded beside the student's code.
"""

from __future__ import annotations

import ast
import json
import re
import symtable
from collections.abc import Iterator
from pathlib import Path

MAGIC = re.compile(r"^\s*[%!?]|^\s*[\w.]+\?+\s*$")


def cells(path: Path) -> list[str]:
    """The code of a notebook, cell by cell, without magics; of a Python file as one cell.

    ``ValueError`` where the file is neither, or damaged.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix == ".py":
            return [text]
        code = [cell["source"] for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
        return ["".join(source) for source in code]
    except (UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"{path.name} is no notebook and no Python file: {error!r}") from error


def nodes(cells: list[str]) -> list[ast.stmt]:
    """The statements of all cells that can be read, in their order."""
    found: list[ast.stmt] = []
    for source in cells:
        lines = source.splitlines()
        if lines and lines[0].lstrip().startswith("%%"):  # a cell of another language
            continue
        kept = "\n".join("pass" if MAGIC.match(line) and not line[:1].isspace() else line for line in lines)
        try:
            found += ast.parse(kept).body
        except (SyntaxError, ValueError):  # the other cells may be right
            continue
    return found


def bound(node: ast.stmt) -> set[str]:
    """The names that a statement of the top level gives a value."""
    names: set[str] = set()
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    for part in ast.walk(node):
        if isinstance(part, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in part.names}
        elif isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            names.add(part.id)
        elif isinstance(part, ast.FunctionDef | ast.ClassDef):
            names.add(part.name)
    return names


def used(node: ast.stmt) -> set[str]:
    """The names of the top level that a statement reads; a function's own variables are none."""
    names, waiting = set(), [symtable.symtable(ast.unparse(node), "answer", "exec")]
    while waiting:
        table = waiting.pop()
        waiting += table.get_children()
        is_top = table.get_type() == "module"
        names |= {one.get_name() for one in table.get_symbols() if one.is_referenced() and (is_top or one.is_global())}
    return names


def is_stub(node: ast.stmt) -> bool:
    """Whether a function has nothing in it yet, as in the student's version."""
    if not isinstance(node, ast.FunctionDef):
        return False
    body = [part for part in node.body if not (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))]
    return all(
        isinstance(part, ast.Pass)
        or (isinstance(part, ast.Raise) and "NotImplemented" in ast.dump(part))
        or (isinstance(part, ast.Assign) and isinstance(part.value, ast.Constant) and part.value.value is ...)
        or (isinstance(part, ast.Return) and "Ellipsis" in ast.dump(part))
        for part in body
    )


def _is_definition(node: ast.stmt) -> bool:
    lambda_ = isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda)
    return lambda_ or isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom)


def needed(statements: list[ast.stmt], name: str) -> list[ast.stmt]:
    """The statements that define ``name`` and all that it needs, in their order.

    Of several definitions the last one counts that is not empty; a definition counts more than a later assignment,
    which in a notebook often holds a result of the same name.
    """
    chosen: dict[int, ast.stmt] = {}
    waiting, seen = [name], set()
    while waiting:
        wanted = waiting.pop()
        if wanted in seen:
            continue
        seen.add(wanted)
        for number in _binders(statements, wanted):
            if number not in chosen:
                chosen[number] = statements[number]
                waiting += used(statements[number]) - seen
    stars = [k for k, node in enumerate(statements) if isinstance(node, ast.ImportFrom) and node.names[0].name == "*"]
    return [statements[k] for k in sorted({*chosen, *stars})]


def _binders(statements: list[ast.stmt], name: str) -> Iterator[int]:
    binders = [k for k, node in enumerate(statements) if name in bound(node) and not is_stub(node)]
    definitions = [k for k in binders if _is_definition(statements[k])]
    if definitions:
        yield definitions[-1]
    elif binders:
        yield binders[-1]
