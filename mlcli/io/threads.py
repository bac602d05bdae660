"""Threads of NumPy's work: each item of it on one thread, as many items at a time as the process may use."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, TypeVar

from mlcli.io.load import THREADS, free_cores

if TYPE_CHECKING:
    from threadpoolctl import LibController

T = TypeVar("T")
Result = TypeVar("Result")

_chosen: list[int] = []
_lock = Lock()
# How many are within `single_thread`, and each library's threads before the first of them.
_within: list[int] = [0]
_before: list[tuple[Any, int]] = []


def use_threads(count: int) -> None:
    """Set the threads of this process's inference."""
    _chosen[:] = [count]


def thread_count() -> int:
    """The threads last set; else those of OMP_NUM_THREADS, else the processors that other programs leave."""
    if _chosen:
        return _chosen[0]
    told = os.environ.get(THREADS, "").split(",")[0]
    return int(told) if told.isdecimal() and int(told) > 0 else free_cores()


@contextlib.contextmanager
def single_thread() -> Iterator[None]:
    """Limit NumPy's matrix products to one thread: the same bits for any number of processors, and none that spin."""
    with _lock:
        if not _within[0]:
            _before[:] = [(library, library.get_num_threads()) for library in _libraries()]
            for library, _ in _before:
                library.set_num_threads(1)
        _within[0] += 1
    try:
        yield
    finally:
        with _lock:
            _within[0] -= 1
            if not _within[0]:
                for library, count in _before:
                    library.set_num_threads(count)


def map_alone(work: Callable[[T], Result], items: Sequence[T]) -> list[Result]:
    """work(item) for all items, on `thread_count` threads, but each item on a single one."""
    n_threads = min(thread_count(), len(items))
    with single_thread():
        if n_threads <= 1:
            return [work(item) for item in items]
        with ThreadPoolExecutor(n_threads) as threads:
            return list(threads.map(work, items))


def within(action: Callable[[], Result], seconds: float) -> Result:
    """The action's result, from a thread of its own; raises TimeoutError where it takes longer, and leaves it alone."""
    found = Future[Result]()

    def run() -> None:
        try:
            found.set_result(action())
        except Exception as error:
            found.set_exception(error)

    Thread(target=run, daemon=True).start()
    return found.result(seconds)


@cache
def _libraries() -> tuple[LibController, ...]:
    """The matrix libraries of this process that have threads."""
    from threadpoolctl import ThreadpoolController

    return tuple(ThreadpoolController().select(user_api="blas").lib_controllers)
