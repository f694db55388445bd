"""The command slate-schema: finds the verb among its arguments, and hands over to that one's module."""

from collections.abc import Sequence

from init_slate_db.core.verbs import Program, Verb
from versioning.check import cli as check
from versioning.check.options import PROGRAM
from versioning.snapshots import install

COMMAND = Program(
    PROGRAM,
    "Tells and changes what the code and the rights of an event store's database are.",
    """\
  slate-schema check --host db1 -d events
  slate-schema --dsn service=primary check --roles app --format json""",
    (
        Verb(
            "check", "who could do what, and what differs from the model of --roles", check.build_parser, check.command
        ),
        Verb("install", "prepare a database for snapshots", install.build_parser, install.command),
    ),
)


def main(arguments: Sequence[str]) -> int:
    """Runs the command and returns its exit status."""
    return COMMAND.main(arguments)
