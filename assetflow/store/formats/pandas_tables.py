"""pandas frames and series, in and out (extra: pandas).

An index that is more than row numbers (a plain `RangeIndex` from 0 in steps of 1, without a name) is kept:
its levels become the first columns, and their names stand in the Parquet footer, so that loading as pandas
gives the index back and any other type sees columns. An index level without a name becomes
`__index_<level>__`. As pandas has it, NaN in a frame means "missing" and is stored as null.

The packages are imported inside the functions: they are extras.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assetflow.errors import FormatError
from assetflow.store.formats.contract import LoadRequest, WriteRequest, missing_extra
from assetflow.store.formats.parquet import read_notes

if TYPE_CHECKING:
    import polars as pl

_UNNAMED = re.compile(r"__index_\d+__")


def lazy_from_pandas(value: Any, request: WriteRequest) -> tuple[pl.LazyFrame, str | None]:
    """A pandas frame or series as a lazy frame, and the notes that belong to it or None."""
    import polars as pl

    pd = sys.modules["pandas"]  # the value is of pandas, so the package is there
    try:
        import pyarrow as pa
    except ImportError:
        raise missing_extra("pyarrow", "pandas", what=f"storing the pandas value of {request.who}") from None
    notes: dict[str, Any] = {}
    if isinstance(value, pd.Series):
        notes["series"] = True
        value = value.to_frame(name="value" if value.name is None else value.name)
    value, index = _index_to_columns(value)
    if index is not None:
        notes["index"] = index
    _check_names(list(value.columns), request)
    try:
        table = pa.Table.from_pandas(value, preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise FormatError(
            f"{request.who} returned a pandas frame that does not fit a table: {error.args[0]}",
            hint="give every column one type, for example with `frame.astype(...)`",
        ) from error
    # pandas' own notes on the frame name the library's version, and would be no part of the content
    frame = pl.from_arrow(table.replace_schema_metadata(None))
    assert isinstance(frame, pl.DataFrame)
    return frame.lazy(), json.dumps(notes) if notes else None


def frame_from(frame: pl.DataFrame, request: LoadRequest, index_of: Path | None) -> Any:
    """A frame as a pandas frame, with the index of the file `index_of` restored."""
    try:
        import pandas  # noqa: F401
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise missing_extra(
            error.name or "pandas", "pandas", what=f"loading {request.who} as `{request.asked.text}`"
        ) from None
    data = frame.to_pandas()
    notes = None if index_of is None else read_notes(index_of)
    names = json.loads(notes).get("index") if notes else None
    if not names:
        return data
    data = data.set_index(names)
    data.index.names = [None if _UNNAMED.fullmatch(name) else name for name in names]
    return data


def _index_to_columns(value: Any) -> tuple[Any, list[str] | None]:
    pd = sys.modules["pandas"]
    index = value.index
    if isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1 and index.name is None:
        return value, None
    names = [f"__index_{level}__" if name is None else name for level, name in enumerate(index.names)]
    return value.reset_index(names=names), names


def _check_names(names: list[object], request: WriteRequest) -> None:
    for name in names:
        if not isinstance(name, str):
            raise FormatError(
                f"{request.who} returned a pandas frame with the column label {name!r}, which is no text",
                hint="rename the columns: `frame.columns = [str(c) for c in frame.columns]`",
            )
        if names.count(name) > 1:
            raise FormatError(
                f"{request.who} returned a pandas frame with more than one column `{name}`",
                hint="give each column, and each level of the index, its own name",
                column=name,
            )
