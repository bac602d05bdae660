"""Who may ask, how much, and how long; requests at the same time."""

import time
from dataclasses import replace

import pytest

from mlcli.errors import UsageError
from mlcli.serve.limits import is_loopback
from mlcli.serve.models import parse_models
from tests.serve.servers import JSON, LIMITS, Asked

ROW = {"age": 30, "plan": "plus", "member": True, "since": "2024-03-05"}
TOKEN = "a-token-of-some-length"


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost", 200), ("LOCALHOST:8000", 200), ("127.0.0.1:1", 200), ("[::1]:80", 200), ("evil.example", 421),
     ("localhost.evil.example", 421), ("127.0.0.1.evil.example:8000", 421), ("", 421), ("localhost:x", 421)],
)  # fmt: skip
def test_only_names_of_this_machine_are_answered(kinds, host, status):
    with Asked({"kinds": kinds}, hosts=("localhost", "127.0.0.1", "[::1]")) as asked:
        assert asked.get("/health", host=host).status == status


def test_a_token_is_wanted(kinds):
    with Asked({"kinds": kinds}, token=TOKEN) as asked:
        for path in ("/models", "/metrics", "/openapi.json", "/models/kinds/form", "/v2/models/kinds"):
            refused = asked.get(path)
            assert (refused.status, refused.headers["www-authenticate"]) == (401, "Bearer")
            assert TOKEN not in refused.content.decode()
            assert asked.get(path, authorization=f"Bearer {TOKEN}").status == 200
        for wrong in (TOKEN, f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}x", "Bearer", "Basic YTpi", "Bearer ä"):
            assert asked.post("/predict", ROW, **JSON, authorization=wrong).status == 401
        for path in ("/", "/page.js", "/page.css", "/health", "/v2/health/live", "/v2/health/ready"):
            told = asked.get(path)
            assert (told.status, "kinds" in told.content.decode()) == (200, False)


def test_requests_at_once_are_as_alone(asked):
    """The answers, refusals among them, to 24 requests that are predicted in a few batches."""
    rows = [ROW | {"age": 18 + i % 50, "plan": ("plus", "basic", "gold")[i % 3]} for i in range(22)]
    rows[10:10] = [ROW | {"age": "x"}, ROW | {"plan": "unheard"}]
    alone = [asked.post("/predict", row) for row in rows]
    before = asked.metrics.batch.counts[0]
    together = asked.ask(*[("POST", "/predict", row, JSON) for row in rows])
    assert [(one.status, one.content) for one in together] == [(one.status, one.content) for one in alone]
    assert [one.status for one in together].count(422) == 1
    assert before == 23  # all but the one that is not plain
    assert sum(asked.metrics.batch.counts) < 24 + 8


def test_too_many_requests_are_sent_away(kinds):
    with Asked({"kinds": kinds}, replace(LIMITS, requests=3)) as asked:
        told = asked.ask(*[("POST", "/predict", ROW, JSON)] * 5)
        assert sorted(one.status for one in told) == [200, 200, 200, 429, 429]
        assert {one.headers.get("retry-after") for one in told if one.status == 429} == {"1"}
        assert asked.post("/predict", ROW).status == 200


def test_late_answers_are_given_up(kinds, monkeypatch):
    monkeypatch.setattr("mlcli.serve.app.answer", lambda *_: time.sleep(0.3))
    with Asked({"kinds": kinds}, replace(LIMITS, seconds=0.05)) as asked:
        told = asked.post("/predict", [ROW, ROW])
    assert (told.status, "0.05 s" in told.json["error"]["message"]) == (503, True)


@pytest.mark.parametrize(
    ("host", "same"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("127.9.9.9", True), ("0.0.0.0", False), ("::", False),
     ("example.org", False), ("10.0.0.1", False)],
)  # fmt: skip
def test_which_addresses_are_of_this_machine_alone(host, same):
    assert is_loopback(host) is same


@pytest.mark.parametrize(
    ("options", "environment", "message"),
    [
        (["--host", "0.0.0.0"], {}, "set MLCLI_SERVE_TOKEN"),
        (["--host", "0.0.0.0"], {"MLCLI_SERVE_TOKEN": "short"}, "5 characters"),
        (["--port", "-1"], {}, "--port -1"),
        (["--port", "99999"], {}, "--port 99999"),
        (["kinds/001", "kinds/001"], {}, "two models are called 'kinds'"),
        (["a b=kinds/001"], {}, "'a b' is no name"),
        (["nothing"], {}, "no run 'nothing'"),
    ],
)  # fmt: skip
def test_what_the_command_refuses(in_kinds, mlcli, monkeypatch, options, environment, message):
    monkeypatch.delenv("MLCLI_SERVE_TOKEN", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    told = mlcli("serve", *options)
    assert (told.code, message in told.err) == (2, True), told.err


def test_names_of_models(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a=b").mkdir()
    assert parse_models(["iris", "x=runs/iris/2", "a=b"]) == ((None, "iris"), ("x", "runs/iris/2"), (None, "a=b"))
    assert parse_models([]) == ((None, None),)
    with pytest.raises(UsageError):
        parse_models(["../x=iris"])
