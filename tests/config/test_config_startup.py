"""A wrong file is explained before anything heavy is imported."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    "torch", "numpy", "polars", "sklearn", "scipy", "matplotlib", "optuna", "PIL", "rich", "typer", "safetensors",
    "pydantic",
}  # fmt: skip

SCRIPT = """
import sys
from pathlib import Path
from mlcli.config.loading.load import load_config
from mlcli.errors import ConfigError
try:
    load_config(Path(sys.argv[1]))
except ConfigError as error:
    print(len(error.problems))
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


@pytest.mark.parametrize(
    ("text", "problems"), [("dataset: iris\noptimizer: {lrr: 3, momentum: 1}\n", 2), ("a: [\n", 1)]
)
def test_a_bad_config_imports_nothing_heavy(tmp_path: Path, text: str, problems: int) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text, encoding="utf-8")
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(path)], capture_output=True, text=True, check=True)
    count, modules = done.stdout.splitlines()
    assert int(count) == problems
    assert not HEAVY & set(modules.split())
    assert done.stderr == ""
