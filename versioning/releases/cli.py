"""The verb release, which has verbs of its own."""

from init_slate_db.core.verbs import Program, Verb
from versioning.releases import activate, bootstrap, create, diff, listing, restore, retire, testing
from versioning.releases.options import PROGRAM

COMMAND = Program(
    PROGRAM,
    "API schemas side by side, each with its version in its name: proj_api_v1_2_3.",
    """\
  slate-schema release create sql/50_proj_api --version 1.1.0 -d proj --dry-run
  slate-schema release diff 1.0.0 1.1.0 -d proj
  slate-schema release activate 1.1.0 --role web -d proj --yes""",
    (
        Verb("create", "create a version from a folder of files", create.build_parser, create.command),
        Verb("bootstrap", "for development: make the schema anew", bootstrap.build_parser, bootstrap.command),
        Verb("list", "tell the versions, and whether they are called", listing.build_parser, listing.command),
        Verb("diff", "tell what changed from one version to another", diff.build_parser, diff.command),
        Verb("activate", "set the search_path of a role or the database", activate.build_parser, activate.command),
        Verb(
            "rollback",
            "set the search_path from before the last activation",
            activate.build_rollback_parser,
            activate.rollback_command,
        ),
        Verb("test", "run files of tests against a version", testing.build_parser, testing.command),
        Verb("retire", "drop a version that nobody needs", retire.build_parser, retire.command),
        Verb("restore", "bring a retired version back", restore.build_parser, restore.command),
    ),
    "API schemas side by side, by version",
)
