from __future__ import annotations

import http.server
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from language_model import KEY, Endpoint

if TYPE_CHECKING:
    from conftest import Server

Run = Callable[..., subprocess.CompletedProcess[str]]
MODELS = ["embedding model", "language model"]
CHECKS = ["settings", "data folder", "database", "PostgreSQL", "pgvector", "disk", "port", *MODELS]


def table(done: subprocess.CompletedProcess[str]) -> dict[str, tuple[str, str]]:
    """Return each check with its verdict and the rest of its line."""
    rows = [line.strip().split("  ", 1) for line in done.stdout.splitlines()]
    found = {}
    for verdict, rest in (row for row in rows if row[0] in {"ok", "note", "wrong"}):
        subject, text = rest.strip().split("  ", 1)
        found[subject] = (verdict, text.strip())
    return found


def test_before_the_first_start(run: Run, folder: Path) -> None:
    """On a fresh machine all is well, and looking changes nothing: no folder is made."""
    done = run("doctor", "--data-dir", folder / "data", "--port", "0")
    assert list(table(done)) == CHECKS
    assert {verdict for verdict, _ in table(done).values()} <= {"ok", "note"}
    assert done.returncode == 0
    assert list(folder.iterdir()) == []


def test_a_running_server(run: Run, server: Server) -> None:
    """While the server runs, its database is asked, and the port is known to be its own."""
    done = run("doctor", "--data-dir", server.data_dir, "--port", server.address.rsplit(":", 1)[1])
    assert done.returncode == 0
    found = table(done)
    assert list(found) == [*CHECKS[:5], "schema", *CHECKS[5:]]
    assert str(server.process.pid) in found["database"][1]
    assert "a Recollect answers" in found["port"][1]
    assert found["schema"][0] == "ok"


def test_an_external_database(run: Run, database_url: str) -> None:
    """A database of one's own is asked for its versions; there is no data folder to check."""
    found = table(run("doctor", "--port", "0", RECOLLECT_DATABASE_URL=database_url))
    assert list(found) == ["settings", "database", "PostgreSQL", "pgvector", "schema", "port", *MODELS]
    assert {found[name][0] for name in ("database", "PostgreSQL", "pgvector", "schema")} == {"ok"}


def test_an_empty_database(run: Run, empty_database_url: str) -> None:
    """A schema that is behind is told with what brings it up to date; nothing is wrong yet, and nothing is changed."""
    for _ in range(2):
        done = run("doctor", "--port", "0", RECOLLECT_DATABASE_URL=empty_database_url)
        verdict, text = table(done)["schema"]
        assert (done.returncode, verdict) == (0, "note")
        assert text.startswith("version 0 of")
        assert "recollect migrate" in text


def test_no_database(run: Run) -> None:
    """A database that does not answer is wrong; why is said, the password is not."""
    done = run("doctor", "--port", "0", RECOLLECT_DATABASE_URL="postgresql://u:HUSH@127.0.0.1:1/db")
    assert done.returncode == 1
    assert table(done)["database"][0] == "wrong"
    assert "127.0.0.1" in table(done)["database"][1]
    assert "HUSH" not in done.stdout + done.stderr


def test_wrong_settings(run: Run) -> None:
    """A setting that cannot be read is the one finding."""
    done = run("doctor", RECOLLECT_PROT="1")
    assert done.returncode == 1
    assert list(table(done)) == ["settings"]
    assert "RECOLLECT_PORT" in table(done)["settings"][1]


def test_unwise_settings(run: Run, folder: Path) -> None:
    """An open door is noted, and a secret that everybody knows is wrong."""
    options = ["doctor", "--data-dir", folder, "--port", "0"]
    assert table(run(*options, RECOLLECT_HOST="0.0.0.0"))["settings"][0] == "note"
    known = {"ZEP_AUTH_REQUIRED": "true", "ZEP_AUTH_SECRET": "do-not-use-this-secret-in-production"}
    assert table(run(*options, **known))["settings"][0] == "wrong"


def test_a_file_for_a_folder(run: Run, folder: Path) -> None:
    """A data folder that is none is wrong."""
    (folder / "file").touch()
    done = run("doctor", "--data-dir", folder / "file", "--port", "0")
    assert done.returncode == 1
    assert table(done)["data folder"][0] == "wrong"


