"""A PostgreSQL server of the tests' own, and a connection to it that can be cut."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

PASSWORD = "not/to:be@seen"
PROGRAMS = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None, key=lambda path: float(path.parent.name))
# Tests lose nothing by a crash of the machine; the server itself they do kill.
OPTIONS = "-c fsync=off -c full_page_writes=off -c shared_buffers=8MB -c max_connections=60"


class PostgresServer:
    """A new cluster in a temporary folder, on a free port of the loopback interface, with a password."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="mlcli-postgres-"))
        # The server refuses to run as root.
        self.account = {"user": "postgres", "group": "postgres", "extra_groups": ()} if os.getuid() == 0 else {}
        (self.folder / "password").write_text(PASSWORD)
        if self.account:
            for path in (self.folder, self.folder / "password"):
                shutil.chown(path, "postgres", "postgres")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.run("initdb", "-U", "tester", "-A", "scram-sha-256", "--no-sync", f"--pwfile={self.folder}/password")
        self.start()

    def run(self, program, *arguments):
        command = [PROGRAMS / program, "-D", self.folder / "data", *arguments]
        done = subprocess.run(
            command, cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, **self.account
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self):
        options = f"-k {self.folder} -c listen_addresses=127.0.0.1 -p {self.port} {OPTIONS}"
        self.run("pg_ctl", "-w", "-l", self.folder / "log", "-o", options, "start")

    def stop(self, mode="immediate"):
        self.run("pg_ctl", "-w", "-m", mode, "stop")

    def remove(self):
        with contextlib.suppress(AssertionError):
            self.stop()
        shutil.rmtree(self.folder)

    def connect(self, database="postgres"):
        import psycopg

        place = {"host": "127.0.0.1", "port": self.port, "dbname": database}
        return psycopg.connect(user="tester", password=PASSWORD, autocommit=True, **place)

    def execute(self, statement, database="postgres"):
        """The rows of a statement, as a client with all rights."""
        with self.connect(database) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def disconnect_all(self, database):
        """End all connections to a database, as an administrator may."""
        self.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'")


class Cable:
    """Connections through this port reach the server, until it is `stalled` or `cut`."""

    def __init__(self, port):
        self.port_behind = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.flows = threading.Event()
        self.flows.set()
        self.ends = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                try:
                    far = socket.create_connection(("127.0.0.1", self.port_behind))
                except OSError:
                    near.close()
                    continue
                self.ends += [near, far]
                for source, target in ((near, far), (far, near)):
                    threading.Thread(target=self._forward, args=(source, target), daemon=True).start()

    def _forward(self, source, target):
        with contextlib.suppress(OSError):
            while portion := source.recv(1 << 16):
                self.flows.wait()
                target.sendall(portion)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        source.close()

    def cut(self):
        """End all connections; new ones work."""
        ends, self.ends = self.ends, []
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    @contextlib.contextmanager
    def stalled(self):
        """Nothing comes through, and nobody is told."""
        self.flows.clear()
        try:
            yield
        finally:
            self.flows.set()

    def close(self):
        self.flows.set()
        self.cut()
        self.listener.close()


def wait_until(holds, seconds=60.0):
    """Until a condition holds; fails after so many seconds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
