"""The text in the clipboard, by way of Tk, which comes with most Pythons: no program is started."""

from __future__ import annotations

from mlcli.errors import UsageError

_PIPE = "pipe the table instead: `pbpaste | mlcli init -`, `wl-paste | mlcli init -` or `Get-Clipboard | mlcli init -`"


def read_clipboard() -> str:
    """Raises UsageError where there is no clipboard, or no text in it."""
    try:
        import tkinter
    except ImportError as error:
        raise UsageError(f"--clipboard: this Python is without tkinter, which reads it ({error}); {_PIPE}") from error
    try:
        window = tkinter.Tk()
    except tkinter.TclError as error:
        raise UsageError(f"--clipboard: there is no clipboard here ({error}); {_PIPE}") from error
    try:
        window.withdraw()
        return window.clipboard_get()
    except tkinter.TclError as error:
        raise UsageError("--clipboard: there is no text in the clipboard; copy the cells with their header") from error
    finally:
        window.destroy()
