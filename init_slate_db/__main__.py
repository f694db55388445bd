"""Starts init-slate-db: ``python -m init_slate_db``, and the entry point of the installed command."""

import sys


def run() -> None:
    """Runs the command with the arguments of the process, and ends the process with its exit status."""
    try:
        from init_slate_db.cli import main

        status = main(sys.argv[1:])
    except KeyboardInterrupt:
        status = 130
    sys.exit(status)


if __name__ == "__main__":
    run()
