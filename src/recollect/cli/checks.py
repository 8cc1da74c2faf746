"""What `recollect doctor` looks at. Nothing here changes anything."""

from __future__ import annotations

import errno
import os
import shutil
import socket
from pathlib import Path
from typing import Literal, NamedTuple

import asyncpg
import httpx

from recollect import unix_socket
from recollect.embed import minilm
from recollect.errors import Error
from recollect.llm import Call
from recollect.llm.configured import open_model
from recollect.settings import Settings, hide_password
from recollect.store import migrate
from recollect.store.database import Connection, connect
from recollect.store.embedded import binaries, cluster, default_data_dir, owner
from recollect.store.embedded.account import choose
from recollect.store.embedded.folder import network_file_system
from recollect.store.embedded.process import unreachable
from recollect.store.embedded.tools import NEWEST

SCANT, LITTLE = 100 << 20, 1 << 30
"""Bytes of disk below which the server is about to stop, and below which it is time to act."""
EVERYONE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 -- only to know what it means
ELSEWHERE = "Choose another folder with --data-dir or RECOLLECT_DATA_DIR."
ZEP_PLACEHOLDER_SECRET = "do-not-use-this-secret-in-production"  # noqa: S105 -- everybody knows it


Verdict = Literal["ok", "note", "wrong"]


class Finding(NamedTuple):
    """The outcome of one check."""

    subject: str
    verdict: Verdict
    text: str
    advice: str = ""


async def examine(settings: Settings) -> list[Finding]:
    """Make all checks, in the order in which one depends on another."""
    if url := settings.database_url:
        database = await check_database(url, hide_password(url))
    else:
        database = await check_embedded(settings)
    models = [check_model(settings), await check_language_model(settings)]
    return [check_settings(settings), *database, check_address(settings), *models]


def wrong(subject: str, error: Error | OSError) -> Finding:
    """Report an error of ours with its hint, or one of the system."""
    if isinstance(error, Error):
        return Finding(subject, "wrong", error.message, error.hint)
    return Finding(subject, "wrong", f"{error.filename}: {error.strerror}", "Run as the user the server runs as.")


def check_settings(settings: Settings) -> Finding:
    """Look for what is allowed but unwise."""
    if settings.auth_required and settings.auth_secret == ZEP_PLACEHOLDER_SECRET:
        return Finding(
            "settings", "wrong", "auth_secret is the one that Zep was shipped with", "Choose a secret of your own."
        )
    if not settings.auth_required and settings.host not in {"127.0.0.1", "::1", "localhost"}:
        advice = "Set auth_required and auth_secret, unless a proxy asks for authentication."
        return Finding("settings", "note", f"whoever reaches {settings.host} can read and delete everything", advice)
    return Finding("settings", "ok", "see `recollect config`")


async def check_embedded(settings: Settings) -> list[Finding]:
    """Check the data folder, the PostgreSQL that runs there or would, and the disk."""
    try:
        folder = settings.data_dir or default_data_dir()
        server = owner(folder)
    except (Error, OSError) as error:
        return [wrong("data folder", error)]
    place = check_folder(folder, settings.postgres_binaries)
    if server and server.dsn:
        running = await check_database(server.dsn, f"running, for the server of process {server.pid}")
        return [place, *running, check_disk(folder)]
    return [place, *check_programs(settings.postgres_binaries), check_disk(folder)]


def check_folder(folder: Path, explicit: Path | None) -> Finding:
    """Check that the folder can hold a database, and that the one in it is of our version."""
    there = existing(folder)
    if kind := network_file_system(there):
        text = f"{folder} is on a network file system ({kind}), where PostgreSQL loses data"
        return Finding("data folder", "wrong", text, ELSEWHERE)
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return Finding("data folder", "wrong", f"{there} is not a folder to write in", ELSEWHERE)
    try:
        account = choose(folder / "postgres")
        if account and (wall := unreachable(account, there)):
            text = f"PostgreSQL runs as the user {account.name}, who cannot enter {wall}"
            return Finding("data folder", "wrong", text, ELSEWHERE)
        made_by, major = cluster.version(folder), binaries.find(folder, None, NEWEST, explicit).major
    except (Error, OSError) as error:
        return wrong("data folder", error)
    if made_by not in (None, major):
        return wrong("data folder", cluster.wrong_version(folder, made_by, major))
    return Finding("data folder", "ok", str(folder) if made_by else f"{folder}, to be made by the first start")


def check_disk(folder: Path) -> Finding:
    """Check the free space under the data folder."""
    free = shutil.disk_usage(existing(folder)).free
    verdict: Verdict = "wrong" if free < SCANT else "note" if free < LITTLE else "ok"
    return Finding("disk", verdict, f"{free / (1 << 30):.1f} GiB free", "" if verdict == "ok" else "Free some space.")


def existing(path: Path) -> Path:
    """Return the nearest of a path and its parents that exists."""
    return next(place for place in (path, *path.parents) if place.exists())


def check_programs(explicit: Path | None) -> list[Finding]:
    """Check the PostgreSQL that would be started; its database is at rest and cannot be asked."""
    try:
        programs = binaries.find(Path(), None, NEWEST, explicit)
    except Error as error:
        return [wrong("PostgreSQL", error)]
    found = [
        Finding("database", "ok", "not running; `recollect serve` starts it"),
        check_postgres(programs.major * 10000),
    ]
    control = programs.folder.parent / "share" / "postgresql" / "extension" / "vector.control"
    if control.is_file():
        version = control.read_text().partition("default_version = '")[2].partition("'")[0]
        found.append(check_vector(version))
    return found


