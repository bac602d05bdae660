"""Every key can be looked up, and what is said of it is true."""

import pytest

from mlcli.config.loading.dump import dump_briefly
from mlcli.config.loading.yaml import read_yaml
from mlcli.config.reference.explain import Topic, example_of, is_choice, summary_of
from mlcli.config.rules.values import expand_shorthand, find_issues
from mlcli.config.sections.config import ANY, all_keys
from mlcli.config.tree import freeze
from mlcli.errors import UsageError
from mlcli.use_cases.explain import explain, find_topics

KEYS = {".".join(key.path): key for key in all_keys() if not is_choice(key)}
MEMBERS = [Topic(path, name) for path in dict.fromkeys(key.path for key in all_keys()) for name in Topic(path).sections]


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_every_key_has_a_description_and_can_be_looked_up(key):
    assert len(key.field.description or "") > 5
    name = ".".join("age" if part == ANY else part for part in key.path)
    assert any(entry.meaning for topic in find_topics(name) for entry in topic.entries())


def test_every_section_that_can_be_chosen_says_what_it_is():
    assert all(len(summary_of(section)) > 5 for topic in MEMBERS for section in topic.sections.values())


TOPICS = [*explain(None).topics, *MEMBERS]
SHOWN = [topic for topic in TOPICS if example_of(topic) is not None]


@pytest.mark.parametrize("topic", SHOWN, ids=[topic.title for topic in SHOWN])
def test_an_example_is_valid_but_for_keys_that_it_leaves_out(topic):
    example = example_of(topic)
    read = read_yaml(dump_briefly(example), "example").value
    assert read == freeze(example)
    messages = [issue.message for issue in find_issues(expand_shorthand({"name": "a", **read}))]
    assert [message for message in messages if not message.startswith("is required")] == []


def test_every_key_that_is_no_section_has_an_example():
    lacking = [topic.title for topic in TOPICS if example_of(topic) is None]
    assert [name for name in lacking if not KEYS[name].is_section] == []


@pytest.mark.parametrize(
    ("asked", "found", "owners"),
    [
        ("optimizer.lr", ["optimizer.lr"], None),
        ("optimizer.sgd.momentum", ["optimizer.momentum"], [("sgd",)]),
        ("optimizer.momentum", ["optimizer.momentum"], [("sgd",), ("rmsprop",), ("muon",)]),
        ("optimizer.adam", ["optimizer.adam"], None),
        ("optimizer.schedule.plateau.patience", ["optimizer.schedule.patience"], [("plateau",)]),
        ("optimizer.name", ["optimizer"], None),
        ("patience", ["optimizer.schedule.patience", "training.early_stopping.patience"], None),
        ("seed", ["seed"], None),
        ("name", ["name"], None),
        ("adamw", ["optimizer.adamw"], None),
        ("relu", ["model.activation"], None),
        ("iqr", ["dataset.outliers.iqr"], None),
        ("features.columns.age", ["features.columns.age"], None),
        ('features.columns."sepal.width".scale', ['features.columns."sepal.width".scale'], [()]),
        ("dataset.images", ["dataset.images", "dataset.images"], None),  # a key of idx, and a source
    ],
)
def test_what_is_meant(asked, found, owners):
    topics = find_topics(asked)
    assert [topic.title for topic in topics] == found
    if owners is not None:
        assert [entry.owners for topic in topics for entry in topic.entries()] == owners


@pytest.mark.parametrize(
    ("asked", "near"),
    [
        ("optimizer.lrr", "optimizer.lr"),
        ("learning_rate", "optimizer.lr"),
        ("momentun", "optimizer.momentum"),
        ("adem", "optimizer.adam"),
        ("training.early_stop", "training.early_stopping"),
        ("optimizer.adam.momentum", "optimizer.momentum"),
    ],
)
def test_a_misspelt_key_gets_the_nearest(asked, near):
    with pytest.raises(UsageError, match=rf"did you mean {near}\?"):
        find_topics(asked)


@pytest.mark.parametrize("asked", ["", "a..b", "[1]", "zzzzzzzz", 'x"', "\x1b[31m"])
def test_what_is_no_key_is_refused(asked):
    with pytest.raises(UsageError):
        find_topics(asked)


def test_a_member_has_its_own_default():
    (entry,) = find_topics("optimizer.adam.lr")[0].entries()
    assert (entry.default, entry.values) == ("0.001", "a number > 0")
    (entry,) = find_topics("dataset.csv.path")[0].entries()
    assert entry.default is None
