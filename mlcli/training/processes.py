"""The processes of one training: what they exchange, and how one learns that another has ended."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import timedelta
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import uuid4

import torch
import torch.distributed as dist
from torch import Tensor

from mlcli.errors import MlcliError, ProcessesError, ResourceError
from mlcli.io.programs import are_local
from mlcli.io.threads import within

T = TypeVar("T")
W = TypeVar("W")

# Between two looks at what the others have left in the store, and at signals while an operation lasts.
PAUSE, TICK = 0.02, timedelta(seconds=0.5)
# Seconds that the others may take to leave after process 0.
SETTLE = 2.0
LOST = "; the training stops"
RESUME = ". Continue from its last checkpoint with: mlcli train --resume"


class Processes:
    """The processes of one training; without a store, this process alone.

    rank       : of this process, from 0; that one writes and prints
    size       : how many they are
    are_local  : whether all run on this machine
    stalled    : seconds without an answer from the others after which they are given up
    ended      : says which of them has ended, as far as this process knows; else empty
    wants_stop : whether a signal came to this process
    has_run    : whether there is a run that can be resumed
    """

    def __init__(
        self,
        rank: int = 0,
        size: int = 1,
        store: Any = None,  # noqa: ANN401 (torch's, whose types a build may lack)
        stalled: float = math.inf,
        ended: Callable[[], str] = lambda: "",
        *,
        are_local: bool = False,
    ) -> None:
        self.rank, self.size, self.are_local = rank, size, are_local
        self.wants_stop: Callable[[], bool] = lambda: False
        self.has_run = False
        self._stalled, self._ended, self._stopping, self._is_cut = stalled, ended, False, False
        # torchrun's store still has what was set before it started all again: each attempt has a prefix.
        self._attempts: Any = store
        self._store: Any = None
        if store is not None and rank == 0:
            self._use_attempt(str(store.add("attempts", 1)))

    @classmethod
    def of_environment(cls, stalled: float) -> Self:
        """Those that torchrun's environment variables name. Raises ProcessesError."""
        from torch.distributed.rendezvous import rendezvous

        try:
            store, rank, size = next(rendezvous("env://", timeout=timedelta(seconds=stalled)))
        except RuntimeError as error:
            raise ProcessesError(f"process 0 cannot be reached: {_first_line(error)}") from error
        return cls(rank, size, store, stalled, are_local=are_local(size))

    @classmethod
    def of_machine(cls, size: int, socket: tuple[int, int], stalled: float, ended: Callable[[], str]) -> Self:
        """Those of this machine, which this one has started.

        socket : descriptor and port, on which it listens
        """
        (descriptor, port), limit = socket, timedelta(seconds=stalled)
        store = dist.TCPStore(  # type: ignore[attr-defined]
            "127.0.0.1", port, size, True, limit, wait_for_workers=False, master_listen_fd=descriptor
        )
        return cls(0, size, store, stalled, ended, are_local=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Tell the others how this process ended, unless another was first."""
        if self._store is None:
            return
        if error is None and dist.is_initialized():
            dist.destroy_process_group()
        with contextlib.suppress(RuntimeError):  # process 0 or torchrun is gone
            if error is not None or self.rank == 0:
                end = json.dumps(self._describe_end(error))
                self._ask(lambda: self._store.compare_set("end", "", end))
            self._ask(lambda: self._store.set(f"left {self.rank}", ""))
            deadline = time.monotonic() + SETTLE
            while not self._may_leave() and time.monotonic() < deadline:
                time.sleep(PAUSE)

    def _describe_end(self, error: BaseException | None) -> tuple[int, str]:
        """Exit code and message."""
        match error:
            case None:
                return 0, ""
            case SystemExit():
                return int(error.code or 0), "a signal"
            case MlcliError():
                known = isinstance(error, ProcessesError)  # by the others, too
                return error.exit_code, str(error) if known else f"process {self.rank}: {error}"
            case MemoryError() | OSError():
                return ResourceError.exit_code, f"process {self.rank}: {type(error).__name__}: {error}"
            case _:
                return 1, f"process {self.rank}: {type(error).__name__}: {error}"

    def publish(self, job: object) -> None:
        """Give the others a job that is JSON-able, and wait until they are ready for it. Raises ProcessesError."""
        if self._store is not None:
            self._store.set("job", json.dumps(job))
            for rank in range(1, self.size):
                self._wait_for(f"ready {rank}")
            self._connect()

    def receive(self) -> Any:  # noqa: ANN401
        """What `publish` gives, once process 0 has prepared the data."""
        asked = uuid4().hex
        self._attempts.set(f"asked {self.rank}", asked)
        self._wait_for(asked, self._attempts)
        self._use_attempt(self._attempts.get(asked).decode())
        self._wait_for("job")
        return json.loads(self._store.get("job"))

    def answer(self) -> None:
        """Ready to train."""
        if self._store is not None:
            self._store.set(f"ready {self.rank}", "")
            self._connect()

    def await_end(self) -> None:
        """Wait until process 0 has written all; raises ProcessesError where it failed."""
        self._wait_for("end")
        if error := self._told_error():
            raise error

    def interrupted(self) -> bool:
        """Whether a signal came to one of them; all learn of it in the same step."""
        return self._stopping if self.size > 1 else self.wants_stop()

    def largest(self, number: int) -> int:
        """The largest of the processes' numbers."""
        return max(int(found) for found in self.gather(torch.tensor([number])))

    def share(self, make: Callable[[], T]) -> T:
        """What process 0 makes, as JSON; the others make nothing."""
        if self.size == 1:
            return make()
        content = json.dumps(make()).encode() if self.rank == 0 else b""
        length = torch.tensor([len(content)])
        self.run(lambda: dist.broadcast(length, 0, async_op=True))
        data = (
            torch.tensor(list(content), dtype=torch.uint8) if content else torch.empty(int(length), dtype=torch.uint8)
        )
        self.run(lambda: dist.broadcast(data, 0, async_op=True))
        made: T = json.loads(bytes(data.tolist()))
        return made

    def require_same(self, what: str, tensors: Iterable[Tensor]) -> None:
        """Raise ProcessesError where the processes' tensors differ in a bit."""
        if self.size == 1:
            return
        digest = hashlib.sha256()
        for tensor in tensors:
            digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
        found = [bytes(one.tolist()) for one in self.gather(torch.tensor(list(digest.digest()), dtype=torch.uint8))]
        ((usual, count),) = Counter(found).most_common(1)
        if count < self.size:
            others = ", ".join(str(rank) for rank, one in enumerate(found) if one != usual)
            raise ProcessesError(f"the {what} of process {others} differ from those of the others{self._stops}")

    def stop_if(self, wanted: bool) -> None:
        """Be `interrupted` from now on, where all know that one of them wants to stop."""
        self._stopping |= wanted

    @property
    def _stops(self) -> str:
        return LOST + RESUME * self.has_run

    def gather(self, own: Tensor) -> list[Tensor]:
        """The processes' tensors, by rank."""
        if self.size == 1:
            return [own]
        found = list(own.new_empty(self.size, *own.shape))
        self.run(lambda: dist.all_gather(found, own, async_op=True))
        return found

    def _connect(self) -> None:
        try:
            dist.init_process_group(
                "gloo",
                store=dist.PrefixStore("gloo", self._store),  # type: ignore[attr-defined]
                rank=self.rank,
                world_size=self.size,
                timeout=timedelta(seconds=2 * self._stalled),
            )
        except RuntimeError as error:
            raise self._lost(error) from error

    def run(self, start: Callable[[], dist.Work]) -> None:
        """Run an operation of torch's, of all processes, to its end. Raises ProcessesError."""
        self.wait(start, _is_complete)

    def wait(self, start: Callable[[], W], is_done: Callable[[W], bool]) -> None:
        """Start something, and wait until it is done; signals are handled meanwhile. Raises ProcessesError.

        is_done : waits for a moment
        """
        deadline = time.monotonic() + self._stalled
        try:
            work = start()
            while not is_done(work):
                if error := self._told_error():
                    raise error
                if time.monotonic() > deadline:
                    raise ProcessesError(f"no answer from the other processes for {self._stalled:g} s{self._stops}")
        except (RuntimeError, ConnectionError) as error:
            raise self._lost(error) from error

    def _lost(self, cause: RuntimeError | ConnectionError) -> ProcessesError:
        """What another process has told of its end; else which has ended; else what torch says."""
        deadline = time.monotonic() + SETTLE / 4
        while not (told := self._told_error()) and not (ended := self._ended()) and time.monotonic() < deadline:
            time.sleep(PAUSE)
        what = ended if not told and ended else f"another process has ended or cannot be reached ({_first_line(cause)})"
        return told or ProcessesError(f"{what}{self._stops}")

    def _told_error(self) -> ProcessesError | None:
        try:
            if self._store is None or not self._ask(lambda: self._store.check(["end"])):
                return None
            code, text = json.loads(self._ask(lambda: self._store.get("end")))
        except RuntimeError:
            return None
        error = ProcessesError(text)
        error.exit_code = code
        return error if code else None

    def _may_leave(self) -> bool:
        """Process 0 may keep the store, which the others read from until they leave."""
        self._admit()
        others = [f"left {rank}" for rank in range(1, self.size)]
        return self.rank > 0 or self._store.check(others) or bool(self._ended())

    def _ask(self, action: Callable[[], T]) -> T:
        """What process 0's store answers. Raises RuntimeError where it has not, as behind a cut cable."""
        if not self._is_cut:
            with contextlib.suppress(TimeoutError):
                return within(action, self._stalled / 2)
        self._is_cut = True
        raise RuntimeError("process 0 does not answer")

    def _use_attempt(self, number: str) -> None:
        self._number = number
        self._store = dist.PrefixStore(number, self._attempts)  # type: ignore[attr-defined]

    def _admit(self) -> None:
        """Tell the others, as process 0, which attempt this is, each as often as it has been started."""
        for rank in range(1, self.size) if self.rank == 0 else ():
            if self._attempts.check([f"asked {rank}"]):
                self._attempts.set(self._attempts.get(f"asked {rank}").decode(), self._number)

    def _wait_for(self, name: str, store: Any = None) -> None:  # noqa: ANN401
        """Until another process sets it, in a store other than the attempt's; raises ProcessesError."""
        try:
            while not self._ask(lambda: (store or self._store).check([name])):
                self._admit()
                if error := self._told_error():
                    raise error
                if ended := self._ended():
                    raise ProcessesError(f"{ended}{self._stops}")
                time.sleep(PAUSE)
        except RuntimeError as error:
            raise self._lost(error) from error


def _is_complete(work: dist.Work) -> bool:
    """Wait for a moment; whether the operation is done. Raises its error."""
    try:
        work.wait(TICK)
    except RuntimeError:
        if not work.is_completed():
            return False
        work.wait()  # done meanwhile, or failed
    return True


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
