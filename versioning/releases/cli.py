"""The verb release, which has verbs of its own."""

from init_slate_db.core.verbs import Program, Verb
from versioning.releases import NAME

COMMAND = Program(
    NAME,
    "API schemas side by side, each with its version in its name: proj_api_v1_2_3.",
    """\
  slate-schema release create sql/50_proj_api --version 1.1.0 -d proj --dry-run
  slate-schema release diff 1.0.0 1.1.0 -d proj
  slate-schema release activate 1.1.0 --role web -d proj --yes""",
    (
        Verb.of_module("create", "create a version from a folder of files", "versioning.releases.create"),
        Verb.of_module("bootstrap", "for development: make the schema anew", "versioning.releases.bootstrap"),
        Verb.of_module("list", "tell the versions, and whether they are called", "versioning.releases.listing"),
        Verb.of_module("diff", "tell what changed from one version to another", "versioning.releases.diff"),
        Verb.of_module("activate", "set the search_path of a role or the database", "versioning.releases.activate"),
        Verb.of_module(
            "rollback",
            "set the search_path from before the last activation",
            "versioning.releases.activate",
            "build_rollback_parser",
            "rollback_command",
        ),
        Verb.of_module("test", "run files of tests against a version", "versioning.releases.testing"),
        Verb.of_module("retire", "drop a version that nobody needs", "versioning.releases.retire"),
        Verb.of_module("restore", "bring a retired version back", "versioning.releases.restore"),
    ),
    "API schemas side by side, by version",
)
