"""The verb release, which has verbs of its own."""

from init_slate_db.core.verbs import Program, Verb
from versioning.releases import bootstrap, create
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
    ),
    "API schemas side by side, by version",
)
