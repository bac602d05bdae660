"""Memory that several processes of one machine see, and sockets by which they wait for one another."""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from mlcli.io import disk

Connection = socket.socket

# A file system in memory, which Linux has.
MEMORY = Path("/dev/shm")  # noqa: S108 (tempfile makes what is there)
BLOCK = 1 << 20
# Files of an offer.
NUMBERS, SOCKET = "numbers", "socket"
# Seconds that a socket waits at a time.
TICK = 0.5


class Offer:
    """What other processes of this user `join` as long as this one holds it open.

    folder : that holds a file of zeros, and a socket; empty where there is no room for the file
    """

    def __init__(self, n_bytes: int) -> None:
        self.folder = ""
        self._kept = contextlib.ExitStack()
        with contextlib.suppress(OSError, AttributeError):  # AttributeError: Windows, which has no such sockets
            place = MEMORY if os.access(MEMORY, os.W_OK) else None
            folder = self._kept.enter_context(tempfile.TemporaryDirectory(prefix="mlcli-", dir=place))
            # Written, not only made longer: the first use of memory that is not there would end the process.
            blocks = (bytes(min(BLOCK, n_bytes - start)) for start in range(0, n_bytes, BLOCK))
            disk.append(Path(folder) / NUMBERS, *blocks)
            self._listener = self._kept.enter_context(socket.socket(socket.AF_UNIX))
            self._listener.bind(f"{folder}/{SOCKET}")
            self._listener.listen()
            self.folder = folder

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._kept.close()

    def accept(self, count: int) -> list[Connection]:
        """Connections with so many processes, which have joined."""
        return [self._listener.accept()[0] for _ in range(count)]


def map_numbers(folder: str, n_numbers: int, dtype: torch.dtype) -> Tensor:
    """The numbers (n,) of an offer's file, as long as the tensor lives. Raises OSError where it is not seen here."""
    path = Path(folder) / NUMBERS
    path.stat()  # torch would make it
    return torch.from_file(str(path), shared=True, size=n_numbers, dtype=dtype)


def join(folder: str) -> Connection:
    """A connection with the process that made the offer. Raises OSError."""
    with contextlib.ExitStack() as unless_connected:
        made = unless_connected.enter_context(socket.socket(socket.AF_UNIX))
        made.connect(f"{folder}/{SOCKET}")
        unless_connected.pop_all()
    return made


def has_answered(other: Connection) -> bool:
    """Wait for a moment; whether a byte has come. Raises ConnectionError where the other process is gone."""
    other.settimeout(TICK)
    try:
        if not other.recv(1):
            raise ConnectionResetError("connection closed")
    except TimeoutError:
        return False
    return True
