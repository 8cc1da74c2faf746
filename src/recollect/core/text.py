"""What a text is made of, for search: words, stems, and signs of a question or of a point in time."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cache, lru_cache

import snowballstemmer  # type: ignore[import-untyped]  # has no annotations

PREFIX = 65_536
"""Characters of a text that are read; what stands behind them is found by no word."""

# Scripts written without spaces: their words are taken as overlapping pairs of characters.
UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\U00020000-\U0003ffff"
)
WORD = re.compile(rf"[{UNSPACED}]+|[^\W_{UNSPACED}]{{1,64}}")  # no longer: pasted data must not fill the vocabulary
ASCII_WORD = re.compile(r"[a-z0-9]{1,64}")
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
DIGIT = re.compile(r"\d")
TIME_WORDS = frozenset(
    """yesterday today tonight tomorrow last next ago since recently weekend day days week weeks month months year years
    morning evening night monday tuesday wednesday thursday friday saturday sunday january february march april june
    july august september october november december one two three four five six seven eight nine ten eleven twelve dozen
    hundred thousand once twice first second third""".split()  # noqa: SIM905 -- reads better
)


def words(text: str) -> list[str]:
    """Lower-case words of the text's prefix; of scripts without spaces, their pairs of characters."""
    text = unicodedata.normalize("NFKC", text[:PREFIX]).lower()
    if text.isascii():
        return ASCII_WORD.findall(text)
    runs: list[str] = WORD.findall(text)
    if not PAIRED.search(text):
        return runs
    found: list[str] = []
    for run in runs:
        paired = len(run) > 1 and PAIRED.match(run)
        found += [run[i : i + 2] for i in range(len(run) - 1)] if paired else [run]
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


def tells_time(text: str, found: list[str]) -> bool:
    """Whether the text, of which the words were found, holds a number or a word of time."""
    return not TIME_WORDS.isdisjoint(found) or DIGIT.search(text, 0, PREFIX) is not None
