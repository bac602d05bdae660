"""`mlcli train`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlcli.cli import completion
from mlcli.cli.options import ConfigArgument, JsonOption, QuietOption, SetOption, VerboseOption
from mlcli.cli.session import FILE_ENDINGS, Session
from mlcli.errors import UsageError

if TYPE_CHECKING:
    from mlcli.config.sections.config import Config
    from mlcli.io.programs import Launch
    from mlcli.runs.folder import Run
    from mlcli.training.processes import Processes

# The value of `--resume` alone.
LATEST = "(latest)"
# Seconds that the other processes may take to end after the first has written all.
GRACE = 5.0


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
    parent: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="RUN",
            help="Start from a run's weights, with new rows of its columns; CONFIG is by default the run's.",
            autocompletion=completion.runs,
        ),
    ] = None,
    sets: SetOption = None,
    processes: Annotated[
        int,
        typer.Option(
            "--processes", metavar="N", min=1, help="Train on N processes of this machine; N divides training.shards."
        ),
    ] = 1,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Step 3: build the network, minimise its cost by gradient descent, keep the best weights."""
    from mlcli.io.programs import how_launched

    with Session(as_json, quiet, verbose) as session, _with_others(processes, launch := how_launched()) as together:
        if launch.rank:
            _follow(session, together)
            return
        if resume is not None and parent is not None:
            raise UsageError("--from starts a new run and --resume continues one; use one of them")
        run = None if resume is None else _run_to_resume(session, config, resume)
        start = None if parent is None else _find_start(parent)
        if run is not None:
            read = read_config(run)
        elif start is not None and config is None:
            read = _config_of(start, sets, session)
        else:
            read = session.config(config, sets)
        require_shards(read, max(launch.size, processes))
        if run is None and launch.restarts:
            run = unfinished_run(read.name)
        if run is None:
            loaded, prepared = session.training_config(read, config, sets)
        from mlcli.io.signals import Interruption
        from mlcli.terminal.results import show_trained
        from mlcli.terminal.train import training_view
        from mlcli.use_cases.train import resume as run_resume
        from mlcli.use_cases.train import train as run_train

        interruption, views = Interruption(), [training_view(session.screen)]
        with together() as group:
            if run is None:
                result = run_train(loaded, session.screen, views, interruption, prepared, group, start)
            else:
                result = run_resume(run, sets or (), session.screen, views, interruption, group)
        resume_command = f"mlcli train --resume {result.run}"
        session.finish(result, show_trained, resume_command if interruption() else "mlcli evaluate")
        session.exit_if(interruption)


@contextmanager
def _with_others(count: int, launch: Launch) -> Iterator[Callable[[], Processes]]:
    """Start the other processes of --processes, which import torch while this one prepares the data.

    Yields what makes the processes known to each other, and needs torch.
    """
    from mlcli.io import programs

    def launched() -> Processes:
        from mlcli.training.processes import Processes

        programs.await_leader()
        return Processes() if launch.size == 1 else Processes.of_environment(programs.stall_seconds())

    if max(count, launch.size) > 1:
        programs.silence_torch()
    if count == 1:
        yield launched
        return
    if launch.size > 1:
        raise UsageError(f"--processes {count}: torchrun has started {launch.size} already; use one of them")
    from mlcli.io.network import listen_on_loopback

    programs.stay_on_loopback()
    socket = listen_on_loopback()
    commands = [(["train", "--quiet"], place) for place in programs.places(count, socket[1])]
    with programs.running(commands, GRACE) as others:

        def started() -> Processes:
            from mlcli.training.processes import Processes

            group = Processes.of_machine(
                count, socket, programs.stall_seconds(), lambda: programs.describe_ended(others)
            )
            programs.tell_to_connect(others)
            return group

        yield started


def _follow(session: Session, together: Callable[[], Processes]) -> None:
    """One of several processes, of which the first reports and writes."""
    from mlcli.io.signals import Interruption
    from mlcli.use_cases.train import follow

    interruption = Interruption()
    with together() as group:
        session.is_silent = True  # until here, the first has not been reached
        follow(group, interruption)
    session.exit_if(interruption)


def _run_to_resume(session: Session, config: Path | None, resume: str) -> Run:
    from mlcli.runs.folder import find_run

    latest = session.config(config, ()).name if config is not None and resume == LATEST else None
    return find_run(latest if resume == LATEST else resume)


def _find_start(spec: str) -> Path:
    """The bundle whose weights are the first ones."""
    from mlcli.runs.folder import find_bundle

    return find_bundle(spec)


def _config_of(bundle: Path, sets: Sequence[str] | None, session: Session) -> Config:
    """The configuration of the run that a bundle belongs to."""
    from mlcli.config.loading.load import read_resolved
    from mlcli.runs.folder import is_run, open_run

    if not is_run(bundle.parent):
        raise UsageError(f"--from {bundle}: a bundle without its run; name the configuration of the new rows as well")
    return read_resolved(open_run(bundle.parent).config, sets or (), session.screen)


def read_config(run: Run) -> Config:
    """The configuration of a run."""
    from mlcli.config.loading.load import read_resolved

    return read_resolved(run.config)


def unfinished_run(name: str) -> Run | None:
    """The latest run of the name, where its training was cut off."""
    from mlcli.runs.folder import latest_run

    run = latest_run(name)
    return run if run is not None and run.read_manifest().status == "running" else None


def require_shards(config: Config, size: int) -> None:
    """Raise UsageError where so many processes cannot share what is trained."""
    shards = config.training.shards
    if size > 1 and shards % size:
        usable = ", ".join(str(number) for number in (1, 2, 4, 8, 16, 32, 64) if number <= shards)
        remedy = f"use {usable} of them" if shards > 1 else "they share shards"
        raise UsageError(
            f"{size} processes do not divide training.shards, which is {shards}; {remedy}, or set more shards, as in "
            "-S training.shards=4: the result depends on the shards, not on the processes"
        )
    if size > 1 and config.training.ensemble > 1:
        raise UsageError(
            f"training.ensemble: {config.training.ensemble} networks are trained one after another by one process; "
            "remove it, or train without --processes"
        )


def give_resume_a_value(arguments: list[str]) -> list[str]:
    """Write LATEST after a `--resume` that no run follows."""
    given: list[str] = []
    for index, argument in enumerate(arguments):
        given.append(argument)
        following = arguments[index + 1] if index + 1 < len(arguments) else "-"
        if argument == "--resume" and (following.startswith("-") or following.endswith(FILE_ENDINGS)):
            given.append(LATEST)
    return given