def test_a_folder_of_another_version(run: Run, folder: Path) -> None:
    """A folder that another major version of PostgreSQL made is wrong, and how to move the data is said."""
    (folder / "postgres").mkdir()
    (folder / "postgres" / "PG_VERSION").write_text("15\n")
    done = run("doctor", "--data-dir", folder, "--port", "0")
    assert done.returncode == 1
    assert table(done)["data folder"][0] == "wrong"
    assert "pg_dump" in table(done)["data folder"][1]


def test_no_programs(run: Run, folder: Path) -> None:
    """A folder of programs without PostgreSQL in it is wrong."""
    found = table(run("doctor", "--data-dir", folder, "--port", "0", RECOLLECT_POSTGRES_BINARIES=str(folder)))
    assert found["PostgreSQL"][0] == "wrong"


@pytest.fixture
def other_server() -> Iterator[int]:
    """Run a web server that is not ours; return its port."""
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as other:
        threading.Thread(target=other.serve_forever).start()
        yield other.server_port
        other.shutdown()


def test_a_port_of_another_web_server(run: Run, folder: Path, other_server: int) -> None:
    """A port where another web server answers is wrong."""
    verdict, text = table(run("doctor", "--data-dir", folder, "--port", str(other_server)))["port"]
    assert verdict == "wrong"
    assert "another web server" in text


def test_a_port_of_another_program(run: Run, folder: Path) -> None:
    """A port that something silent holds is wrong."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        verdict, text = table(run("doctor", "--data-dir", folder, "--port", str(taken.getsockname()[1])))["port"]
    assert verdict == "wrong"
    assert "another program" in text


def test_an_address_of_another_machine(run: Run, folder: Path) -> None:
    """An address that is not this machine's is wrong."""
    assert table(run("doctor", "--data-dir", folder, "--host", "192.0.2.1", "--port", "0"))["port"][0] == "wrong"


def test_the_embedding_model(run: Run, folder: Path) -> None:
    """A model whose files are not there is wrong, one that was switched off is noted, a remote one is not asked."""
    options = ["doctor", "--data-dir", folder, "--port", "0"]
    assert table(run(*options, RECOLLECT_EMBEDDING_FOLDER=str(folder)))["embedding model"][0] == "wrong"
    assert table(run(*options, RECOLLECT_EMBEDDING_PROVIDER="none"))["embedding model"][0] == "note"
    remote = {"RECOLLECT_EMBEDDING_PROVIDER": "openai", "RECOLLECT_EMBEDDING_BASE_URL": "http://127.0.0.1:1/v1"}
    assert table(run(*options, **remote))["embedding model"][0] == "ok"


def test_the_language_model(run: Run, folder: Path, endpoint: Endpoint) -> None:
    """A language model that answers is fine, one that does not is wrong, with what to look at and without its key."""
    options = ["doctor", "--data-dir", folder, "--port", "0"]
    assert table(run(*options))["language model"][0] == "ok"
    given = {"RECOLLECT_LLM_BASE_URL": endpoint.url, "RECOLLECT_LLM_API_KEY": KEY, "RECOLLECT_LLM_MODEL": "made-up"}
    verdict, text = table(run(*options, **given))["language model"]
    assert verdict == "ok"
    assert "made-up" in text
    assert [asked["body"]["model"] for asked in endpoint.asked()] == ["made-up"]
    endpoint.script([{"status": 401, "body": {"error": {"message": f"Incorrect API key: {KEY}"}}}])
    done = run(*options, **given)
    assert done.returncode == 1
    assert "RECOLLECT_LLM_API_KEY" in done.stdout
    assert KEY not in done.stdout + done.stderr


def test_a_language_model_without_its_settings(run: Run, folder: Path) -> None:
    """A provider that lacks a setting is told by the setting's name."""
    done = run("doctor", "--data-dir", folder, RECOLLECT_LLM_PROVIDER="anthropic", RECOLLECT_LLM_API_KEY="k")
    assert done.returncode == 1
    assert "llm_model is not set" in done.stdout
