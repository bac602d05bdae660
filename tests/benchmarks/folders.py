"""Where the suite finds and leaves things. All that it makes lies under build/, which git ignores."""

from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CONFIGS = HERE / "configs"
REQUIREMENTS = HERE / "requirements"
ENVIRONMENTS = ROOT / "build" / "peers"
WORKSPACE = ROOT / "build" / "benchmarks"
DATA = WORKSPACE / "data"
PREPARED = DATA / "prepared"
RUNS = WORKSPACE / "runs"
TASKS = WORKSPACE / "tasks"
