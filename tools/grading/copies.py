"""Near-copies: pairs of submissions that share much of their code. The instructor judges."""

from __future__ import annotations

import io
import keyword
import tokenize
from collections.abc import Mapping
from itertools import combinations

RUN = 12  #: tokens that stand in one order make a fingerprint (as in Schleimer et al. 2003, without winnowing)
SKIPPED = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING)


def fingerprints(code: list[str]) -> set[tuple[str, ...]]:
    """All runs of tokens; names that are no keywords count as one name, so that renaming hides nothing."""
    tokens: list[str] = []
    for cell in code:
        try:
            for token in tokenize.generate_tokens(io.StringIO(cell).readline):
                if token.type == tokenize.NAME and not keyword.iskeyword(token.string):
                    tokens.append("name")
                elif token.type == tokenize.STRING:
                    tokens.append("text")
                elif token.type not in SKIPPED:
                    tokens.append(token.string)
        except (tokenize.TokenError, SyntaxError):
            continue
    return {tuple(tokens[k : k + RUN]) for k in range(len(tokens) - RUN + 1)}


def near_copies(
    submissions: Mapping[str, list[str]], given: list[str] = (), least: float = 0.6
) -> list[tuple[str, str, float]]:
    """Pairs of students and the share of the smaller one's code that the other has, too; the largest share first.

    ``given`` is the code that all have from the start; it does not count.
    """
    common = fingerprints(list(given))
    prints = {student: fingerprints(code) - common for student, code in submissions.items()}
    pairs = []
    for (a, first), (b, second) in combinations(prints.items(), 2):
        smaller = min(len(first), len(second))
        if smaller and (share := len(first & second) / smaller) >= least:
            pairs.append((a, b, share))
    return sorted(pairs, key=lambda pair: -pair[2])
