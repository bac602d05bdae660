"""What typer says of a command line that it does not understand, in this program's words."""

from __future__ import annotations

import re

from mlcli.config.key_names import key_words

# What typer says, and what is said in its place.
WORDINGS = (
    (r"Invalid value for '([^']+)': Input should be a valid integer.*", r"\1: must be a whole number"),
    (r"Invalid value for '([^']+)': Input should be a valid number.*", r"\1: must be a number"),
    (r"Invalid value for '([^']+)': Input should be (.*)", r"\1: must be \2"),
    (r"Invalid value for '([^']+)': (.*)", r"\1: \2"),
    (r"Got unexpected extra arguments? ?(?:\(s\) )?\((.*)\)", r"unexpected: \1"),
    (r"No such (command|option):? (.*)", r"no such \1: \2"),
    (r"(Missing|Option|Got|Invalid)\b(.*)", lambda found: found[1].lower() + found[2]),
)


def describe_usage(said: str, command: str) -> str:
    """One message with its remedy.

    said    : by typer
    command : whose help tells what it takes, such as `mlcli train`
    """
    said = said.strip().rstrip(".")
    said = re.sub(r"[.,]? ?\(?(?:Did you mean|Possible options:) ([^?)]*)[?)]*", r"; did you mean \1?", said)
    for pattern, wording in WORDINGS:
        if re.match(pattern, said):
            said = re.sub(pattern, wording, said, count=1)
            break
    return f"{said}{_as_key(said)}{'' if said.endswith('?') else ';'} see {command} --help"


def _as_key(said: str) -> str:
    """How the key of the configuration is set that an option is called like, if there is one."""
    option = re.fullmatch(r"no such option: --([\w-]+)", said)
    name = option[1].replace("-", "_") if option else ""
    keys = [key for key in key_words() if key.rpartition(".")[2] == name]
    return f"; the configuration's {keys[0]} is set by -S {keys[0]}=…" if keys else ""
