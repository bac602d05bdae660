"""Pages of Markdown whose blocks of code are run, written to a file or read, in the order in which they stand.

A block's language says what is done with it, the title behind it (`title=FILE`) where it is written before it is used:

- console: lines after `$ ` are commands; what stands below one is what it prints. A `…` stands for any text, on a
  line of its own for any lines. Measured numbers (those with a decimal point) may differ a little from machine to
  machine. A command that nothing stands below may print what it likes. `exit=3` behind the language: how the last
  command leaves, if not with 0.
- yaml: a configuration, or sections of one. - csv: rows of equal length. - python: runs.
- pycon: statements behind `>>> `, in one session a page, with what they print.
- diff: a change of mlcli, made in a copy of it that the page's later commands run.
- sh: for the reader's machine alone, such as what installs; - text, json: shown.
"""

import csv
import doctest
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import yaml

from mlcli.config.loading.load import parse_config
from tests.conftest import ROOT

# Files that the README's commands name as the reader's own.
STAND_INS = {
    "people.csv": ["id,age,work,income"]
    + [
        f"{i},{20 + i * 7 % 50},{'craft' if i % 3 else 'office'},{'high' if i * 7 % 50 > 20 else 'low'}"
        for i in range(30)
    ],
    "new.csv": ["work,age", "office,30", "craft,64"],
}
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(?P<language>[{\w}]*)(?P<options>[^\n]*)\n(?P<text>.*?)^```$", flags=re.DOTALL | re.MULTILINE)
CONTENTS = "{toctree}"
# Whole numbers of seven digits and more, too: as the squares of prices, they differ between processors.
NUMBER = re.compile(r"[-−+]?(?:\d[\d,]*\.\d+(?:e[-+]\d+)?|\d{1,3}(?:,\d{3}){2,})")
# Measured numbers differ by this share, or by this much, at most.
SHARE, LEAST = 0.1, 0.06
SHELL = set("|<>&;$*")
WIDTH = "88"


@dataclass(frozen=True)
class Block:
    """A fenced block: its options are the words behind the language, `title=FILE` and `exit=CODE`."""

    language: str
    options: dict[str, str]
    text: str
    place: str

    def commands(self):
        """Each command of a console block with what is shown below it."""
        found = []
        for line in self.text.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            elif found[-1][0].endswith("\\"):
                found[-1] = (found[-1][0][:-1] + line.removeprefix(">"), [])
            else:
                found[-1][1].append(line)
        return found


def blocks_of(page):
    """The blocks of a page, from top to bottom."""
    text = page.read_text()
    for match in FENCE.finditer(text):
        if match["language"] == CONTENTS:
            continue
        options = dict(word.split("=", 1) for word in shlex.split(match["options"]))
        line = text.count("\n", 0, match.start()) + 1
        yield Block(match["language"], options, match["text"], f"{page.relative_to(ROOT)}:{line}")


def agrees(shown, printed):
    """Whether a text is what a page shows of it."""
    lines = [line.rstrip() for line in printed.splitlines() if line.strip()]
    measured = []
    pattern = [
        r"(?:.*\n)*" if line.strip() == "…" else _pattern(line.rstrip(), measured) + r"\n"
        for line in shown
        if line.strip()
    ]
    match = re.fullmatch("".join(pattern), "".join(f"{line}\n" for line in lines))
    return bool(match) and all(map(_close, measured, match.groups()))


def _lines(lines):
    return "".join(f"{line.rstrip()}\n" for line in lines if line.strip())


def _pattern(line, measured):
    """A line as a regular expression, blanks of any width; a group for each number, which `measured` takes up."""
    pieces = NUMBER.split(line)
    numbers = NUMBER.findall(line)
    measured.extend(numbers)
    escaped = [re.sub(r"(\\ )+|─+", _width, re.escape(piece)).replace("…", ".*") for piece in pieces]
    return f"({NUMBER.pattern})".join(escaped)


def _width(match):
    return "─+" if match[0].startswith("─") else r"\s+"


def _close(shown, printed):
    a, b = (float(text.replace("−", "-").replace(",", "")) for text in (shown, printed))
    return abs(a - b) <= max(LEAST, SHARE * abs(a))


class Reader:
    """Does what a page says, in the working directory.

    run_here : runs a command line of mlcli in this process and returns its exit code and all that it printed
    anew     : what is shown that is not so → what is, where it is to be collected and not to fail; else None
    """

    def __init__(self, run_here, anew=None):
        self.run_here, self.folder, self.changed, self.anew = run_here, Path.cwd(), False, anew
        self.session = {"__name__": "page"}

    def follow(self, block):
        """Do what one block says; what it shows that is not so fails."""
        getattr(self, f"_{block.language}")(block)

    def _console(self, block):
        *_, last = commands = block.commands()
        for command, shown in commands:
            code, printed = self.run(command)
            expected = int(block.options.get("exit", 0)) if (command, shown) == last else 0
            assert code == expected, f"{block.place}: {command} left with {code}:\n{printed}"
            if shown and not agrees(shown, printed):
                assert self.anew is not None, f"{block.place}: {command} printed:\n{printed}"
                self.anew.append((f"{command}\n{_lines(shown)}", f"{command}\n{_lines(printed.splitlines())}"))

    def run(self, command):
        """A command's exit code and all that it printed."""
        words = shlex.split(command, comments=True)
        if words[0] == "mlcli" and not self.changed and not SHELL & set("".join(words)):
            return self.run_here(words[1:])
        environment = {**os.environ, "PATH": f"{self._programs()}:{os.environ['PATH']}"}
        if self.changed:
            environment["PYTHONPATH"] = str(self.folder / "package")
        done = subprocess.run(
            ["sh", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
        )
        return done.returncode, done.stdout

    def _programs(self):
        """A folder with the program `mlcli`."""
        program = self.folder / ".bin" / "mlcli"
        if not program.exists():
            program.parent.mkdir()
            program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m mlcli "$@"\n')
            program.chmod(0o755)
        return program.parent

    def _yaml(self, block):
        self._keep(block)
        sections = yaml.safe_load(block.text)
        text = block.text if "dataset" in sections else f"dataset: iris\n{block.text}"
        if not self.changed:  # else only the changed program can tell
            parse_config(text, block.place, "page")

    def _csv(self, block):
        self._keep(block)
        assert len({len(row) for row in csv.reader(block.text.splitlines())}) == 1, block.place

    def _python(self, block):
        self._keep(block)
        exec(compile(block.text, block.place, "exec"), {"__name__": "page"})

    def _pycon(self, block):
        for example in doctest.DocTestParser().get_examples(block.text):
            with redirect_stdout(io.StringIO()) as printed:
                exec(compile(example.source, block.place, "single"), self.session)
            assert agrees(example.want.splitlines(), printed.getvalue()), f"{block.place}: {printed.getvalue()}"

    def _diff(self, block):
        """Change a copy of mlcli."""
        package = self.folder / "package"
        if not self.changed:
            shutil.copytree(ROOT / "mlcli", package / "mlcli", ignore=shutil.ignore_patterns("__pycache__"))
            self.changed = True
        for path, hunks in _changes(block.text):
            file = package / path
            text = file.read_text()
            for old, new in hunks:
                assert text.count(old) == 1, f"{block.place}: {path} has {text.count(old)} times\n{old}"
                text = text.replace(old, new)
            file.write_text(text)

    def _sh(self, block):
        pass

    _text = _json = _sh

    def _keep(self, block):
        if title := block.options.get("title"):
            path = self.folder / title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text)


def _changes(text):
    """Each file of a unified diff with its hunks, as texts before and after; line numbers are not needed."""
    for part in re.split(r"^--- ", text, flags=re.MULTILINE)[1:]:
        head, *hunks = re.split(r"^@@.*\n", part, flags=re.MULTILINE)
        path = re.search(r"^\+\+\+ b/(.*)$", head, flags=re.MULTILINE)[1]
        yield path, [tuple(_side(hunk, sign) for sign in "-+") for hunk in hunks]


def _side(hunk, sign):
    lines = hunk.splitlines(keepends=True)
    return "".join(line[1:] or "\n" for line in lines if line[0] in f" {sign}\n")


def run_in_process(capture):
    """Runs mlcli here; both streams go to stdout, in the order in which they are written."""
    from mlcli.cli.app import main

    def run(arguments):
        capture.readouterr()
        code = 0
        try:
            with redirect_stderr(sys.stdout):
                main(arguments)
        except SystemExit as leaving:
            code = leaving.code or 0
        out, err = capture.readouterr()
        return code, out + err

    return run
