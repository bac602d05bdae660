"""`mlcli play`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlcli.cli import completion
from mlcli.cli.options import JsonOption, QuietOption, SetOption, output_option
from mlcli.cli.session import Session, import_torch_beside


def play(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="SET|FILE",
            help="circle, xor, gauss, spiral, plane, multi_gauss; a table such as a CSV; or a config. Default: circle.",
            autocompletion=completion.playgrounds,
        ),
    ] = None,
    target: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Column of the table to predict. Default: the last.")
    ] = None,
    x: Annotated[
        str | None,
        typer.Option(
            "--x", metavar="COLUMN", help="Number column of the horizontal axis. Default: a strong predictor."
        ),
    ] = None,
    y: Annotated[str | None, typer.Option("--y", metavar="COLUMN", help="Number column of the vertical axis.")] = None,
    epochs: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Train N epochs without keys, then print the predictions.")
    ] = None,
    output: Annotated[Path | None, output_option("Write the final config here.")] = None,
    sets: SetOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Train a small network on two inputs, change it by keys meanwhile, and watch its predictions."""
    with Session(as_json, quiet) as session:
        from mlcli.playground.state import PlayRequest, start_play

        state = start_play(PlayRequest(what, target, x, y, sets or ()), session.screen)
        import_torch_beside()
        from mlcli.io.signals import Interruption
        from mlcli.terminal.play.game import Game, can_play
        from mlcli.terminal.play.panel import show_played
        from mlcli.use_cases.play import play as run_play

        if epochs is None and can_play(session.screen):
            game = Game(session.screen, state, output)
            game.play()
            game.show_result()
            if game.written is not None:
                session.screen.next_step(f"mlcli train {game.written}")
            return
        with Interruption() as interruption:
            result = run_play(state, state.config.training.epochs if epochs is None else epochs, output, interruption)
        session.finish(result, show_played, f"mlcli train {output}" if output else "")
        session.exit_if(interruption)
