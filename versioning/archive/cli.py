"""The verb archive of slate-schema, which has verbs of its own."""

from init_slate_db.core.verbs import Program, Verb
from versioning.archive import deploy, init, log, push, verify
from versioning.archive.options import NAME

COMMAND = Program(
    NAME,
    "Keeps every version of a database's schema on record, in a folder that reviews well, with the way from each to the"
    " next; brings live databases along that way. Data is never archived.",
    f"""\
  {NAME} init --name events --archive db
  {NAME} push 1.0 -d events --archive db
  {NAME} deploy postgresql://db1/events --archive db --to 1.1""",
    (
        Verb("init", "begin an archive", init.build_parser, init.command),
        Verb("push", "put the schema of a database on record as a version", push.build_parser, push.command),
        Verb("deploy", "bring a database to another version", deploy.build_parser, deploy.command),
        Verb("verify", "prove every version, and compare a database with its own", verify.build_parser, verify.command),
        Verb("log", "tell the tree of versions, and where databases stand", log.build_parser, log.command),
    ),
    "every version of the schema on record, with the way from each to the next",
)
