"""What a text is made of, for search: words, stems, and signs of a question or of a point in time."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cache, lru_cache

import snowballstemmer  # type: ignore[import-untyped]  # has no annotations

PREFIX = 65_536
"""Characters of a text that are read; what stands behind them is found by no word."""

LONGEST_WORD = 64
"""Characters of a word that count: pasted data must not fill the vocabulary."""

# Scripts written without spaces: their words are taken as overlapping pairs of characters.
UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\U00020000-\U0003ffff"
)
WORD = re.compile(rf"[{UNSPACED}]+|[^\W_{UNSPACED}]+")
PAIRED = re.compile(rf"[{UNSPACED}]")

STOP_WORDS = frozenset(
    """a about above after again against all am an and any are as at be because been before being below between both but
    by can couldn d did didn do does doesn doing don down during each few for from further had hadn has hasn have haven
    having he her here hers herself him himself his how i if in into is isn it its itself just ll m me more most my
    myself no nor not now of off on once only or other our ours ourselves out over own re s same she should so some such
    t than that the their theirs them themselves then there these they this those through to too under until up ve very
    was wasn we were weren what when where which while who whom why will with won would wouldn you your yours yourself
    yourselves""".split()  # noqa: SIM905 -- reads better
)

QUESTION_MARKS = ("?", "\uff1f", "\u061f")
TIME = re.compile(
    r"\d|\b(?:yesterday|today|tonight|tomorrow|last|next|ago|since|recently|weekend|days?|weeks?|months?|years?"
    r"|morning|evening|night|(?:mon|tues|wednes|thurs|fri|satur|sun)day|january|february|march|april|june|july|august"
    r"|september|october|november|december|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen"
    r"|hundred|thousand|once|twice|first|second|third)\b",
    re.IGNORECASE,
)


def words(text: str) -> list[str]:
    """Lower-case words of the text's prefix; of scripts without spaces, their pairs of characters."""
    found: list[str] = []
    for run in WORD.findall(unicodedata.normalize("NFKC", text[:PREFIX]).lower()):
        if PAIRED.match(run) and len(run) > 1:
            found += [run[i : i + 2] for i in range(len(run) - 1)]
        else:
            found.append(run[:LONGEST_WORD])
    return found


@cache
def stemmer(language: str) -> Callable[[str], str]:
    """Return a function from a lower-case word to its stem, remembering the commonest 65,536 words.

    Raises ValueError for a language that is neither "simple" (words stay as they are) nor known to Snowball.
    """
    if language == "simple":
        return str
    if language not in snowballstemmer.algorithms():
        raise ValueError(f"no stemmer for {language!r}; known are simple, {', '.join(snowballstemmer.algorithms())}")
    stem: Callable[[str], str] = snowballstemmer.stemmer(language).stemWord
    return lru_cache(1 << 16)(stem)


def stems(found: list[str], language: str = "english") -> list[str]:
    """Stems of the words, in their order; English ones without the stop-words."""
    stem = stemmer(language)
    if language == "english":
        return [stem(word) for word in found if word not in STOP_WORDS]
    return [stem(word) for word in found]


def is_question(text: str) -> bool:
    """Whether the text ends in a question mark."""
    return text.rstrip().endswith(QUESTION_MARKS)


def tells_time(text: str) -> bool:
    """Whether the text holds a number or a word of time."""
    return TIME.search(text, 0, PREFIX) is not None
