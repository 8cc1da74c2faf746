"""What rules find in a message, what is made of a model's names, and the layout of both."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from recollect.core.entities import by_model, entities
from recollect.core.rules import by_rules, pieces

NOW = datetime(2023, 5, 10, 14, 30, tzinfo=UTC)


def ruled(text: str, *names: str) -> list[tuple[str, str]]:
    return [(entity.name, entity.label) for entity in entities(text, by_rules(text, NOW, names))]


def as_json(text: str, named: list[tuple[str, str]], *names: str) -> Any:
    found = [*by_model(text, named), *by_rules(text, NOW, names)]
    return json.loads(msgspec.json.encode(entities(text, found)))


@pytest.mark.parametrize(
    ("text", "name", "label"),
    [
        ("write to ann.lee+x@mail.example.co.uk.", "ann.lee+x@mail.example.co.uk", "EMAIL"),
        ("see https://example.com/a?b=c#d, or", "https://example.com/a?b=c#d", "URL"),
        ("(see www.example.com/wiki/A_(b)).", "www.example.com/wiki/A_(b)", "URL"),
        ("it is <https://example.com>", "https://example.com", "URL"),
        ("it cost $5.50!", "$5.50", "MONEY"),
        ("about €3 million then", "€3 million", "MONEY"),
        ("it cost 1,200.50 euros", "1,200.50 euros", "MONEY"),
        ("twenty dollars each", "twenty dollars", "MONEY"),
        ("100 USD", "100 USD", "MONEY"),
        ("up 12.5% now", "12.5%", "PERCENT"),
        ("ten per cent off", "ten per cent", "PERCENT"),
        ("I ran 10 km today's race", "10 km", "QUANTITY"),
        ("it weighs 70kg", "70kg", "QUANTITY"),
        ("25 °C outside", "25 °C", "QUANTITY"),
        ("it took two hours", "two hours", "QUANTITY"),
        ("a 5-mile run", "5-mile", "QUANTITY"),
        ("in 30 minutes", "30 minutes", "QUANTITY"),
    ],
)
def test_addresses_and_amounts(text: str, name: str, label: str) -> None:
    """Addresses, prices, shares and measures are found whole, without what surrounds them."""
    assert (name, label) in ruled(text)
    assert [found for found, _ in ruled(text)].count(name) == 1


@pytest.mark.parametrize(
    "text", ["a@b", "@home", "http://", "I am number 5", "version 1.2.3", "Win95 kg2", "the one hour", "5 people", "mg"]
)
def test_what_is_nothing(text: str) -> None:
    """What only looks like an address or an amount is left alone."""
    assert ruled(text) == []


def test_names_of_participants() -> None:
    """Those who take part are found by their whole names and by parts of them, as whole words; roles are nobody."""
    text = "Thanks, Nora! nora's and Noras; Mia van Dam. user Assistant"
    assert ruled(text, "Mia van Dam", "nora", "user", "Assistant", "", "x") == [
        ("Nora", "PERSON"),
        ("Mia van Dam", "PERSON"),
    ]
    assert ruled("李明说你好", "李明") == [("李明", "PERSON")]


def test_the_layout() -> None:
    """One element per distinct name with all its places, in characters; rules say so, and what dates mean."""
    text = "🙂 Nora, Nora met Emil last weekend."
    assert as_json(text, [("Emil", "person")], "Nora") == [
        {
            "Name": "Nora",
            "Label": "PERSON",
            "Matches": [{"Start": 2, "End": 6, "Text": "Nora"}, {"Start": 8, "End": 12, "Text": "Nora"}],
            "By": "rules",
        },
        {"Name": "Emil", "Label": "PERSON", "Matches": [{"Start": 17, "End": 21, "Text": "Emil"}]},
        {
            "Name": "last weekend",
            "Label": "DATE",
            "Matches": [{"Start": 22, "End": 34, "Text": "last weekend"}],
            "By": "rules",
            "From": "2023-05-06T00:00:00Z",
            "To": "2023-05-08T00:00:00Z",
        },
    ]


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ([("New York", "GPE"), ("York", "GPE")], [("New York", "GPE", None)]),
        ([("Rome", "GPE")], []),
        ([("new york", "gpe")], [("New York", "GPE", None)]),
        ([("New", "a label?")], []),
        ([("", "GPE"), ("  ", "GPE")], []),
        ([("Nora", "ORG")], [("Nora", "ORG", None)]),
        ([("last weekend", "DATE")], [("last weekend", "DATE", "rules")]),
        ([("last weekend of May", "DATE")], [("last weekend of May", "DATE", None)]),
        ([("weekend", "DATE")], [("last weekend", "DATE", "rules")]),
    ],
)
def test_a_model_and_rules(named: list[tuple[str, str]], expected: list[tuple[str, str, str | None]]) -> None:
    """A model's names are found in the text or left out; the longer one stays, and dates that are understood."""
    text = "Nora saw New York on the last weekend of May."
    found = {(e["Name"], e["Label"], e.get("By")) for e in as_json(text, named, "Nora")}
    assert set(expected) <= found
    assert {name for name, label, by in found if by is None} == {name for name, label, by in expected if by is None}


