"""What a client did wrong, as a status and one JSON document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlcli.errors import DataError, MlcliError, UsageError

BAD_REQUEST, UNAUTHORIZED, NOT_FOUND, NOT_ALLOWED, TIMED_OUT, TOO_LARGE = 400, 401, 404, 405, 408, 413
UNSUPPORTED, MISDIRECTED, UNPROCESSABLE, TOO_MANY, BUG, UNAVAILABLE = 415, 421, 422, 429, 500, 503


class RequestError(Exception):
    """A request that is refused, in the parts that every message of mlcli has.

    place : of the request: body, a header, a query parameter
    """

    def __init__(
        self,
        status: int,
        place: str,
        received: str,
        expected: str,
        remedy: str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status, self.headers = status, dict(headers or {})
        self.place, self.received, self.expected, self.remedy = place, received, expected, remedy
        super().__init__(f"{place}: {received}; expected {expected}; {remedy}")


def status_of(error: Exception) -> int:
    """The status by which an error is answered."""
    if isinstance(error, RequestError):
        return error.status
    if isinstance(error, UsageError):
        return BAD_REQUEST
    return UNPROCESSABLE if isinstance(error, DataError) else BUG


def error_document(error: Exception) -> dict[str, Any]:
    """The document; of what is not the client's fault nothing is said.

    The message of a reader is split at its first colon and its last semicolon, where it has these; what was expected
    is part of what was received there, and null.
    """
    status = status_of(error)
    parts: dict[str, str | None]
    if isinstance(error, RequestError):
        parts = {"place": error.place, "received": error.received, "expected": error.expected, "remedy": error.remedy}
    elif status == BUG or not isinstance(error, MlcliError):
        return {"error": {"status": status, "kind": "InternalError", "message": "the server failed; see its log"}}
    else:
        place, _, rest = str(error).partition(": ")
        found, _, remedy = rest.rpartition("; ")
        parts = {"place": place, "received": found or rest, "expected": None, "remedy": remedy if found else None}
    return {"error": {"status": status, "kind": type(error).__name__, "message": str(error), **parts}}
