"""Parts of a text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar


class Span(Protocol):
    """A part of a text, in characters; `end` is exclusive."""

    @property
    def start(self) -> int:
        """Its first character."""
        ...

    @property
    def end(self) -> int:
        """The character after it."""
        ...


S = TypeVar("S", bound=Span)


def apart(spans: Iterable[S]) -> list[S]:
    """Return spans of which no two overlap, in the order of the text: the longer one stays, then the earlier given."""
    ordered = sorted(spans, key=lambda span: span.start - span.end)
    taken = bytearray(max((span.end for span in ordered), default=0))
    kept = []
    for span in ordered:
        if span.start < span.end and taken.find(1, span.start, span.end) < 0:
            taken[span.start : span.end] = b"\1" * (span.end - span.start)
            kept.append(span)
    return sorted(kept, key=lambda span: span.start)
