"""Moments that an English message names, each as the interval it means, seen from when the message was written.

A closed list of phrases, so that few are wrong: "3 May", "in 2023", "yesterday", "two weeks ago", "last summer", "this
past weekend", "next Friday", "at 3 pm". Everything is in UTC, since where a speaker lives is not known. Weeks begin on
Monday, seasons are those of the north. A date without a year, or a bare weekday, is the nearest one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from string import digits
from typing import NamedTuple, TypeAlias

from recollect.core.dates import COUNT, MONTHS, NUMBER_OF_MONTH, WEEKDAYS, Date, away, count_of, named_dates, unit_away
from recollect.core.spans import apart

Interval: TypeAlias = tuple[datetime, datetime]
Meaning: TypeAlias = Callable[[re.Match[str], datetime], Interval | None]

SEASONS = {"spring": 3, "summer": 6, "fall": 9, "autumn": 9, "winter": 12}
"""The month each begins with; it has three."""

VERBS = frozenset({"may", "march", "mar"})
"""Written small and alone, these are hardly ever months."""

FEW = (2, 5)
"""How many "few" are, at least and at most."""

LENGTHS = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(1),
    "week": timedelta(7),
    "month": timedelta(30),
    "year": timedelta(365),
}

SHIFTS = {"last": -1, "past": -1, "previous": -1, "this past": -1, "this": 0, "this coming": 1, "next": 1, "coming": 1}
_SHIFT = r"(?P<shift>this\s+past|this\s+coming|last|past|previous|this|next|coming)"
_NAMES = "|".join([*SEASONS, *WEEKDAYS, *MONTHS])
SHIFTED = re.compile(rf"\b{_SHIFT}\s+(?P<unit>weekend|week|month|year|{_NAMES})\b", re.IGNORECASE)
COUNTED = re.compile(rf"\b{_SHIFT}\s+(?!an?\b){COUNT}\s+(?P<unit>hour|day|week|month|year)s?\b", re.IGNORECASE)
AWAY = re.compile(
    rf"\b(?:a\s+)?{COUNT}\s+(?P<unit>minute|hour|day|weekend|week|month|year)s?\s+(?P<direction>ago|from\s+now)\b",
    re.IGNORECASE,
)
NEAR = re.compile(
    r"\b(?:(?:the\s+)?day\s+before\s+yesterday|(?:the\s+)?day\s+after\s+tomorrow"
    r"|(?:yesterday|tomorrow)(?:\s+(?:morning|afternoon|evening|night))?"
    r"|today|tonight|this\s+(?:morning|afternoon|evening)|last\s+night)\b",
    re.IGNORECASE,
)
WEEKDAY = re.compile(rf"(?<!every )\b(?P<weekday>{'|'.join(WEEKDAYS)})\b", re.IGNORECASE)
CLOCK = re.compile(
    r"(?<![\w:.,-])(?:"
    r"(?P<hour12>1[0-2]|0?[1-9])(?::(?P<minute12>[0-5]\d))?\s?(?P<half>[ap])(?:m\b|\.m\.)"
    r"|(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?::[0-5]\d)?(?![\w:])"
    r"|(?P<named>noon|midnight)\b)",
    re.IGNORECASE,
)


class Moment(NamedTuple):
    """Where a text names a moment, and from when to when that is; `label` is DATE or, within a day, TIME."""

    start: int
    end: int
    label: str
    since: datetime
    until: datetime


def moments(text: str, words: frozenset[str], now: datetime) -> list[Moment]:
    """Return the moments in a message written at `now` (UTC), none within another.

    `words` holds the words and digits of the text, in small letters: most messages name no moment, and that is seen
    at once.
    """
    dates = apart(_dates(text, words, now))
    days = {date.since for date in dates if date.until - date.since == timedelta(1)}
    day = days.pop() if len(days) == 1 else _midnight(now)
    return dates if words.isdisjoint(OF_CLOCKS) else apart([*dates, *_meant(CLOCK, _clock, text, day)])


def _dates(text: str, words: frozenset[str], now: datetime) -> Iterator[Moment]:
    for needed, pattern, meaning in MEANINGS:
        if not words.isdisjoint(needed):
            yield from _meant(pattern, meaning, text, now)
    if words.isdisjoint(OF_DATES):
        return
    for named in named_dates(text):
        if not _is_verb(text[named.start : named.end]) and (interval := _nearest_date(named.date, now)):
            yield Moment(named.start, named.end, "DATE", *interval)


def _meant(pattern: re.Pattern[str], meaning: Meaning, text: str, now: datetime) -> Iterator[Moment]:
    for match in pattern.finditer(text):
        try:
            interval = meaning(match, now)
        except (ValueError, OverflowError):  # where no calendar reaches
            continue
        if interval is not None:
            is_day = pattern is not CLOCK and (match.groupdict().get("unit") or "").lower() not in {"minute", "hour"}
            yield Moment(*match.span(), "DATE" if is_day else "TIME", *interval)


def _is_verb(phrase: str) -> bool:
    """Tell whether a date is "may" or "5 may", in small letters, rather than "5th of may"."""
    words = phrase.replace(".", " ").split()
    return all(word in VERBS or word.isdigit() for word in words) and not VERBS.isdisjoint(words)


def _midnight(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def _day(now: datetime, offset: int) -> Interval:
    return unit_away(_midnight(now), "day", offset)


def _shifted(match: re.Match[str], now: datetime) -> Interval | None:
    """Return what "last summer", "this week" or "next Friday" mean."""
    shift = SHIFTS[" ".join(match["shift"].lower().split())]
    unit = match["unit"].lower()
    if match["unit"] in VERBS:
        return None
    if unit in SEASONS:
        return _season(unit, shift, now)
    if unit in MONTHS:
        return _around([_months(year, MONTHS.index(unit) + 1, 1) for year in _years(now)], shift, now)
    if unit in WEEKDAYS:
        return _weekday(WEEKDAYS.index(unit), shift, now)
    if unit == "weekend":
        return _weekend(shift, now)
    return unit_away(_midnight(now), unit, shift)


def _season(name: str, shift: int, now: datetime) -> Interval:
    return _around([_months(year, SEASONS[name], 3) for year in _years(now)], shift, now)


def _weekend(shift: int, now: datetime) -> Interval:
    monday, _ = unit_away(_midnight(now), "week", shift)
    return monday + timedelta(5), monday + timedelta(7)


def _weekday(number: int, shift: int, now: datetime) -> Interval:
    """Return the last such day before today, the one of this week, or that of the next."""
    if shift < 0:
        return _day(now, -((now.weekday() - number - 1) % 7 + 1))
    return _day(now, number - now.weekday() + 7 * shift)


def _counted(match: re.Match[str], now: datetime) -> Interval | None:
    """Return what "the past two weeks" or "next few days" mean: so much time up to or from the message."""
    most = FEW[1] if match["count"].lower() == "few" else count_of(match["count"])
    span = most * LENGTHS[match["unit"].lower()]
    shift = SHIFTS[" ".join(match["shift"].lower().split())]
    return None if shift == 0 else (now - span, now) if shift < 0 else (now, now + span)


def _away(match: re.Match[str], now: datetime) -> Interval:
    """Return what "two weeks ago" or "three days from now" mean."""
    sign = -1 if match["direction"].lower() == "ago" else 1
    unit, count = match["unit"].lower(), sign * count_of(match["count"])
    if unit == "weekend":
        return _weekend(count, now)
    length = LENGTHS[unit]
    if match["count"].lower() == "few":
        ends = now + sign * FEW[0] * length, now + sign * FEW[1] * length
        return min(ends), max(ends)
    if unit in {"minute", "hour"}:
        return now + count * length - length / 2, now + count * length + length / 2
    start, end = away(now.timestamp(), count, unit)
    return datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC)


def _near(match: re.Match[str], now: datetime) -> Interval:
    """Return the day that "yesterday" or "this morning" mean; last night is from noon to noon."""
    words = match[0].lower().split()
    if words == ["last", "night"]:
        noon = _midnight(now) - timedelta(hours=12)
        return noon, noon + timedelta(1)
    if "before" in words or "after" in words:
        return _day(now, -2 if "before" in words else 2)
    return _day(now, {"yesterday": -1, "tomorrow": 1}.get(words[0], 0))


def _nearest_weekday(match: re.Match[str], now: datetime) -> Interval:
    return _day(now, (WEEKDAYS.index(match["weekday"].lower()) - now.weekday() + 3) % 7 - 3)


def _clock(match: re.Match[str], day: datetime) -> Interval:
    """Return the minute that a time of day names, or the hour when it names no minute."""
    if match["named"]:
        hour, minute = 12 if match["named"].lower() == "noon" else 24, "0"
    elif match["half"]:
        hour = int(match["hour12"]) % 12 + 12 * (match["half"].lower() == "p")
        minute = match["minute12"]
    else:
        hour, minute = int(match["hour"]), match["minute"]
    start = day + timedelta(hours=hour, minutes=int(minute or 0))
    return start, start + timedelta(minutes=1 if minute else 60)


def _nearest_date(date: Date, now: datetime) -> Interval | None:
    years = _years(now) if date.year is None else [date.year]
    spans = [span for year in years if (span := date.span(year))]
    found = [(datetime.fromtimestamp(span.start, UTC), datetime.fromtimestamp(span.end, UTC)) for span in spans]
    return _around(found, 0, now) if found else None


def _years(now: datetime) -> range:
    return range(max(now.year - 2, 2), min(now.year + 3, 9998))


def _months(year: int, first: int, count: int) -> Interval:
    last = first + count
    return datetime(year, first, 1, tzinfo=UTC), datetime(year + (last - 1) // 12, (last - 1) % 12 + 1, 1, tzinfo=UTC)


def _around(intervals: list[Interval], shift: int, now: datetime) -> Interval:
    """Return the last interval that is over, the one that is now or nearest, or the first that has not begun.

    Raises ValueError if there is none.
    """
    if shift < 0:
        return max(interval for interval in intervals if interval[1] <= now)
    if shift > 0:
        return min(interval for interval in intervals if interval[0] > now)
    return min(intervals, key=lambda interval: max(interval[0] - now, now - interval[1], timedelta()))


OF_CLOCKS = frozenset({*digits, "noon", "midnight"})
OF_DATES = frozenset({*digits, *MONTHS, *NUMBER_OF_MONTH, "sept"})
OF_SHIFTS = frozenset({"last", "past", "previous", "this", "next", "coming"})
MEANINGS: list[tuple[frozenset[str], re.Pattern[str], Meaning]] = [
    (OF_SHIFTS, SHIFTED, _shifted),
    (OF_SHIFTS, COUNTED, _counted),
    (frozenset({"ago", "from"}), AWAY, _away),
    (frozenset({"yesterday", "tomorrow", "today", "tonight", "this", "last"}), NEAR, _near),
    (frozenset(WEEKDAYS), WEEKDAY, _nearest_weekday),
]
"""Phrases: some word that is in each of them, their pattern, and what they mean."""
