from __future__ import annotations

import sys

import pytest
from language_model import Endpoint

from recollect.errors import SettingsError
from recollect.llm import Call, Prompt
from recollect.llm.configured import open_model
from recollect.settings import load
from recollect.store import Store, usage


async def record(_: Call) -> None:
    """Take no note."""


def test_none() -> None:
    """Without a key and an address there is no model, and nobody to ask."""
    assert open_model(load({}), record) is None


def test_an_extra_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Anthropic's package is not installed, the error says how to install it."""
    monkeypatch.delitem(sys.modules, "recollect.llm.anthropic", raising=False)
    monkeypatch.setitem(sys.modules, "anthropic", None)
    given = {"RECOLLECT_LLM_PROVIDER": "anthropic", "RECOLLECT_LLM_API_KEY": "k", "RECOLLECT_LLM_MODEL": "m"}
    with pytest.raises(SettingsError, match="anthropic is not installed") as caught:
        open_model(load(given), record)
    assert "recollect[anthropic]" in caught.value.hint


@pytest.mark.parametrize("key", ["sk-\u00e9", "sk\n-1"])
def test_a_key_that_cannot_be_sent(key: str) -> None:
    """A key that no header can carry is refused by the setting's name, and not shown."""
    with pytest.raises(SettingsError, match="llm_api_key") as caught:
        open_model(load({"RECOLLECT_LLM_API_KEY": key}), record)
    assert key not in str(caught.value)


async def test_usage_is_kept(endpoint: Endpoint, store: Store) -> None:
    """Calls are added up by task and model, for whoever looks, whichever process they came from."""

    async def keep(call: Call) -> None:
        await usage.add(store, *call)

    for name in ("one", "two", "one"):
        model = open_model(endpoint.settings(llm_model=name), keep)
        assert model is not None
        await model.complete("tell", Prompt("Be brief.", "#a #b #c"), max_tokens=9)
        await model.aclose()
    kept = [(use.task, use.model, *use[2:6], use.seconds > 0) for use in await usage.totals(store)]
    assert kept == [("tell", "one", 2, 0, 20, 6, True), ("tell", "two", 1, 0, 10, 3, True)]


async def test_an_answer_is_worth_more_than_the_note_of_it(endpoint: Endpoint, store: Store) -> None:
    """When the database is away the answer comes all the same."""

    async def keep(call: Call) -> None:
        await usage.add(store, *call)

    await store.database.close()
    model = open_model(endpoint.settings(), keep)
    assert model is not None
    assert await model.complete("tell", Prompt("Be brief.", "#a"), max_tokens=9) == "#a"
    await model.aclose()
