"""`mlcli train`."""

from __future__ import annotations

from typing import Annotated

import typer

from mlcli.cli import completion
from mlcli.cli.options import ConfigArgument, JsonOption, QuietOption, SetOption, VerboseOption
from mlcli.cli.session import FILE_ENDINGS, Session

# The value of `--resume` alone.
LATEST = "(latest)"


def train(
    config: ConfigArgument = None,
    resume: Annotated[
        str | None,
        typer.Option(
            "--resume",
            metavar="[RUN]",
            help="Continue a run exactly where it stopped; the latest by default.",
            autocompletion=completion.runs,
        ),
    ] = None,
    sets: SetOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Step 3: build the network, minimise its cost by gradient descent, keep the best weights."""
    with Session(as_json, quiet, verbose) as session:
        if resume is None:
            loaded, prepared = session.training_config(session.config(config, sets), config, sets)
        else:
            from mlcli.runs.folder import find_run

            latest = session.config(config, ()).name if config is not None and resume == LATEST else None
            run = find_run(latest if resume == LATEST else resume)
        from mlcli.io.signals import Interruption
        from mlcli.terminal.results import show_trained
        from mlcli.terminal.train import training_view
        from mlcli.use_cases.train import resume as run_resume
        from mlcli.use_cases.train import train as run_train

        interruption, views = Interruption(), [training_view(session.screen)]
        if resume is None:
            result = run_train(loaded, session.screen, views, interruption, prepared)
        else:
            result = run_resume(run, sets or (), session.screen, views, interruption)
        resume_command = f"mlcli train --resume {result.run}"
        session.finish(result, show_trained, resume_command if interruption() else "mlcli evaluate")
        session.exit_if(interruption)


def give_resume_a_value(arguments: list[str]) -> list[str]:
    """Write LATEST after a `--resume` that no run follows."""
    given: list[str] = []
    for index, argument in enumerate(arguments):
        given.append(argument)
        following = arguments[index + 1] if index + 1 < len(arguments) else "-"
        if argument == "--resume" and (following.startswith("-") or following.endswith(FILE_ENDINGS)):
            given.append(LATEST)
    return given
