"""Entities: what a message names, in the layout of the API."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from recollect.core.spans import apart

RULES = "rules"
"""Who found an entity that no model did."""

MAX_NAMES = 500
"""Names taken of what a model says of one message."""

LABEL = re.compile(r"[A-Z][A-Z_]{1,31}")


class Found(NamedTuple):
    """Where a text names something. `since` and `until` say what a date means."""

    start: int
    end: int
    label: str
    by: str | None = None
    since: str | None = None
    until: str | None = None


class Match(msgspec.Struct, frozen=True, rename="pascal"):
    """Where an entity stands, in characters; `End` is exclusive."""

    start: int
    end: int
    text: str


class Entity(msgspec.Struct, frozen=True, omit_defaults=True, rename="pascal"):
    """A name, what kind of thing it is, and all places where it stands.

    `By` is there when rules found it; `From` and `To` (exclusive) are there when it is a date or time they understood.
    """

    name: str
    label: str
    matches: list[Match]
    by: str | None = None
    since: str | None = msgspec.field(default=None, name="From")
    until: str | None = msgspec.field(default=None, name="To")


def entities(text: str, found: Iterable[Found]) -> list[Entity]:
    """Return one entity per distinct name, in the order of the text.

    Of what overlaps the longer one stays; of the same words a date that rules understood, else what is given first.
    """
    made: dict[str, Entity] = {}
    for span in apart(sorted(found, key=lambda span: span.since is None)):
        name = text[span.start : span.end]
        entity = made.setdefault(name, Entity(name, span.label, [], span.by, span.since, span.until))
        if (entity.label, entity.by) == (span.label, span.by):  # a name that means two things is what it was at first
            entity.matches.append(Match(span.start, span.end, name))
    return list(made.values())


def by_model(text: str, named: Iterable[tuple[str, str]]) -> Iterator[Found]:
    """Yield all places where names that a model gave, with their labels, stand in a text. May overlap.

    A name that is not there as it is written is looked for in any case; one that is not there at all is left out.
    """
    labels = {name.strip(): label.strip().upper() for name, label in named}
    for name, label in list(labels.items())[:MAX_NAMES]:
        if name and LABEL.fullmatch(label):
            pattern = bounded(name)
            matches = list(re.finditer(pattern, text)) or re.finditer(pattern, text, re.IGNORECASE)
            yield from (Found(*match.span(), label) for match in matches)


def bounded(name: str) -> str:
    """Return a pattern for a name that is no part of a longer word, in scripts that know such words."""
    before = r"(?<!\w)" if _is_cased(name[0]) else ""
    after = r"(?!\w)" if _is_cased(name[-1]) else ""
    return before + re.escape(name) + after


def _is_cased(character: str) -> bool:
    return character.isdigit() or character.lower() != character.upper()
