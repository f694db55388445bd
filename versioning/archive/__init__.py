"""The archive: every version of a schema on record, with the way from each to the next."""

from versioning import PROGRAM

NAME = f"{PROGRAM} archive"
