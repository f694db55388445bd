"""slate-schema: what a database's code and rights are, and how they change."""

PROGRAM = "slate-schema"
