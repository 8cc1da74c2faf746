from __future__ import annotations

import json
import subprocess
import sys

import pytest

import recollect

PROGRAM = "import json, sys\n{}\nprint(json.dumps([name for name in sys.modules]))"
OURS = {"models", "errors", "client"}
SERVERS = {"asyncpg", "numpy", "onnxruntime", "openai", "prometheus_client", "jwt", "yaml"}


def imported(statement: str) -> set[str]:
    """Return what is imported once a program ran a statement."""
    done = subprocess.run([sys.executable, "-c", PROGRAM.format(statement)], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def test_the_package_itself_imports_nothing() -> None:
    """`import recollect` imports neither the client nor what it needs."""
    assert not imported("import recollect") & {"httpx", "msgspec", "asyncio", "recollect.client"}


def test_the_client_imports_nothing_of_the_server() -> None:
    """The client needs httpx and msgspec, and of the project only itself, the models and the errors."""
    modules = imported("from recollect import ZepClient; ZepClient('http://127.0.0.1:1')")
    assert {"httpx", "msgspec"} <= modules
    assert not modules & SERVERS
    assert {name.split(".")[1] for name in modules if name.startswith("recollect.")} <= OURS


def test_a_client_that_brings_its_server_along_does_not_import_it() -> None:
    """The server is a process of its own: the program that wants it imports nothing of what it needs."""
    assert not imported("from recollect import ZepClient; ZepClient.embedded('nowhere')") & SERVERS


def test_an_unknown_name_is_told() -> None:
    """A name that the package does not offer is an AttributeError, as of any module."""
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = recollect.Nothing


def test_the_client_offers_the_same_names() -> None:
    """`recollect` and `recollect.client` offer the same names, those of the published client's errors among them."""
    from recollect import client  # noqa: PLC0415 -- imported by name above only through the package

    assert recollect.__all__ == client.__all__
    assert {"APIError", "AuthError", "NotFoundError", "ZepClientError"} <= set(recollect.__all__)
