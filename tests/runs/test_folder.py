import dataclasses
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from mlcli.errors import ArtefactError, ResourceError, UsageError
from mlcli.runs.folder import create_run, latest_run, open_run, run_folders


class TestCreateRun:
    def test_numbers_count_up_per_name(self, make_run, runs):
        made = [make_run(name) for name in ("iris", "iris", "digits", "iris")]
        assert [str(run) for run in made] == ["iris/001", "iris/002", "digits/001", "iris/003"]
        assert made[3].folder == runs / "iris" / "003"

    def test_a_number_is_never_used_twice(self, make_run, runs):
        make_run()
        (runs / "iris" / "0041").mkdir()
        (runs / "iris" / "notes").mkdir()
        assert make_run().number == 42

    def test_more_than_999(self, make_run, runs):
        (runs / "iris").mkdir(parents=True)
        (runs / "iris" / "999").mkdir()
        assert str(make_run()) == "iris/1000"

    def test_racing_for_numbers(self, make_run):
        with ThreadPoolExecutor(8) as pool:
            numbers = [run.number for run in pool.map(lambda _: make_run(), range(24))]
        assert sorted(numbers) == list(range(1, 25))

    def test_what_is_written(self, manifest):
        run = create_run("iris", "name: iris\n", manifest)
        assert run.config.read_text() == "name: iris\n"
        assert run.read_manifest() == manifest
        assert sorted(path.name for path in run.folder.iterdir()) == ["config.yaml", "manifest.json"]

    def test_manifest_names_no_folder_and_no_person(self, make_run, tmp_path):
        text = make_run().manifest.read_text()
        assert str(tmp_path) not in text
        assert os.uname().nodename not in text
        assert not any(value.startswith("/") for value in json.loads(text).values() if isinstance(value, str))

    def test_no_permission(self, runs, manifest):
        runs.write_text("a file where the folder should be")
        with pytest.raises(ResourceError, match="runs"):
            create_run("iris", "", manifest)


class TestManifest:
    def test_says_what_it_was_made_with(self, manifest):
        import numpy
        import polars
        import torch

        versions = manifest.versions
        assert versions["python"] == ".".join(map(str, sys.version_info[:3]))
        assert versions["torch"].split("+")[0] == torch.__version__.split("+")[0]
        assert (versions["numpy"], versions["polars"]) == (numpy.__version__, polars.__version__)
        assert abs((datetime.now(UTC) - datetime.fromisoformat(manifest.created)).total_seconds()) < 60

    def test_update_replaces_fields_only(self, manifest):
        run = create_run("iris", "", manifest)
        changed = run.update_manifest(status="early", timings={"train": 1.25})
        assert changed == dataclasses.replace(manifest, status="early", timings={"train": 1.25})
        assert run.read_manifest() == changed

    def test_an_unknown_field_is_a_bug(self, make_run):
        with pytest.raises(TypeError, match="state"):
            make_run().update_manifest(state="done")

    def test_looks_at_the_test_split_are_counted(self, make_run):
        run = make_run()
        assert [run.count_test_look() for _ in range(3)] == [1, 2, 3]
        assert run.read_manifest().test_looks == 3

    def test_no_look_is_lost_between_processes(self, make_run, runs):
        run = make_run()
        code = (
            "from pathlib import Path; from mlcli.runs.folder import open_run; import sys\n"
            "run = open_run(Path(sys.argv[1]))\n"
            "for _ in range(25): run.count_test_look()"
        )
        counters = [subprocess.Popen([sys.executable, "-c", code, str(run.folder)]) for _ in range(3)]
        assert [counter.wait(60) for counter in counters] == [0, 0, 0]
        assert run.read_manifest().test_looks == 75

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"schema": 2}, "newer mlcli.*upgrade"),
            ({"schema": None}, "format None"),
            ({"schema": "1"}, "format '1'"),
            ({"rows": "many"}, "rows: .*got 'many'"),
            ({"test_looks": [1]}, "test_looks: "),
            ({"status": "done"}, "status: .*'finished'.*got 'done'"),
        ],
    )
    def test_lies(self, make_run, change, message):
        run = make_run()
        run.manifest.write_text(json.dumps(json.loads(run.manifest.read_text()) | change))
        with pytest.raises(ArtefactError, match=rf"manifest\.json: .*{message}"):
            run.read_manifest()

    @pytest.mark.parametrize("content", ["", "[]", "null", '{"schema": 1}', "{", "[" * 5000, "\xff"])
    def test_rubbish(self, make_run, content):
        run = make_run()
        run.manifest.write_bytes(content.encode("latin-1"))
        with pytest.raises(ArtefactError, match=r"manifest\.json"):
            run.read_manifest()


class TestOpenRun:
    def test_paths(self, make_run):
        run = make_run()
        names = {name: getattr(run, name).relative_to(run.folder).as_posix() for name in PATHS}
        assert names == PATHS

    def test_as_created(self, make_run):
        run = make_run()
        assert open_run(run.folder) == run

    def test_moved(self, make_run, tmp_path):
        run = make_run()
        moved = run.folder.rename(tmp_path / "keep")
        assert open_run(moved).number == 0
        assert str(open_run(moved)) == str(moved)

    def test_relative(self, make_run, monkeypatch):
        monkeypatch.chdir(make_run().folder)
        assert str(open_run(type(make_run().folder)("."))) == "iris/001"

    def test_no_run_there(self, tmp_path):
        with pytest.raises(UsageError, match="not a run's folder"):
            open_run(tmp_path)


class TestLatestRun:
    def test_none(self):
        assert latest_run() is None
        assert run_folders() == []

    def test_by_creation_not_by_name_or_number(self, make_run, manifest, tmp_path):
        first, second = make_run("b"), make_run("a")
        assert [str(run) for run in run_folders()] == ["b/001", "a/001"]
        assert latest_run() == second
        first.update_manifest(created="2999-01-01T00:00:00.000000+00:00")
        assert latest_run() == first
        assert latest_run("a") == second
        assert latest_run("c") is None

    def test_a_run_cut_short_at_its_creation_is_none(self, make_run, runs):
        run = make_run()
        (runs / "iris" / "002").mkdir()
        assert latest_run() == run

    def test_a_damaged_manifest_does_not_hide_the_others(self, make_run):
        run, damaged = make_run(), make_run()
        damaged.manifest.write_text("{")
        assert run_folders() == [damaged, run]


PATHS = {
    "config": "config.yaml",
    "manifest": "manifest.json",
    "metrics": "metrics.jsonl",
    "checkpoints": "checkpoints",
    "model": "model",
    "evaluation": "evaluation",
    "report": "evaluation/report.html",
}


def test_finding_runs_loads_nothing_heavy():
    code = (
        "import mlcli.runs.folder, sys; mlcli.runs.folder.run_folders(); "
        "print({'torch', 'numpy', 'polars'} & set(sys.modules))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"
