"""Starts slate-diff: ``python -m recovery.diff``, and the entry point of the installed command."""

import sys


def run() -> None:
    """Runs the command with the arguments of the process, and ends the process with its exit status."""
    try:
        from recovery.diff.cli import main

        status = main(sys.argv[1:])
    except KeyboardInterrupt:
        status = 130
    sys.exit(status)


if __name__ == "__main__":
    run()
