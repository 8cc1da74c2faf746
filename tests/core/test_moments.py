"""Which moments an English message names, and from when to when they are."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recollect.core.moments import moments
from recollect.core.rules import WORDS

NOW = datetime(2023, 5, 10, 14, 30, tzinfo=UTC)
"""A Wednesday."""


def named(text: str, now: datetime = NOW) -> list[tuple[str, str, str, str]]:
    """Return the phrases, with labels and intervals; times of midnight are left out."""
    found = moments(text, frozenset(WORDS.findall(text.lower())), now)
    return [
        (text[m.start : m.end], m.label, *(f"{t:%Y-%m-%dT%H:%M}".replace("T00:00", "") for t in (m.since, m.until)))
        for m in found
    ]


@pytest.mark.parametrize(
    ("phrase", "since", "until"),
    [
        ("today", "2023-05-10", "2023-05-11"),
        ("this morning", "2023-05-10", "2023-05-11"),
        ("tonight", "2023-05-10", "2023-05-11"),
        ("yesterday", "2023-05-09", "2023-05-10"),
        ("tomorrow evening", "2023-05-11", "2023-05-12"),
        ("last night", "2023-05-09T12:00", "2023-05-10T12:00"),
        ("the day before yesterday", "2023-05-08", "2023-05-09"),
        ("the day after tomorrow", "2023-05-12", "2023-05-13"),
        ("Monday", "2023-05-08", "2023-05-09"),
        ("Saturday", "2023-05-13", "2023-05-14"),
        ("last Friday", "2023-05-05", "2023-05-06"),
        ("last Wednesday", "2023-05-03", "2023-05-04"),
        ("this Monday", "2023-05-08", "2023-05-09"),
        ("next Friday", "2023-05-19", "2023-05-20"),
        ("last week", "2023-05-01", "2023-05-08"),
        ("this week", "2023-05-08", "2023-05-15"),
        ("next week", "2023-05-15", "2023-05-22"),
        ("last weekend", "2023-05-06", "2023-05-08"),
        ("this past weekend", "2023-05-06", "2023-05-08"),
        ("this weekend", "2023-05-13", "2023-05-15"),
        ("next weekend", "2023-05-20", "2023-05-22"),
        ("two weekends ago", "2023-04-29", "2023-05-01"),
        ("last month", "2023-04-01", "2023-05-01"),
        ("this month", "2023-05-01", "2023-06-01"),
        ("next year", "2024-01-01", "2025-01-01"),
        ("last summer", "2022-06-01", "2022-09-01"),
        ("this summer", "2023-06-01", "2023-09-01"),
        ("last winter", "2022-12-01", "2023-03-01"),
        ("next fall", "2023-09-01", "2023-12-01"),
        ("last August", "2022-08-01", "2022-09-01"),
        ("next May", "2024-05-01", "2024-06-01"),
        ("three days ago", "2023-05-07", "2023-05-08"),
        ("a couple of days ago", "2023-05-08", "2023-05-09"),
        ("two weeks ago", "2023-04-23", "2023-04-30"),
        ("a few weeks ago", "2023-04-05T14:30", "2023-04-26T14:30"),
        ("three days from now", "2023-05-13", "2023-05-14"),
        ("past two weeks", "2023-04-26T14:30", "2023-05-10T14:30"),
        ("next 3 days", "2023-05-10T14:30", "2023-05-13T14:30"),
        ("2022-12-31", "2022-12-31", "2023-01-01"),
        ("3rd of May 2022", "2022-05-03", "2022-05-04"),
        ("May 5", "2023-05-05", "2023-05-06"),
        ("29 February", "2024-02-29", "2024-03-01"),
        ("August", "2023-08-01", "2023-09-01"),
        ("December", "2022-12-01", "2023-01-01"),
        ("March 2021", "2021-03-01", "2021-04-01"),
    ],
)
def test_dates(phrase: str, since: str, until: str) -> None:
    """A phrase for a date, within a sentence, is found whole and means the right days."""
    assert named(f"So, we met {phrase}, you know.") == [(phrase, "DATE", since, until)]


@pytest.mark.parametrize(
    ("phrase", "since", "until"),
    [
        ("3pm", "2023-05-10T15:00", "2023-05-10T16:00"),
        ("12 a.m.", "2023-05-10", "2023-05-10T01:00"),
        ("15:30", "2023-05-10T15:30", "2023-05-10T15:31"),
        ("noon", "2023-05-10T12:00", "2023-05-10T12:01"),
        ("two hours ago", "2023-05-10T12:00", "2023-05-10T13:00"),
        ("last 2 hours", "2023-05-10T12:30", "2023-05-10T14:30"),
    ],
)
def test_times(phrase: str, since: str, until: str) -> None:
    """A time of day is one of the message's own day."""
    assert named(f"So, at {phrase} you know") == [(phrase, "TIME", since, until)]


def test_the_day_of_a_time() -> None:
    """A time of day belongs to the only day that the message names, else to its own."""
    assert named("See you next Friday at 3 pm!")[1][2:] == ("2023-05-19T15:00", "2023-05-19T16:00")
    assert named("Friday or Saturday at 3 pm?")[2][2:] == ("2023-05-10T15:00", "2023-05-10T16:00")


@pytest.mark.parametrize(
    "text",
    [
        "you may come",
        "this may be it, and 5 may do",
        "we march on",
        "every monday",
        "I fall asleep",
        "spring is nice",
        "version 12:345",
        "in two days I learnt it all",
        "at last it was past me",
        "the second one",
        "room 2021",
    ],
)
def test_what_is_no_moment(text: str) -> None:
    """Words that only look like a date, and lengths of time, are left alone."""
    assert named(text) == []


def test_a_weekday_is_never_far() -> None:
    """A bare weekday is the nearest one, whatever day the message is of."""
    for day in range(1, 29):
        ((_, _, since, _),) = named("on Thursday", datetime(2024, 2, day, tzinfo=UTC))
        assert abs((datetime.fromisoformat(since).replace(tzinfo=UTC) - datetime(2024, 2, day, tzinfo=UTC)).days) <= 3


PHRASES = ["last summer", "99 years ago", "999 years ago", "29 February", "next winter", "in 1999", "last weekend"]


@given(
    st.datetimes(timezones=st.just(UTC)), st.lists(st.sampled_from([*PHRASES, "next Friday", "0000-00-00", "24:00"]))
)
def test_any_time(now: datetime, phrases: list[str]) -> None:
    """Whenever a message was written, nothing raises, and what is found begins before it ends."""
    text = " and ".join(phrases)
    assert all(m.since < m.until for m in moments(text, frozenset(WORDS.findall(text.lower())), now))
