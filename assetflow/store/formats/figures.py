"""matplotlib figures as PNG, plotly figures as JSON (extra: figures)."""

from __future__ import annotations

import io
from typing import Any

from assetflow.store.asked import AskedKind
from assetflow.store.formats.contract import LoadRequest, WriteRequest, Written, missing_extra
from assetflow.store.formats.raw import RawVersion, write_bytes


class FigureFormat(RawVersion):
    """matplotlib figures, drawn without a display, with no date and no version in the file."""

    names = ("figure",)

    def accepts(self, value: object) -> bool:
        return _comes_from(value, "matplotlib", "Figure")

    def write(self, value: Any, request: WriteRequest) -> Written:
        buffer = io.BytesIO()
        value.savefig(buffer, format="png", metadata={"Software": None})
        return write_bytes(buffer.getvalue(), request, format="figure", suffix=".png")

    def load(self, request: LoadRequest) -> Any:
        match request.asked.kind:
            case AskedKind.NATIVE | AskedKind.PATH:
                return request.path
            case AskedKind.BYTES:
                return request.path.read_bytes()
            case _:
                raise request.mismatch("Path", "bytes")


class PlotlyFormat(RawVersion):
    """plotly figures as their own JSON, which any browser page can show."""

    names = ("plotly",)

    def accepts(self, value: object) -> bool:
        return _comes_from(value, "plotly", "BaseFigure")

    def write(self, value: Any, request: WriteRequest) -> Written:
        text: str = value.to_json()
        return write_bytes(text.encode(), request, format="plotly", suffix=".plotly.json")

    def load(self, request: LoadRequest) -> Any:
        match request.asked.kind:
            case AskedKind.PATH:
                return request.path
            case AskedKind.BYTES:
                return request.path.read_bytes()
            case AskedKind.TEXT:
                return request.path.read_text("utf-8")
            case _:
                return _plotly_figure(request)


def _plotly_figure(request: LoadRequest) -> Any:
    try:
        import plotly.io  # here, not above: it is an extra
    except ImportError:
        raise missing_extra("plotly", "figures", what=f"loading {request.who} as a figure") from None
    return plotly.io.from_json(request.path.read_text("utf-8"))


def _comes_from(value: object, package: str, name: str) -> bool:
    return any(base.__name__ == name and base.__module__.split(".")[0] == package for base in type(value).__mro__)
