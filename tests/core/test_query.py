"""What is read out of a question: words, names, dates."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from recollect.core import text
from recollect.core.corpus import Corpus, Entry
from recollect.core.dates import nearness
from recollect.core.query import Query, read

NOW = datetime(2024, 9, 18, 12, tzinfo=UTC)  # a Wednesday


def corpus(*people: str, user: tuple[str, ...] = ("Nora", "Vale")) -> Corpus:
    """Return a corpus to which each of the people contributed one message."""
    made = Corpus(8, user=user)
    made.add([Entry("s", seq, role, "Hello.", 0.0) for seq, role in enumerate(people)])
    return made


def ask(question: str, made: Corpus) -> Query:
    return read(question, made, now=NOW.timestamp())


@pytest.mark.parametrize(
    ("question", "bare", "named"),
    [
        ("What did Felix paint?", "What did paint?", ["felix"]),
        ("what is felix's boat", "what is boat", ["felix"]),
        ("Where does Nora live?", "Where does live?", [""]),
        ("Where does Vale live?", "Where does live?", [""]),
        ("Did Nora meet Felix?", "Did meet ?", ["", "felix"]),
        ("What did Dr. Who say?", "What did say?", ["dr. who"]),
        ("Felixstowe is far", "Felixstowe is far", []),
        ("Felix", "Felix", ["felix"]),
        ("Will it rain, Will said?", "it rain, said?", ["will"]),
        ("what will it be?", "what will it be?", []),
        ("Who is the user?", "Who is the user?", []),
        ("\u5c0f\u660e\u559c\u6b22\u732b\u5417", "\u559c\u6b22\u732b\u5417", ["\u5c0f\u660e"]),
    ],
)
def test_names_leave_the_question_and_become_speakers(question: str, bare: str, named: list[str]) -> None:
    """Names of the user and of the other participants are cut from what is embedded; common words stay."""
    made = corpus("user", "assistant", "Felix", "Dr. Who", "Will", "\u5c0f\u660e")
    asked = ask(question, made)
    assert asked.text == bare
    assert {name for name, number in made.speakers.items() if number in asked.speakers} == set(named)


def test_the_name_in_the_metadata_outranks_the_role() -> None:
    """A message of role user with a name of its own is that person's, not the user's."""
    made = Corpus(8, user=["Nora"])
    made.add([Entry("s", 0, "user", "Hello.", 0.0, name="Felix"), Entry("s", 1, "user", "Hello.", 0.0)])
    assert ask("What did Felix say?", made).speakers == {made.rows["speaker"][0]}
    assert ask("What did Nora say?", made).speakers == {made.rows["speaker"][1]}


@pytest.mark.parametrize(
    ("question", "inside", "outside"),
    [
        ("on 5 May 2023", "2023-05-05", "2023-07-05"),
        ("on May 5th, 2023", "2023-05-05", "2022-05-05"),
        ("on 2023-05-05", "2023-05-05", "2023-06-05"),
        ("in May 2023", "2023-05-31", "2024-05-31"),
        ("in December", "2023-12-31", "2024-06-01"),
        ("in May", "2024-05-01", "2024-08-01"),
        ("in 2023", "2023-01-01", "2024-03-01"),
        ("on 29 February", "2024-02-29", "2024-06-01"),
        ("today", "2024-09-18", "2024-09-11"),
        ("yesterday", "2024-09-17", "2024-09-10"),
        ("last Monday", "2024-09-16", "2024-09-10"),
        ("on Wednesday", "2024-09-11", "2024-09-18"),
        ("last week", "2024-09-15", "2024-09-18"),
        ("this week", "2024-09-16", "2024-09-10"),
        ("last month", "2024-08-01", "2024-09-17"),
        ("this month", "2024-09-01", "2024-07-30"),
        ("last year", "2023-12-31", "2024-09-01"),
        ("in the past three days", "2024-09-16", "2024-09-08"),
        ("two months ago", "2024-07-20", "2024-09-17"),
        ("a week ago", "2024-09-10", "2024-09-18"),
        ("a couple of days ago", "2024-09-16", "2024-09-10"),
        ("5 years ago", "2019-09-18", "2024-09-01"),
    ],
)
def test_dates_and_relative_dates_are_understood(question: str, inside: str, outside: str) -> None:
    """A message of the time that the question names is near, one of another time is not."""
    asked = ask(f"What happened {question}?", corpus("user"))
    noon = [datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(hours=12) for day in (inside, outside)]
    near = nearness(np.array([time.timestamp() for time in noon]), asked.dates, asked.spans)
    assert near[0] == 1
    assert near[1] < 0.5


@pytest.mark.parametrize(
    "question", ["I may go", "march on", "5 people", "99 years ago, 31 February 2023", "0000-00-00"]
)
def test_what_is_no_date_breaks_nothing(question: str) -> None:
    """Words that look like dates, impossible and far dates leave every nearness finite and small."""
    asked = ask(question, corpus("user"))
    assert (nearness(np.array([0.0, NOW.timestamp()]), asked.dates, asked.spans) < 0.01).all()


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("The cats' PAWS", ["the", "cats", "paws"]),
        ("snake_case", ["snake", "case"]),
        ("\u732b\u304c\u597d\u304d cat", ["\u732b\u304c", "\u304c\u597d", "\u597d\u304d", "cat"]),
        ("\u732b", ["\u732b"]),
        (
            "\u0627\u0644\u0642\u0637\u0629 \u062c\u0645\u064a\u0644\u0629",
            ["\u0627\u0644\u0642\u0637\u0629", "\u062c\u0645\u064a\u0644\u0629"],
        ),
        ("\uff23\uff41\uff54", ["cat"]),
        ("\U0001f600\u200d\U0001f600", []),
        ("", []),
    ],
)
def test_words_of_any_script(content: str, found: list[str]) -> None:
    """Words are lower-cased; scripts without spaces give pairs of characters; emoji give nothing."""
    assert text.words(content) == found


def test_stems_are_of_the_language() -> None:
    """English loses its endings and stop-words, German its endings, and simple nothing."""
    assert text.stems(["the", "cats", "running"]) == ["cat", "run"]
    assert text.stems(["die", "katzen"], "german") == ["die", "katz"]
    assert text.stems(["the", "cats"], "simple") == ["the", "cats"]


def test_when_is_asked() -> None:
    """A question after a time is known from one that only holds the word."""
    made = corpus("user")
    assert ask("When did it rain?", made).asks_when
    assert ask("In what year was that?", made).asks_when
    assert not ask("What did I do when it rained?", made).asks_when