WORDS = "last Friday 3 May 2023 pm $ 5 % km two weeks ago @ a.b http:// x Nora 🙂 İ \u0301 at next weekend ( ) , a@b.c"
TEXTS = st.text() | st.lists(st.sampled_from([*WORDS.split(), "9" * 30, "\n", "ﬁ"])).map(" ".join)
NAMED = st.lists(
    st.tuples(st.text(max_size=5) | st.sampled_from(["Nora", "İ", "3 May", "ss"]), st.just("ORG")), max_size=5
)


@given(TEXTS, NAMED, st.lists(st.text(max_size=5) | st.just("Nora"), max_size=3))
@example("İİ Nora ß", [("i̇", "ORG"), ("SS", "ORG")], ["Nora"])
@example(
    "\u0661\u0662 km, \u0661 May, \u0663:\u0663\u0660 pm, \u0662\u0660\u0662\u0663-\u0660\u0661-\u0660\u0662 5", [], []
)
def test_any_text(text: str, named: list[tuple[str, str]], names: list[str]) -> None:
    """Whatever is said, nothing raises, each match is where it says, no two overlap, and each name stands once."""
    made = as_json(text, named, *names)
    spans = sorted((m["Start"], m["End"], m["Text"], e["Name"]) for e in made for m in e["Matches"])
    assert all(text[start:end] == found == name and start < end for start, end, found, name in spans)
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(spans))
    assert len({entity["Name"] for entity in made}) == len(made)
    assert all(entity["Matches"] for entity in made)


@given(st.text(alphabet="a \n", max_size=30).map(lambda text: text * 300))
def test_pieces(text: str) -> None:
    """The pieces of a text, put together, are the text."""
    assert "".join(piece for _, piece in pieces(text)) == text
    assert all(text[start : start + len(piece)] == piece for start, piece in pieces(text))


HOSTILE = [
    "1",
    "1 ",
    "1,",
    " ",
    "a",
    "a@",
    "a.",
    "a@a.",
    "www.",
    "https://",
    "last ",
    "this  ",
    "$1.1",
    "may ",
    "5 of ",
]
HOSTILE += ["two ", "1:1", "http://(", "Nora ", "9" * 15 + ".", "a few ", "every "]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("part", HOSTILE, ids=ascii)
def test_no_text_takes_for_ever(part: str) -> None:
    """What is hard for a pattern is looked through, fifty times as much as ever in one go, long before the deadline."""
    text = (part * 100_000)[:100_000]
    found = entities(text, by_rules(text, NOW, ["Nora"]))
    assert all(text[match.start : match.end] == match.text for entity in found for match in entity.matches)
