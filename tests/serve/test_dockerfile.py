"""The Dockerfile, beside what it starts and installs. It is not built here."""

import json
import re
import tomllib

from tests.conftest import ROOT

TEXT = (ROOT / "docs/Dockerfile").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_server_is_started_by_options_that_it_has(mlcli):
    (serve,) = [one for one in mlcli("schema", "--commands").json["commands"] if one["command"] == "mlcli serve"]
    program, command, _, *words = json.loads(re.search("^ENTRYPOINT (.+)$", TEXT, re.MULTILINE)[1])
    assert (program, command) == (*PROJECT["scripts"], "serve")
    given = dict(zip(words[::2], words[1::2], strict=True))
    assert given.keys() <= {flag for option in serve["options"] for flag in option["flags"]}
    assert {f"EXPOSE {given['--port']}", f"'http://127.0.0.1:{given['--port']}/health'"} <= set(
        re.split(r"\n|\(|,", TEXT)
    )


def test_it_installs_what_the_project_needs():
    (torch,) = [one for one in PROJECT["dependencies"] if one.startswith("torch")]
    assert f'"{torch}"' in TEXT
    assert "[serve]" in TEXT
    minor = int(re.search(r"^FROM python:3\.(\d+)-", TEXT, re.MULTILINE)[1])
    assert minor >= int(PROJECT["requires-python"].rpartition(".")[2])
