"""Points in time that a question names, absolute ("in May 2023") or seen from now ("two weeks ago")."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

DAY = 86_400.0
CALENDAR = (-62e9, 253e9)
"""Seconds since 1970 between which Python knows years."""
MONTHS = "january february march april may june july august september october november december".split()  # noqa: SIM905 -- reads better
WEEKDAYS = "monday tuesday wednesday thursday friday saturday sunday".split()  # noqa: SIM905 -- likewise
NUMBERS = "zero one two three four five six seven eight nine ten eleven twelve".split()  # noqa: SIM905 -- likewise
NUMBER_OF_MONTH = {name[:3]: number for number, name in enumerate(MONTHS, 1)}

_MONTH = r"(?P<month>jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec|" + "|".join(MONTHS) + r")\b\.?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?\b"
_YEAR = r"(?P<year>(?:19|20)\d\d)\b"
_LONG_MONTH = "|".join(name for name in MONTHS if name not in {"march", "may"})
ABSOLUTE = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\b(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)\b",
        rf"\b{_DAY}(?:\s+of)?\s+{_MONTH}(?:,?\s+{_YEAR})?",
        rf"\b{_MONTH}\s+{_DAY}(?:,?\s+{_YEAR})?",
        rf"\b{_MONTH},?(?:\s+of)?\s+{_YEAR}",
        rf"\b(?P<month>{_LONG_MONTH})\b",
        r"\b(?:in|of|since|during|by|early|late|mid)[ -](?P<month>march|may)\b",
        rf"\b(?:in|of|since|during|year)\s+{_YEAR}",
    )
]
COUNT = rf"(?P<count>\d{{1,3}}|an?|{'|'.join(NUMBERS[1:])}|couple of|few)"
AGO = re.compile(rf"\b{COUNT}\s+(?P<unit>day|week|month|year)s?\s+ago\b", re.IGNORECASE)
PAST = re.compile(rf"\b(?:last|past)\s+(?:{COUNT}\s+)?(?P<unit>day|week|month|year)s?\b", re.IGNORECASE)
THIS = re.compile(r"\bthis\s+(?P<unit>week|month|year)\b", re.IGNORECASE)
NEAR = re.compile(r"\b(?P<day>today|tonight|this morning|yesterday|last night)\b", re.IGNORECASE)
WEEKDAY = re.compile(rf"\b(?:last|on|this)\s+(?P<weekday>{'|'.join(WEEKDAYS)})\b", re.IGNORECASE)
DAYS_OF = {"day": 1, "week": 7, "month": 30, "year": 365}
SPREAD = 7.0
"""Days after which nearness to a named date has fallen to 1/e: people speak of a thing some days before or after it."""


class Span(msgspec.Struct, frozen=True):
    """From `start` to `end` (seconds since 1970, UTC); outside, nearness falls to 1/e within `spread` days."""

    start: float
    end: float
    spread: float = SPREAD


class Date(msgspec.Struct, frozen=True):
    """A date with what was named of it; without a year, that of every year."""

    year: int | None
    month: int | None
    day: int | None

    def span(self, year: int) -> Span | None:
        """Return its extent in the given year; nothing if it has none, as 29 February mostly."""
        try:
            start = datetime(
                year, 1 if self.month is None else self.month, 1 if self.day is None else self.day, tzinfo=UTC
            )
            if self.day is not None:
                end = start + timedelta(1)
            elif self.month is not None:
                end = start.replace(year=year + self.month // 12, month=self.month % 12 + 1)
            else:
                end = start.replace(year=year + 1)
        except (ValueError, OverflowError):
            return None
        return Span(start.timestamp(), end.timestamp())


class Named(NamedTuple):
    """Where a text names a date."""

    start: int
    end: int
    date: Date


def named_dates(text: str) -> list[Named]:
    """Return the absolute dates in an English text, without the words that lead to them."""
    found: list[Named] = []
    for pattern in ABSOLUTE:
        for match in pattern.finditer(text):
            part = {name: value for name, value in match.groupdict().items() if value}
            month = part.get("month")
            number = None if month is None else int(month) if month.isdigit() else NUMBER_OF_MONTH[month[:3].lower()]
            date = Date(_number(part.get("year")), number, _number(part.get("day")))
            found.append(Named(min(map(match.start, part)), match.end(), date))
        text = pattern.sub(lambda match: " " * len(match[0]), text)
    return found


def relative_spans(text: str, now: float) -> list[Span]:
    """Return the spans that an English text names as seen from `now` (seconds since 1970, UTC)."""
    return [*_ago(text, now), *_past(text, now), *_days(text, now)]


def nearness(times: NDArray[np.float64], dates: list[Date], spans: list[Span]) -> NDArray[np.float64]:
    """Return for each time 1 inside the nearest of the dates and spans, falling towards 0 outside; 0 without any."""
    near = np.zeros(len(times))
    if not len(times) or not (dates or spans):
        return near
    first, last = (datetime.fromtimestamp(float(t), UTC).year for t in np.clip([times.min(), times.max()], *CALENDAR))
    for date in dates:
        years = range(first - 1, last + 2) if date.year is None else [date.year]
        spans = [*spans, *(span for year in years if (span := date.span(year)))]
    for span in spans:
        gap = np.maximum(np.maximum(span.start - times, times - span.end), 0.0) / DAY
        near = np.maximum(near, np.exp(-gap / span.spread))
    return near


def _number(text: str | None) -> int | None:
    return int(text) if text else None


def count_of(text: str | None) -> int:
    """Return the number that COUNT matched; 1 for none."""
    lower = (text or "one").lower()
    if lower.isdigit():
        return int(lower)
    return {"a": 1, "an": 1, "couple of": 2, "few": 3}.get(lower) or NUMBERS.index(lower)


def _midnight(now: float) -> float:
    return now - now % DAY


def _ago(text: str, now: float) -> Iterator[Span]:
    for match in AGO.finditer(text):
        unit = match["unit"].lower()
        yield Span(*away(now, -count_of(match["count"]), unit), max(1.0, DAYS_OF[unit] / 4))


def away(now: float, count: int, unit: str) -> tuple[float, float]:
    """Return the days that lie so many units after `now`: half a unit to either side, since nobody means one day."""
    centre = _midnight(now) + count * DAYS_OF[unit] * DAY
    half = DAYS_OF[unit] // 2 * DAY
    return centre - half, centre + half + DAY


def _past(text: str, now: float) -> Iterator[Span]:
    for match in PAST.finditer(text):
        days = DAYS_OF[match["unit"].lower()]
        if match["count"]:
            yield Span(now - count_of(match["count"]) * days * DAY, now, max(1.0, days / 4))
        else:
            yield _unit_before(now, match["unit"].lower(), 1)
    for match in THIS.finditer(text):
        yield _unit_before(now, match["unit"].lower(), 0)


def _unit_before(now: float, unit: str, back: int) -> Span:
    """Return the day, week, month or year that lies `back` (0 or 1) before the current one, of which only the past."""
    start, end = unit_away(datetime.fromtimestamp(_midnight(now), UTC), unit, -back)
    if unit in {"day", "week"}:
        return Span(start.timestamp(), end.timestamp(), max(1.0, DAYS_OF[unit] / 4))
    return Span(start.timestamp(), end.timestamp() if back else now, DAYS_OF[unit] / 8)


def unit_away(today: datetime, unit: str, count: int) -> tuple[datetime, datetime]:
    """Return the day, week (from Monday), month or year so many after the one of `today`, a midnight.

    Raises ValueError, OverflowError where the calendar ends.
    """
    if unit in {"day", "week"}:
        length = timedelta(DAYS_OF[unit])
        start = today - timedelta(today.weekday() if unit == "week" else 0) + count * length
        return start, start + length
    if unit == "year":
        start = today.replace(year=today.year + count, month=1, day=1)
        return start, start.replace(year=start.year + 1)
    months = today.year * 12 + today.month - 1 + count
    start = today.replace(year=months // 12, month=months % 12 + 1, day=1)
    return start, start.replace(year=(months + 1) // 12, month=(months + 1) % 12 + 1)


def _days(text: str, now: float) -> Iterator[Span]:
    today = _midnight(now)
    for match in NEAR.finditer(text):
        start = today - DAY * (match["day"].lower() in {"yesterday", "last night"})
        yield Span(start, start + DAY, 1.0)
    for match in WEEKDAY.finditer(text):
        back = (datetime.fromtimestamp(now, UTC).weekday() - WEEKDAYS.index(match["weekday"].lower()) - 1) % 7 + 1
        yield Span(today - back * DAY, today - (back - 1) * DAY, 1.0)
