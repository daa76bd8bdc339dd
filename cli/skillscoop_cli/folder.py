"""The data folder: everything one machine's SkillScoop keeps on disk, and nothing outside it.

format            which layout this is; written last, so that a folder without it is either empty or not ours
lock              held by the process that runs on it; the system drops it with the process, also after kill -9
running.json      address and process id of that process
issuer/           key.json (0600) and jwks.json of the development issuer
secrets.json      (0600) what signs cursors and the simulator's webhooks
clock-offset      seconds by which the business clock runs ahead
databases/ bus.sqlite stripe-simulator/ files/ mail/ logs/
"""

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from skillscoop_cli.failures import Refused

FORMAT = 1
DEFAULT = Path(".skillscoop")
_KEPT_WHEN_CLEARED = frozenset({".gitignore", "format", "lock", "issuer", "secrets.json"})


@dataclass(frozen=True)
class DataFolder:
    """Names of what lies in a data folder. `path` is absolute."""

    path: Path

    @property
    def key(self) -> Path:
        """Private key of the development issuer, a JWK."""
        return self.path / "issuer" / "key.json"

    @property
    def jwks(self) -> Path:
        """Public keys of the development issuer: the file services verify with."""
        return self.path / "issuer" / "jwks.json"

    @property
    def secrets(self) -> Path:
        """Secrets that only this folder's process needs."""
        return self.path / "secrets.json"

    @property
    def clock_offset(self) -> Path:
        """How far the business clock runs ahead of the wall clock, in seconds."""
        return self.path / "clock-offset"

    @property
    def bus(self) -> Path:
        """The embedded transport's messages."""
        return self.path / "bus.sqlite"

    @property
    def simulator(self) -> Path:
        """The Stripe simulator's state."""
        return self.path / "stripe-simulator"

    @property
    def files(self) -> Path:
        """Evidence and attachments."""
        return self.path / "files"

    @property
    def mail(self) -> Path:
        """E-mails, one file each, as long as no SMTP server is set."""
        return self.path / "mail"

    @property
    def log(self) -> Path:
        """What the services write about themselves."""
        return self.path / "logs" / "skillscoop.log"

    @property
    def running(self) -> Path:
        """Address and process id of the process that runs on this folder."""
        return self.path / "running.json"

    def database(self, service: str) -> Path:
        """The SQLite file of one service."""
        return self.path / "databases" / f"{service}.sqlite"


def chosen(given: Path | None) -> Path:
    """The folder a verb means: its `--data`, else `$SKILLSCOOP_DATA`, else `.skillscoop` where it was called."""
    return Path(given or os.environ.get("SKILLSCOOP_DATA") or DEFAULT).absolute()


def open_folder(path: Path) -> DataFolder:
    """Make the data folder, or take the one that is there. Raises `Refused` when it is not ours, of another format,
    or not writable."""
    folder = DataFolder(path)
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        strangers = [entry.name for entry in path.iterdir() if not entry.name.startswith((".new-", ".gitignore"))]
        if "format" not in strangers:
            if strangers:
                raise Refused(
                    f"{path} is not a SkillScoop data folder: it holds {sorted(strangers)[0]!r} and no file 'format'; "
                    "name an empty or new folder with --data"
                )
            if path.stat().st_uid == os.geteuid():
                # A folder that was there already, of a fresh clone for example, is open to everybody until now.
                path.chmod(0o700)
            write_private(path / "format", json.dumps({"format": FORMAT}))
        _check_format(path)
        for sub in (path / "databases", folder.simulator, folder.files, folder.mail, folder.log.parent):
            _made(sub, 0o700)
        _made(folder.key.parent, 0o755)
        probe, name = tempfile.mkstemp(prefix=".new-", dir=path)
        os.close(probe)
        Path(name).unlink()
        for file in (folder.bus, *(path / "databases").iterdir(), *folder.simulator.iterdir()):
            if file.exists() and not _writable(file):
                raise Refused(f"no right to write {file}; change its owner or name another folder with --data")
    except (FileExistsError, NotADirectoryError) as error:
        raise Refused(f"{path} is not a folder; name another with --data") from error
    except PermissionError as error:
        raise Refused(f"no right to write in {path}; change its owner or name another with --data") from error
    except OSError as error:
        raise Refused(f"{path} cannot be used: {error.strerror or error}") from error
    return folder


