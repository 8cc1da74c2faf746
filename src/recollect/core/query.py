"""A question, read: what to embed, which words to look for, whom and what time it is about."""

from __future__ import annotations

import re
from collections.abc import Collection

import msgspec

from recollect.core import text
from recollect.core.corpus import GENERIC_ROLES, Corpus
from recollect.core.dates import MONTHS, Date, Span, named_dates, relative_spans

LONGEST = 4_096
"""Characters of a question that are read."""

WHEN = re.compile(
    r"^\s*(?:when|since when|how long)\b|\b(?:what|which) (?:date|day|week|month|year|time)\b", re.IGNORECASE
)
_SHORTEST_NAME = 2


class Query(msgspec.Struct, frozen=True):
    """A question as ranking needs it. `text` is to be embedded: the question without the participants' names."""

    text: str
    stems: list[str]
    all_stems: frozenset[str]
    """With those of the names: a session may be about somebody."""
    speakers: frozenset[int]
    """Participants that are named, by their number in the corpus."""
    asks_when: bool
    dates: list[Date]
    spans: list[Span]


def read(question: str, corpus: Corpus, *, now: float) -> Query:
    """Read a question put at `now` (seconds since 1970, UTC) to the messages of a corpus.

    The names go because an embedding of "What did Ann paint?" is nearest to what is said *to* Ann; whom they name comes
    back as the speaker.
    """
    question = question[:LONGEST]
    bare, speakers = _without_names(question, corpus)
    found = text.stems(text.words(bare), corpus.language)
    return Query(
        text=bare,
        stems=found,
        all_stems=frozenset(text.stems(text.words(question), corpus.language)),
        speakers=speakers,
        asks_when=WHEN.search(question) is not None,
        dates=[named.date for named in named_dates(question)],
        spans=relative_spans(question, now),
    )


def _without_names(question: str, corpus: Corpus) -> tuple[str, frozenset[int]]:
    named: set[int] = set()
    bare, lower = question, question.lower()
    for speaker, number in corpus.speakers.items():
        if not corpus.spoken["size"][number]:
            continue
        names = corpus.user if not speaker else () if speaker in GENERIC_ROLES else _aliases(speaker)
        for name in sorted(names, key=len, reverse=True):
            if name in lower and (pattern := _pattern(name)).search(question):
                named.add(number)
                bare = pattern.sub(" ", bare)
    bare = " ".join(bare.split())
    return (bare if text.words(bare) else question), frozenset(named)


def _aliases(speaker: str) -> Collection[str]:
    """Return a participant's name and, of several words, the first."""
    first = speaker.split(maxsplit=1)[0]
    return {speaker, first} if len(first) > _SHORTEST_NAME else {speaker}


def _pattern(name: str) -> re.Pattern[str]:
    """Return what finds a name in a question: any case, unless it is also a common word ("Will", "May")."""
    if text.PAIRED.search(name):
        return re.compile(re.escape(name), re.IGNORECASE)
    whole = r"(?<!\w){}(?!\w)(?:['\u2019]s\b)?"
    if name in text.STOP_WORDS or name in MONTHS:
        return re.compile(whole.format(re.escape(name.capitalize())))
    return re.compile(whole.format(re.escape(name)), re.IGNORECASE)
