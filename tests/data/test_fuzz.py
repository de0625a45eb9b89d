"""A few hundred damaged files: each is read, or refused by an error that the documentation names.

``python -m benchmarks.fuzz`` tries many thousand.
"""

import sys

import pytest

from benchmarks import _mutate, _seeds, fuzz
from benchmarks._sandbox import Outcome, judge_all


@pytest.fixture(scope="module")
def whole():
    return fuzz.seeds()


def test_damaged_files_are_read_or_refused_as_documented(whole, tmp_path, monkeypatch):
    monkeypatch.setattr(fuzz, "KEPT", tmp_path)
    outcomes = fuzz.run(whole, fuzz.cases(whole, 300, seed=1), processes=1)
    assert len(outcomes) == 300 and not [(str(o.case), o.failure) for o in outcomes if o.failure]
    assert not list(tmp_path.iterdir())
    figures = fuzz.figures(outcomes)
    assert figures["inputs"] == 300 and all(0 < figures[f"still_read/{kind}"] < 1 for kind in fuzz.SHARES)


def test_every_whole_file_is_read_or_is_a_trap(whole):
    files = _seeds.celeba500()
    traps = ("symlink", "hardlink", "pipe", "disk", "slip", "zeros", "many")
    for kind, forms in whole.items():
        for form, content in forms.items():
            read = fuzz.judge(files, (fuzz.Case(kind, form, 0, 0), content))
            assert read != (kind == "archive" and form.startswith(traps)), form


def test_the_same_case_is_the_same_input(whole):
    cases = list(fuzz.cases(whole, 200, seed=3))
    anew = fuzz.seeds()
    once = [fuzz.damaged(whole, case) for case in cases]
    assert once == [fuzz.damaged(anew, case) for case in cases]
    assert len(set(once)) > 190
    untouched = sum(content == whole[case.kind][case.form] for case, content in zip(cases, once))
    assert untouched < 5


def test_repairs_leave_a_whole_file_as_it_is(whole):
    for forms in whole.values():
        assert [form for form, content in forms.items() if _mutate.repaired(content) != content] == []
        assert [form for form, content in forms.items() if b"".join(_mutate.parts(content)) != content] == []


def test_what_hangs_crashes_or_eats_is_an_outcome_and_the_rest_goes_on():
    hang, crash, eat = "__import__('time').sleep(60)", "__import__('ctypes').string_at(0)", "len(bytearray(2**30))"
    cases = ["1 + 1", hang, "1 + 2", crash, eat, "{}['what']", "1 + 3"]
    outcomes = list(judge_all(eval, cases, processes=2, seconds=0.3, mebibytes=256))
    failures = {o.case: o.failure for o in outcomes if o.failure}
    assert failures.pop(hang) == "took too long" and failures.pop(crash) == "the process ended by SIGSEGV"
    assert failures.pop("{}['what']") == "KeyError: 'what'"
    if sys.platform == "linux":
        assert failures.pop(eat).startswith("MemoryError")
    assert not failures and sorted(o.case for o in outcomes) == sorted(cases)
    assert sorted(o.answer for o in outcomes if o.case.startswith("1 ")) == [2, 3, 4]


def test_a_misbehaving_input_is_kept(whole, tmp_path, monkeypatch):
    monkeypatch.setattr(fuzz, "KEPT", tmp_path / "kept")
    case = next(fuzz.cases(whole, 10, seed=5))
    failed = [Outcome((case, b"the input"), None, "KeyError: 'what'", 0.1, 1.0)]
    monkeypatch.setattr(fuzz, "judge_all", lambda *args, **options: failed)
    (outcome,) = fuzz.run(whole, [case])
    assert outcome.case == case and fuzz.figures([outcome])["undocumented_errors"] == 1
    assert (tmp_path / "kept" / f"5-photo-{case.form}-0").read_bytes() == b"the input"
