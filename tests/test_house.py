"""The house: rooms import only from those above them, and its drawing in CONTRIBUTING.md is that of its imports."""

from pathlib import Path

from tools import house

ROOT = Path(__file__).resolve().parent.parent


def test_rooms_import_only_from_those_above_them():
    assert not house.against_the_order(house.imports(ROOT))


def test_the_drawing_for_contributors_is_up_to_date():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert "```mermaid" in text and house.stamped(text, house.drawing(ROOT)) == text, "run `make repo`"


def make_rooms(root, **sources):
    for name, source in sources.items():
        (root / "dlsfaces" / name).mkdir(parents=True)
        (root / "dlsfaces" / name / "inside.py").write_text(source)
    (root / "drawpeople").mkdir()
    (root / "drawpeople" / "__init__.py").write_text("import torch")


def test_the_drawing_leaves_out_arrows_that_others_imply(tmp_path):
    later = "def f():\n    from dlsfaces import train, data\n    from dlsfaces.align import inside"
    make_rooms(tmp_path, data="import drawpeople.skin", train="from dlsfaces.data import load", align=later)
    arrows = [line.strip() for line in house.drawing(tmp_path).splitlines() if "-->" in line]
    assert arrows == ["data --> drawpeople", "train --> data", "align --> train"]


def test_an_import_from_below_is_named(tmp_path):
    make_rooms(tmp_path, data="def f():\n    import dlsfaces.plots.sheets", cellar="")
    assert house.against_the_order(house.imports(tmp_path)) == ["cellar has no place in tools/house.py: ORDER"]
    (tmp_path / "dlsfaces" / "cellar" / "inside.py").unlink()
    (tmp_path / "drawpeople" / "skin.py").write_text("from dlsfaces.rng import uniform")
    assert house.against_the_order(house.imports(tmp_path)) == [
        "data imports plots, which stands below it", "drawpeople imports rng, which stands below it"]  # fmt: skip
