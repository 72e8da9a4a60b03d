"""Instants, and what the clocks of New York show at them."""

from datetime import UTC, datetime

import polars as pl

NEW_YORK = "America/New_York"


def minutes_after(instant: pl.Expr, minutes: pl.Expr) -> pl.Expr:
    """The instant that many minutes later; null where either is."""
    return instant + pl.duration(minutes=minutes.cast(pl.Int64))


def local(instant: pl.Expr) -> pl.Expr:
    """The instant as clocks in New York show it."""
    return instant.dt.convert_time_zone(NEW_YORK)


def within(instant: pl.Expr, window: tuple[datetime, datetime]) -> pl.Expr:
    """Whether the instant lies in the half-open window."""
    start, end = (edge.astimezone(UTC) for edge in window)
    return instant.is_between(start, end, closed="left")
