"""Micro-batching: requests of one row that wait are predicted together."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor

from mlcli.serve.answers import Answer, answer_together
from mlcli.serve.models import ServedModel
from mlcli.serve.plain import Cells

_Waiting = tuple[ServedModel, Cells, asyncio.Future[Answer]]

# Rows predicted together at most.
MOST = 256


class Batcher:
    """Hands what waits to a thread as soon as it is free: a request alone does not wait for others to come.

    told : takes the number of rows of each batch
    """

    def __init__(self, executor: Executor, told: Callable[[int], None]) -> None:
        self._executor, self._told = executor, told
        self._waiting: deque[_Waiting] = deque()
        self._is_busy = False

    def submit(self, model: ServedModel, cells: Cells) -> asyncio.Future[Answer]:
        """The answer to one row, once it is there."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((model, cells, future))
        if not self._is_busy:
            self._is_busy = True
            loop.call_soon(self._start, loop)  # behind the requests that have come at the same time
        return future

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin with the rows of the model whose request waits longest; those of others wait for the next batch."""
        while self._waiting and self._waiting[0][2].done():  # its client has gone
            self._waiting.popleft()
        if not self._waiting:
            self._is_busy = False
            return
        model = self._waiting[0][0]
        taken: list[_Waiting] = []
        left: deque[_Waiting] = deque()
        for item in self._waiting:
            (taken if item[0] is model and len(taken) < MOST else left).append(item)
        self._waiting = left
        done = loop.run_in_executor(self._executor, answer_together, model, [cells for _, cells, _ in taken])
        done.add_done_callback(lambda found: self._finish(loop, [future for *_, future in taken], found))

    def _finish(
        self,
        loop: asyncio.AbstractEventLoop,
        futures: list[asyncio.Future[Answer]],
        done: asyncio.Future[list[Answer]],
    ) -> None:
        self._told(len(futures))
        failed = done.exception()
        for place, future in enumerate(futures):
            if future.done():
                continue
            if failed is None:
                future.set_result(done.result()[place])
            else:
                future.set_exception(failed)
        self._start(loop)
