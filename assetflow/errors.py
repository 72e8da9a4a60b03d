"""The one error tree of assetflow.

Every error a user can meet is a class here, with a message that names who, what and where, and a `hint` that names
what to do next. `slug` is the stable machine name, `exit_code` what the command line ends with, `payload` the
attributes a program can read.

* `AssetflowError`
  * `UsageError` (exit 2): `SelectionError`, `SettingsError`, `UnknownAssetError`, `UnknownPartitionError`,
    `UnknownRunError`, `ProjectNotFoundError`, `PartitionError`, `QueryError`, `MissingExtraError`, `ValueNotFoundError`
  * `DefinitionError` (exit 3): one or more `Problem`s, all reported together
  * `CatalogError` (exit 4): `CatalogVersionError`, `CatalogDamagedError`, `CatalogUnwritableError`,
    `CatalogLockedError`, `StoreError`, `OutputLostError`
  * `RunError` (exit 1): `StepFailedError`, `FormatError`, `StepTimeoutError`, `WorkerDiedError`, `StepMemoryError`,
    `QueryFailedError`
  * `InternalError` (exit 70)
  * `CanceledError` (exit 130)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from assetflow.values import dataclass


class AssetflowError(Exception):
    """Any error that assetflow raises on purpose; everything else that escapes is a bug."""

    slug: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 70

    def __init__(self, message: str, *, hint: str | None = None, **payload: Any) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.payload = payload

    def to_json(self) -> dict[str, Any]:
        """The error as the object that `--json` prints under `error`."""
        return {"slug": self.slug, "message": self.message, "hint": self.hint, **self.payload}

    def __reduce__(self) -> tuple[Any, ...]:
        """Errors pass between processes whole: attributes as they are, no constructor runs again."""
        return _revived, (type(self), self.args, self.__dict__)


def _revived(cls: type[AssetflowError], args: tuple[Any, ...], attributes: dict[str, Any]) -> AssetflowError:
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(attributes)
    return error


# --- exit 2: how assetflow was asked -----------------------------------------------------------------------------


class UsageError(AssetflowError):
    """The request itself is wrong: an argument, a selection, a setting."""

    slug = "usage"
    exit_code = 2


class SettingsError(UsageError):
    """A project setting has an unknown name or a value that does not fit."""

    slug = "settings"


class ProjectNotFoundError(UsageError):
    """No project was found at or above the directory."""

    slug = "project_not_found"


class SelectionError(UsageError):
    """A selection does not parse, or matches nothing."""

    slug = "selection"


class UnknownAssetError(SelectionError):
    """An asset key that no definition has."""

    slug = "unknown_asset"


class PartitionError(UsageError):
    """A partition set, range or definition was used in a way that does not fit."""

    slug = "partition"


class UnknownPartitionError(PartitionError):
    """A partition key that the asset's partitions do not contain."""

    slug = "unknown_partition"


class UnknownRunError(UsageError):
    """A run id that the catalog does not hold."""

    slug = "unknown_run"


class QueryError(UsageError):
    """SQL that DuckDB refused, or a saved query that does not exist."""

    slug = "query"


class MissingExtraError(UsageError):
    """An optional package is needed and not installed; the hint is the install line."""

    slug = "missing_extra"


class ValueNotFoundError(UsageError):
    """A value was asked for that was never materialized."""

    slug = "value_not_found"


# --- exit 3: what the project declares ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong with the definitions: what, where, and what to do."""

    slug: str
    message: str
    file: str | None = None
    line: int | None = None
    asset: str | None = None
    hint: str | None = None
    column: int | None = None

    @property
    def where(self) -> str:
        """`file:line`, with `:column` where it is known, as editors link it; empty when the place is not known."""
        if self.file is None:
            return ""
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return place if self.line is None or self.column is None else f"{place}:{self.column}"

    def to_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "slug": self.slug,
            "message": self.message,
            "file": self.file,
            "line": self.line,
            "asset": self.asset,
            "hint": self.hint,
        }
        return found if self.column is None else {**found, "column": self.column}


