"""Downloads from several mirrors, resumed and checked; `${NAME}` in an address; a port of this machine alone."""

import contextlib
import hashlib
import http.client
import os
import re
import socket
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mlcli.errors import DataError, MlcliError, UnreachableError, UsageError
from mlcli.io import disk
from mlcli.io.atomic import sha256_file
from mlcli.io.disk import make_folder, resource_errors
from mlcli.io.paths import HTTPS
from mlcli.reporter import Reporter

SECONDS_TO_ANSWER = 5.0
# Numbers of ports, and connections that wait to be accepted.
PORTS, BACKLOG = 1 << 16, 1024
# What installs a database's driver, where that has another name.
PACKAGES = {"psycopg": "'mlcli[postgres]'", "MySQLdb": "mysqlclient"}
_PORTION = 1 << 18
_NETWORK_ERRORS = (OSError, http.client.HTTPException)


class _WrongFileError(Exception):
    """A mirror gave something else than the file."""


@dataclass(frozen=True)
class RemoteFile:
    """A published file: its name below each mirror, its size in bytes and its md5."""

    name: str
    size: int
    md5: str


def offline() -> bool:
    """Whether MLCLI_OFFLINE forbids the network."""
    return os.environ.get("MLCLI_OFFLINE", "") not in ("", "0")


def missing_driver(error: ImportError, scheme: str) -> str:
    """That the driver of a database is not installed, or cannot be loaded, and how to install it."""
    # Optuna raises another error from the first.
    cause = error.__cause__ if isinstance(error.__cause__, ImportError) else error
    if not isinstance(cause, ModuleNotFoundError) or cause.name is None:
        said = (str(cause).splitlines() or [type(cause).__name__])[0]
        return f"the driver for {scheme} cannot be loaded ({said}); install it, and the libraries that it needs, again"
    package = PACKAGES.get(cause.name, cause.name)
    return f"the driver {cause.name} for {scheme} is not installed; run: pip install {package}"


def download(remote: RemoteFile, mirrors: Sequence[str], folder: Path, reporter: Reporter) -> Path:
    """Fetch `remote` into `folder`; the mirrors, URLs that end with a slash, are tried in order.

    What came before a broken connection is kept as <name>.part and continued next time.
    Raises UnreachableError naming what each mirror answered.
    """
    if offline():
        raise UnreachableError(f"{remote.name}: not downloaded, because MLCLI_OFFLINE is set")
    make_folder(folder)
    target, part, failures = folder / remote.name, folder / f"{remote.name}.part", []
    for mirror in mirrors:
        try:
            _fetch_checked(mirror + remote.name, part, remote, reporter)
        except (*_NETWORK_ERRORS, _WrongFileError) as error:
            failures.append(f"{mirror}: {getattr(error, 'reason', None) or error or type(error).__name__}")
            continue
        with resource_errors(target):
            disk.sync(part)
            disk.rename(part, target)
            disk.sync(folder)
        return target
    raise UnreachableError(f"{remote.name}: no mirror gave it ({'; '.join(failures)})")


def _fetch_checked(url: str, part: Path, remote: RemoteFile, reporter: Reporter) -> None:
    resumed = _size(part) > 0
    _fetch(url, part, remote, reporter)
    with part.open("rb") as file:
        found = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if found == remote.md5:
        return
    disk.unlink(part)
    if not resumed:
        raise _WrongFileError(f"md5 {found}, expected {remote.md5}")
    _fetch_checked(url, part, remote, reporter)  # the earlier part may have been at fault


def _fetch(url: str, part: Path, remote: RemoteFile, reporter: Reporter) -> None:
    """Go on as long as each attempt brings the file further."""
    while (start := _size(part)) != remote.size:
        try:
            _append(url, part, start, remote, reporter)
        except _NETWORK_ERRORS:
            if _size(part) <= start:
                raise


def _append(url: str, part: Path, start: int, remote: RemoteFile, reporter: Reporter) -> None:
    request = urllib.request.Request(url, headers={"User-Agent": "mlcli"})  # noqa: S310 -- http(s) only
    if 0 < start < remote.size:
        request.add_header("Range", f"bytes={start}-")
    opener = urllib.request.build_opener()
    with contextlib.closing(opener.open(request, timeout=SECONDS_TO_ANSWER)) as response:
        continues = str(response.headers.get("Content-Range", "")).startswith(f"bytes {start}-")
        begun = start if response.status == 206 and continues else 0
        _receive(response, part, begun, remote.name, remote.size, reporter)


