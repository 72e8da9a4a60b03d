"""SQL assets: what a query reads, its parameters, its macros, its version, and where its columns come from.

The parser is DuckDB's own, which also runs the query: whatever DuckDB accepts is understood, positions are exact, and
no second dialect can disagree. DuckDB is imported only where a text was not seen before, see `parse.QueryCache`.
"""
