"""Writing files so that nobody ever sees half of one: temporary name, flush, rename, flush of the folder."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import re
import shutil
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from assetflow.errors import StoreError
from assetflow.faults import fault

_PREFIX = ".tmp-"

_HINTS = {
    errno.ENOSPC: "the disk is full: free some space and run again",
    errno.EDQUOT: "the disk quota is used up: free some space and run again",
    errno.EACCES: "make the store folder writable for the user that runs assetflow",
    errno.EPERM: "make the store folder writable for the user that runs assetflow",
    errno.EROFS: "the file system is mounted read-only: set `catalog` to a folder that can be written",
    errno.EIO: "the disk reports an input/output error: check it before anything else",
    errno.EFBIG: "the file is larger than the file system or a limit (`ulimit -f`) allows",
    errno.EMFILE: "raise the limit of open files (`ulimit -n`) or use fewer workers",
}
# these tell of the disk by themselves; any other error is the store's only when it names a path in it
_OF_THE_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EFBIG})
_OS_ERROR = re.compile(r"\(os error (\d+)\)|\"errno\":\"(\d+)\"")  # as polars and as DuckDB tell it


# process ids repeat between containers that share a folder, so a name needs chance as well
_CHANCE = os.urandom(6).hex()
_NUMBERS = itertools.count()


def temporary_path(folder: Path) -> Path:
    """A new temporary name in `folder`, which is made when missing; the file itself is not created."""
    return Path(_temporary_name(str(folder)))


def _temporary_name(folder: str) -> str:
    make_folder(folder)
    return f"{folder}{os.sep}{_PREFIX}{os.getpid()}-{_CHANCE}{next(_NUMBERS):x}"


def make_folder(folder: str) -> None:
    """Make a folder and those above it where they are missing."""
    try:
        os.mkdir(folder)
    except FileExistsError:
        return
    except FileNotFoundError:
        os.makedirs(folder, exist_ok=True)


def temporary_owner(name: str) -> int | None:
    """The process id in a name of `temporary_path`, or None for any other name."""
    owner = name.removeprefix(_PREFIX).partition("-")[0]
    return int(owner) if name.startswith(_PREFIX) and owner.isdecimal() else None


def put_in_place(temporary: str, final: str, *, root: Path, durable: bool, read_only: int | None = None) -> int:
    """Move a finished temporary file or folder to its final, immutable name below `root`; its size in bytes.

    Both are in the same folder. When the final name holds content of the same size already it is kept (names are
    content hashes); anything else there is damaged and is replaced. `read_only` is the size of a file that is known
    to be read-only already, which saves looking.
    """
    size = _made_read_only(temporary) if read_only is None else read_only
    there = size_of(final)
    if there == size:
        # whoever wrote it may not have flushed it, and this caller is promised that it is safe
        remove(temporary)
        if durable:
            flush(final)
    else:
        if durable:
            flush(temporary)
        fault("store.write")
        if there is not None and os.path.isdir(final):
            remove(final)  # a folder cannot be renamed over a folder that holds files
        os.replace(temporary, final)
        fault("store.rename")
    if durable:
        flush_folders([os.path.dirname(final)], root=root)
    return size


def size_of(path: str) -> int | None:
    """Bytes of a file, or of all files of a folder; None when there is nothing."""
    try:
        return _size(path, os.stat(path))
    except (FileNotFoundError, NotADirectoryError):
        return None


def _size(path: str, status: os.stat_result) -> int:
    if not stat.S_ISDIR(status.st_mode):
        return status.st_size
    return sum(file.stat().st_size for file in Path(path).rglob("*") if file.is_file())


def remove(path: Path | str) -> None:
    """Remove a file or a folder; nothing when it is not there."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
    except OSError:  # a folder, which systems refuse in different words
        if os.path.islink(path) or not os.path.isdir(path):
            raise
        shutil.rmtree(path)


def flush(path: Path | str) -> None:
    """Flush a file, or every file and folder below a folder, to the disk."""
    _flush_one(path)
    if os.path.isdir(path):
        for each in Path(path).rglob("*"):
            _flush_one(each)


def flush_folders(folders: Iterable[Path | str], *, root: Path) -> None:
    """Flush folders and those above them up to `root`, each once: unflushed entries may be lost."""
    # as text: a run flushes thousands of folders, and a path object costs more than the look at it
    top = os.fspath(root)
    below, pending = os.path.join(top, ""), set[str]()
    for folder in folders:
        at = os.fspath(folder)
        while at not in pending and (at == top or at.startswith(below)):
            pending.add(at)
            at = os.path.dirname(at)
    for at in sorted(pending):
        _flush_one(at)


def _flush_one(path: Path | str) -> None:
    if os.name == "nt" and os.path.isdir(path):
        return  # Windows cannot open a folder for flushing, and writes its entries through
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _made_read_only(path: str) -> int:
    """Take the right to write away from a file or all files of a folder; the size in bytes."""
    status = os.stat(path)
    if not stat.S_ISDIR(status.st_mode):
        if status.st_mode & 0o222:
            os.chmod(path, 0o444)
        return status.st_size
    # only files: a folder without write permission could not be removed by `gc`
    for file in Path(path).rglob("*"):
        if file.is_file():
            file.chmod(0o444)
    return _size(path, status)


@contextlib.contextmanager
def writing(folder: str, *, root: Path, what: str) -> Iterator[str]:
    """A temporary name in `folder` below `root` to write to, and to put in place; what an error leaves is removed.

    It is the folder of the final name, because a rename between folders makes all others in the file system wait.

    Failures of the disk become `StoreError`, naming `what` ("`delays@2013-01-01`") was written. Other errors
    pass through unchanged: a lazy frame runs while it is written, and its failure is the asset's own.
    """
    with disk_errors(root, what=what):
        target = _temporary_name(folder)
        try:
            yield target
        except BaseException:
            with contextlib.suppress(OSError):
                remove(target)
            raise


@contextlib.contextmanager
def disk_errors(root: Path, *, what: str) -> Iterator[None]:
    """Turn failures of the disk that holds `root` into `StoreError` with a hint."""
    try:
        yield
    except Exception as error:
        number = os_error_number(error)
        if number is None or not (number in _OF_THE_DISK or str(root) in str(error)):
            raise
        raise StoreError(
            f"cannot write {what} to the store at {root}: {os.strerror(number)}",
            hint=_HINTS.get(number, "check the store folder and the disk it is on"),
            path=str(root),
            errno=number,
        ) from error


def os_error_number(error: BaseException) -> int | None:
    """The operating system's error number behind an exception, also when an engine wrapped it in text."""
    if isinstance(error, OSError):
        return error.errno
    found = _OS_ERROR.search(str(error)) if isinstance(error, Exception) else None
    return int(found[1] or found[2]) if found else None
