"""The program: its commands, usage errors, and the process."""

from __future__ import annotations

import codecs
import contextlib
import gc
import io
import os
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from mlcli.cli.check import check, doctor
from mlcli.cli.completion import COMPLETION, answer_bash_behind_equals
from mlcli.cli.evaluate import evaluate
from mlcli.cli.explain import explain, schema
from mlcli.cli.export import export
from mlcli.cli.improve import improve
from mlcli.cli.init import init
from mlcli.cli.play import play
from mlcli.cli.predict import predict
from mlcli.cli.prepare import features, prepare
from mlcli.cli.runs import runs_group
from mlcli.cli.serve import serve
from mlcli.cli.show import show
from mlcli.cli.train import give_resume_a_value, train
from mlcli.io.load import begin_watching
from mlcli.io.platform import CLOSED_PIPE_CODE, is_closed_pipe
from mlcli.io.text import spell_out
from mlcli.terminal.help import Command, Group, examples


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"mlcli {version('mlcli')}")
        raise typer.Exit


def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Carry the options that belong to no command."""


# In the order of the help, each with examples of how to call it.
STEPS: dict[Callable[..., None], str] = {
    prepare: examples("prepare", "prepare configs/adult.yaml", "prepare --json"),
    features: examples("features configs/adult.yaml", "features -S features.scale=robust"),
    train: examples(
        "train configs/mnist.yaml",
        "train -S training.epochs=20",
        "train --resume",
        "train --resume mnist/002 -S training.epochs=30",
        "train new_rows.yaml --from income/003",
    ),
    evaluate: examples(
        "evaluate",
        "evaluate iris/002 --split valid",
        "evaluate --fail-under accuracy=0.9",
        "evaluate -S evaluation.folds=5",
    ),
    improve: examples(
        "improve configs/adult.yaml --trials 20",
        "improve --timeout 300 --ensemble 8",
        "improve iris/001 --diagnose --apply",
        "improve configs/adult.yaml --status",
    ),
    predict: examples("predict new.csv -o out.csv", "predict - < new.csv", "predict digit.png --run mnist", "predict"),
}
OTHERS: dict[Callable[..., None], str] = {
    export: examples("export", "export iris/002 -o iris.onnx"),
    serve: examples("serve", "serve iris adult=runs/adult/003 --port 9000"),
    play: examples(
        "play",
        'play spiral -S "model.hidden=[8,8]"',
        "play people.csv --target income --x age --y hours",
        "play configs/iris.yaml --epochs 50",
    ),
    init: examples("init people.csv --target income", "init images/", "init --example iris"),
    show: examples("show", "show configs/adult.yaml --column age --column sex", "show digits -o digits.html"),
    check: examples("check", 'check configs/adult.yaml -S "model.hidden=[512]"', "check --json"),
    explain: examples("explain", "explain optimizer.lr", "explain adam", "explain relu"),
    schema: examples("schema -o mlcli.schema.json", "schema | less"),
    doctor: examples("doctor", "doctor > report.txt"),
}
OTHERS_PANEL, RUNS = "Other commands", "runs"


def make_app(only: str | None = None) -> typer.Typer:
    """The program with all of its commands, or with one: typer takes a millisecond to look at each.

    only : the name of a command; of any other, all commands
    """
    app = typer.Typer(
        name="mlcli",
        cls=Group,
        no_args_is_help=True,
        add_completion=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={
            "help_option_names": ["-h", "--help"],
            "color": False if os.environ.get("NO_COLOR") else None,
        },
        help="Train neural networks on tables and small images from one YAML file.\n\n"
        "The steps: prepare → features → train → evaluate → improve; and predict. Each runs the earlier ones it needs.",
    )
    app.callback()(root)
    names = {command.__name__ for command in (*STEPS, *OTHERS)} | {RUNS}
    chosen = names if only not in names else {only}
    for panel, commands in ((None, STEPS), (OTHERS_PANEL, OTHERS)):
        for command, epilog in commands.items():
            if command.__name__ in chosen:
                app.command(cls=Command, epilog=epilog, rich_help_panel=panel)(command)
    if RUNS in chosen:
        app.add_typer(runs_group(), name=RUNS, rich_help_panel=OTHERS_PANEL)
    return app


def main(arguments: list[str] | None = None) -> None:
    """Run one command; leaves by SystemExit."""
    if answer_bash_behind_equals():
        sys.exit(0)
    arguments = give_resume_a_value(sys.argv[1:] if arguments is None else arguments)
    # `schema` describes all commands, and so may a shell ask for any.
    only = arguments[0] if arguments and arguments[0] != schema.__name__ and COMPLETION not in os.environ else None
    try:
        sys.exit(make_app(only)(arguments, prog_name="mlcli", standalone_mode=False) or 0)
    except Exception as error:
        # Typer's own, whichever of its versions raises it.
        say, show = (getattr(error, name, None) for name in ("format_message", "show"))
        if say is None or show is None:
            raise
        if type(error).__name__ == "NoArgsIsHelpError":
            show()
            sys.exit(2)
        context = getattr(error, "ctx", None)
        from mlcli.errors import UsageError
        from mlcli.terminal.help import describe_usage
        from mlcli.terminal.screen import Screen

        refused = UsageError(describe_usage(say(), context.command_path if context else "mlcli"))
        Screen(as_json="--json" in arguments).error(refused)
        sys.exit(refused.exit_code)


class WithoutPandas:
    """A finder of modules that finds no pandas: scikit-learn imports it where it is installed, for 22 MB and 0.2 s."""

    @staticmethod
    def find_spec(name: str, _path: object = None, _target: object = None) -> None:
        """Raises ModuleNotFoundError for pandas; others find all else."""
        if name == "pandas":
            raise ModuleNotFoundError("mlcli does without pandas", name=name)


def run_process() -> None:
    """Entry point of the `mlcli` program: `main` in a process of its own."""
    # Imports make many objects and no garbage; with the usual threshold they are searched over and over.
    gc.set_threshold(100_000, 50, 50)
    # Pydantic would look through every installed package for plugins, whose code is none of mlcli's.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")
    # Of the memory that Polars frees, its allocator keeps what is used again soon, and not for half a second.
    os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:10,muzzy_decay_ms:0")
    sys.meta_path.insert(0, WithoutPandas())
    begin_watching()
    codecs.register_error("spell_out", spell_out)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="spell_out")
    try:
        main()
    except SystemExit as leaving:
        # Typer and rich leave with 1 where a pipe was closed on them.
        code = CLOSED_PIPE_CODE if is_closed_pipe(leaving.__context__) else leaving.code
    except BrokenPipeError:  # of stderr
        code = CLOSED_PIPE_CODE
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.flush()
        sys.stderr.flush()
    # All is written and closed: torch's own clean-up would only cost a quarter of a second.
    os._exit(code if isinstance(code, int) else 0)
