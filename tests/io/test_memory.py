"""The limits on a process's memory, and refusals before it is taken."""

import platform
import resource
import subprocess
import sys

import pytest

from mlcli.errors import ResourceError, UsageError
from mlcli.io import memory
from mlcli.io.memory import LARGE, MAPPED_FROM, available_memory, large_array, require_memory


@pytest.fixture(autouse=True)
def unlimited(monkeypatch):
    """A machine that says nothing of its memory."""
    monkeypatch.delenv("MLCLI_MEMORY", raising=False)
    monkeypatch.setattr(memory, "file_text", lambda path: "")
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def files(monkeypatch, **contents):
    """What the system's files say, by the end of their names."""
    monkeypatch.setattr(
        memory,
        "file_text",
        lambda path: next((text for name, text in contents.items() if path.name == name), ""),
    )


def test_nothing_known():
    assert available_memory() is None
    require_memory(10**18, "all", "none")


@pytest.mark.parametrize(
    ("setting", "size"),
    [("2GB", 2 * 10**9), ("512MiB", 512 << 20), ("1.5 gb", 15 * 10**8), ("100k", 100_000), ("7", 7), ("1T", 10**12)],
)
def test_setting(monkeypatch, setting, size):
    monkeypatch.setenv("MLCLI_MEMORY", setting)
    assert available_memory().size == size


def test_setting_counts_what_is_taken_already(monkeypatch):
    monkeypatch.setenv("MLCLI_MEMORY", "2MB")
    files(monkeypatch, status="Name:\tpython\nVmRSS:\t    1000 kB\n")
    assert available_memory().size == 2_000_000 - 1_024_000
    files(monkeypatch, status="VmRSS:\t 9000 kB\nRssAnon:\t 500 kB\nRssFile:\t 8500 kB\n")
    assert available_memory().size == 2_000_000 - 512_000
    files(monkeypatch, status="VmRSS:\t    9000 kB\n")
    assert available_memory().size == 0


@pytest.mark.parametrize("setting", ["much", "-1GB", "2 GBB", "1e9", "GB", "2PB"])
def test_setting_that_is_no_size(monkeypatch, setting):
    monkeypatch.setenv("MLCLI_MEMORY", setting)
    with pytest.raises(UsageError, match="MLCLI_MEMORY: must be a size such as 2GB"):
        available_memory()


def test_the_tightest_limit_counts(monkeypatch):
    said = {
        "meminfo": "MemTotal:       9000 kB\nMemAvailable:       5000 kB\n",
        "status": "VmSize:\t 1000 kB\nVmRSS:\t 500 kB\n",
        "cgroup": "0::/\n",
    }
    files(monkeypatch, **said)
    assert (available_memory().size, available_memory().limit) == (5000 << 10, "free on this machine")
    group = {"memory.max": "4000000\n", "memory.current": "3500000\n", "memory.stat": "anon 1\ninactive_file 500000\n"}
    files(monkeypatch, **said, **group)
    assert (available_memory().size, available_memory().limit) == (1_000_000, "left to this container")
    files(monkeypatch, **said, **group | {"memory.max": "max\n"})
    assert available_memory().limit == "free on this machine"
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (1500 << 10, 1500 << 10))
    assert (available_memory().size, available_memory().limit) == (500 << 10, "left of what ulimit -v allows")


def test_refusal(monkeypatch):
    monkeypatch.setenv("MLCLI_MEMORY", "3GB")
    require_memory(3 * 10**9, "it", "none")
    with pytest.raises(ResourceError) as caught:
        require_memory(36 * 10**12, "model.hidden: training 9 parameters", "use less")
    assert str(caught.value) == (
        "model.hidden: training 9 parameters takes about 36.0 TB of memory, and 3.0 GB are available "
        "(MLCLI_MEMORY is 3GB); use less"
    )


def test_this_machine():
    code = "from mlcli.io.memory import available_memory; print(available_memory().size)"
    size = int(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
    assert 10**6 < size < 10**15


FAULTS = """
import resource
import numpy as np
from mlcli.io.memory import keep_freed_memory
keep_freed_memory()
def use():
    parts = [np.ones(2**20) for _ in range(3)]
use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    use()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have rules of their own")
def test_freed_memory_is_kept():
    """Without it, 24 MiB are faulted in ten times: in pages of 4 KiB, 60,000."""
    faults = int(subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, check=True).stdout)
    assert faults < 1000


@pytest.mark.parametrize(("n_rows", "mapped"), [(LARGE // 40 + 1, True), (LARGE // 40, False), (0, False)])
def test_a_large_array_is_larger_than_what_the_heap_holds(n_rows, mapped):
    array = large_array((n_rows, 5))
    assert (array.shape, array.dtype) == ((n_rows, 5), float)
    assert array.flags.c_contiguous
    assert (array.base.nbytes > MAPPED_FROM) is mapped
