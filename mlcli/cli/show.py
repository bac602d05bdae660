"""`mlcli show`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlcli.cli.options import ConfigOrRunArgument, JsonOption, QuietOption, SetOption, output_option
from mlcli.cli.session import Session, is_config_file
from mlcli.errors import UsageError


def show(
    target: ConfigOrRunArgument = None,
    columns: Annotated[
        list[str] | None, typer.Option("--column", metavar="NAME", help="Show this column in detail. Repeatable.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Show all columns and classes.")] = False,
    split: Annotated[str, typer.Option(metavar="SPLIT", help="train or valid; the test rows stay hidden.")] = "train",
    output: Annotated[Path | None, output_option("Write a page with all figures (.html).")] = None,
    sets: SetOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Show the data: distributions, missing values, correlations, class balance and images."""
    with Session(as_json, quiet) as session:
        if target is not None and not is_config_file(target) and Path(target).is_file():
            raise UsageError(f"{target}: give a configuration or a run; mlcli init {target} writes a configuration")
        config, run = session.config_or_run(target, sets)
        if output is not None:
            from mlcli.reports.data_page import require_page_name

            require_page_name(output)
        from mlcli.terminal.show import show_explored
        from mlcli.use_cases.show import show as run_show

        result = run_show(config, session.screen, split, columns or (), project=output is not None)
        trained = None if run is None or is_config_file(target) else run.read_manifest().data_fingerprint
        if not sets and trained not in (None, result.fingerprint):
            session.screen.warn(f"the data has changed since {target} was trained; this is the current data")
        if output is not None:
            from mlcli.reports.data_page import write_data_page

            write_data_page(result, output)
        session.finish(result, lambda screen, found: show_explored(screen, found, every=every))
        if output is not None:
            session.screen.say(f"Page: {output}")