async def check_database(dsn: str, address: str) -> list[Finding]:
    """Check that the database answers, its version, its pgvector and its schema."""
    try:
        raw = await connect(dsn, seconds=5)
        try:
            server = await Connection(raw).row("schema.server")
            version, newest = await migrate.version(dsn)
        finally:
            await raw.close()
    except (Error, asyncpg.PostgresError) as error:
        reason = str(error.__cause__ or error) or type(error.__cause__).__name__
        advice = "Check database_url, and that this PostgreSQL runs and lets this user in."
        return [Finding("database", "wrong", f"{address}: {reason}", advice)]
    assert server is not None
    return [
        Finding("database", "ok", address),
        check_postgres(server["postgres"]),
        check_vector(server["vector_installed"] or server["vector_available"]),
        check_schema(version, newest),
    ]


def check_postgres(version: int) -> Finding:
    """Check a version of PostgreSQL, as its server_version_num."""
    if version < migrate.OLDEST_POSTGRES:
        return Finding("PostgreSQL", "wrong", f"version {version // 10000}", "Recollect needs PostgreSQL 16 or newer.")
    return Finding("PostgreSQL", "ok", f"version {version // 10000}")


def check_vector(version: str | None) -> Finding:
    """Check the version of pgvector that is installed, or else could be."""
    if version is None:
        return Finding("pgvector", "wrong", "not there", "Install pgvector 0.8 or newer where PostgreSQL runs.")
    if tuple(int(part) for part in version.split(".")[:2]) < migrate.OLDEST_VECTOR:
        advice = "Install pgvector 0.8 or newer and run `ALTER EXTENSION vector UPDATE`."
        return Finding("pgvector", "wrong", f"version {version}", advice)
    return Finding("pgvector", "ok", f"version {version}")


def check_schema(version: int, newest: int) -> Finding:
    """Check the schema's version against the newest that this program knows."""
    if version > newest:
        return Finding("schema", "wrong", f"version {version}, newer than {newest}", "Run the newer Recollect.")
    if version < newest:
        advice = "`recollect migrate`, or the next start, brings it up to date."
        return Finding("schema", "note", f"version {version} of {newest}", advice)
    return Finding("schema", "ok", f"version {version}")


def check_address(settings: Settings) -> Finding:
    """Check where the server is to listen."""
    return check_socket(settings.socket) if settings.socket else check_port(settings.host, settings.port)


def check_port(host: str, port: int) -> Finding:
    """Check that the port is free, or that it is a Recollect that answers there."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        socket.create_server(address[:2], family=family).close()
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            return Finding("port", "wrong", f"{host}:{port}: {error.strerror}", "Choose another host or port.")
    else:
        return Finding("port", "ok", f"{host}:{port} is free" if port else "a free one will be picked")
    shown = EVERYONE.get(host, host)
    url = f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"
    return check_who_answers("port", f"{host}:{port}", url)


def check_socket(path: Path) -> Finding:
    """Check that a socket can be made there, or that it is a Recollect that answers."""
    if not path.parent.is_dir():
        return Finding("socket", "wrong", f"{path.parent} is not a folder", "Make it, or choose another with --socket.")
    if len(os.fsencode(path)) > unix_socket.LONGEST:
        return Finding("socket", "wrong", f"{path} is longer than {unix_socket.LONGEST} bytes", "Choose a shorter one.")
    if not path.exists():
        return Finding("socket", "ok", f"{path} is free")
    if unix_socket.dead(path):
        return Finding("socket", "ok", f"{path} was left by a server that was killed, and will be replaced")
    return check_who_answers("socket", str(path), "http://localhost", path)


def check_who_answers(subject: str, where: str, url: str, uds: Path | None = None) -> Finding:
    """Check that what listens at a place that is taken is a Recollect."""
    try:
        with httpx.Client(transport=httpx.HTTPTransport(uds=None if uds is None else str(uds)), timeout=2) as client:
            answer = client.get(f"{url}/healthz")
    except httpx.HTTPError:
        return Finding(subject, "wrong", f"{where} is taken by another program", f"Choose another with --{subject}.")
    if answer.text == "." and "recollect" in answer.headers.get("X-Zep-Version", ""):
        return Finding(subject, "ok", f"a Recollect answers on {where}")
    return Finding(subject, "wrong", f"{where} is taken by another web server", f"Choose another with --{subject}.")


def check_model(settings: Settings) -> Finding:
    """Check the files of the local embedding model; a remote one is not asked."""
    if settings.embedding_provider == "none":
        return Finding("embedding model", "note", "none: search finds words only")
    if settings.embedding_provider == "openai":
        where = hide_password(settings.embedding_base_url or "OpenAI")
        return Finding(
            "embedding model", "ok", f"{settings.embedding_model or 'the default'} at {where}, not asked now"
        )
    try:
        folder = settings.embedding_folder or minilm.find_folder()
        minilm.check(folder)
    except Error as error:
        return wrong("embedding model", error)
    return Finding("embedding model", "ok", f"{minilm.MODEL.name}, {folder}")


async def check_language_model(settings: Settings) -> Finding:
    """Ask the language model for a word; it may cost a fraction of a cent."""

    async def record(call: Call) -> None:
        """Leave the numbers of the server alone."""

    try:
        model = open_model(settings, record)
        if model is None:
            return Finding("language model", "ok", "none: no summaries, no intents, entities by rules")
        try:
            await model.probe()
        finally:
            await model.aclose()
    except Error as error:
        return wrong("language model", error)
    where = hide_password(settings.llm_base_url or settings.llm_provider)
    return Finding("language model", "ok", f"{model.name} at {where} answers")
