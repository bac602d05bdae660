"""Damaged and strange configurations: taken or refused in words, soon, in little memory, and never with a traceback."""

import os
import resource
import time

import yaml
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from mlcli.config.loading.dump import dump_config
from mlcli.config.loading.load import load_config, parse_config
from mlcli.errors import ConfigError
from tests.campaigns.mutations import mutate
from tests.config.test_against_pydantic import mutated
from tests.config.valid_configs import CONFIGS
from tests.conftest import CONFIGS as FOLDER

SECONDS = 2
MEGABYTES = 500

FILES = [path.read_bytes() for path in sorted(FOLDER.glob("*.yaml"))]
PIECES = [
    b"\t", b": ", b"- ", b"[", b"]", b"{", b"}", b"{a: " * 40, b"[" * 40, b"- " * 40, b"&a ", b"*a", b"<<: *a", b"? ",
    b"!!python/object/apply:os.system ", b"!", b"|", b">-", b"'", b'"', b"#", b"%YAML 1.1\n", b"---\n", b"...\n", b"@",
    b"\0", b"\x7f", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\r", b"\r\n", b"\xc2\x85", b"\xe2\x80\xa8", b"\\x",
    b".inf", b".nan", b"1e999", b"1e-400", b"9" * 50, b"-1", b"0", b"0.5", b"0x1F", b"1_000", b"null", b"~", b"true",
    b"yes", b"2026-01-01", b"12:30:00", "ñ🦤".encode(), b"name: ", b"path: /dev/zero", b"${HOME}", b"../" * 20,
]  # fmt: skip


def judge(campaign, path, content):
    """Load a file; tells whether it was taken. Anything raised but a ConfigError is a bug."""
    path.write_bytes(content)
    started = time.thread_time()
    try:
        config = load_config(path)
    except ConfigError:
        taken = False
    else:
        assert parse_config(dump_config(config), "dumped", "other") == config, content
        taken = True
    assert time.thread_time() - started < SECONDS, content
    campaign.record("accepted" if taken else "exit 2")
    return taken


def test_damaged_bytes(campaign, tmp_path):
    for _ in range(campaign.size(50, 10_000)):
        content = mutate(campaign.random, campaign.random.choice(FILES), PIECES, FILES)
        judge(campaign, tmp_path / "c.yaml", content)


def test_other_structures(campaign, tmp_path):
    trees = [yaml.safe_load(text) for text in (*CONFIGS.values(), *FILES)]

    @seed(campaign.seed)
    @settings(max_examples=campaign.size(50, 10_000), deadline=None, database=None, suppress_health_check=HealthCheck)
    @given(st.data())
    def strike(data):
        tree = data.draw(st.sampled_from(trees))
        rng = data.draw(st.randoms(use_true_random=False))
        for _ in range(data.draw(st.integers(1, 4))):
            tree = mutated(tree, rng, data.draw)
        text = yaml.safe_dump(tree, allow_unicode=True, sort_keys=False)
        judge(campaign, tmp_path / "c.yaml", text.encode())

    strike()


def limit_memory():
    resource.setrlimit(resource.RLIMIT_AS, (MEGABYTES << 20, MEGABYTES << 20))


def test_through_the_command_line(campaign, workspace, spawn):
    """Processes of their own, whose time and memory the system counts."""
    for _ in range(campaign.size(2, 200)):
        content = mutate(campaign.random, campaign.random.choice(FILES), PIECES, FILES)
        taken = judge(campaign, workspace / "c.yaml", content)
        # The data of a configuration that is fine may need more memory, or not be there.
        process = spawn("prepare", "c.yaml", "--quiet", preexec_fn=None if taken else limit_memory)
        said = process.stderr.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert "Traceback" not in said.decode()
        assert process.returncode in ((0, 3) if taken else (2,)), (content, said)
        assert taken or used.ru_utime + used.ru_stime < SECONDS
        campaign.record(f"exit {process.returncode} of the command")
