"""Telling subscribers what happens in a run: in order, on the run's own thread, and never to its harm."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue

from assetflow.executor.failure import describe_failure
from assetflow.model.event import Event

Subscriber = Callable[[Event], None]


class Audience:
    """The subscribers of one run; one that raises is named to `notify`, left out from then on, and harms nothing."""

    def __init__(self, subscribers: Sequence[Subscriber], notify: Callable[[str], None]) -> None:
        self._subscribers = list(subscribers)
        self._notify = notify
        self._announced: SimpleQueue[tuple[Event, ...]] = SimpleQueue()

    def announce(self, events: tuple[Event, ...]) -> None:
        """Queue events for the next `tell`; from any thread."""
        self._announced.put(events)

    def tell(self) -> None:
        """Tell everything that was announced, in order."""
        while True:
            try:
                events = self._announced.get_nowait()
            except Empty:
                return
            for event in events:
                self._tell(event)

    def _tell(self, event: Event) -> None:
        for subscriber in tuple(self._subscribers):
            try:
                subscriber(event)
            except Exception as error:
                self._subscribers.remove(subscriber)
                self._notify(f"an event subscriber failed and is left out: {describe_failure(error).text}")
