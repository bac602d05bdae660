import json
import os
import signal
import socket
import subprocess
import sys
import threading

import pytest

from mlcli.errors import LockedError, ResourceError
from mlcli.io import disk, platform

HOLD = (
    "import sys, time; from pathlib import Path; from mlcli.runs.folder import open_run\n"
    "sys.argv = ['/usr/bin/mlcli', 'train', '/home/someone/secret.yaml']\n"
    "with open_run(Path({folder!r})).lock():\n"
    "    print('held', flush=True); time.sleep(60)"
)


@pytest.fixture
def run(make_run):
    return make_run()


@pytest.fixture
def holder(run):
    """Another process that holds the run's lock."""
    code = HOLD.format(folder=str(run.folder))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def take(run):
    with run.lock():
        return True


def test_two_processes(run, holder):
    with pytest.raises(LockedError) as caught:
        take(run)
    message = str(caught.value)
    assert message.startswith(f"run iris/001 is in use by process {holder.pid} (mlcli train, since 20")
    assert platform.kill_command(holder.pid) in message
    assert "secret" not in message


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_freed_by_death(run, holder, how):
    holder.send_signal(how)
    holder.wait(10)
    assert take(run)


def test_a_run_is_in_use_while_its_lock_is_held(run, holder):
    assert run.seems_in_use()
    holder.kill()
    holder.wait(10)
    (run.folder / "lock").write_text(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}))  # another's number
    assert not run.seems_in_use()


def test_who_looks_at_a_lock_is_not_in_the_way_of_who_takes_it(run):
    take(run)
    with disk.opened(run.folder / "lock") as descriptor:
        assert not platform.is_locked(descriptor)
        looked = os.dup(descriptor)
    threading.Timer(0.05, os.close, [looked]).start()
    assert take(run)


def test_what_a_dead_holder_left_is_overwritten(run):
    (run.folder / "lock").write_text("x" * 9000)
    with run.lock():
        assert json.loads((run.folder / "lock").read_text())["pid"] == os.getpid()
    assert (run.folder / "lock").read_text() == ""


def test_free_again_after_use_and_after_an_error(run):
    assert take(run)
    with pytest.raises(KeyError), run.lock():
        raise KeyError
    assert take(run)


def test_this_process_too(run):
    with run.lock(), pytest.raises(LockedError, match=f"process {os.getpid()} "):
        take(run)


def test_failing_to_take_it_leaves_the_holder_alone(run):
    with run.lock():
        before = (run.folder / "lock").read_bytes()
        with pytest.raises(LockedError):
            take(run)
        assert (run.folder / "lock").read_bytes() == before
        with pytest.raises(LockedError):
            take(run)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}', "[" * 9000])
def test_an_unreadable_holder(run, content):
    with run.lock():
        (run.folder / "lock").write_text(content)
        with pytest.raises(LockedError, match="in use by another process"):
            take(run)


@pytest.fixture
def silent_holder(run):
    """The lock is held by one who has not written himself in; a process that has died still stands there."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    holder = {"pid": gone.pid, "host": socket.gethostname(), "since": "before", "command": "mlcli train"}
    with (run.folder / "lock").open("w") as file:
        json.dump(holder, file)
        file.flush()
        assert platform.lock(file.fileno())
        yield holder


def test_a_dead_process_is_not_named(run, silent_holder):
    with pytest.raises(LockedError, match="in use by another process"):
        take(run)


def test_a_holder_is_waited_for_to_write_himself_in(run, silent_holder):
    holder = silent_holder | {"pid": os.getpid(), "since": "now"}
    writing = threading.Timer(0.05, (run.folder / "lock").write_text, [json.dumps(holder)])
    writing.start()
    with pytest.raises(LockedError, match=f"in use by process {os.getpid()} .*since now"):
        take(run)
    writing.join()


def test_a_holder_on_another_machine_is_not_to_be_killed_here(run, monkeypatch):
    with run.lock():
        monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere")
        with pytest.raises(LockedError, match=r"on .* \(.*stop it there") as caught:
            take(run)
    assert "kill" not in str(caught.value)


def test_a_link_is_not_written_through(run, tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("keep me")
    (run.folder / "lock").symlink_to(precious)
    with pytest.raises(ResourceError, match="link"):
        take(run)
    assert precious.read_text() == "keep me"


def test_a_folder_in_its_place(run):
    (run.folder / "lock").mkdir()
    with pytest.raises(ResourceError, match="lock"):
        take(run)
