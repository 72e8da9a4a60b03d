"""Telling subscribers what happens in a run: in order, each on a thread of its own, and never to the run's harm."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from queue import SimpleQueue
from typing import Any

from assetflow.errors import UsageError
from assetflow.executor.failure import describe_failure
from assetflow.model.event import Event

Subscriber = Callable[[Event], None]

PATIENCE = 10.0
"""Seconds that subscribers get, once the run has ended, to take in what they have not heard yet."""

HURRY = 1.0
"""The same where somebody has asked the run to end."""


def subscribers_of(given: Any) -> tuple[Subscriber, ...]:
    """Subscribers as they are given to a run; UsageError for what cannot be told anything."""
    if callable(given):
        raise UsageError(f"on_event is {given!r}, one function", hint="use a list of functions: on_event=[function]")
    if given is None:
        return ()
    if not isinstance(given, Iterable):
        raise UsageError(f"on_event is {given!r}", hint="use a list of functions: on_event=[function]")
    listed = tuple(given)
    for each in listed:
        if not callable(each):
            raise UsageError(f"on_event has {each!r}, which cannot be called", hint="use functions of one event")
    return listed


class Audience:
    """The subscribers of one run; one that raises is named to `notify`, left out from then on, and harms nothing."""

    def __init__(self, subscribers: Sequence[Subscriber], notify: Callable[[str], None]) -> None:
        self._listeners = [_Listener(subscriber, notify) for subscriber in subscribers]
        self._notify = notify

    def announce(self, events: tuple[Event, ...]) -> None:
        """Hand events to every subscriber; from any thread, and without waiting for any of them."""
        for listener in self._listeners:
            listener.events.put(events)

    def close(self, patience: float = PATIENCE) -> None:
        """Wait until everything is told; a subscriber that takes longer is left behind, and that is said."""
        for listener in self._listeners:
            listener.events.put(None)
        deadline = time.monotonic() + patience
        for listener in self._listeners:
            listener.thread.join(max(0.0, deadline - time.monotonic()))
            if listener.thread.is_alive():
                listener.is_left = True
                self._notify(
                    f"an event subscriber is still busy {patience:g} s after the run, and is not told the rest"
                )


class _Listener:
    """One subscriber, its thread, and what it has yet to hear."""

    def __init__(self, subscriber: Subscriber, notify: Callable[[str], None]) -> None:
        self.events: SimpleQueue[tuple[Event, ...] | None] = SimpleQueue()
        self.is_left = False
        self._subscriber = subscriber
        self._notify = notify
        self.thread = threading.Thread(target=self._listen, name="assetflow-events", daemon=True)
        self.thread.start()

    def _listen(self) -> None:
        while (events := self.events.get()) is not None:
            for event in events:
                if self.is_left:
                    return
                try:
                    self._subscriber(event)
                except BaseException as error:  # whatever a subscriber raises ends its part, and nothing else
                    self._notify(f"an event subscriber failed and is left out: {describe_failure(error).text}")
                    return
