"""`mlcli serve`."""

from __future__ import annotations

from typing import Annotated

import typer

from mlcli.cli import completion
from mlcli.cli.options import JsonOption, QuietOption
from mlcli.cli.session import Session, log_bug


def serve(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME=]RUN...",
            help="Runs or bundle folders, each under the name of its run or NAME. Default: the latest run.",
            autocompletion=completion.runs,
        ),
    ] = None,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="PORT", help="Port to listen at; 0 is any free one.")] = 8000,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Another name by which requests may call the server. Repeatable."),
    ] = None,
    without_token: Annotated[
        bool, typer.Option("--without-token", help="Let other machines ask without MLCLI_SERVE_TOKEN.")
    ] = False,
    max_body: Annotated[int, typer.Option(metavar="MIB", min=1, max=1024, help="Largest body of a request.")] = 8,
    max_rows: Annotated[int, typer.Option(metavar="N", min=1, help="Most rows of a request.")] = 10_000,
    max_requests: Annotated[int, typer.Option(metavar="N", min=1, help="Most requests in progress.")] = 256,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", min=0.1, help="Longest time of a request.")] = 30.0,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Answer requests over HTTP, and show a page to try the model, until Ctrl-C."""
    with Session(as_json, quiet) as session:
        from mlcli.serve.limits import Limits
        from mlcli.terminal.results import show_serving
        from mlcli.use_cases.serve import ServeRequest
        from mlcli.use_cases.serve import serve as run_serve

        limits = Limits(max_body << 20, max_rows, timeout, max_requests)
        request = ServeRequest(tuple(runs or ()), host, port, tuple(allow_host or ()), without_token, limits)
        run_serve(request, session.screen, lambda serving: session.finish(serving, show_serving), log_bug)
