"""Labelling, copying and deleting runs."""

import pytest

from mlcli.errors import LockedError, UsageError
from mlcli.runs.folder import find_run
from mlcli.runs.listing import list_entries
from mlcli.use_cases.runs import copy_config, delete_runs, find_numbered, label_run


def test_tags_and_note_are_kept_beside_all_else(make_run):
    before = make_run().read_manifest()
    assert label_run("iris/1", ["baseline", "small", "small"], [], "no dropout").tags == ("baseline", "small")
    assert label_run("iris/1", ["best"], ["small"], None).tags == ("baseline", "best")
    after = find_run("iris/1").read_manifest()
    assert (after.tags, after.note) == (("baseline", "best"), "no dropout")
    assert label_run("iris/1", [], ["baseline", "best"], "").note == ""
    assert find_run("iris/1").read_manifest() == before


def test_the_list_shows_runs_of_a_tag(make_run):
    for _ in range(3):
        make_run()
    label_run("iris/2", ["baseline"], [], None)
    listing = list_entries(None, 0, "baseline")
    assert [entry.to_json()["run"] for entry in listing.entries] == ["iris/002"]
    assert listing.entries[0].to_json()["tags"] == ["baseline"]
    assert list_entries(None, 0).total == 3


def test_a_tag_that_is_not_there_cannot_be_removed(make_run):
    make_run()
    with pytest.raises(UsageError, match=r"iris/001 has no tag 'x'; it has no tags"):
        label_run("iris", [], ["x"], None)


def test_deleted_runs_are_gone_and_others_stay(make_run, runs):
    for _ in range(3):
        make_run()
    named = find_numbered(["iris/1", "iris/003", "iris/001", str(runs / "iris/003")])
    assert delete_runs(named).runs == ("iris/001", "iris/003")
    assert [path.name for path in sorted((runs / "iris").iterdir()) if path.name.isdigit()] == ["002"]


def test_a_bare_name_deletes_nothing(make_run):
    make_run()
    with pytest.raises(UsageError, match="'iris' means the latest run; name the one to delete, such as iris/001"):
        find_numbered(["iris"])


def test_no_run_is_deleted_while_one_of_them_is_written(make_run):
    first, second = make_run(), make_run()
    with second.lock(), pytest.raises(LockedError):
        delete_runs([first, second])
    assert find_run("iris/1") == first


def test_a_copied_config_is_the_runs_and_replaces_nothing(make_run, tmp_path):
    make_run()
    output = tmp_path / "again.yaml"
    assert copy_config("iris", output).read_text() == "name: iris\n"
    with pytest.raises(UsageError, match="exists"):
        copy_config("iris", output)
