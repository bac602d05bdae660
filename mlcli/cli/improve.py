"""`mlcli improve`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlcli.cli.options import ConfigOrRunArgument, JsonOption, QuietOption, SetOption, VerboseOption, output_option
from mlcli.cli.session import Session, is_config_file
from mlcli.io.load import program_began
from mlcli.io.paths import free_path, refuse_overwriting

if TYPE_CHECKING:
    from mlcli.config.sections.config import Config


def improve(
    target: ConfigOrRunArgument = None,
    trials: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Number of trials; overrides the config.")
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(metavar="SECONDS", min=1, help="Time that the whole command takes.")
    ] = None,
    ensemble: Annotated[
        int | None,
        typer.Option(metavar="K", min=1, max=100, help="Save an ensemble of K networks like the best as a run."),
    ] = None,
    jobs: Annotated[int, typer.Option(metavar="N", min=1, max=64, help="Processes that train in parallel.")] = 1,
    worker: Annotated[str | None, typer.Option(hidden=True)] = None,
    forest: Annotated[Path | None, typer.Option(hidden=True)] = None,
    diagnose: Annotated[bool, typer.Option("--diagnose", help="Check and diagnose only, without a search.")] = False,
    status: Annotated[
        bool, typer.Option("--status", help="Show the search's trials, also those that run elsewhere, and leave.")
    ] = False,
    apply: Annotated[
        bool, typer.Option("--apply", help="Write the next config as NAME-next.yaml, with comments on the changes.")
    ] = False,
    output: Annotated[Path | None, output_option("With --apply: the file to write.")] = None,
    sets: SetOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Step 5: diagnose the latest training, search for better hyperparameters, propose the next config."""
    begun = program_began()
    with Session(as_json, quiet, verbose) as session:
        if forest is not None:
            from mlcli.diagnosis.trees import predict_asked

            predict_asked(forest)
            return
        config, run = session.config_or_run(target, sets)
        if status:
            from mlcli.terminal.search_status import show_statuses
            from mlcli.use_cases.improve import search_status

            session.finish(search_status(config), show_statuses)
            return
        from mlcli.io.signals import Interruption
        from mlcli.search.workers import WorkerTask
        from mlcli.terminal.improve import show_improved
        from mlcli.terminal.search import search_view
        from mlcli.use_cases.improve import ImproveRequest, join_search
        from mlcli.use_cases.improve import improve as run_improve

        interruption, views = Interruption(), [search_view(session.screen)]
        next_config = next_config_path(target, config, output) if apply or output else None
        asked = ImproveRequest(trials, timeout, ensemble, jobs, search=not diagnose, apply=next_config, begun=begun)
        if worker is not None:
            join_search(config, asked, WorkerTask.read(worker), interruption)
            return
        config, prepared = session.training_config(config, target, sets)
        result = run_improve(config, run, asked, session.screen, views, interruption, prepared)
        session.finish(result, show_improved)
        session.exit_if(interruption)


def next_config_path(target: str | None, config: Config, output: Path | None) -> Path:
    """The file for the next configuration: the one named, or the first free NAME-next.yaml beside the configuration.

    A run's is written to the current folder. Raises UsageError where the file named exists.
    """
    if output is not None:
        refuse_overwriting(output)
        return output
    stem = Path(target).with_suffix("") if target is not None and is_config_file(target) else Path(config.name)
    name = re.sub(r"-next(-\d+)?$", "", stem.name)
    return free_path(stem.with_name(f"{name}-next.yaml"))
