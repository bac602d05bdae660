"""Sentences made from what is known of keys."""

import re
from pathlib import Path

import pytest

import mlcli.reports.narration
from mlcli.config.loading.load import parse_config
from mlcli.config.reference.explain import Topic
from mlcli.reports.narration import about, about_member, clause

CONFIG = parse_config("name: a\ndataset: {name: iris}\noptimizer: {name: adamw, lr: 0.01}\n", "test", "a", ())
TOLD = {
    "features.scale": "Normalisation (normalización): features.scale is standard: mean 0, deviation 1.",
    "improve.sampler": "Random or Bayesian search (búsqueda aleatoria, bayesiana): improve.sampler is tpe: learns from "
    "earlier trials.",
    "training.epochs": "Epoch (época): training.epochs is 100. Passes over the training rows, at most.",
    "dataset.split.by": "dataset.split.by is auto: stratified for classes, random for numbers.",
}


@pytest.mark.parametrize(("key", "expected"), TOLD.items())
def test_a_key_with_its_value_and_its_meaning(key, expected):
    assert about(CONFIG, key) == expected


def test_what_auto_comes_to_is_told_in_its_place():
    assert about(CONFIG, "optimizer.lr", 0.25).startswith(
        "Learning rate α (tasa de aprendizaje): optimizer.lr is 0.25. "
    )


@pytest.mark.parametrize(
    ("section", "name", "expected"),
    [
        ("loss", "mse", "mse: mean squared error, of two classes' probability with model.output: sigmoid"),
        ("loss", "perceptron", "perceptron: max(0, −y·z), Rosenblatt's rule"),
        ("optimizer", "adam", "adam (Kingma and Ba, 2015)"),
        ("optimizer", "adamw", "adamw (Loshchilov and Hutter, 2019)"),
        ("optimizer", "nadam", "nadam"),
        ("optimizer", "adagrad", "adagrad: Duchi et al., 2011"),
    ],
)
def test_a_member_in_a_few_words(section, name, expected):
    assert about_member(section, name) == expected


@pytest.mark.parametrize(
    ("text", "word", "expected"),
    [
        ("a: one; b: two. More.", "a", "one"),
        ("a: one; b: two. More.", "b", "two"),
        ("What it is. ab: one; a: two", "a", "two"),
        ("a does this; b", "a", "does this"),
        ("Nothing of it.", "a", ""),
    ],
)
def test_the_clause_of_a_word(text, word, expected):
    assert clause(text, word) == expected


def test_every_key_that_is_told_of_exists():
    sources = [Path(mlcli.reports.narration.__file__).read_text()]
    called = {name for text in sources for name in re.findall(r"about\(config, f?\"([a-z_.]+)\"", text)}
    named = {name for text in sources for name in re.findall(r"(?:term_of|heading)\([\"']([a-z_.]+)[\"']\)", text)}
    assert len(called) > 10
    assert all(Topic(tuple(key.split("."))).keys for key in called)
    assert all(Topic(tuple(key.split("."))).advice.term for key in named)
