"""The value formats: which one writes a value, which one reads an object back."""

from __future__ import annotations

from assetflow.errors import StoreError, did_you_mean
from assetflow.store.formats.arrays import ArrayFormat
from assetflow.store.formats.contract import LoadRequest, ValueFormat, WriteRequest, Written
from assetflow.store.formats.figures import FigureFormat, PlotlyFormat
from assetflow.store.formats.files import FileFormat
from assetflow.store.formats.models import DataclassFormat, ModelFormat
from assetflow.store.formats.pickled import PickleFormat
from assetflow.store.formats.plain import BytesFormat, JsonFormat, TextFormat
from assetflow.store.formats.tables import TableFormat

__all__ = ["FORMATS", "LoadRequest", "ValueFormat", "WriteRequest", "Written", "format_for", "format_named"]

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
_BY_NAME = {name: each for each in FORMATS for name in each.names}


def format_for(value: object) -> ValueFormat:
    """The format that keeps a value, chosen by its type."""
    return next(each for each in FORMATS if each.accepts(value))


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
