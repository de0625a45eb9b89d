"""A cell that shows a function of the package shows the package's: same syntax tree, types and docstrings aside."""

import ast
import importlib
import inspect
import re
import textwrap

import pytest

from tools import notebooks

SAME = re.compile(r"^# the same as (dlsfaces[\w.]*)\.(\w+)$", re.MULTILINE)


def taught():
    for path in notebooks.everything():
        for _, cell in notebooks.code_cells(notebooks.read(path)):
            for module, name in SAME.findall(notebooks.source(cell)):
                yield pytest.param(notebooks.source(cell), module, name, id=f"{path.stem}-{name}")


class Bare(ast.NodeTransformer):
    """Removes what a lesson leaves out: docstrings and types."""

    def visit_FunctionDef(self, node):
        self.generic_visit(node)
        node.returns = None
        if ast.get_docstring(node) is not None:
            node.body = node.body[1:]
        return node

    visit_ClassDef = visit_AsyncFunctionDef = visit_FunctionDef

    def visit_arg(self, node):
        node.annotation = None
        return node


def bare(source, name):
    tree = ast.parse(textwrap.dedent(source))
    found = next(n for n in ast.walk(tree) if getattr(n, "name", None) == name)
    return ast.dump(Bare().visit(found))


@pytest.mark.parametrize(("cell", "module", "name"), list(taught()))
def test_cell_and_package_are_equal(cell, module, name):
    package = inspect.getsource(getattr(importlib.import_module(module), name))
    assert bare(cell, name) == bare(package, name)


def test_a_difference_is_seen():
    taught, other = "def f(x):\n    return x + 1", 'def f(x: int) -> int:\n    """Doc."""\n    return x + 1'
    assert bare(taught, "f") == bare(other, "f") != bare(other.replace("1", "2"), "f")


def test_something_is_taught():
    assert list(taught())
