"""The command slate-schema: finds the verb among its arguments, and hands over to that one's module."""

from collections.abc import Sequence

from init_slate_db.core.verbs import Program, Verb
from versioning import PROGRAM
from versioning.archive.cli import COMMAND as ARCHIVE
from versioning.releases import cli as releases

COMMAND = Program(
    PROGRAM,
    "Tells and changes what the code and the rights of an event store's database are.",
    """\
  slate-schema check --host db1 -d events
  slate-schema --dsn service=primary check --roles app --format json
  slate-schema snapshot --note 'before release 7'
  slate-schema rollback 3 --dry-run
  slate-schema migrate patches --node db1 --node db2 --all --yes""",
    (
        Verb.of_module(
            "check", "who could do what, and what differs from the model of --roles", "versioning.check.cli"
        ),
        Verb.of_module("install", "prepare a database for snapshots", "versioning.snapshots.install"),
        Verb.of_module("snapshot", "take a snapshot of everything that is not data", "versioning.snapshots.take"),
        Verb.of_module("history", "tell the snapshots", "versioning.snapshots.history"),
        Verb.of_module("show", "tell the objects of a snapshot", "versioning.snapshots.show"),
        Verb.of_module("diff", "tell what has changed since a snapshot", "versioning.snapshots.diff"),
        Verb.of_module("rollback", "go back to a snapshot without touching data", "versioning.snapshots.rollback"),
        Verb.of_module("prune", "remove old snapshots", "versioning.snapshots.prune"),
        Verb.of_module(
            "migrate",
            "apply patches from files",
            "versioning.migrations.cli",
            "build_migrate_parser",
            "migrate_command",
        ),
        Verb.of_module(
            "status",
            "which patches every node has",
            "versioning.migrations.cli",
            "build_status_parser",
            "status_command",
        ),
        releases.COMMAND,
        ARCHIVE,
    ),
)


def main(arguments: Sequence[str]) -> int:
    """Runs the command and returns its exit status."""
    return COMMAND.main(arguments)
