"""Which messages are to be summarised, and which stay in the window."""

from __future__ import annotations

from collections.abc import Sequence


def to_fold(blank: Sequence[bool], window: int, *, more: bool = False) -> int:
    """Return how many of the oldest messages after the last summary belong into the next one; 0: none is due.

    `blank` says of each message, oldest first, whether it holds nothing but white space; such messages take no place
    in the window. A summary is due when the window is full, or when a message with content has left the last `window`
    ones, which is as far as a reader sees. It takes everything older than the newest half of a window. With `more`,
    further messages follow those given: then a whole window is left over, for the summary of what follows.
    """
    said = [place for place, is_blank in enumerate(blank) if not is_blank]
    unseen = max(len(blank) - window, 0)
    if not said or (len(said) < window and said[0] >= unseen):
        return 0
    kept = window if more else window // 2
    if kept == 0:
        return len(blank)
    oldest_kept = said[-kept] if kept <= len(said) else 0
    return max(unseen, oldest_kept)
