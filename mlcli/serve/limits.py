"""How much a client may ask for, and which addresses are of this machine alone."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Of one request: bytes of its body, rows, and seconds; and of requests in progress."""

    body: int
    rows: int
    seconds: float
    requests: int


def is_loopback(host: str) -> bool:
    """Whether an address is one of this machine alone."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
