"""numpy arrays and scalars as `.npy` files (numpy comes with whatever made the array)."""

from __future__ import annotations

import io
import sys
from typing import Any

from assetflow.store.asked import AskedKind
from assetflow.store.conform import conform
from assetflow.store.formats.contract import LoadRequest, WriteRequest, Written
from assetflow.store.formats.raw import RawVersion, write_bytes


class ArrayFormat(RawVersion):
    """Arrays without Python objects in them, in C order: the memory order is no part of the value."""

    names = ("npy",)

    def accepts(self, value: object) -> bool:
        numpy = sys.modules.get("numpy")
        if numpy is None or type(value).__module__.split(".")[0] != "numpy":
            return False
        exact = type(value) is numpy.ndarray or isinstance(value, numpy.generic)
        return exact and not value.dtype.hasobject  # type: ignore[attr-defined]  # numpy is known only at run time

    def write(self, value: Any, request: WriteRequest) -> Written:
        numpy: Any = sys.modules["numpy"]
        buffer = io.BytesIO()
        numpy.save(buffer, numpy.asarray(value, order="C"), allow_pickle=False)
        return write_bytes(buffer.getvalue(), request, format="npy", suffix=".npy")

    def load(self, request: LoadRequest) -> Any:
        if request.asked.kind is AskedKind.PATH:
            return request.path
        if request.asked.kind is AskedKind.BYTES:
            return request.path.read_bytes()
        import numpy  # here, not above: it is an extra of an extra

        array = numpy.load(request.path, allow_pickle=False)
        if request.asked.kind is AskedKind.ARRAY:
            return array
        if request.asked.kind not in (AskedKind.NATIVE, AskedKind.PLAIN):
            raise request.mismatch("np.ndarray", "Path", "bytes")
        # an array without dimensions and a scalar are the same bytes, so both come back as the scalar
        value = array[()] if array.ndim == 0 else array
        if request.asked.type in (bool, int, float) and array.ndim == 0:
            return conform(array.item(), request)
        return conform(value, request)
