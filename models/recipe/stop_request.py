"""Ctrl-C and SIGTERM as a request to stop at the next safe point."""

import signal
from types import FrameType, TracebackType
from typing import Any


class StopRequest:
    """While entered, notes the signals instead of acting on them. A second
    one interrupts at once. Main thread only."""

    _SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self.made = False
        self._before: list[Any] = []

    def __enter__(self) -> "StopRequest":
        self._before = [signal.signal(s, self._note) for s in self._SIGNALS]
        return self

    def __exit__(self, kind: type[BaseException] | None,
                 error: BaseException | None,
                 trace: TracebackType | None) -> None:
        for number, handler in zip(self._SIGNALS, self._before):
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.made:
            raise KeyboardInterrupt
        self.made = True
