import hashlib
import http.server
import re
import socket
import ssl
import threading

import pytest
import trustme

from mlcli.errors import DataError, UnreachableError
from mlcli.io import network
from mlcli.io.network import RemoteFile, download, download_once
from mlcli.reporter import Silent

CONTENT = bytes(range(256)) * 4000
REMOTE = RemoteFile("set.gz", len(CONTENT), hashlib.md5(CONTENT).hexdigest())


class Collecting(Silent):
    def __init__(self):
        self.steps = []

    def progress(self, label, done, total):
        self.steps.append((label, done, total))


class Server:
    """A mirror whose behaviour a test sets: content, whether it resumes, after how many bytes it breaks off."""

    def __init__(self, content=CONTENT, *, ranges=True, breaks_after=None, status=None):
        self.requests = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                wanted = self.headers.get("Range")
                outer.requests.append(wanted)
                if status:
                    self.send_error(status)
                    return
                start = int(wanted[len("bytes=") : -1]) if wanted and ranges else 0
                self.send_response(206 if start else 200)
                if start:
                    self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
                self.send_header("Content-Length", str(len(content) - start))
                self.end_headers()
                end = len(content) if breaks_after is None else start + breaks_after
                self.wfile.write(content[start:end])

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def serve(monkeypatch):
    monkeypatch.delenv("MLCLI_OFFLINE", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    servers = []

    def start(*args, **keys):
        servers.append(Server(*args, **keys))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def closed_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_whole(serve, tmp_path):
    reporter = Collecting()
    path = download(REMOTE, [serve().url], tmp_path / "mnist", reporter)
    assert path == tmp_path / "mnist" / "set.gz"
    assert path.read_bytes() == CONTENT
    assert names(tmp_path / "mnist") == ["set.gz"]
    assert reporter.steps[-1] == ("set.gz", len(CONTENT), len(CONTENT))
    assert [done for _, done, _ in reporter.steps] == sorted(done for _, done, _ in reporter.steps)


def test_goes_on_where_it_broke_off(serve, tmp_path):
    server = serve(breaks_after=400_000)
    assert download(REMOTE, [server.url], tmp_path, Silent()).read_bytes() == CONTENT
    assert server.requests == [None, "bytes=400000-", "bytes=800000-"]


def test_continues_an_earlier_part(serve, tmp_path):
    (tmp_path / "set.gz.part").write_bytes(CONTENT[:1000])
    server = serve()
    assert download(REMOTE, [server.url], tmp_path, Silent()).read_bytes() == CONTENT
    assert server.requests == ["bytes=1000-"]


def test_a_complete_part_only_needs_its_name(serve, tmp_path):
    (tmp_path / "set.gz.part").write_bytes(CONTENT)
    server = serve()
    assert download(REMOTE, [server.url], tmp_path, Silent()).read_bytes() == CONTENT
    assert server.requests == []


@pytest.mark.parametrize("part", [b"x" * 1000, CONTENT + b"x"], ids=["other bytes", "too long"])
def test_a_bad_part_is_thrown_away(serve, tmp_path, part):
    (tmp_path / "set.gz.part").write_bytes(part)
    assert download(REMOTE, [serve().url], tmp_path, Silent()).read_bytes() == CONTENT


def test_a_mirror_that_cannot_resume(serve, tmp_path):
    (tmp_path / "set.gz.part").write_bytes(CONTENT[:1000])
    assert download(REMOTE, [serve(ranges=False).url], tmp_path, Silent()).read_bytes() == CONTENT


@pytest.mark.parametrize(
    "bad",
    [{"status": 404}, {"content": b"x" * len(CONTENT)}, {"content": CONTENT * 2}, {"content": b"<html>log in</html>"}],
    ids=["404", "other bytes", "too long", "too short"],
)
def test_next_mirror(serve, tmp_path, bad):
    first, second = serve(**bad), serve()
    assert download(REMOTE, [first.url, second.url], tmp_path, Silent()).read_bytes() == CONTENT
    assert first.requests
    assert names(tmp_path) == ["set.gz"]


def test_no_mirror_gives_it(serve, tmp_path, closed_port):
    wrong, broken = serve(b"x" * len(CONTENT)), serve(status=503)
    with pytest.raises(UnreachableError) as caught:
        download(REMOTE, [closed_port, wrong.url, broken.url], tmp_path, Silent())
    said = str(caught.value)
    assert "Connection refused" in said
    assert f"expected {REMOTE.md5}" in said
    assert "Service Unavailable" in said
    assert names(tmp_path) == []


def test_what_came_is_kept_for_the_next_time(serve, tmp_path):
    server = serve(CONTENT[:5000])
    with pytest.raises(UnreachableError, match=r"ended after 5,000 of 1,024,000 bytes"):
        download(REMOTE, [server.url], tmp_path, Silent())
    assert (tmp_path / "set.gz.part").read_bytes() == CONTENT[:5000]


def test_a_silent_server_is_given_up(serve, tmp_path, monkeypatch):
    monkeypatch.setattr(network, "SECONDS_TO_ANSWER", 0.1)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        with pytest.raises(UnreachableError, match="timed out"):
            download(REMOTE, [f"http://127.0.0.1:{listening.getsockname()[1]}/"], tmp_path, Silent())


def test_offline_never_asks(serve, tmp_path, monkeypatch):
    monkeypatch.setenv("MLCLI_OFFLINE", "1")
    server = serve()
    with pytest.raises(UnreachableError, match="MLCLI_OFFLINE"):
        download(REMOTE, [server.url], tmp_path, Silent())
    assert server.requests == []


class Https:
    """A server with a certificate of its own; its answers by path: content, or where else to look."""

    def __init__(self, certificate, answers):
        self.requests = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.requests.append(self.path)
                answer = answers[self.path]
                self.send_response(302 if isinstance(answer, str) else 200)
                self.send_header("Location", answer) if isinstance(answer, str) else None
                self.send_header(
                    "Content-Length", "0" if isinstance(answer, str) else str(answers.get("size", len(answer)))
                )
                self.end_headers()
                self.wfile.write(b"" if isinstance(answer, str) else answer)

            def log_message(self, *args):
                pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_: None  # a client that goes away
        listening = {"server_side": True, "do_handshake_on_connect": False}
        self.server.socket = context.wrap_socket(self.server.socket, **listening)
        self.url = f"https://localhost:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()


@pytest.fixture
def https(monkeypatch, tmp_path):
    monkeypatch.delenv("MLCLI_OFFLINE", raising=False)
    monkeypatch.setenv("no_proxy", "localhost")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    servers = []

    def start(**answers):
        answers = {key if key == "size" else f"/{key}": answer for key, answer in answers.items()}
        servers.append(Https(authority.issue_cert("localhost"), answers))
        return servers[-1]

    yield start
    for server in servers:
        server.server.shutdown()
        server.server.server_close()


def test_an_address_is_fetched_once_and_its_file_kept(https, tmp_path):
    server, target = https(table=b"x,y\n", moved="/table"), tmp_path / "data" / "t.csv"
    digest = hashlib.sha256(b"x,y\n").hexdigest()
    for _ in range(2):
        assert download_once(f"{server.url}moved", target, digest.upper(), Silent()) == digest
    assert (server.requests, target.read_bytes()) == (["/moved", "/table"], b"x,y\n")
    assert names(target.parent) == ["t.csv"]
    with pytest.raises(DataError, match=f"has SHA-256 {digest}, not {'0' * 64}"):
        download_once(f"{server.url}table", target, "0" * 64, Silent())


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"t": "http://localhost/t"}, "it leads to http://localhost/t, which is not https"),
        ({"t": "file:///etc/passwd"}, "cannot be downloaded"),
        ({"t": b"x,y", "size": 9}, "the connection ended after 3 of 9 bytes|IncompleteRead"),
    ],
)
def test_an_address_that_does_not_give_its_file_leaves_nothing(https, tmp_path, answers, message):
    server = https(**answers)
    with pytest.raises(UnreachableError, match=message):
        download_once(f"{server.url}t", tmp_path / "data" / "t", None, Silent())
    assert names(tmp_path / "data") == []


