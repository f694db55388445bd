"""What brings a release back: its own script, and what was changed in its schema since. It is tried first."""

import re
from collections.abc import Iterator, Sequence

from psycopg import sql

from init_slate_db.core.connection import Connection
from init_slate_db.core.errors import SlateError
from versioning.releases import contents
from versioning.releases.contents import Contents
from versioning.releases.execution import run_script
from versioning.releases.script import read_script
from versioning.releases.sources import Source

_TITLE = "what was changed after it was created"
_ROUTINES = """
SELECT p.proname || '(' || oidvectortypes(p.proargtypes) || ')', p.oid::regprocedure::text,
       CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) END, pg_get_userbyid(p.proowner)::text,
       obj_description(p.oid, 'pg_proc'),
       ARRAY(SELECT format('GRANT EXECUTE ON ROUTINE %%s TO %%s%%s', p.oid::regprocedure,
                           CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
                           CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
             FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a ORDER BY 1),
       ARRAY(SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END
             FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a)
FROM pg_proc AS p WHERE p.pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = %s) ORDER BY 2
"""
_ROWS = """
SELECT c.relname::text FROM pg_class AS c
WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = %s) AND c.relkind IN ('r', 'p') ORDER BY 1
"""
_SHOWN = 20


def refuse_rows(connection: Connection, schema: str) -> None:
    """:raises SlateError: archive-incomplete: a table of the schema has rows, which no script holds."""
    for (table,) in connection.execute(_ROWS, (schema,)).fetchall():
        name = sql.Identifier(schema, table)
        if connection.execute(sql.SQL("SELECT FROM {} LIMIT 1").format(name)).rowcount:
            raise SlateError(
                "archive-incomplete",
                f"Table {schema}.{table} has rows, which would be lost with the schema.",
                hint="Move them to a schema of data, or empty the table. Nothing was changed.",
            )


def make(connection: Connection, schema: str, script: str) -> str:
    """The script that makes the schema as it is now, tried in a savepoint.

    :param script: what made it at first.
    :raises SlateError: archive-incomplete: the schema has something else by now that is no function.
    """
    now = contents.read(connection, schema)
    missing = _try(connection, schema, script, now)
    if not missing:
        return script
    full = script + "".join(_additions(connection, schema, missing))
    left = _try(connection, schema, full, now)
    if left:
        more = [f"and {len(left) - _SHOWN} more"] if len(left) > _SHOWN else []
        raise SlateError(
            "archive-incomplete",
            f"What created {schema} does not make it as it is now. It differs in:\n  "
            + "\n  ".join([*left[:_SHOWN], *more]),
            why="Somebody has changed these since; of such changes only those of functions can be archived.",
            hint=f"Take them back, or dump the schema yourself (pg_dump -n {schema}) and drop it. Nothing was changed.",
        )
    return full


def run(connection: Connection, schema: str, script: str) -> None:
    """Makes the schema by its archived script.

    :raises SlateError: sources-failed, with the line of the script.
    """
    run_script(connection, read_script([Source(f"archive of {schema}", script)]))


def drop(connection: Connection, schema: str) -> None:
    connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))


def _try(connection: Connection, schema: str, script: str, wanted: Contents) -> list[str]:
    """How what the script makes differs from what is there. Leaves everything as it was."""
    with connection.transaction(force_rollback=True):
        drop(connection, schema)
        run(connection, schema, script)
        return wanted.differences(contents.read(connection, schema))


def _additions(connection: Connection, schema: str, missing: Sequence[str]) -> Iterator[str]:
    """Statements for the functions that the script lacks, or makes otherwise."""
    keys = {one.removeprefix("function ") for one in missing if one.startswith("function ")}
    yield f"\n-- {_TITLE}\nRESET ROLE;\n"
    found = set()
    for key, signature, definition, owner, comment, grants, grantees in connection.execute(_ROUTINES, (schema,)):
        neutral = contents.without(key, schema)
        found.add(neutral)
        if neutral not in keys or definition is None:
            continue
        yield f"DROP ROUTINE IF EXISTS {signature};\n"
        yield definition.rstrip() + ";\n"
        yield f"ALTER ROUTINE {signature} OWNER TO {sql.Identifier(owner).as_string()};\n"
        yield f"REVOKE ALL ON ROUTINE {signature} FROM {', '.join(sorted({*grantees, 'PUBLIC'}))};\n"
        yield from (f"{grant};\n" for grant in grants)
        if comment is not None:
            yield f"COMMENT ON ROUTINE {signature} IS {sql.Literal(comment).as_string()};\n"
    for key in sorted(keys - found):
        # The script makes it, and somebody has dropped it since.
        name, types = re.fullmatch(r"(.*?)\((.*)\)", key, re.DOTALL).groups()  # type: ignore[union-attr]
        written = types.replace(contents.MARK, sql.Identifier(schema).as_string())
        yield f"DROP ROUTINE {sql.Identifier(schema, name).as_string()}({written});\n"
