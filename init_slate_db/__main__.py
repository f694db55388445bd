"""Starts init-slate-db: ``python -m init_slate_db``, and the entry point of the installed command."""

from init_slate_db.core import entry


def run() -> None:
    """Runs the command with the arguments of the process, and ends the process with its exit status."""
    entry.run("init_slate_db.cli")


if __name__ == "__main__":
    run()