# http.client leaves the socket of a failed handshake to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_stranger_s_certificate_is_refused(https, tmp_path, monkeypatch):
    server = https(t=b"x")
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(UnreachableError, match="CERTIFICATE_VERIFY_FAILED"):
        download_once(f"{server.url}t", tmp_path / "t", None, Silent())


def test_a_table_of_an_address(https, workspace, mlcli, monkeypatch):
    monkeypatch.delenv("MLCLI_OFFLINE")
    rows = "".join(f"{i},{i % 7},{'ab'[i % 2]}\n" for i in range(60))
    server = https(**{"t.csv": f"x,z,y\n{rows}".encode()})
    done = mlcli("init", f"{server.url}t.csv", "--target", "y")
    assert done.code == 0, done.err
    assert (
        f"sha256: {hashlib.sha256(f'x,z,y{chr(10)}{rows}'.encode()).hexdigest()}"
        in (workspace / "mlcli.yaml").read_text()
    )
    monkeypatch.setenv("MLCLI_OFFLINE", "1")
    assert mlcli("check", "-q").code == 0
    for file in (workspace / "data" / "downloads").iterdir():
        file.unlink()
    refused = mlcli("check", "-q")
    assert (refused.code, "MLCLI_OFFLINE is set; put the file at data/downloads/" in refused.err) == (3, True)
    assert server.requests == ["/t.csv"]


@pytest.mark.parametrize(
    ("raised", "message"),
    [
        (
            ModuleNotFoundError("no module", name="psycopg"),
            "psycopg for x:// is not .* 'mlcli\\[postgres\\]'",
        ),
        (ModuleNotFoundError("no module", name="MySQLdb"), "run: pip install mysqlclient"),
        (ModuleNotFoundError("no module", name="pyodbc"), "run: pip install pyodbc"),
        (
            ImportError("no pq wrapper available.\nAttempts made:"),
            "cannot be loaded \\(no pq wrapper available.\\)",
        ),
    ],
)
@pytest.mark.parametrize("is_wrapped", [False, True])
def test_what_a_driver_lacks_is_told(raised, message, is_wrapped):
    error = raised
    if is_wrapped:
        error = ImportError("Failed to import DB access module")
        error.__cause__ = raised
    assert re.search(message, network.missing_driver(error, "x://"))
