"""`--set a.b=value`: values from the command line, put into the tree before it is validated.

Values are YAML and follow the same rules as the file's: `model.hidden=[64, 32]`, `training.early_stopping=null`.
Keys with dots, such as column names, are quoted: `features.columns."petal.width".scale=none`.
"""

from collections.abc import Sequence
from dataclasses import replace

from mlcli.config.dotted import dotted, read_dotted
from mlcli.config.shorthand import write_out
from mlcli.config.tree import Place, Tree, Value
from mlcli.config.yaml_tree import read_yaml_value
from mlcli.errors import ConfigError, Problem


def apply_overrides(tree: Tree, overrides: Sequence[str]) -> Tree:
    """Tree with the values of all overrides, later ones winning; the malformed ones join its problems."""
    problems: list[Problem] = []
    for override in overrides:
        source = f"--set {override}"
        try:
            path, value = _read_override(override, source)
            tree = replace(tree, value=write_out(tree.value)).with_value(path, value, Place(source))
        except ConfigError as error:
            problems.extend(error.problems)
        except ValueError as error:
            problems.append(Problem("", str(error), source))
    return replace(tree, problems=(*tree.problems, *problems))


def _read_override(override: str, source: str) -> tuple[tuple[str, ...], Value]:
    keys, rest = read_dotted(override)
    if rest.startswith("["):
        raise ValueError(f"an item of a list cannot be set alone; set the whole list: {dotted(keys)}=[…]")
    if not rest.startswith("="):
        raise ValueError("must be key=value, such as optimizer.lr=0.01")
    return keys, read_yaml_value(rest[1:], source)