class DefinitionError(AssetflowError):
    """The definitions are wrong; `problems` holds everything found, not only the first."""

    slug = "definitions"
    exit_code = 3

    def __init__(self, problems: Iterable[Problem] | str, *, hint: str | None = None, **payload: Any) -> None:
        if isinstance(problems, str):
            problems = (Problem(slug="definition", message=problems, hint=hint, **payload),)
        self.problems: tuple[Problem, ...] = tuple(
            # once each: a module that does not parse is the same problem for everybody who imports it
            sorted(dict.fromkeys(problems), key=lambda p: (p.file or "", p.line or 0, p.slug, p.message))
        )
        count = len(self.problems)
        head = "1 problem in the definitions" if count == 1 else f"{count} problems in the definitions"
        super().__init__(f"{head}\n" + "\n".join(_problem_text(p) for p in self.problems))

    def to_json(self) -> dict[str, Any]:
        return {
            "slug": self.slug,
            "message": self.message.splitlines()[0],
            "hint": self.hint,
            "problems": [problem.to_json() for problem in self.problems],
        }


def _problem_text(problem: Problem) -> str:
    lines = [f"  {problem.where}: {problem.message}" if problem.where else f"  {problem.message}"]
    if problem.hint:
        lines.append(f"    hint: {problem.hint}")
    return "\n".join(lines)


# --- exit 4: what is on disk -------------------------------------------------------------------------------------


class CatalogError(AssetflowError):
    """The catalog or the store cannot be used as it is."""

    slug = "catalog"
    exit_code = 4


class CatalogVersionError(CatalogError):
    """The catalog was written by a newer assetflow."""

    slug = "catalog_version"


class CatalogDamagedError(CatalogError):
    """The catalog holds something unreadable that could not be repaired by itself."""

    slug = "catalog_damaged"


class CatalogUnwritableError(CatalogError):
    """The catalog folder cannot be written: permissions, a read-only or a full disk."""

    slug = "catalog_unwritable"


class CatalogLockedError(CatalogError):
    """Another process holds the catalog for longer than is reasonable to wait."""

    slug = "catalog_locked"


class StoreError(CatalogError):
    """An object of the store cannot be written or read."""

    slug = "store"


class OutputLostError(StoreError):
    """The catalog knows a value whose object is gone from the store."""

    slug = "output_lost"


# --- exit 1: what happened in a run ------------------------------------------------------------------------------


class RunError(AssetflowError):
    """Something inside a run failed."""

    slug = "run"
    exit_code = 1


class StepFailedError(RunError):
    """A step failed; `payload` names the asset, the partition and the user's error."""

    slug = "step_failed"


class FormatError(RunError):
    """A value cannot be stored, or not be loaded as the type that was asked for."""

    slug = "format"


class StepTimeoutError(RunError, TimeoutError):
    """An attempt took longer than `timeout=` of its asset; a `TimeoutError`, so that a retry policy may name that."""

    slug = "step_timeout"


class WorkerDiedError(RunError):
    """The process of a step ended in the middle of it: an exit, a crash or a signal."""

    slug = "worker_died"


class StepMemoryError(RunError, MemoryError):
    """A step wanted more memory than `memory=` of its asset; a `MemoryError`, so that a retry policy may name that."""

    slug = "step_memory"


class QueryFailedError(RunError):
    """The query of a SQL asset was refused by DuckDB, or returned other columns than it declares.

    `payload` may hold `place`: file, line and column of the user's text.
    """

    slug = "query_failed"


# --- the rest ----------------------------------------------------------------------------------------------------


class InternalError(AssetflowError):
    """A promise inside assetflow was broken: always a bug of ours."""

    slug = "internal"
    exit_code = 70


class CanceledError(AssetflowError):
    """The run was canceled by its user."""

    slug = "canceled"
    exit_code = 130


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, or None when none is near; ties by name."""
    candidates: Sequence[str] = sorted(set(known))
    lowered = {candidate.lower(): candidate for candidate in reversed(candidates)}
    if name.lower() in lowered:
        return lowered[name.lower()]
    from difflib import get_close_matches  # here: it costs milliseconds, and most commands go right

    found = get_close_matches(name, candidates, n=1, cutoff=0.6)
    if found:
        return found[0]
    # a forgotten prefix (`delays` for `marts/delays`) is no near spelling, but it is what was meant
    tails = [c for c in candidates if c.rsplit("/", 1)[-1] == name]
    return tails[0] if tails else None


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """A hint sentence with the nearest known name, or None."""
    match = nearest(name, known)
    return f"did you mean `{match}`?" if match is not None else None
