"""Who runs: the identity of this process, and whether the owner of a run still lives."""

from __future__ import annotations

import getpass
import os
import socket
from datetime import datetime
from pathlib import Path

from assetflow.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A process, told apart from a later one with the same number by when it started."""

    host: str
    pid: int
    started: str


def this_process() -> Owner:
    """The identity of the running process."""
    return Owner(host=this_host(), pid=os.getpid(), started=_started(os.getpid()) or "")


def this_host() -> str:
    """The name of this machine."""
    return socket.gethostname()


def is_alive(host: str, pid: int, started: str) -> bool | None:
    """Whether the process still runs; None for one of another host or another container, which cannot be seen here."""
    if host != this_host():
        return None
    if Path("/proc/self/stat").exists():
        own = _started(os.getpid()) or ""
        if started.split(":")[::2] != own.split(":")[::2]:
            return None  # another boot or another namespace of processes: of a machine of that name, or of a container
        return _started(pid) == started
    return is_running(pid)


def is_running(pid: int) -> bool:
    """Whether a process of this number runs here, be it another one than was meant."""
    if Path("/proc/self/stat").exists():
        return _started(pid) is not None
    if os.name == "nt":
        return _alive_on_windows(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def user_name() -> str:
    """The name of the user whose process this is, `unknown` where the system has none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def new_run_id(now: datetime) -> str:
    """A run id that sorts by time: `20130131-120000-3f9a1c`, in UTC."""
    return f"{now:%Y%m%d-%H%M%S}-{os.urandom(3).hex()}"


def _started(pid: int) -> str | None:
    """The start of a process since boot, with the boot itself, as the kernel tells it; None when it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    if fields[0] == "Z":  # dead, and not yet collected by its parent
        return None
    return f"{boot[:8]}:{fields[19]}:{_namespace()}"


def _namespace() -> str:
    """The namespace in which process numbers are counted: containers have their own."""
    try:
        return os.readlink("/proc/self/ns/pid").strip("pid:[]")
    except OSError:
        return ""


def _alive_on_windows(pid: int) -> bool:
    import ctypes  # only where it is needed: signal 0 would end the process here

    handle = ctypes.windll.kernel32.OpenProcess(0x1000, False, pid)  # type: ignore[attr-defined,unused-ignore]
    if not handle:
        return False
    ctypes.windll.kernel32.CloseHandle(handle)  # type: ignore[attr-defined,unused-ignore]
    return True
