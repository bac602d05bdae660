"""Four processes at one search in a database, killed at random, while the database and the network fail."""

import os
import signal
import time

import pytest

from tests.postgres import PASSWORD, Cable

PROCESSES, TRIALS, SECONDS = 4, 16, 900
CONFIG = """
name: shared
device: cpu
dataset: {{name: xor, rows: 400, noise: 0.1, split: {{test: 0, valid: 0.25}}}}
model: {{hidden: [8], activation: tanh}}
optimizer: {{name: adam, lr: 0.03}}
training: {{epochs: 60, batch_size: 16}}
improve:
  trials: {trials}
  pruning: none
  storage: postgresql://tester:${{WORD}}@127.0.0.1:${{PORT}}/shared
  space: {{optimizer.lr: {{log: [1.0e-3, 0.3]}}, model.dropout: [0.0, 0.5]}}
"""
FOUND = """
SELECT state, attribute.value_json IS NOT NULL, planned.value_json
FROM trials
LEFT JOIN trial_user_attributes attribute ON attribute.trial_id = trials.trial_id AND attribute.key = 'trial'
LEFT JOIN trial_user_attributes planned ON planned.trial_id = trials.trial_id AND planned.key = 'planned'
"""


@pytest.fixture
def shared(campaign, workspace, postgres_server, spawn):
    """Starts a process of the search, through a cable; skipped in small runs, for it takes minutes."""
    if not campaign.large:
        pytest.skip("needs --campaign")
    postgres_server.execute("DROP DATABASE IF EXISTS shared WITH (FORCE)")
    postgres_server.execute("CREATE DATABASE shared")
    cable = Cable(postgres_server.port)
    (workspace / "shared.yaml").write_text(CONFIG.format(trials=TRIALS))

    def start(number):
        settings = {"WORD": PASSWORD, "PORT": str(cable.port), "MLCLI_RUNS_DIR": f"runs-{number}"}
        patience = {"MLCLI_STALL_SECONDS": "15", "MLCLI_OFFLINE": "0"}
        return spawn("improve", "shared.yaml", "--quiet", env={**os.environ, **settings, **patience})

    yield start, cable
    cable.close()


def test_no_trial_is_lost_done_twice_or_stuck(campaign, shared, postgres_server):
    start, cable = shared
    processes = [start(number) for number in range(PROCESSES)]
    end = time.monotonic() + SECONDS
    while any(process.poll() is None for process in processes):
        assert time.monotonic() < end, "stuck"
        time.sleep(campaign.random.uniform(0.5, 4.0))
        number = campaign.random.randrange(PROCESSES)
        event = campaign.random.choice(["killed", "killed", "stopped", "disconnected", "cut", "silent", "restarted"])
        campaign.record(event)
        match event:
            case "killed":
                processes[number].kill()
            case "stopped":
                processes[number].send_signal(signal.SIGTERM)
            case "disconnected":
                postgres_server.disconnect_all("shared")
            case "cut":
                cable.cut()
            case "silent":
                with cable.stalled():
                    time.sleep(campaign.random.uniform(0.5, 12.0))
            case _:
                postgres_server.stop(campaign.random.choice(["immediate", "fast"]))
                time.sleep(campaign.random.uniform(0.0, 3.0))
                postgres_server.start()
        for place, process in enumerate(processes):
            if process.poll() not in (None, 0):
                _, err = process.communicate()
                assert process.returncode in (-signal.SIGKILL, -signal.SIGTERM, 143, 2, 7), err.decode()
                campaign.record(f"exit {process.returncode}")
                assert PASSWORD.encode() not in err
                processes[place] = start(place)
    found = postgres_server.execute(FOUND, "shared")
    ended = [(state, planned) for state, has_record, planned in found if has_record]
    assert {state for state, _, _ in found} <= {"COMPLETE", "PRUNED", "FAIL"}
    assert len(ended) == TRIALS
    planned = [name for _, name in ended if name is not None]
    assert len(planned) == len(set(planned))
    assert '"start"' in planned
