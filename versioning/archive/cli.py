"""The verb archive of slate-schema, which has verbs of its own."""

from init_slate_db.core.verbs import Program, Verb
from versioning.archive import NAME

COMMAND = Program(
    NAME,
    "Keeps every version of a database's schema on record, in a folder that reviews well, with the way from each to the"
    " next; brings live databases along that way. Data is never archived.",
    f"""\
  {NAME} init --name events --archive db
  {NAME} push 1.0 -d events --archive db
  {NAME} deploy postgresql://db1/events --archive db --to 1.1""",
    (
        Verb.of_module("init", "begin an archive", "versioning.archive.init"),
        Verb.of_module("push", "put the schema of a database on record as a version", "versioning.archive.push"),
        Verb.of_module(
            "delta", "write the DDL from the last version to a database", "versioning.archive.delta.command"
        ),
        Verb.of_module("deploy", "bring a database to another version", "versioning.archive.deploy"),
        Verb.of_module(
            "verify", "prove every version, and compare a database with its own", "versioning.archive.verify"
        ),
        Verb.of_module("log", "tell the tree of versions, and where databases stand", "versioning.archive.log"),
    ),
    "every version of the schema on record, with the way from each to the next",
)
