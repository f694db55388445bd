"""What published tables look like to those who receive their rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from init_slate_db.core.connection import Connection

# A default with a function that is not immutable would give each node a value of its own.
_SHAPES = r"""
SELECT c.oid::bigint AS oid, format('%%I.%%I', n.nspname, c.relname) AS name,
       EXISTS (SELECT FROM pg_publication_tables AS p WHERE p.pubname = ANY (%(publications)s)
               AND p.schemaname = n.nspname AND p.tablename = c.relname) AS is_published,
       c.relreplident::text AS identity,
       (SELECT coalesce(jsonb_object_agg(a.attnum, jsonb_build_object(
                 'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'not_null', a.attnotnull,
                 'identity', a.attidentity, 'generated', a.attgenerated,
                 'default', pg_get_expr(d.adbin, d.adrelid),
                 'varies', a.attidentity <> '' OR a.attgenerated = '' AND (
                   d.adbin::text ~ '\{(SQLVALUEFUNCTION|NEXTVALUEEXPR)' OR EXISTS (
                     SELECT FROM regexp_matches(d.adbin::text, ':(?:op)?funcid (\d+)', 'g') AS m
                     JOIN pg_proc AS f ON f.oid = m[1]::oid WHERE f.provolatile <> 'i')))), '{}')
        FROM pg_attribute AS a LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
       (SELECT coalesce(jsonb_object_agg(k.oid, jsonb_build_object(
                 'name', k.conname, 'type', k.contype, 'columns', k.conkey,
                 'definition', pg_get_constraintdef(k.oid))), '{}')
        FROM pg_constraint AS k WHERE k.conrelid = c.oid AND k.contype IN ('p', 'u', 'c', 'x', 'f')) AS constraints,
       (SELECT coalesce(jsonb_object_agg(i.indexrelid, jsonb_build_object(
                 'name', i.indexrelid::regclass::text, 'unique', i.indisunique, 'columns', i.indkey::int2[],
                 'identity', i.indisreplident, 'definition', pg_get_indexdef(i.indexrelid))), '{}')
        FROM pg_index AS i WHERE i.indrelid = c.oid AND NOT EXISTS (
          SELECT FROM pg_constraint AS k WHERE k.conindid = i.indexrelid AND k.conrelid = c.oid)) AS indexes,
       coalesce((SELECT s.n_tup_ins + s.n_tup_upd + s.n_tup_del
                 FROM pg_stat_xact_user_tables AS s WHERE s.relid = c.oid), 0) AS rows_written
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.oid::bigint = ANY (%(known)s) OR EXISTS (
  SELECT FROM pg_publication_tables AS p WHERE p.pubname = ANY (%(publications)s)
  AND p.schemaname = n.nspname AND p.tablename = c.relname)
"""


@dataclass(frozen=True)
class Table:
    """A table that is published, or was when the transaction began.

    columns: by their attribute number; constraints, indexes: by their oid, indexes without those of constraints.
    rows_written: how many rows the transaction has changed so far.
    """

    name: str
    is_published: bool
    identity: str
    columns: dict[str, dict[str, Any]]
    constraints: dict[str, dict[str, Any]]
    indexes: dict[str, dict[str, Any]]
    rows_written: int


Shapes = dict[int, Table]
"""Tables by their oid."""


class Look:
    """Reads shapes several times in one transaction: tables that were there at first are looked for again.

    publications: None: all that there are.
    """

    def __init__(self, publications: Sequence[str] | None) -> None:
        self._publications = publications
        self._known: list[int] = []

    def __call__(self, connection: Connection) -> Shapes:
        names = self._publications
        if names is None:
            names = [name for (name,) in connection.execute("SELECT pubname FROM pg_publication").fetchall()]
        shapes = read_shapes(connection, names, self._known)
        self._known.extend(shapes.keys() - set(self._known))
        return shapes


def read_shapes(connection: Connection, publications: Sequence[str], known: Sequence[int] = ()) -> Shapes:
    """The tables of the publications, and those whose oids are known."""
    parameters = {"publications": list(publications), "known": list(known)}
    rows = connection.execute(_SHAPES, parameters).fetchall()
    return {oid: Table(*columns) for oid, *columns in rows}
