"""``python -m processes``: the command line, where no ``vadose`` script is installed."""

from __future__ import annotations

from processes.cli import app

if __name__ == "__main__":
    app()
