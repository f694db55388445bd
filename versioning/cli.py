"""The command slate-schema: finds the verb among its arguments, and hands over to that one's module."""

from collections.abc import Sequence

from init_slate_db.core.verbs import Program, Verb
from versioning.check import cli as check
from versioning.check.options import PROGRAM
from versioning.migrations import cli as migrations
from versioning.releases import cli as releases
from versioning.snapshots import diff, history, install, prune, rollback, show, take

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
        Verb(
            "check", "who could do what, and what differs from the model of --roles", check.build_parser, check.command
        ),
        Verb("install", "prepare a database for snapshots", install.build_parser, install.command),
        Verb("snapshot", "take a snapshot of everything that is not data", take.build_parser, take.command),
        Verb("history", "tell the snapshots", history.build_parser, history.command),
        Verb("show", "tell the objects of a snapshot", show.build_parser, show.command),
        Verb("diff", "tell what has changed since a snapshot", diff.build_parser, diff.command),
        Verb("rollback", "go back to a snapshot without touching data", rollback.build_parser, rollback.command),
        Verb("prune", "remove old snapshots", prune.build_parser, prune.command),
        Verb("migrate", "apply patches from files", migrations.build_migrate_parser, migrations.migrate_command),
        Verb("status", "which patches every node has", migrations.build_status_parser, migrations.status_command),
        releases.COMMAND,
    ),
)


def main(arguments: Sequence[str]) -> int:
    """Runs the command and returns its exit status."""
    return COMMAND.main(arguments)
