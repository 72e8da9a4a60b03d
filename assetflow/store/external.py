"""Files that somebody else writes: reading them as an annotation asks, and hashing them.

polars is imported inside the functions: `import assetflow.store` has to stay light.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assetflow.errors import FormatError, ValueNotFoundError
from assetflow.model.version import fingerprint
from assetflow.store.asked import FRAME_KINDS, AskedKind, asked, partition_items
from assetflow.store.formats.contract import LoadRequest
from assetflow.store.formats.relations import literal, opened, quoted
from assetflow.store.formats.tables import table_as
from assetflow.store.hashing import FILE_ALGORITHM, file_digest

if TYPE_CHECKING:
    import polars as pl

    from assetflow.store.read_log import ReadLog

_COMPRESSIONS = (".gz", ".zst", ".zlib")
_IPC = (".ipc", ".arrow", ".feather")
_CSV = {".csv": ",", ".tsv": "\t"}
_LINES = (".ndjson", ".jsonl")
_FOLLOWED = 200
"""Files of a source beyond which nobody looks at how a query uses their scans."""

_WORKS = ("Path", "bytes", "str", "pl.DataFrame", "pl.LazyFrame", "duckdb.DuckDBPyRelation", "pd.DataFrame")


def read_file(
    path: Path | Sequence[Path],
    as_type: object = None,
    *,
    connection: Any = None,
    who: str | None = None,
    reads: ReadLog | None = None,
) -> Any:
    """Read one file, or several as one value, as the type that an annotation asks for.

    `Path`, `bytes` and `str` (UTF-8) give the file itself; a frame type or a relation reads it by its suffix:
    .csv and .tsv (also .gz, .zst), .parquet, .json, .ndjson, .jsonl, .ipc, .arrow, .feather. Of several files
    frame types receive the union of rows in the order given, `list[T]` one value each, `dict[str, T]` one
    value by file name. None gives the path, or the list of paths. `who` names the value in messages; in `reads` is
    noted when scans that were handed out are used.
    """
    single = isinstance(path, (str, os.PathLike))
    paths = [Path(path)] if isinstance(path, (str, os.PathLike)) else [Path(each) for each in path]
    who = who or f"the file {str(paths[0])!r}" if single else who or f"{len(paths)} files"
    _check_existing(paths, who)
    items = None if single else partition_items(as_type)
    if items is not None:
        collection, item = items
        if collection is list:
            return [read_file(each, item, connection=connection) for each in paths]
        return {each.name: read_file(each, item, connection=connection) for each in paths}
    wanted = asked(as_type)
    request = LoadRequest(
        path=paths[0] if paths else Path(),
        who=who,
        format=_format(paths),
        asked=wanted,
        connection=connection,
        reads=reads,
    )
    if wanted.kind in FRAME_KINDS:
        return _read_table(paths, request)
    if wanted.kind is AskedKind.NATIVE:
        return paths[0] if single else paths
    if not single:
        raise request.mismatch("list[Path]", f"dict[str, {wanted.text}]", "pl.DataFrame")
    return _read_whole(paths[0], request)


def read_partitions(
    parts: Sequence[tuple[str, Sequence[Path]]],
    as_type: object = None,
    *,
    partition_column: str | None = None,
    connection: Any = None,
) -> Any:
    """Read the files of several partitions, given as (partition key, files) in partition order.

    A frame type receives the union of all rows, with the key of each in `partition_column` when that is named;
    `dict[str, T]` one value per key, `list[T]` the values in order; None a dictionary of paths.
    """
    items = (dict, None) if as_type is None else partition_items(as_type)
    if items is not None:
        collection, item = items
        values = {key: read_file(files[0] if len(files) == 1 else files, item) for key, files in parts}
        return values if collection is dict else list(values.values())
    paths = [path for _, files in parts for path in files]
    wanted = asked(as_type)
    if partition_column is None or wanted.kind not in FRAME_KINDS:
        return read_file(paths, as_type, connection=connection)
    if wanted.kind is AskedKind.DUCKDB_RELATION:
        return _relation_with_keys(parts, partition_column, connection)
    # imported here: polars is heavy, and not every project reads tables
    import polars as pl

    frames = [
        read_file(list(files), pl.LazyFrame).with_columns(pl.lit(key).alias(partition_column)) for key, files in parts
    ]
    request = LoadRequest(path=paths[0], who=f"{len(paths)} files", format=_format(paths), asked=wanted)
    return table_as(pl.concat(frames, how="vertical"), request)


def hash_file(path: Path) -> str:
    """The data version `f1:…` of a file's content; the name does not count.

    Raises OSError when the file cannot be read.
    """
    return f"{FILE_ALGORITHM}:{file_digest(path)}"


def hash_files(paths: Sequence[Path], *, root: Path | None = None) -> str:
    """The data version `f1:…` of several files: their names relative to `root`, sorted, and their contents.

    Without `root` the names are relative to the folder that all of them share, so moving the whole does not
    count.
    """
    if not paths:
        return fingerprint(FILE_ALGORITHM, "files", [])
    absolute = [Path(path).absolute() for path in paths]
    base = Path(os.path.commonpath([path.parent for path in absolute])) if root is None else root.absolute()
    entries = sorted((Path(os.path.relpath(path, base)).as_posix(), file_digest(path)) for path in absolute)
    return fingerprint(FILE_ALGORITHM, "files", entries)


def _read_whole(path: Path, request: LoadRequest) -> Any:
    match request.asked.kind:
        case AskedKind.PATH:
            return path
        case AskedKind.BYTES:
            return path.read_bytes()
        case AskedKind.TEXT:
            try:
                return path.read_bytes().decode("utf-8")
            except UnicodeDecodeError as error:
                raise FormatError(
                    f"{request.who} is no UTF-8 text: {error}", hint="annotate the input as `bytes` or `Path`"
                ) from error
        case AskedKind.PLAIN | AskedKind.MODEL if _suffix(path) == ".json":
            return _read_json(path, request)
        case _:
            raise request.mismatch(*_WORKS)


def _read_json(path: Path, request: LoadRequest) -> Any:
    # imported here: pydantic is heavy, and most sources are tables
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(request.asked.type).validate_json(path.read_bytes())
    except ValidationError as error:
        raise FormatError(
            f"{request.who} does not fit `{request.asked.text}`: {error}", hint="annotate the input as `Path`"
        ) from error


def _read_table(paths: list[Path], request: LoadRequest) -> Any:
    if not paths:
        raise FormatError(
            f"{request.who}: no file to read as `{request.asked.text}`",
            hint="annotate the input as `list[Path]`, which may be empty",
        )
    if request.asked.kind is AskedKind.DUCKDB_RELATION:
        return _relation(paths, request)
    import polars as pl

    frames = [_scan(path, request) for path in paths]
    if request.reads is not None and request.asked.kind is AskedKind.POLARS_LAZY and len(paths) <= _FOLLOWED:
        from assetflow.store.watched_scan import noted_file  # imports polars

        if all(_suffix(path) != ".json" for path in paths):
            frames = [noted_file(frame, path, request.reads) for frame, path in zip(frames, paths, strict=True)]
    return table_as(frames[0] if len(frames) == 1 else pl.concat(frames, how="vertical"), request)


def _scan(path: Path, request: LoadRequest) -> pl.LazyFrame:
    import polars as pl

    suffix = _suffix(path)
    if suffix in _CSV:
        # every value is looked at: a type guessed from the first hundred rows fails, or changes, further down
        return pl.scan_csv(path, separator=_CSV[suffix], infer_schema_length=None, glob=False, try_parse_dates=True)
    if suffix == ".parquet":
        return pl.scan_parquet(path, glob=False, hive_partitioning=False)
    if suffix in _LINES:
        # this scan cannot be told to leave globs alone, so the name is escaped
        return pl.scan_ndjson(literal(path), infer_schema_length=None)
    if suffix == ".json":
        return pl.read_json(path, infer_schema_length=None).lazy()
    if suffix in _IPC:
        return pl.scan_ipc(path, glob=False)
    raise _unknown_suffix(path, request)


def _relation(paths: list[Path], request: LoadRequest) -> Any:
    readers: dict[str, Callable[[str], str]] = {
        ".parquet": lambda files: f"read_parquet({files}, hive_partitioning = false)",
        ".csv": lambda files: f"read_csv({files}, sample_size = -1, hive_partitioning = false)",
        ".tsv": lambda files: f"read_csv({files}, delim = '\t', sample_size = -1, hive_partitioning = false)",
        ".json": lambda files: f"read_json({files}, sample_size = -1)",
        ".ndjson": lambda files: f"read_json({files}, sample_size = -1, format = 'newline_delimited')",
        ".jsonl": lambda files: f"read_json({files}, sample_size = -1, format = 'newline_delimited')",
    }
    suffixes = {_suffix(path) for path in paths}
    if len(suffixes) > 1:
        raise FormatError(
            f"{request.who} have different suffixes: {', '.join(sorted(suffixes))}",
            hint="annotate the input as `list[Path]`",
        )
    reader = readers.get(suffixes.pop())
    if reader is None:
        raise _unknown_suffix(paths[0], request)
    files = "[" + ", ".join(quoted(literal(path)) for path in paths) + "]"
    return opened(request.connection).sql(f"select * from {reader(files)}")


def _relation_with_keys(parts: Sequence[tuple[str, Sequence[Path]]], column: str, connection: Any) -> Any:
    used = opened(connection)
    name = '"' + column.replace('"', '""') + '"'
    queries = [
        f"select *, {quoted(key)} as {name} from ({read_file(list(files), wanted, connection=used).sql_query()})"
        for key, files in parts
        for wanted in ("duckdb.DuckDBPyRelation",)
    ]
    return used.sql(" union all ".join(queries))


def _suffix(path: Path) -> str:
    name = path.name.lower()
    for compression in _COMPRESSIONS:
        name = name.removesuffix(compression)
    return Path(name).suffix


def _format(paths: list[Path]) -> str:
    return (paths[0].suffix or "a file without suffix") if paths else "no file"


def _check_existing(paths: list[Path], who: str) -> None:
    for path in paths:
        if not path.exists():
            raise ValueNotFoundError(
                f"{who}: there is no file {str(path)!r}",
                hint="check the path of the source; relative paths start at the project root",
                path=str(path),
            )


def _unknown_suffix(path: Path, request: LoadRequest) -> FormatError:
    return FormatError(
        f"{request.who} cannot be read as `{request.asked.text}`: the suffix {_suffix(path)!r} names no table format",
        hint="annotate the input as `Path` or `bytes` and read it in the function",
        path=str(path),
    )
