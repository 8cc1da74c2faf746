from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recollect.core import tokens


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hello world", 2),
        ("tiktoken is great!", 6),
        ("antidisestablishmentarianism", 6),
        ("2 + 2 = 4", 7),
        ("お誕生日おめでとう", 9),
        ("", 0),
    ],
)
def test_known_counts(text: str, expected: int) -> None:
    """The vocabulary is cl100k_base: counts published for it come out."""
    assert tokens.count_text(text) == expected


def test_role_is_counted() -> None:
    """A message counts as `role: content`, so the role's own tokens are in it."""
    assert tokens.count("user", "hello world") == tokens.count_text("user: hello world") == 4


def test_special_tokens_are_text() -> None:
    """Nothing in a message is a control token: the name of one counts as the characters it is."""
    assert tokens.count_text("<|endoftext|>") == 7


@pytest.mark.parametrize(
    ("text", "same"),
    [("\ud83d", "\ufffd"), ("a\udc00b", "a\ufffdb"), ("\ud83d\ude00", "😀")],
)
def test_halves_of_characters(text: str, same: str) -> None:
    """A lone half of a surrogate pair counts as a replacement character, two halves as what they make together."""
    assert tokens.count("user", text) == tokens.count("user", same)


def test_nul() -> None:
    """A NUL byte is counted, not refused."""
    assert tokens.count_text("\x00") == 1


WORDS = st.sampled_from(
    ["a", "B", "'s", "'", "'LL", "1", "23", "é", "\u0435", "字", "か", "한", "。", "\uff0c", "!", "_"]
)
SIGNS = st.sampled_from(["😀", "\u0301", "٣", "½", "\u017f", "<|endoftext|>", '{"', ":", "\x00", "Ⅷ"])
BLANKS = st.sampled_from([" ", "  ", "\n", "\r\n", "\t", "\u00a0", "\u2028", "\x1c", "\x85", "\u3000"])
TEXTS = st.lists(WORDS | SIGNS | BLANKS | st.characters(exclude_categories=["Cs"]), max_size=40).map("".join)


@given(TEXTS, st.integers(0, 5))
def test_parts_count_like_the_whole(text: str, chunk: int) -> None:
    """However finely a text is cut, the parts are the text and their counts add up to the whole's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokens, "CHUNK", chunk)
        parts = list(tokens._parts(text))
    assert "".join(parts) == text
    assert sum(map(tokens.count_text, parts)) == tokens.count_text(text)


@pytest.mark.parametrize(
    "unit",
    ["hello there, this is message 12345. ", "私は学生です。", '{"k":[1,2,"v"]},', "ZGF0YQ+/", "0f3a", "привет мир "],
)
async def test_long_texts(unit: str) -> None:
    """A long text is cut into parts near the chunk's size, and counts like the whole."""
    text = unit * (300_000 // len(unit))
    longest = max(map(len, tokens._parts(text)))
    assert longest < tokens.CHUNK + 100
    assert await tokens.count_all([("user", text)]) == [tokens.count("user", text)]


async def test_others_run_between_parts() -> None:
    """While a long list or a long text is counted, other tasks get their turn."""
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    await tokens.count_all([("user", "hello world " * 20_000)])
    after_text = turns
    await tokens.count_all([("user", "hello world")] * 20_000)
    task.cancel()
    assert after_text >= 10
    assert turns - after_text >= 10


async def test_counts_keep_their_order() -> None:
    """The counts come in the order of the messages."""
    messages = [("user", "word " * number) for number in (1, 9, 0, 4)]
    assert await tokens.count_all(messages) == [tokens.count(*message) for message in messages]
    assert await tokens.count_all([]) == []
