"""What a value format is: the contract that every file of this folder fulfils."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from assetflow.errors import FormatError, MissingExtraError
from assetflow.model.keys import show
from assetflow.store.asked import Asked
from assetflow.store.read_log import ReadLog
from assetflow.store.stored import StoredObject
from assetflow.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteRequest:
    """Where and for whom a value is written; `file` is a temporary name where nothing is yet."""

    file: str
    asset: str
    partition: str | None
    unordered: bool = False

    @property
    def target(self) -> Path:
        """The file as a path; small values, which come by the thousand, do without."""
        return Path(self.file)

    @property
    def who(self) -> str:
        """The asset partition as messages name it."""
        return f"`{show(self.asset, self.partition)}`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a format says about the value it has written to the target.

    `read_only` is the size in bytes of a file that it made without the right to write to it.
    """

    format: str
    suffix: str
    data_version: str
    rows: int | None = None
    schema: tuple[tuple[str, str], ...] | None = None
    column_versions: tuple[tuple[str, str], ...] | None = None
    read_only: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRequest:
    """What is loaded as what; `connection` is the DuckDB connection that a relation shall belong to.

    With `reads`, what is read of a lazy frame is noted there.
    """

    path: Path
    who: str
    format: str
    asked: Asked
    python_type: str | None = None
    connection: Any = None
    reads: ReadLog | None = None

    def mismatch(self, *works: str) -> FormatError:
        """The error for a type that this format cannot be loaded as; `works` names types that it can."""
        return FormatError(
            f"{self.who} is stored as {self.format} and cannot be loaded as `{self.asked.text}`",
            hint=f"annotate the input as {_one_of(works)}",
            format=self.format,
            asked=self.asked.text,
        )


class NotKeptError(Exception):
    """Raised by a format that accepted a value by its type and finds that it cannot keep it exactly.

    Nothing has been written then, and the next format is tried.
    """


class ValueFormat(Protocol):
    """One way to keep values of some types as a file."""

    @property
    def names(self) -> tuple[str, ...]:
        """The `StoredObject.format` names whose objects this format loads."""
        ...

    def accepts(self, value: object) -> bool:
        """Whether this format writes values of this type; cheap, and imports nothing."""
        ...

    def write(self, value: Any, request: WriteRequest) -> Written:
        """Write the value to the target; `NotKeptError` leaves it to the next format."""
        ...

    def load(self, request: LoadRequest) -> Any:
        """Read the value back as the type asked for; `FormatError` when that cannot be."""
        ...

    def version(self, path: Path, obj: StoredObject) -> str:
        """Compute the data version of a stored object anew."""
        ...


def missing_extra(package: str, extra: str, *, what: str) -> MissingExtraError:
    """The error for an optional package that is needed for `what` and not installed."""
    return MissingExtraError(
        f"{what} needs the package `{package}`, which is not installed",
        hint=f"pip install 'assetflow[{extra}]'",
        package=package,
        extra=extra,
    )


def _one_of(names: tuple[str, ...]) -> str:
    quoted = [f"`{name}`" for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"