def make_private(folder: DataFolder) -> None:
    """Take everybody else's rights from the folder's files, but from the public keys, which containers read."""
    for file in folder.path.rglob("*"):
        if file == folder.jwks or file.is_symlink() or not file.is_file():
            continue
        about = file.stat()
        if about.st_mode & 0o077 and about.st_uid == os.geteuid():
            file.chmod(about.st_mode & ~0o077)


def _writable(path: Path) -> bool:
    return os.access(path, os.R_OK | os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def _made(path: Path, mode: int) -> None:
    if not path.exists():
        path.mkdir()
        path.chmod(mode)
        _hand_over(path)


def _hand_over(path: Path) -> None:
    """What root makes in somebody's folder (a container, sudo) belongs to that somebody."""
    owner = path.parent.stat()
    if os.geteuid() == 0 and owner.st_uid != 0:
        os.chown(path, owner.st_uid, owner.st_gid)


def existing_folder(path: Path) -> DataFolder | None:
    """The data folder at `path` when there is one, without making anything. Raises `Refused` for another format."""
    if not (path / "format").is_file():
        return None
    _check_format(path)
    return DataFolder(path)


def _check_format(path: Path) -> None:
    try:
        found = json.loads((path / "format").read_text())["format"]
    except PermissionError:
        raise
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Refused(f"{path} is not a SkillScoop data folder: its file 'format' cannot be read") from error
    if found != FORMAT:
        age = "an older" if isinstance(found, int) and found < FORMAT else "a newer"
        raise Refused(
            f"{path} was made by {age} version (format {found}, this one reads {FORMAT}); "
            "name another folder with --data or remove this one"
        )


def write_private(path: Path, text: str, *, mode: int = 0o600, replace: bool = True) -> bool:
    """Write a whole file at once, so that no reader and no crash ever sees half of it.

    With `replace=False` an existing file wins (two verbs may start at the same moment); answers whether ours is there.
    """
    handle, name = tempfile.mkstemp(prefix=".new-", dir=path.parent)
    try:
        with os.fdopen(handle, "w") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        Path(name).chmod(mode)
        _hand_over(Path(name))
        if replace:
            Path(name).replace(path)
            return True
        try:
            os.link(name, path)
        except FileExistsError:
            return False
        return True
    finally:
        Path(name).unlink(missing_ok=True)


@contextmanager
def locked(folder: DataFolder) -> Iterator[None]:
    """Be the only process that runs on this folder. Raises `Refused` when another one does."""
    try:
        handle = os.open(folder.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        _hand_over(folder.path / "lock")
    except PermissionError as error:
        raise Refused(f"no right to write in {folder.path}; change its owner or name another with --data") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            there = running_address(folder)
            where = f" at {there}" if there else ""
            raise Refused(
                f"another skillscoop already runs on {folder.path}{where}; stop it or name another folder with --data"
            ) from None
        yield
    finally:
        os.close(handle)


def running_address(folder: DataFolder | None) -> str | None:
    """Where the process on this folder answered last, or `None`. It may have died since."""
    if folder is None:
        return None
    try:
        address = json.loads(folder.running.read_text())["url"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return address if isinstance(address, str) else None


def clear(folder: DataFolder) -> None:
    """Forget all data of the folder but its issuer's key and secrets, so that printed tokens stay good."""
    for entry in list(folder.path.iterdir()):
        if entry.name in _KEPT_WHEN_CLEARED:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    open_folder(folder.path)


def hand_over(folder: DataFolder) -> None:
    """Give everything in the folder to the folder's own owner, where the caller may: a container's root for example."""
    owner = folder.path.stat()
    if os.geteuid() != 0 or owner.st_uid == 0:
        return
    for entry in [folder.path, *folder.path.rglob("*")]:
        os.chown(entry, owner.st_uid, owner.st_gid, follow_symlinks=False)