def _receive(
    response: http.client.HTTPResponse, part: Path, done: int, name: str, size: int | None, reporter: Reporter
) -> None:
    """The rest of a file of `size` bytes, where it is known, of which `done` are there."""
    with resource_errors(part):
        if not done:
            disk.delete(part)
        file = disk.open_end(part)
    with file:
        while portion := response.read(_PORTION):
            done += len(portion)
            if size is not None and done > size:
                raise _WrongFileError(f"more than the {size:,} bytes expected")
            with resource_errors(part):
                disk.write(file, portion)
            reporter.progress(name, done, size)
    if size is not None and done < size:
        raise ConnectionError(f"the connection ended after {done:,} of {size:,} bytes")


class _HttpsOnly(urllib.request.HTTPRedirectHandler):
    """Follows no redirect away from https."""

    def redirect_request(self, *arguments: Any) -> urllib.request.Request | None:  # noqa: ANN401 (as its base has them)
        if not arguments[-1].startswith(HTTPS):
            arguments[1].close()  # the answer that leads away
            raise _WrongFileError(f"it leads to {arguments[-1]}, which is not https")
        return super().redirect_request(*arguments)


def download_once(url: str, target: Path, sha256: str | None, reporter: Reporter) -> str:
    """Fetch a file of an https address, unless it is there, and return its SHA-256 in hexadecimal.

    Raises UnreachableError where it cannot be had, and DataError where its SHA-256 is another.
    """
    if not target.exists():
        if offline():
            raise UnreachableError(f"{url}: not downloaded, because MLCLI_OFFLINE is set; put the file at {target}")
        make_folder(target.parent)
        part = target.with_name(f"{target.name}.{os.getpid()}.part")
        try:
            _fetch_all(url, part, reporter)
        except (*_NETWORK_ERRORS, _WrongFileError) as error:
            disk.delete(part)
            if isinstance(error, urllib.error.HTTPError):
                error.close()
            reason = getattr(error, "reason", None) or error or type(error).__name__
            raise UnreachableError(f"{url}: cannot be downloaded ({reason}); put the file at {target}") from error
        with resource_errors(target):
            disk.sync(part)
            disk.rename(part, target)
    found = sha256_file(target)
    if sha256 is not None and found != sha256.lower():
        raise DataError(
            f"{url}: its file {target} has SHA-256 {found}, not {sha256}; if the file was published anew, set "
            "dataset.sha256 to that, or else delete the file to download it again"
        )
    return found


def _fetch_all(url: str, part: Path, reporter: Reporter) -> None:
    """The whole file; raises ConnectionError where less comes than the server announced."""
    request = urllib.request.Request(url, headers={"User-Agent": "mlcli"})  # noqa: S310 -- https only
    opener = urllib.request.build_opener(_HttpsOnly())
    with contextlib.closing(opener.open(request, timeout=SECONDS_TO_ANSWER)) as response:
        length = response.headers.get("Content-Length")
        _receive(response, part, 0, url.rpartition("/")[2], int(length) if length else None, reporter)


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def listen_on_loopback() -> tuple[int, int]:
    """The descriptor and the port of a new socket that listens to this machine alone."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return server.detach(), port


def listen(host: str, port: int) -> socket.socket:
    """A new socket that listens at an address of this machine; port 0 is any free one. Raises UsageError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    if not 0 <= port < PORTS:
        raise UsageError(f"--port {port}: ports go from 0, any free one, to {PORTS - 1}")
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        reason = error.strerror or error
        advice = "name an address of this machine, and a free port, or 0 for any"
        raise UsageError(f"--host {host} --port {port}: {reason}; {advice}") from None


VARIABLE = re.compile(r"\$\{(\w+)\}")


def fill_variables(template: str, key: str, error: type[MlcliError], *, encoded: bool) -> str:
    """The template with environment variables filled in; raises `error` for one that is not set.

    encoded : percent-encode their values, as URLs want names and passwords
    """

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in os.environ:
            raise error(f"{key}: environment variable {name} is not set; export it")
        return quote(os.environ[name], safe="") if encoded else os.environ[name]

    return VARIABLE.sub(value, template)
