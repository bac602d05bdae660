"""Configurations from a stranger: read as settings, or refused with exit 2; they can name no code."""

import pytest

from mlcli.config.loading.load import parse_config
from mlcli.errors import ConfigError
from mlcli.formulas.parse import parse_formula
from mlcli.formulas.program import FormulaError
from tests.campaigns.hostile import payloads
from tests.campaigns.hostile.cases import cases
from tests.campaigns.hostile.watch import CANARY

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
RUN = f"open('{CANARY}', 'w')"

TEXTS = {
    "python/object/apply": f"dataset: !!python/object/apply:os.system ['touch {CANARY}']",
    "python/object/new": f"dataset: !!python/object/new:exec [{RUN!r}]",
    "python/name": "dataset: !!python/name:os.system",
    "python/module": f"dataset: !!python/module:{CANARY}",
    "python/tuple": "dataset: !!python/tuple [1]",
    "a tag of its own": "%TAG ! tag:yaml.org,2002:python/\n---\ndataset: !object/apply:os.system [x]",
    "set": "dataset: !!set {a}",
    "binary": "dataset: !!binary aGk=",
    "timestamp": "dataset: !!timestamp 2001-01-01",
    "billion laughs": LAUGHS,
    "an alias of itself": "dataset: &a [*a]",
    "merge key": "a: &a {name: iris}\ndataset: {<<: *a}",
    "a merge key without alias": "dataset: {<<: {name: iris}}",
    "deep lists": "dataset: " + "[" * 5000,
    "deep sections": "".join(f"{' ' * i}k:\n" for i in range(900)),
    "deep, on many lines": "dataset:\n" + "- " * 3000,
    "two documents": "dataset: iris\n---\ndataset: wine",
    "same key twice": "dataset: iris\ndataset: wine",
    "pickle": payloads.pickled(),
    "pickle of protocol 0": payloads.pickled(protocol=0),
    "joblib": payloads.joblib_file(),
    "torch.save": payloads.torch_file(),
    "utf-16": "dataset: iris".encode("utf-16"),
    "NUL": b"dataset: iris\0",
    "escape": "dataset: iris # \x1b]0;owned\x07",
    "escape written out": 'dataset: "\\x1b[31m"',
    "half a surrogate": 'dataset: "\\ud800"',
    "2 MB": "#" * (2 << 20),
    "1 MB of one key": "k" * (1 << 19) + ": 1",
    "many keys": "".join(f"k{i}: {i}\n" for i in range(20_000)),
    "many brackets": "dataset: {name: csv, path: x, target: y, drop: [" + "a," * 300_000 + "]}",
    "huge integer": "dataset: iris\nseed: " + "9" * 100_000,
    "huge exponent": "dataset: iris\noptimizer: {name: sgd, lr: 1e999999999}",
    "octal of a gigabyte": "dataset: iris\nseed: 0o" + "7" * 100_000,
    "sexagesimal": "dataset: iris\nseed: 1:2:3",
    "NaN": "dataset: iris\noptimizer: {name: sgd, lr: .nan}",
    "a class to import": f"dataset: {{name: {CANARY}.Dataset}}",
    "an optimizer to import": f"dataset: iris\noptimizer: {CANARY}.Optimizer",
    "_component_": f"dataset: iris\nmodel: {{_component_: {CANARY}.build}}",
    "_target_": f"dataset: iris\nmodel: {{_target_: {CANARY}.build}}",
    "model hidden": "dataset: iris\nmodel: {hidden: [1000000000000]}",
    "200,000 layers": "dataset: iris\nmodel: {hidden: [" + "1," * 200_000 + "]}",
    "pictures of terabytes": "dataset: {name: images, path: x, size: [1000000, 1000000]}",
    "points of terabytes": "dataset: {name: xor, rows: 1000000000000}",
    "a device that is a path": "dataset: iris\ndevice: /dev/sda",
    "html in a key": "<script>alert(1)</script>: 1",
    "a name that climbs": f"name: ../../{CANARY}\ndataset: iris",
    "a name from the root": f"name: /tmp/{CANARY}\ndataset: iris",
    "a name with a NUL": 'name: "a\\0b"\ndataset: iris',
}


