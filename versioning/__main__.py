"""Starts slate-schema: ``python -m versioning``, and the entry point of the installed command."""

from init_slate_db.core import entry


def run() -> None:
    """Runs the command with the arguments of the process, and ends the process with its exit status."""
    entry.run("versioning.cli")


if __name__ == "__main__":
    run()
