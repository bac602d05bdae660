"""Memory that processes share, and how they wait for one another."""

import errno
import os
from pathlib import Path

import pytest
import torch

from mlcli.io import disk, shared_memory
from mlcli.io.shared_memory import Offer, has_answered, join, map_numbers

N = 1 << 20


def test_what_one_writes_the_other_reads_until_both_are_done():
    with Offer(4 * N) as offer:
        ours, theirs = (map_numbers(offer.folder, N, torch.float32) for _ in range(2))
        assert Path(offer.folder).stat().st_mode & 0o077 == 0
    assert not Path(offer.folder).exists()
    assert not theirs.any()
    ours[-1] = 3.0
    assert theirs[-1] == 3.0


def test_each_waits_until_the_other_has_come(monkeypatch):
    monkeypatch.setattr(shared_memory, "TICK", 0.01)
    with Offer(4) as offer:
        theirs = join(offer.folder)
        (ours,) = offer.accept(1)
    assert not has_answered(ours)
    theirs.sendall(b".")
    assert has_answered(ours)
    theirs.close()
    with pytest.raises(ConnectionError):
        has_answered(ours)
    ours.close()


def test_without_room_nothing_is_offered_and_nothing_stays(monkeypatch, tmp_path):
    def write(file, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shared_memory, "MEMORY", tmp_path)
    monkeypatch.setattr(disk, "write", write)
    with Offer(4 * N) as offer:
        assert offer.folder == ""
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_seen_here_is_not_made(tmp_path):
    with pytest.raises(FileNotFoundError):
        map_numbers(str(tmp_path), N, torch.float32)
    with pytest.raises(OSError, match="No such file"):
        join(str(tmp_path))
    assert list(tmp_path.iterdir()) == []
