"""What became of a statement that an interrupted run had begun outside a transaction: the catalog is asked."""

from dataclasses import dataclass
from typing import Literal

from init_slate_db.core.connection import Connection
from versioning.migrations.statements import Statement
from versioning.sql_text import fold

_INDEX = """
SELECT i.indisvalid, format('%%I.%%I', n.nspname, c.relname)
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE i.indrelid = to_regclass(%s) AND c.relname = %s::name
"""
# What REINDEX CONCURRENTLY leaves behind, for all tables or for that of one table or index, its TOAST table too.
_LEFT_BY_REINDEX = r"""
WITH named AS (SELECT coalesce(i.indrelid, to_regclass(%(name)s)) AS oid
               FROM (SELECT) AS one LEFT JOIN pg_index AS i ON i.indexrelid = to_regclass(%(name)s))
SELECT format('%%I.%%I', n.nspname, c.relname)
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE NOT i.indisvalid AND c.relname ~ '_cc(new|old)\d*$'
  AND (%(name)s IS NULL OR i.indrelid IN (SELECT oid FROM named UNION ALL
       SELECT t.reltoastrelid FROM named JOIN pg_class AS t ON t.oid = named.oid))
ORDER BY 1
"""
_PARTITION = """
SELECT h.inhdetachpending FROM pg_inherits AS h
WHERE h.inhparent = to_regclass(%s) AND h.inhrelid = to_regclass(%s)
"""
_INVALID = """
SELECT format('%I.%I', n.nspname, c.relname), i.indrelid::regclass::text,
       EXISTS (SELECT FROM pg_stat_progress_create_index AS p
               WHERE p.datname = current_database() AND i.indexrelid IN (p.index_relid))
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
-- That of a partitioned table is invalid until every partition has one: no build has failed there.
WHERE NOT i.indisvalid AND c.relkind = 'i' ORDER BY 1
"""
_BUILDER = """
SELECT p.pid FROM pg_stat_progress_create_index AS p
WHERE p.datname = current_database()
  -- What another role builds may be hidden.
  AND (p.relid IS NULL OR p.relid = (SELECT i.indrelid FROM pg_index AS i WHERE i.indexrelid = to_regclass(%s)))
"""
# They may simply run once more, whatever the first time came to.
_REPEATABLE = (("VACUUM",), ("ANALYZE",), ("ALTER", "SYSTEM"), ("CLUSTER",), ("CHECKPOINT",), ("REINDEX",))
_KINDS_OF_REINDEX = {"INDEX", "TABLE", "SCHEMA", "DATABASE", "SYSTEM"}


@dataclass(frozen=True)
class Verdict:
    """What is true of the statement. invalid: indexes that it left half built, to be dropped before it runs again.

    finish: what completes it, where it need not run again.
    """

    state: Literal["done", "again", "unclear"]
    invalid: tuple[str, ...] = ()
    finish: str = ""

    @property
    def has_traces(self) -> bool:
        """Whether something of the statement is in the database, though not all of it."""
        return bool(self.invalid or self.finish)


def judge(connection: Connection, statement: Statement) -> Verdict:
    """What the database says of the statement, whose session's settings are those of the patch. Only reads."""
    if (index := _built_index(statement)) is not None:
        return _judge_index(connection, *index)
    if statement.begins("DROP", "INDEX", "CONCURRENTLY"):
        at = 5 if statement.tokens[3:5] == ("IF", "EXISTS") else 3
        row = connection.execute("SELECT to_regclass(%s) IS NULL", (_name(statement, at)[0],)).fetchone()
        return Verdict("done" if row == (True,) else "again")
    if statement.begins("REINDEX"):
        left = connection.execute(_LEFT_BY_REINDEX, {"name": _reindexed(statement)}).fetchall()
        return Verdict("again", tuple(name for (name,) in left))
    if statement.begins("ALTER", "TABLE") and "DETACH" in statement.tokens and statement.tokens[-1] == "CONCURRENTLY":
        return _judge_detaching(connection, statement)
    repeatable = any(statement.begins(*words) for words in _REPEATABLE)
    return Verdict("again" if repeatable else "unclear")


def builds_index(statement: Statement) -> bool:
    """Whether it is CREATE INDEX CONCURRENTLY."""
    return _built_index(statement) is not None


def find_invalid(connection: Connection) -> list[str]:
    """The invalid indexes of the database that nobody is building, each with its table, in words."""
    rows = connection.execute(_INVALID).fetchall()
    return [f"{index} on {table}" for index, table, in_work in rows if not in_work]


def find_builder(connection: Connection, index: str) -> int | None:
    """The process that is building an index on the table of this one, if any."""
    row = connection.execute(_BUILDER, (index,)).fetchone()
    return row[0] if row else None


def _judge_index(connection: Connection, name: str, table: str) -> Verdict:
    row = connection.execute(_INDEX, (table, name)).fetchone()
    if row is None:
        return Verdict("again")
    is_valid, full_name = row
    return Verdict("done") if is_valid else Verdict("again", (full_name,))


def _judge_detaching(connection: Connection, statement: Statement) -> Verdict:
    at = 4 if statement.tokens[2:4] == ("IF", "EXISTS") else 2
    at += statement.tokens[at] == "ONLY"
    parent, _ = _name(statement, at)
    partition, _ = _name(statement, statement.tokens.index("PARTITION") + 1)
    row = connection.execute(_PARTITION, (parent, partition)).fetchone()
    if row is None:
        return Verdict("done")
    return Verdict("again", finish=f"ALTER TABLE {parent} DETACH PARTITION {partition} FINALIZE" if row[0] else "")


def _built_index(statement: Statement) -> tuple[str, str] | None:
    """The name of the index, unquoted, and its table as it is written."""
    tokens = statement.tokens
    at = 3 if tokens[1:2] == ("UNIQUE",) else 2
    if tokens[:1] != ("CREATE",) or tokens[at - 1 : at + 1] != ("INDEX", "CONCURRENTLY"):
        return None
    at += 4 if tokens[at + 1 : at + 4] == ("IF", "NOT", "EXISTS") else 1
    name, behind = _name(statement, at)
    if tokens[behind : behind + 1] != ("ON",):
        return None
    behind += 2 if tokens[behind + 1 : behind + 2] == ("ONLY",) else 1
    return _unquote(name), _name(statement, behind)[0]


def _reindexed(statement: Statement) -> str | None:
    """The table or index that is reindexed, as it is written; None: more than one."""
    at = next((place for place, token in enumerate(statement.tokens) if token in _KINDS_OF_REINDEX), -1)
    if at < 0 or statement.tokens[at] not in {"INDEX", "TABLE"}:
        return None
    at += 2 if statement.tokens[at + 1 : at + 2] == ("CONCURRENTLY",) else 1
    return _name(statement, at)[0] or None


def _name(statement: Statement, at: int) -> tuple[str, int]:
    """The name, qualified or not, that begins at a token, as it is written, and where the next token stands."""
    name = "".join(statement.names[at : at + 1])
    at += 1
    while statement.tokens[at : at + 1] == (".",):
        name += "." + "".join(statement.names[at + 1 : at + 2])
        at += 2
    return name, at


def _unquote(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else fold(name)
