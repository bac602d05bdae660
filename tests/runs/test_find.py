import pytest

from mlcli.errors import UsageError
from mlcli.runs.folder import find_bundle, find_run


@pytest.fixture
def three(make_run):
    """iris/001, iris/002, digits/001 in that order; iris/001 has a model."""
    made = [make_run("iris"), make_run("iris"), make_run("digits")]
    for run in made[:1]:
        run.model.mkdir()
        (run.model / "bundle.json").write_text("{}")
    return made


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (None, "digits/001"),
        ("iris", "iris/002"),
        ("iris/", "iris/002"),
        ("iris/1", "iris/001"),
        ("iris/001", "iris/001"),
        ("iris/000002", "iris/002"),
        ("runs/iris", "iris/002"),
        ("runs/iris/", "iris/002"),
        ("runs/iris/001", "iris/001"),
        ("runs/iris/1", "iris/001"),
        ("./runs/iris/001/", "iris/001"),
        ("runs/iris/001/model", "iris/001"),
        ("runs/iris/001/model/", "iris/001"),
    ],
)
def test_specs(three, tmp_path, monkeypatch, spec, expected):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLCLI_RUNS_DIR", "runs")
    assert str(find_run(spec)) == expected


@pytest.mark.parametrize("spec", ["Iris", "IRIS/1", "runs/Iris"])
def test_upper_case_where_the_file_system_makes_no_difference(three, monkeypatch, spec):
    """As on macOS and Windows: links stand here for what is the same folder there."""
    folder = three[0].folder.parent
    monkeypatch.setenv("MLCLI_RUNS_DIR", str(folder.parent))
    name = spec.removeprefix("runs/").partition("/")[0]
    assert find_in(folder.parent, name, spec) is None
    (folder.parent / name).symlink_to(folder.name)
    assert find_in(folder.parent, name, spec).folder.parent.samefile(folder)


def find_in(runs, name, spec):
    try:
        return find_run(spec.replace("runs", str(runs)))
    except UsageError:
        return None


def test_a_folder_anywhere(three, tmp_path):
    moved = three[0].folder.rename(tmp_path / "001")
    assert find_run(str(moved)).folder == moved


def test_inside_the_bundle(three, monkeypatch):
    monkeypatch.chdir(three[0].model)
    assert find_run(".").folder == three[0].folder


def test_a_folder_of_the_same_name_is_no_run(three, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "iris").mkdir()
    assert str(find_run("iris")) == "iris/002"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("irs", r"no run 'irs'; did you mean 'iris'\? .*digits/001, iris/001–002$"),
        ("iris/9", r"no run 'iris/9'; did you mean 'iris'\?.* iris/001–002"),
        ("../iris", "no run '../iris'"),
        ("iris/x", "no run 'iris/x'"),
        ("iris/1/model/deeper", "no run"),
        ("/nowhere", "no run '/nowhere'"),
        ("", "no run ''"),
        ("a\0b", "no run"),
        ("x" * 5000, "no run"),
        ("iris/" + "9" * 40, "no run"),
    ],
)
def test_not_found(three, spec, message):
    with pytest.raises(UsageError, match=message):
        find_run(spec)


@pytest.mark.parametrize("spec", [None, "iris"])
def test_no_runs_at_all(spec):
    with pytest.raises(UsageError, match="none yet; train one with"):
        find_run(spec)


def test_many_names_are_cut(make_run):
    for i in range(23):
        make_run(f"n{i:02d}")
    with pytest.raises(UsageError, match=r"n19/001 and 3 more names$"):
        find_run("other")


class TestFindBundle:
    def test_of_a_run(self, three):
        assert find_bundle("iris/1") == three[0].model

    def test_by_its_folder(self, three):
        assert find_bundle(str(three[0].model)) == three[0].model

    def test_apart_from_its_run(self, three, tmp_path):
        moved = three[0].model.rename(tmp_path / "shipped")
        assert find_bundle(str(moved)) == moved
        with pytest.raises(UsageError, match="outside its run"):
            find_run(str(moved))

    def test_before_training_ends(self, three):
        with pytest.raises(UsageError, match="digits/001 has no model yet"):
            find_bundle(None)
