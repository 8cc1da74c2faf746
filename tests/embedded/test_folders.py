"""Which folders may hold data, and how they are made."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from recollect.errors import StartupError
from recollect.store.embedded import EmbeddedPostgres, account, default_data_dir, folder

MOUNTS = """\
/dev/vda / ext4 rw,relatime 0 0
server:/export /mnt/nfs nfs4 rw,vers=4.2 0 0
//server/share /mnt/my\\040share cifs rw 0 0
/dev/vdb /mnt/nfs/local\\134disk xfs rw 0 0
C:\\134 /mnt/c 9p rw 0 0
user@host: /mnt/ssh fuse.sshfs rw 0 0
overlay /var/lib overlay rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/mnt/nfs", "nfs4"),
        ("/mnt/nfs/deep/er", "nfs4"),
        ("/mnt/nfs-not", None),
        ("/mnt/my share/data", "cifs"),
        ("/mnt/nfs/local\\disk/data", None),
        ("/mnt/c/Users", "9p"),
        ("/mnt/ssh/data", "fuse.sshfs"),
        ("/var/lib/recollect", None),
        ("/", None),
    ],
)
def test_network_file_systems(path: str, kind: str | None) -> None:
    """The file system that holds a folder is found, and network ones are known by their type."""
    assert folder.network_file_system(Path(path), MOUNTS) == kind


def test_this_machine_s_folders(place: Path) -> None:
    """The folder that tests run in is on no network file system, by this machine's own list."""
    assert folder.network_file_system(place) is None


def test_default() -> None:
    """Root's data is the machine's; another user's is in the home folder."""
    expected = "/var/lib/recollect" if os.geteuid() == 0 else f"{Path.home()}/.local/share/recollect"
    assert str(default_data_dir()) == expected


async def test_nothing_that_exists_is_changed(place: Path, pg_major: int) -> None:
    """Only what is made gets a mode: no folder on the way and none that was there is opened or closed."""
    outer = place / "outer"
    outer.mkdir(mode=0o751)
    before = {path: path.stat().st_mode for path in (outer, *outer.parents)}
    data_dir = outer / "inner" / "data"
    async with EmbeddedPostgres(data_dir, major=pg_major):
        pass
    assert {path: path.stat().st_mode for path in before} == before
    mine = 0o700 if account.choose(data_dir / "postgres") is None else 0o711
    for path in (data_dir, data_dir.parent):
        assert (path.stat().st_uid, stat.S_IMODE(path.stat().st_mode)) == (os.geteuid(), mine)
    for name in ("lock", "postgres.lock", "postgres.log"):
        assert stat.S_IMODE((data_dir / name).stat().st_mode) == 0o600


@pytest.mark.parametrize("beneath", ["", "data"])
async def test_closed_folder(place: Path, pg_major: int, beneath: str) -> None:
    """A folder that the user PostgreSQL runs as can't enter is refused, with another one named."""
    closed = place / "closed"
    closed.mkdir(mode=0o700 if os.geteuid() == 0 else 0)
    with pytest.raises(StartupError, match=str(closed)) as refused:
        async with EmbeddedPostgres(closed / beneath, major=pg_major):
            pass
    assert "--data-dir" in refused.value.hint
    assert stat.S_IMODE(closed.stat().st_mode) == (0o700 if os.geteuid() == 0 else 0)
    closed.chmod(0o700)  # to be removed


async def test_file_instead_of_a_folder(place: Path, pg_major: int) -> None:
    """A file where the folder should be is refused."""
    (place / "data").touch()
    for path in (place / "data", place / "data" / "beneath"):
        with pytest.raises(StartupError, match="data"):
            async with EmbeddedPostgres(path, major=pg_major):
                pass
