"""The commands: thin, and the one place where errors become exit codes.

Nothing heavy is imported here; each command imports its step when it runs.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from mlcli import completion
from mlcli.beside import add_commands
from mlcli.console.help import Command, Group, examples
from mlcli.options import ConfigArgument, JsonOption, QuietOption, RunArgument, SetOption, StrictOption
from mlcli.session import Session

app = typer.Typer(
    name="mlcli",
    cls=Group,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "color": False if os.environ.get("NO_COLOR") else None},
    help="Train neural networks on tables and small images from one YAML file.\n\n"
    "The steps: prepare → features → train → evaluate → improve; and predict. Each runs the earlier ones it needs.",
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"mlcli {version('mlcli')}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Carry the options that belong to no command."""


@app.command(cls=Command, epilog=examples("prepare", "prepare configs/adult.yaml", "prepare --json"))
def prepare(
    configs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="CONFIG",
            help="YAML files. Left out: every configs/*.yaml whose data is at hand.",
            autocompletion=completion.configs,
        ),
    ] = None,
    strict: StrictOption = False,
    sets: SetOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Step 1: acquire, clean and split the data; check it for leaks."""
    with Session(as_json, quiet) as session:
        loaded = session.configs(configs, sets)
        from mlcli.console.results import show_prepared
        from mlcli.steps.prepare import prepare_step

        outcome = prepare_step(loaded, session.screen, only_at_hand=not configs)
        session.finish(outcome, show_prepared, train_command(configs if configs or len(loaded) > 1 else []))
        session.refuse(outcome.serious if strict else ())


@app.command(cls=Command, epilog=examples("features configs/adult.yaml", "features -S features.scale=robust"))
def features(
    config: ConfigArgument = None, sets: SetOption = None, as_json: JsonOption = False, quiet: QuietOption = False
) -> None:
    """Step 2: derive, impute, scale, encode, select and extract features, fitted on the training rows."""
    with Session(as_json, quiet) as session:
        loaded = session.config(config, sets)
        from mlcli.console.results import show_features
        from mlcli.steps.features import features_step

        outcome = features_step(loaded, session.screen)
        session.finish(outcome, show_features, train_command([config] if config else []))


@app.command(
    cls=Command,
    epilog=examples(
        "train configs/mnist.yaml",
        "train -S training.epochs=20",
        "train --resume",
        "train --resume mnist/002 -S training.epochs=30",
    ),
)
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
) -> None:
    """Step 3: build the network, minimise its cost by gradient descent, keep the best weights."""
    with Session(as_json, quiet) as session:
        if resume is None:
            loaded = session.config(config, sets)
            prepared = session.prepared(loaded)
        else:
            run = session.resumable(None if resume == LATEST else resume, config)
        from mlcli.console.results import show_trained
        from mlcli.console.training_view import training_view
        from mlcli.signals import Interruption
        from mlcli.steps.train import resume_step, train_step

        interruption, views = Interruption(), [training_view(session.screen)]
        if resume is None:
            outcome = train_step(loaded, session.screen, views, interruption, prepared)
        else:
            outcome = resume_step(run, sets or (), session.screen, views, interruption)
        resume_command = f"mlcli train --resume {outcome.run}"
        session.finish(outcome, show_trained, resume_command if interruption() else "mlcli evaluate")
        session.exit_if(interruption)


@app.command(
    cls=Command,
    epilog=examples(
        "evaluate",
        "evaluate iris/002 --split valid",
        "evaluate --fail-under accuracy=0.9",
        "evaluate -S evaluation.folds=5",
    ),
)
def evaluate(
    run: RunArgument = None,
    split: Annotated[str, typer.Option(metavar="SPLIT", help="Rows to measure on: test, valid or train.")] = "test",
    fail_under: Annotated[
        list[str] | None,
        typer.Option(metavar="METRIC=VALUE", help="Exit 8 when the metric is worse than this. Repeatable."),
    ] = None,
    strict: StrictOption = False,
    sets: SetOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Step 4: measure on the test rows, beside baselines; write figures and a report."""
    with Session(as_json, quiet) as session:
        found = session.run(run)
        from mlcli.console.results import show_evaluation
        from mlcli.steps.evaluate import evaluate_step

        outcome = evaluate_step(found, split, fail_under or (), sets or (), session.screen)
        session.finish(outcome, show_evaluation, "mlcli improve, or mlcli predict NEW_ROWS")
        session.refuse(outcome.serious if strict else ())
        session.require(outcome.misses)


