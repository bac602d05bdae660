"""mlcli beside suites that nobody here wrote: `python -m tests.truth --data FOLDER`.

FOLDER has clones of the suites; of one that is not there, the command that fetches it is told. The suite parquet needs
`pip install pyarrow`; optimizers needs nothing.
"""

import argparse
import contextlib
import importlib.util
import os
import sys
import tempfile
from pathlib import Path

from tests.truth import binaries, cells, documents, texts
from tests.truth.page import nist_section, optimizers_section, suite_section, whole_page
from tests.truth.suites import Suite

PAGE = Path(__file__).parent.parent.parent / "docs" / "truth.md"
SUITES = {suite.name: suite for module in (texts, cells, documents, binaries) for suite in module.SUITES}
NIST = Suite("nist", "NIST", "mathnet/mathnet-numerics", "data/NIST", "", "", iter)
NAMES = (*SUITES, "nist", "optimizers")


def run(name, data):
    """The section of a suite: title, totals and text; of the others the text alone."""
    if name in SUITES:
        suite = SUITES[name]
        return suite_section(suite, list(suite.run(data / suite.folder)), data)
    if name == "nist":
        commit, day = NIST.version(data)
        with tempfile.TemporaryDirectory() as place, contextlib.chdir(place):
            return nist_section(data / NIST.folder / NIST.needs, NIST.fetch, f"commit {commit[:12]} of {day}")
    return optimizers_section()


def main():
    """Run the suites named, print their sections, and write the page."""
    fetched = {**SUITES, "nist": NIST}
    fetches = "\n".join(f"  {name:13} {suite.fetch}" for name, suite in fetched.items())
    parser = argparse.ArgumentParser(
        prog="python -m tests.truth",
        description=__doc__,
        epilog=f"in FOLDER:\n{fetches}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"suites to run; all of: {', '.join(NAMES)}")
    parser.add_argument("--data", type=Path, default=Path("build/truth"), metavar="FOLDER", help="build/truth")
    parser.add_argument("--write", action="store_true", help="write docs/truth.md; needs all suites")
    asked = parser.parse_args()
    names, data = asked.names or NAMES, asked.data.resolve()
    if unknown := set(names) - set(NAMES):
        parser.error(f"no suite {min(unknown)}; there are {', '.join(NAMES)}")
    absent = [
        name for name in names if name in fetched and not (data / fetched[name].folder / fetched[name].needs).exists()
    ]
    for name in absent:
        print(f"{name}: left out; in {data}: {fetched[name].fetch}", file=sys.stderr)
    if "parquet" in names and "parquet" not in absent and importlib.util.find_spec("pyarrow") is None:
        absent.append("parquet")
        print("parquet: left out; pip install pyarrow", file=sys.stderr)
    if asked.write and (absent or set(names) != set(NAMES)):
        parser.error("the page needs all suites")
    os.environ["MLCLI_OFFLINE"] = "1"
    sections, others, failed = [], [], False
    for name in NAMES:
        if name not in names or name in absent:
            continue
        found = run(name, data)
        (sections if name in SUITES else others).append(found)
        print(found[-1] if name in SUITES else found, flush=True)
        failed |= name in SUITES and bool(found[1]["crashed"])
    if asked.write:
        PAGE.write_text(whole_page(sections, others), encoding="utf-8")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
