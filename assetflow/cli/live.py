"""The part of a terminal that is drawn again and again while a run goes on, and then taken away."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from assetflow.cli.screen import Screen
from assetflow.cli.words import duration

if TYPE_CHECKING:
    from assetflow.cli.progress import AssetProgress, Display

CANCELING = "canceling; Ctrl-C again ends it at once"
_SHOWN = 8
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_SURE_AFTER = 3.0
"""Seconds before a remaining time is worth saying."""


class Live:
    """The running assets and a line of counts at the bottom of the terminal; lines go above them."""

    def __init__(self, screen: Screen, display: Display) -> None:
        # not at the top: rich takes 30 ms to import, and only a terminal needs it
        from rich.console import Console
        from rich.live import Live as RichLive
        from rich.text import Text

        self._display = display
        self._text = Text
        self._color = screen.err_color
        self._console = Console(
            file=screen.err, force_terminal=True, color_system="standard" if screen.err_color else None,
            no_color=not screen.err_color, highlight=False, markup=False, emoji=False,
        )  # fmt: skip
        self._live = RichLive(
            console=self._console, get_renderable=self._draw, refresh_per_second=8, transient=True,
            redirect_stdout=False, redirect_stderr=False,
        )  # fmt: skip

    def start(self) -> None:
        """Begin to draw."""
        self._live.start(refresh=False)

    def stop(self) -> None:
        """Take the drawing away."""
        self._live.stop()

    def above(self, text: str) -> None:
        """Write a line above the drawing; safe from any thread."""
        self._console.print(self._text.from_ansi(text), soft_wrap=True)

    def _draw(self) -> Any:
        """Called on rich's thread while events change the state: copies are taken first."""
        now = time.monotonic()
        display = self._display
        running = [(asset, progress) for asset, progress in list(display.assets.items()) if progress.running]
        room = max(1, min(_SHOWN, self._console.size.height - 4))
        frame = _SPINNER[int(now * 8) % len(_SPINNER)]
        lines = [f"{frame} {asset}  {_running(progress, now)}" for asset, progress in running[:room]]
        if len(running) > room:
            lines.append(f"  and {len(running) - room} more running")
        lines.append(self._counts(now, sum(len(progress.running) for _, progress in running)))
        width = max(20, self._console.size.width - 1)
        text = self._text("\n".join(line if len(line) <= width else f"{line[: width - 1]}…" for line in lines))
        text.stylize("dim")
        return text

    def _counts(self, now: float, running: int) -> str:
        display = self._display
        if display.canceling:
            return CANCELING
        elapsed = now - display.started
        parts = [
            f"{display.ended:,} of {display.planned:,} done",
            f"{min(running, display.workers)} running",
            duration(elapsed),
        ]
        left = display.planned - display.ended
        if elapsed > _SURE_AFTER and display.ended >= 3 and left:
            parts.append(_rate(display.ended / elapsed))
            parts.append(f"about {duration(max(1.0, elapsed / display.ended * left))} left")
        return " · ".join(parts)


def _rate(per_second: float) -> str:
    """How fast steps end, in the unit that makes it a readable number."""
    return f"{per_second:,.1f} a second" if per_second >= 1 else f"{per_second * 60:,.1f} a minute"


def _running(progress: AssetProgress, now: float) -> str:
    since = min(list(progress.running.values()) or [now])
    if progress.planned == 1:
        return duration(now - since)
    started = progress.first_start or since
    return f"{progress.ended:,} of {progress.planned:,} partitions · {duration(now - started)}"
