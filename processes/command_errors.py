"""How the commands of ``vadose`` end where something is wrong."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from engine.errors import InputError, VadoseError
from processes.errors import InvalidInputsError, NoSuchProcessError
from processes.program import reason

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def one_line_errors() -> Iterator[None]:
    """End with one clear line: code 2 where the input is at fault, 1 where the work failed."""
    try:
        yield
    except VadoseError as error:
        typer.echo(f"vadose: {reason(error)}", err=True)
        by_user = isinstance(error, InputError | InvalidInputsError | NoSuchProcessError)
        raise typer.Exit(2 if by_user else 1) from None
    except KeyboardInterrupt:
        typer.echo("vadose: stopped", err=True)
        raise typer.Exit(130) from None
