"""What differs between systems, and what stands in for what a console lacks."""

import errno
import threading
import unicodedata
from pathlib import Path

import pytest

from mlcli.errors import DataError
from mlcli.io import disk, platform
from mlcli.io.paths import find_path
from mlcli.io.text import printable_json, spell_out

PACKAGE = Path(platform.__file__).parents[1]


def test_a_lock_is_waited_for(tmp_path):
    done = []

    def wait():
        with disk.locked_folder(tmp_path):
            done.append("waited")

    with disk.locked_folder(tmp_path):
        waiting = threading.Thread(target=wait)
        waiting.start()
        waiting.join(0.05)
        assert done == []
    waiting.join(10)
    assert done == ["waited"]


def test_to_ask_for_a_lock_leaves_it_to_its_holder(tmp_path):
    (tmp_path / "lock").write_text("")
    with disk.opened(tmp_path / "lock", platform.OPEN_TO_LOCK) as holder, disk.opened(tmp_path / "lock") as other:
        assert platform.lock(holder)
        assert platform.is_locked(other)
        assert not platform.lock(other)
    with disk.opened(tmp_path / "lock") as other:
        assert not platform.is_locked(other)


@pytest.mark.parametrize(
    ("error", "closed"),
    [
        (BrokenPipeError(), True),
        (OSError("Broken pipe (os error 32)"), True),  # polars
        (OSError(errno.ENOSPC, "No space left on device"), False),
        (ValueError("Broken pipe"), False),
        (None, False),
    ],
)
def test_what_a_closed_pipe_is(error, closed):
    assert platform.is_closed_pipe(error) is closed


def spelled(text, encoding):
    error = UnicodeEncodeError(encoding, text, 0, len(text), "not there")
    return spell_out(error)[0]


# Signs that mlcli knows from tables and does not write.
READ = set("∞€£“”°©®§³«»½¿¡∑†")


def test_every_sign_that_mlcli_writes_can_be_spelled_out():
    signs = {sign for path in PACKAGE.rglob("*.py") for sign in path.read_text(encoding="utf-8") if not sign.isascii()}
    for sign in sorted(sign for sign in signs - READ if not unicodedata.category(sign).startswith("L")):
        assert len(spelled(sign, "ascii")) == 1, sign


def test_what_mlcli_does_not_write_is_told_by_its_code():
    assert spelled("–✓中é", "ascii") == r"-+\u4e2d\xe9"
    with pytest.raises(UnicodeDecodeError):
        spell_out(UnicodeDecodeError("ascii", b"\xff", 0, 1, "not there"))


def test_json_is_the_same_in_any_encoding():
    document = '{"é–": "\U0001f600\x9b"}'
    assert printable_json(document) == '{"é–": "\U0001f600\\u009b"}'
    assert printable_json(document, "cp1252") == r'{"\u00e9\u2013": "\ud83d\ude00\u009b"}'


@pytest.mark.parametrize(
    ("path", "advice"), [("data\\people.csv", "write / between folders"), ("data\new.csv", "use single quotes, or /")]
)
def test_a_backslash_in_a_path(tmp_path, monkeypatch, path, advice):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/people.csv").write_text("")
    with pytest.raises(DataError, match=advice):
        find_path(path)