@app.command(
    cls=Command,
    epilog=examples(
        "improve configs/adult.yaml --trials 20",
        "improve --timeout 300 --ensemble 8",
        "improve iris/001 --diagnose --apply",
    ),
)
def improve(
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="CONFIG|RUN",
            help="YAML file, or a run. Left out: mlcli.yaml here, else the latest run's config.",
            autocompletion=completion.configs_or_runs,
        ),
    ] = None,
    trials: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Configurations to try; overrides the config.")
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(metavar="SECONDS", min=1, help="Seconds after which the search is stopped.")
    ] = None,
    ensemble: Annotated[
        int | None,
        typer.Option(metavar="K", min=1, max=100, help="Save K networks like the best as one model, a run of its own."),
    ] = None,
    jobs: Annotated[int, typer.Option(metavar="N", min=1, max=64, help="Processes that train at the same time.")] = 1,
    worker: Annotated[str | None, typer.Option(hidden=True)] = None,
    diagnose: Annotated[bool, typer.Option("--diagnose", help="Check and diagnose only; nothing is searched.")] = False,
    apply: Annotated[
        bool, typer.Option("--apply", help="Write the next config beside yours, as NAME-next.yaml, with what changed.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="With --apply: the file to write.")
    ] = None,
    sets: SetOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Step 5: diagnose the latest training, search better hyper-parameters, propose the next config."""
    with Session(as_json, quiet) as session:
        config, run = session.improvable(target, sets)
        from mlcli.console.improved import search_view, show_improved
        from mlcli.improve.workers import Share
        from mlcli.signals import Interruption
        from mlcli.steps.improve import Asked, improve_step, join_step

        interruption, views = Interruption(), [search_view(session.screen)]
        next_config = session.next_config(target, config, output) if apply or output else None
        asked = Asked(trials, timeout, ensemble, jobs, search=not diagnose, apply=next_config)
        if worker is not None:
            join_step(config, asked, Share.read(worker), interruption)
            return
        outcome = improve_step(config, run, asked, session.screen, views, interruption)
        session.finish(outcome, show_improved)
        session.exit_if(interruption)


@app.command(
    cls=Command,
    epilog=examples("predict new.csv -o out.csv", "predict - < new.csv", "predict digit.png --run mnist", "predict"),
)
def predict(
    source: Annotated[
        str | None,
        typer.Argument(metavar="INPUT", help="File of rows or pictures; - is stdin. Left out: the run's test rows."),
    ] = None,
    run: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="Run or bundle folder. Left out: the latest run.",
            autocompletion=completion.runs,
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write here (.csv, .parquet or .jsonl).")
    ] = None,
    file_format: Annotated[
        str | None, typer.Option("--format", metavar="FORMAT", help="csv, parquet or jsonl, where no suffix tells.")
    ] = None,
    input_format: Annotated[
        str | None,
        typer.Option(metavar="FORMAT", help="csv, parquet, jsonl or npz, where no suffix tells; stdin is CSV."),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="Copy this input column beside the prediction. Repeatable."),
    ] = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Predict new rows: the target is not needed, columns may stand in any order."""
    with Session(as_json, quiet) as session:
        outline, found = session.outline(run)
        given = None if source is None else session.given(outline, source, input_format)
        from mlcli.console.results import show_predictions
        from mlcli.steps.predict import PredictRequest, predict_step

        request = PredictRequest(given, output, file_format, tuple(keep or ()))
        session.finish(predict_step(outline, found, request, session.screen), show_predictions)


add_commands(app)

LATEST = "(latest)"


def train_command(configs: list[Path] | None) -> str:
    """The command that trains with the configuration just used."""
    if configs is None or len(configs) > 1:
        return "mlcli train CONFIG"
    return f"mlcli train {configs[0]}" if configs else "mlcli train"


def give_resume_a_value(arguments: list[str]) -> list[str]:
    """`--resume` alone means the latest run: a value is written in where none follows."""
    given: list[str] = []
    for index, argument in enumerate(arguments):
        given.append(argument)
        following = arguments[index + 1] if index + 1 < len(arguments) else "-"
        if argument == "--resume" and (following.startswith("-") or following.endswith((".yaml", ".yml"))):
            given.append(LATEST)
    return given


def main(arguments: list[str] | None = None) -> None:
    """Run one command; leaves by SystemExit."""
    if completion.answer_bash_behind_equals():
        sys.exit(0)
    app(give_resume_a_value(sys.argv[1:] if arguments is None else arguments))


def run_process() -> None:
    """Entry point of the `mlcli` program: `main` in a process of its own."""
    # Imports make many objects and no garbage; with the usual threshold they are searched over and over.
    gc.set_threshold(100_000, 50, 50)
    try:
        main()
    except SystemExit as leaving:
        # Typer and rich leave with 1 where a pipe was closed on them.
        closed = isinstance(leaving.__context__, BrokenPipeError)
        code = 128 + signal.SIGPIPE if closed else leaving.code
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.flush()
        sys.stderr.flush()
    # All is written and closed: torch's own clean-up would only cost a quarter of a second.
    os._exit(code if isinstance(code, int) else 0)
