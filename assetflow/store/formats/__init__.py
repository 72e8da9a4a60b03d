"""The value formats: which one writes a value, which one reads an object back."""

from __future__ import annotations

import contextlib

from assetflow.errors import InternalError, StoreError, did_you_mean
from assetflow.store import tagged
from assetflow.store.formats.arrays import ArrayFormat
from assetflow.store.formats.contract import LoadRequest, NotKeptError, ValueFormat, WriteRequest, Written
from assetflow.store.formats.figures import FigureFormat, PlotlyFormat
from assetflow.store.formats.files import FileFormat
from assetflow.store.formats.models import DataclassFormat, ModelFormat
from assetflow.store.formats.pickled import PickleFormat
from assetflow.store.formats.plain import BytesFormat, JsonFormat, TextFormat
from assetflow.store.formats.tables import TableFormat

__all__ = ["FORMATS", "LoadRequest", "ValueFormat", "WriteRequest", "Written", "format_named", "write_value"]

# the first that accepts a value writes it; pickle accepts everything and comes last
FORMATS: tuple[ValueFormat, ...] = (
    TextFormat(),
    BytesFormat(),
    TableFormat(),
    FileFormat(),
    ModelFormat(),
    ArrayFormat(),
    FigureFormat(),
    PlotlyFormat(),
    JsonFormat(),
    DataclassFormat(),
    PickleFormat(),
)
_FROM_JSON_ON = FORMATS[[type(each) for each in FORMATS].index(JsonFormat) :]
_PLAIN = tagged.TYPES - {str, bytes}
"""Types whose values no format before JSON accepts, so that those need not be asked: they come by the thousand."""
_BY_NAME = {name: each for each in FORMATS for name in each.names}


def write_value(value: object, request: WriteRequest) -> Written:
    """Write a value in the first format that keeps it exactly."""
    for each in _FROM_JSON_ON if type(value) in _PLAIN else FORMATS:
        if each.accepts(value):
            with contextlib.suppress(NotKeptError):
                return each.write(value, request)
    raise InternalError("pickle accepts every value, so this place is never reached")


def format_named(name: str) -> ValueFormat:
    """The format that reads objects recorded under this name."""
    found = _BY_NAME.get(name)
    if found is None:
        raise StoreError(
            f"the stored format `{name}` is not known to this version of assetflow",
            hint=did_you_mean(name, _BY_NAME) or "upgrade assetflow: a newer version wrote this object",
            format=name,
        )
    return found
