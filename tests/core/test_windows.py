from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recollect.core.windows import to_fold


def summarised(adds: list[list[bool]], window: int, *, at_once: int, lag: set[int]) -> list[int]:
    """Add messages, and summarise after each add but those in `lag`; return the points of all summaries.

    A message is True when it is blank. The summariser reads no more than `at_once` messages at a time.
    """
    messages: list[bool] = []
    points = [0]
    for number, add in enumerate(adds):
        messages += add
        if number in lag and number + 1 < len(adds):
            continue
        while True:
            backlog = messages[points[-1] :]
            blank = next((place for place, is_blank in enumerate(backlog) if not is_blank), len(backlog))
            skipped = points[-1] + (blank if len(backlog) > at_once else 0)
            read = messages[skipped : skipped + at_once]
            folded = to_fold(read, window, more=skipped + at_once < len(messages))
            if not folded:
                break
            points.append(skipped + folded)
    return points


@given(
    adds=st.lists(st.lists(st.sampled_from([False, False, False, True]), max_size=40), max_size=30),
    window=st.integers(1, 20),
    spare=st.integers(1, 30),
    lag=st.sets(st.integers(0, 30)),
)
def test_nothing_is_lost(adds: list[list[bool]], window: int, spare: int, lag: set[int]) -> None:
    """However messages arrive, each is covered by one summary or after the last; unread none with content is left."""
    messages = [message for add in adds for message in add]
    points = summarised(adds, window, at_once=window + spare, lag=lag)
    assert all(before < after for before, after in pairwise(points))  # so none is covered twice
    assert all(not all(messages[before:after]) for before, after in pairwise(points))
    left = messages[points[-1] :]
    assert all(left[: max(len(left) - window, 0)])  # a reader sees the last `window`
    assert left.count(False) < window
    assert left.count(False) >= min(window // 2, messages.count(False)) or len(left) >= window


@pytest.mark.parametrize(
    ("arriving", "points"),
    [
        ([1] * 11, [0]),
        ([1] * 12, [0, 6]),
        ([1] * 18, [0, 6, 12]),
        ([2] * 9, [0, 6, 12]),
        ([30], [0, 24]),
        ([12, 1], [0, 6]),
        ([13], [0, 7]),
        ([5000], [0, *range(200, 4801, 200), 4994]),
    ],
)
def test_a_window_of_twelve(arriving: list[int], points: list[int]) -> None:
    """With a window of 12 each summary takes the older six of a full window, and whatever was there before these."""
    assert summarised([[False] * size for size in arriving], 12, at_once=212, lag=set()) == points


def test_a_window_of_one() -> None:
    """With a window of one everything is summarised at once."""
    assert summarised([[False]] * 3, 1, at_once=201, lag=set()) == [0, 1, 2, 3]


def test_an_odd_window() -> None:
    """Of five messages the older three are folded."""
    assert to_fold([False] * 5, 5) == 3


def test_blank_messages_are_not_counted() -> None:
    """Eleven messages and a blank one do not fill a window of twelve; one more does, and the blank one goes along."""
    assert to_fold([False] * 5 + [True] + [False] * 6, 12) == 0
    assert to_fold([False] * 5 + [True] + [False] * 7, 12) == 7


def test_blank_messages_hide_nothing() -> None:
    """Blank messages that push one with content out of the reader's sight make a summary due."""
    assert to_fold([False] + [True] * 11, 12) == 0
    assert to_fold([False] + [True] * 12, 12) == 1
    assert to_fold([True] * 50, 12) == 0
