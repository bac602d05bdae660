"""What shells offer at TAB; in a real bash, typed into a terminal, and in the protocols of zsh and fish."""

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from types import NoneType

import pytest

from mlcli.cli import completion
from mlcli.config.sections.config import ANY, all_keys
from mlcli.config.tree import key_words
from tests.cli.test_startup import FORBIDDEN_IN_HELP

PROGRAM = "import sys; sys.argv[0] = 'mlcli'; from mlcli.__main__ import main; main()"


def test_the_keys_and_words_are_those_of_the_sections():
    expected = {}
    for key in all_keys():
        if ANY not in key.path:
            options = key.field.type.options()
            words = expected.setdefault(".".join(key.path), set())
            words.update(str(word) for option in options for word in option.words)
            words.update("null" for option in options if option.annotation is NoneType)
            words.update(word for option in options if option.annotation is bool for word in ("true", "false"))
    assert {key: set(words) for key, words in key_words().items()} == expected, "renew: python -m docs.generate"


@pytest.fixture
def folders(workspace):
    for run in ("iris/001", "iris/002", "adult/001"):
        (workspace / "runs" / run).mkdir(parents=True)
    (workspace / "mine").mkdir()
    (workspace / "mine/a.yaml").write_text("")
    (workspace / "mlcli.yaml").write_text("")
    return workspace


@pytest.mark.parametrize(
    ("offer", "typed", "offered"),
    [
        (completion.configs, "ml", ["mlcli.yaml"]),
        (completion.configs, "configs/pe", ["configs/penguins.yaml", "configs/perceptron.yaml"]),
        (completion.configs, "mine/", ["mine/a.yaml"]),
        (completion.runs, "", ["adult", "iris"]),
        (completion.runs, "iris/", ["iris/001", "iris/002"]),
        (completion.runs, "none/", []),
        (completion.configs_or_runs, "m", ["mlcli.yaml"]),
        (completion.playgrounds, "p", ["plane"]),
        (completion.keys, "training.ep", ["training.epochs"]),
        (completion.settings, "optimizer.mom", ["optimizer.momentum="]),
        (completion.settings, "dataset.color", ["dataset.color=", "dataset.color=gray", "dataset.color=rgb"]),
        (completion.settings, "optimizer.name=lb", ["optimizer.name=lbfgs"]),
        (completion.settings, "optimizer.lr=", []),
        (completion.settings, "no.such=", []),
    ],
)
def test_what_is_offered(folders, offer, typed, offered):
    assert offer(typed) == offered


def test_names_that_steer_terminals_are_not_offered(folders):
    (folders / "runs/\x1b[31mred").mkdir()
    assert completion.runs("") == ["adult", "iris"]


ASKED = [
    ("mlcli ch", "check"),
    ("mlcli train configs/xo", "configs/xor.yaml"),
    ("mlcli evaluate iris/", "iris/001"),
    ("mlcli predict --run ad", "adult"),
    ("mlcli train --set optimizer.mom", "optimizer.momentum="),
    ("mlcli explain dataset.deli", "dataset.delimiter"),
    ("mlcli show configs/spi", "configs/spiral.yaml"),
]


def answer(shell, line, **more):
    """What the program prints when a shell asks."""
    words = line.split(" ")
    asked = {"_MLCLI_COMPLETE": f"complete_{shell}", **more}
    if shell == "bash":
        asked |= {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    else:
        asked |= {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    command = [sys.executable, "-c", PROGRAM]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | asked).stdout


@pytest.mark.parametrize(("line", "offered"), ASKED)
def test_bash_is_answered(folders, line, offered):
    assert offered in answer("bash", line).splitlines()


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_are_answered(folders, shell):
    for line, offered in (ASKED[1], ASKED[4]):
        assert offered in answer(shell, line)


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("mlcli train -S optimizer.name = lb", ["lbfgs"]),
        ("mlcli train --set model.norm =", ["none", "batch", "layer"]),
        ("mlcli train --set no.such = a", []),
    ],
)
def test_bash_takes_an_equals_sign_for_a_word(folders, words, offered):
    assert answer("bash", words).split() == offered


LISTING_MODULES = """
import sys
sys.argv[0] = "mlcli"
from mlcli.cli.app import main
try:
    main([])
except SystemExit:
    pass
print(*sys.modules, file=sys.stderr)
"""


def test_completion_imports_next_to_nothing(folders):
    asked = {"_MLCLI_COMPLETE": "complete_bash", "COMP_WORDS": "mlcli train --set opt", "COMP_CWORD": "3"}
    command = [sys.executable, "-c", LISTING_MODULES]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | asked)
    modules = done.stderr.splitlines()[-1].split()
    assert "optimizer.lr=" in done.stdout.split()
    assert not set(modules) & FORBIDDEN_IN_HELP


class Terminal:
    """A bash that somebody types into."""

    def __init__(self, folder, home):
        script = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"_MLCLI_COMPLETE": "source_bash"},
        ).stdout
        (home / "mlcli").write_text(f'#!/bin/sh\nexec {sys.executable} -c "{PROGRAM}" "$@"\n')
        (home / "mlcli").chmod(0o755)
        (home / "rc").write_text(f"PATH={home}:$PATH\nPS1='$ '\nbind 'set bell-style none'\n{script}\n")
        self.process, self.ours = self._start(folder, home)
        self.read_until(b"$ ")

    def _start(self, folder, home):
        ours, theirs = pty.openpty()
        command = ["bash", "--noprofile", "--rcfile", str(home / "rc"), "-i"]
        environment = os.environ | {"TERM": "dumb"}
        process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder, env=environment, start_new_session=True
        )
        os.close(theirs)
        return process, ours

    def type(self, keys, until):
        os.write(self.ours, keys.encode())
        return self.read_until(until.encode())

    def read_until(self, wanted, seconds=30):
        shown, end = b"", time.monotonic() + seconds
        while wanted not in shown and time.monotonic() < end:
            if select.select([self.ours], [], [], 0.1)[0]:
                shown += os.read(self.ours, 4096)
        assert wanted in shown, shown
        return shown

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.ours)


@pytest.mark.skipif(not shutil.which("bash"), reason="no bash here")
def test_in_a_real_bash(folders, tmp_path_factory):
    terminal = Terminal(folders, tmp_path_factory.mktemp("home"))
    try:
        terminal.type("mlcli tra\t", "train ")
        terminal.type("configs/xo\t", "configs/xor.yaml ")
        terminal.type("-S optimizer.na\t", "optimizer.name=")
        terminal.type("lb\t", "lbfgs ")
        terminal.type("\x15mlcli evaluate ir\t", "evaluate iris")
    finally:
        terminal.close()
