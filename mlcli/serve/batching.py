"""Micro-batching: requests of one row that wait are read and predicted together."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from itertools import groupby

from mlcli.serve.answers import Answer, answer_together
from mlcli.serve.models import ServedModel
from mlcli.serve.rows import Body

# Rows predicted together at most.
MOST = 256


class Batcher:
    """Hands what waits to a thread as soon as it is free: a request alone does not wait for others to come.

    told : takes the number of rows of each batch
    """

    def __init__(self, executor: Executor, told: Callable[[int], None]) -> None:
        self._executor, self._told = executor, told
        self._waiting: deque[tuple[ServedModel, Body, asyncio.Future[Answer]]] = deque()
        self._is_busy = False

    def submit(self, model: ServedModel, body: Body) -> asyncio.Future[Answer]:
        """The answer to one row, once it is there."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((model, body, future))
        if not self._is_busy:
            self._is_busy = True
            loop.call_soon(self._start, loop)  # behind the requests that have come at the same time
        return future

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        taken = [self._waiting.popleft() for _ in range(min(MOST, len(self._waiting)))]
        taken = [one for one in taken if not one[2].done()]
        if not taken and not self._waiting:
            self._is_busy = False
            return
        done = loop.run_in_executor(self._executor, _work, [(model, body) for model, body, _ in taken])
        done.add_done_callback(lambda found: self._finish(loop, [future for *_, future in taken], found))

    def _finish(
        self,
        loop: asyncio.AbstractEventLoop,
        futures: list[asyncio.Future[Answer]],
        done: asyncio.Future[list[Answer | Exception]],
    ) -> None:
        failed = done.exception()
        answers = [failed] * len(futures) if failed is not None else done.result()
        self._told(len(futures))
        for future, found in zip(futures, answers, strict=True):
            if future.done():  # its client has gone
                continue
            if isinstance(found, Answer):
                future.set_result(found)
            else:
                future.set_exception(found)
        self._start(loop)


def _work(items: list[tuple[ServedModel, Body]]) -> list[Answer | Exception]:
    """The answers in order; rows of one model and of equal kinds together."""
    keys = [(id(model), body.kinds) for model, body in items]
    firsts = {key: place for place, key in reversed([*enumerate(keys)])}
    order = sorted(range(len(items)), key=lambda i: (firsts[keys[i]], i))
    answers: dict[int, Answer | Exception] = {}
    for _, group in groupby(order, key=lambda i: keys[i]):
        places = list(group)
        found = answer_together(items[places[0]][0], [items[i][1] for i in places])
        answers.update(zip(places, found, strict=True))
    return [answers[i] for i in range(len(items))]
