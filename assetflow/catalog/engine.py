"""DuckDB itself, without the layer of Python around it.

`import duckdb` defines relations, expressions and readers of data frames in Python, which is three quarters of the
time it takes. The catalog hands over SQL and fetches rows, which is all in the compiled module, with the same classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb
else:
    try:
        import _duckdb as duckdb
    except ImportError:  # a release that calls its compiled module otherwise
        import duckdb

__all__ = ["duckdb"]