@cases("text", TEXTS, 14)
def test_texts(home, strike, text):
    content = TEXTS[text]
    (home / "c.yaml").write_bytes(content if isinstance(content, bytes) else content.encode())
    strike("prepare", "c.yaml", code=2)
    assert {path.name for path in home.iterdir()} == {"runs", "bundles", "data", "c.yaml"}
    assert [path.name for path in (home / "runs").iterdir()] == ["table"]


FORMULAS = {
    "import": f"__import__('{CANARY}')",
    "attribute": "x.__class__.__mro__",
    "subclasses": "().__class__.__bases__[0].__subclasses__()",
    "lambda": f"(lambda: {RUN})()",
    "comprehension": f"[{RUN} for _ in x]",
    "generator": "max(i for i in x)",
    "f-string": f"f'{{{RUN}}}'",
    "walrus": "(y := x)",
    "call": RUN,
    "call through a column": "`x`(1)",
    "starred": "max(*x)",
    "keyword": "max(x, key=x)",
    "bytes": "b'x'",
    "exec": f"exec({RUN!r})",
    "format": "'{0.__class__}'.format(x)",
    "tower of powers": "x + 9**9**9**9",
    "power of a column": "x ** 1000000000",
    "huge number": "x + " + "9" * 900,
    "deep parentheses": "(" * 480 + "x" + ")" * 480,
    "deep signs": "-" * 990 + "x",
    "deep calls": "sin(" * 190 + "x" + ")" * 190,
    "10 MB": "x" + "+x" * (5 << 20),
    "semicolon": "x; x",
    "newline": "x\nimport os",
    "comment": "x # y",
    "line continuation": "x \\\n + y",
    "other digits": "x + ٣",
    "other letters": "ｅｘｅｃ(x)",
    "NUL": "x\0",
    "bidirectional": "x + \u202e1",
}


@cases("formula", FORMULAS, 10)
def test_formulas(home, strike, formula):
    text = FORMULAS[formula]
    with pytest.raises(FormulaError):
        parse_formula(text)
    if len(text) < 100_000 and text.isprintable():  # beyond that the file itself is refused
        quoted = text.replace("'", "''")
        (home / "c.yaml").write_text(f"dataset: iris\nfeatures: {{derive: {{d: '{quoted}'}}}}\n")
        strike("prepare", "c.yaml", code=2)


PIECES = (
    "dataset", "name", "iris", "csv", "path", "model", "hidden", "features", "derive", "x", ": ", ":", "- ", "\n",
    "\n  ", " ", "[", "]", "{", "}", ",", "&a", "*a", "!!python/name:os.system", "!", "|", ">", "'", '"', "#", "%", "@",
    "---",
    "...", "?", "<<", "\t", "~", "null", "1e3", "-1", "0x", ".inf", "\\", "\\x1b", "é", "\u2028", "${HOME}", "`",
    "\ufeff",
)  # fmt: skip


def read_or_refused(read, *arguments):
    """Any other error would be a bug."""
    try:
        read(*arguments)
    except (ConfigError, FormulaError):
        return "refused"
    return "read"


def test_texts_of_pieces(campaign):
    """Any text is a configuration, or a list of problems."""
    for _ in range(campaign.size(150, 60_000)):
        text = "".join(campaign.random.choices(PIECES, k=campaign.random.randrange(1, 40)))
        campaign.record(read_or_refused(parse_config, text, "c.yaml", "c"))


SIGNS = ("x", "`a b`", "col('c')", "1", "1e5", "0.5", "sin", "exp", "max", "(", ")", "+", "-", "*", "/", "%", "**", "<",
         "==", ",", " ", "__import__", ".", "[", "lambda", "'", "=", ":", "\\", "9" * 400)  # fmt: skip


def test_formulas_of_pieces(campaign):
    """Any text is a formula over columns, or refused."""
    for _ in range(campaign.size(250, 200_000)):
        text = "".join(campaign.random.choices(SIGNS, k=campaign.random.randrange(1, 14)))
        campaign.record(read_or_refused(parse_formula, text))
