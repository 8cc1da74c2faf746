from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recollect.core import tokens
from recollect.core.summaries import TEMPLATE, Line, take
from recollect.errors import SettingsError
from recollect.settings import MESSAGES_SLOT, SUMMARY_SLOT, load

TEXTS = st.text(st.sampled_from("ab c,\né漢🙂"), max_size=300)


def packs(lines: list[Line], room: int) -> list[str]:
    waiting = deque((line, tokens.count(*line)) for line in lines)
    taken = []
    while waiting:
        taken.append(take(waiting, room))
    return taken


@given(st.lists(st.builds(Line, st.sampled_from(["user", "Ana"]), TEXTS), max_size=8), st.integers(16, 60))
def test_packs_hold_everything(lines: list[Line], room: int) -> None:
    """Whatever the messages' lengths, no part of any is left out of the packs, doubled or out of order."""
    whole = "".join(f"{line.role}: {line.content}" for line in lines)
    given_away = "".join(packs(lines, room))
    for mark in ("user: ", "Ana: ", "\n"):
        whole, given_away = whole.replace(mark, ""), given_away.replace(mark, "")
    assert given_away == whole


@given(st.lists(st.builds(Line, st.sampled_from(["user", "Ana"]), TEXTS), max_size=8), st.integers(16, 60))
def test_packs_fit(lines: list[Line], room: int) -> None:
    """No pack has more tokens than there is room for, but for the few that counting in parts may be wrong by."""
    assert all(tokens.count_text(pack) <= room + 8 for pack in packs(lines, room))


def test_a_long_message_is_cut_between_words() -> None:
    """A message that is too long for one pack is taken in parts, which end where words do."""
    parts = packs([Line("user", "blue green yellow " * 40)], 30)
    assert len(parts) > 3
    assert all(part.startswith("user: ") for part in parts)
    assert all(part.split()[-1] in {"blue", "green", "yellow"} for part in parts)


def test_short_messages_share_a_pack() -> None:
    """Messages are taken together as far as there is room, one line each."""
    assert packs([Line("user", "hi"), Line("ai", "hello")], 30) == ["user: hi\nai: hello"]


def test_the_template_has_its_slots() -> None:
    """The template that comes along takes the last summary and the new lines once each."""
    assert TEMPLATE.count(SUMMARY_SLOT) == TEMPLATE.count(MESSAGES_SLOT) == 1


@pytest.mark.parametrize("lacking", [SUMMARY_SLOT, MESSAGES_SLOT])
def test_a_template_without_a_slot(lacking: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A template that lacks a slot is refused by name, be it given as a text or as a file."""
    text = f"Sum up {SUMMARY_SLOT} and {MESSAGES_SLOT}".replace(lacking, "")
    file = tmp_path_factory.mktemp("prompts") / "own.txt"
    file.write_text(text)
    for given_as in (text, str(file)):
        with pytest.raises(SettingsError) as refusal:
            load({}, None, {"summary_prompt": given_as})
        assert lacking in refusal.value.message


def test_a_template_in_a_file(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A template may stand in a file; one that is not there is refused by its path."""
    file = tmp_path_factory.mktemp("prompts") / "own.txt"
    file.write_text(f"{SUMMARY_SLOT}\n{MESSAGES_SLOT}")
    assert load({}, None, {"summary_prompt": str(file)}).summary_template == file.read_text()
    with pytest.raises(SettingsError, match="nowhere"):
        load({}, None, {"summary_prompt": "/nowhere/prompt.txt"})
