"""What can be told of a message without a model: addresses, amounts, participants' names, dates and times.

Every pattern is bounded, so that the time taken grows with the length of a text and not faster.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from string import digits

from recollect.core.dates import NUMBERS
from recollect.core.entities import RULES, Found, bounded
from recollect.core.moments import moments

MAX_NAMES = 200
"""Participants whose names are looked for."""

PIECE = 2000
"""Characters looked through in one go, at most some 10 ms: matching holds the interpreter lock."""

NOBODY = frozenset({"ai", "assistant", "bot", "function", "human", "system", "tool", "user"})
"""Names that stand for a role."""

EMAIL = re.compile(r"(?<![\w.+-])\w[\w.+-]{0,63}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
URL = re.compile(r"(?<!\w)(?:https?://|www\.)[^\s<>\"“”]{1,2000}", re.IGNORECASE)
AFTER_URL = ".,;:!?'*_~)]}>…"

_NUMBER = r"(?<![\w.,])\d{1,15}(?:[.,]\d{1,12}){0,6}"
_WORD = rf"(?:{_NUMBER}|\b(?:{'|'.join(NUMBERS[2:])}|twenty|thirty|forty|fifty|hundred))"
_MANY = r"(?:\s?(?:thousand|million|billion|trillion|k|m|bn)\b)?"
MONEY = re.compile(
    rf"(?<![\w.,])[$€£¥₹]\s?\d{{1,15}}(?:[.,]\d{{1,12}}){{0,6}}{_MANY}"
    rf"|{_NUMBER}{_MANY}\s?(?:€|£|₹|\$(?!\w)|(?:dollars?|euros?|cents?|bucks|yen|rupees?|usd|eur|gbp|chf|jpy|inr)\b)"
    rf"|{_WORD}{_MANY}\s(?:dollars?|euros?|cents?|bucks|yen|rupees?)\b",
    re.IGNORECASE,
)
PERCENT = re.compile(rf"{_NUMBER}\s?%|{_WORD}\s(?:percent|per\scent)\b", re.IGNORECASE)
SYMBOLS = re.compile(
    rf"{_NUMBER}\s?(?:km/h|kmh|mph|km|cm|mm|m²|m|kg|mg|g|lbs?|oz|ml|l|ft|mi|°C|°F|kWh|kW|[KkMGT]B|[kMG]?Hz|ms|min|hrs?|h)\b"
)
UNITS = re.compile(
    rf"{_WORD}[\s-](?:(?:kilo|centi|milli)?met(?:er|re)s?|miles?|feet|foot|inch(?:es)?|yards?|(?:kilo|milli)?grams?|kilos?"
    r"|pounds?|ounces?|tons?|tonnes?|lit(?:er|re)s?|gallons?|degrees?|calories|seconds?|minutes?|hours?|days?|weeks?"
    r"|months?|years?)\b",
    re.IGNORECASE,
)
WORDS = re.compile(r"[a-z]+|[0-9$€£¥₹%]")
OF_MONEY = frozenset(
    {*"$€£¥₹", "dollar", "dollars", "euro", "euros", "cent", "cents", "bucks", "yen", "rupee", "rupees"}
)
CODES = frozenset({"usd", "eur", "gbp", "chf", "jpy", "inr"})
COUNTS = frozenset({*digits, *NUMBERS[2:], "twenty", "thirty", "forty", "fifty", "hundred"})
AMOUNTS = [
    ("MONEY", OF_MONEY | CODES, MONEY),
    ("PERCENT", frozenset({"%", "percent", "cent"}), PERCENT),
    ("QUANTITY", frozenset(digits), SYMBOLS),
    ("QUANTITY", COUNTS, UNITS),
]
"""Labels, some word or sign that is in each such amount, and its pattern."""


def by_rules(text: str, now: datetime, names: Iterable[str]) -> Iterator[Found]:
    """Yield what rules find in a message written at `now` (UTC) among people of these names. May overlap."""
    words = frozenset(WORDS.findall(text.lower()))
    for moment in moments(text, words, now):
        yield Found(moment.start, moment.end, moment.label, RULES, _rfc3339(moment.since), _rfc3339(moment.until))
    if "@" in text:
        yield from (Found(*match.span(), "EMAIL", RULES) for match in EMAIL.finditer(text))
    for match in URL.finditer(text) if not words.isdisjoint({"http", "https", "www"}) else ():
        yield Found(match.start(), match.start() + len(_without_tail(match[0])), "URL", RULES)
    for label, needed, pattern in AMOUNTS:
        if not words.isdisjoint(needed):
            yield from (Found(*match.span(), label, RULES) for match in pattern.finditer(text))
    if people := _names(names):
        yield from (Found(*match.span(), "PERSON", RULES) for match in re.finditer(people, text))


def pieces(text: str) -> Iterator[tuple[int, str]]:
    """Cut a text into parts of at most PIECE characters, after white space if there is any; yield where each begins."""
    start = 0
    while len(text) - start > PIECE:
        end = max(text.rfind(space, start, start + PIECE) for space in " \n") + 1
        end = end or start + PIECE
        yield start, text[start:end]
        start = end
    yield start, text[start:]


def _rfc3339(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")


def _without_tail(url: str) -> str:
    """Cut off what belongs to the sentence; a bracket stays when the address opened one."""
    bare = url.rstrip(AFTER_URL)
    return bare + ")" if url[len(bare) :].startswith(")") and bare.count("(") > bare.count(")") else bare


def _names(given: Iterable[str]) -> str:
    """Return a pattern for how people may be called: by the whole name and by its words, capitalised if need be."""
    names = {
        form[:1].upper() + form[1:]
        for name in given
        for form in (" ".join(name.split()), *name.split())
        if len(form) > 1 and form.lower() not in NOBODY and form[0].isalpha()
    }
    return "|".join(map(bounded, sorted(names, key=lambda name: (-len(name), name))[:MAX_NAMES]))
