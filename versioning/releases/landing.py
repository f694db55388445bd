"""Where a release's objects land: what the transaction made or changed outside of the release's own schema."""

from collections.abc import Mapping
from dataclasses import dataclass

from init_slate_db.core.connection import Connection
from init_slate_db.core.errors import SlateError

_SHOWN = 30

# Catalogs whose objects lie in a schema, with the column that says in which.
_IN_SCHEMAS = {
    "pg_class": "relnamespace",
    "pg_collation": "collnamespace",
    "pg_conversion": "connamespace",
    "pg_opclass": "opcnamespace",
    "pg_operator": "oprnamespace",
    "pg_opfamily": "opfnamespace",
    "pg_proc": "pronamespace",
    "pg_statistic_ext": "stxnamespace",
    "pg_ts_config": "cfgnamespace",
    "pg_ts_dict": "dictnamespace",
    "pg_ts_parser": "prsnamespace",
    "pg_ts_template": "tmplnamespace",
    "pg_type": "typnamespace",
}
# Catalogs whose objects belong to a relation, with the column that says to which.
_ON_RELATIONS = {
    "pg_constraint": "conrelid",
    "pg_policy": "polrelid",
    "pg_rewrite": "ev_class",
    "pg_trigger": "tgrelid",
}
# Catalogs of what lies in no schema.
_ALONE = (
    *("pg_am", "pg_cast", "pg_event_trigger", "pg_extension", "pg_foreign_data_wrapper", "pg_foreign_server"),
    *("pg_language", "pg_publication", "pg_transform"),
)
# What of an object must not change: of a rule everything, of a routine what it does; of others that they are there.
_FINGERPRINTS = {
    "pg_proc": "hashtextextended(concat_ws('|', o.prosrc, o.prosqlbody::text, o.probin, o.proconfig, o.prosecdef,"
    " o.provolatile), 0)::text",
    "pg_rewrite": "o.xmin::text",
}
# A row is this transaction's own when its xmin is in progress: other sessions' rows in progress cannot be seen. This
# holds for subtransactions too, which blocks with an EXCEPTION clause are. age() counts from this transaction back.
_OWN = """
age(o.xmin) <= 0
AND pg_xact_status((pg_current_xact_id()::text::bigint - age(o.xmin))::text::xid8) = 'in progress'
"""
# What initdb made, schema public among it, has lower numbers: rights on it may be granted.
_OF_USERS = "o.oid >= 16384"

Key = tuple[int, int, int]


@dataclass(frozen=True)
class Standing:
    """What there is before a script runs, by catalog, OID and column, each with what must not change of it."""

    objects: Mapping[Key, str]


def look(connection: Connection) -> Standing:
    """What there is now."""
    query = f"{_everything(_OF_USERS)} UNION ALL {_columns()}"
    rows = connection.execute(query.encode())
    return Standing({(catalog, oid, column): fingerprint for catalog, oid, column, _, fingerprint in rows})


def find_elsewhere(connection: Connection, before: Standing, schema: str) -> list[str]:
    """What this transaction has made, or changed, outside of the schema since then, by kind and name."""
    changed = f"{_everything(f'{_OF_USERS} AND {_OWN}')} UNION ALL {_columns()}"
    query = (
        f"SELECT o.*, i.type || ' ' || i.identity FROM ({changed}) AS o,"
        " LATERAL pg_identify_object(o.catalog::oid, o.objid::oid, o.part::integer) AS i ORDER BY 6"
    )
    found = {}
    for catalog, oid, column, place, fingerprint, name in connection.execute(query.encode()):
        is_own = place == schema or (place or "").startswith(("pg_toast", "pg_temp_"))
        if not is_own and before.objects.get((catalog, oid, column)) != fingerprint:
            found[catalog, oid, column] = name
    return [name for key, name in found.items() if key[2] == 0 or (*key[:2], 0) not in found]


def refuse_elsewhere(names: list[str], schema: str) -> None:
    """:raises SlateError: lands-elsewhere, where there is a name."""
    if not names:
        return
    more = len(names) - _SHOWN
    told = [*names[:_SHOWN], *([f"and {more} more"] if more > 0 else [])]
    raise SlateError(
        "lands-elsewhere",
        f"What the files make does not all land in schema {schema}:\n  " + "\n  ".join(told),
        why="A release is one schema: what lies elsewhere is shared with other versions, and no rollback finds it.",
        hint="Move these into the release's schema, or into a migration of their own. Nothing was changed.",
    )


def _everything(condition: str) -> str:
    """A query for catalog, objid, part (0: the whole object), schema and fingerprint of all objects."""
    parts = [_part(name, "n.nspname", f"LEFT JOIN pg_namespace AS n ON n.oid = o.{column}")
             for name, column in _IN_SCHEMAS.items()]  # fmt: skip
    parts += [
        _part(
            name,
            "n.nspname",
            f"JOIN pg_class AS c ON c.oid = o.{column} JOIN pg_namespace AS n ON n.oid = c.relnamespace",
        )
        for name, column in _ON_RELATIONS.items()
    ]
    parts += [_part(name, "NULL", "") for name in _ALONE]
    parts.append(_part("pg_namespace", "o.nspname", ""))
    return " UNION ALL ".join(f"{part} WHERE {condition}" for part in parts)


def _part(catalog: str, schema: str, join: str) -> str:
    fingerprint = _FINGERPRINTS.get(catalog, "''")
    return (
        f"SELECT 'pg_catalog.{catalog}'::regclass::oid::bigint AS catalog, o.oid::bigint AS objid, 0 AS part,"
        f" {schema}::text AS place, {fingerprint} AS fingerprint FROM pg_catalog.{catalog} AS o {join}"
    )


def _columns() -> str:
    """A query of the same shape for columns that were made or altered; to grant rights on one is no change of it."""
    return f"""
    SELECT 'pg_catalog.pg_class'::regclass::oid::bigint, o.attrelid::bigint, o.attnum::integer, n.nspname::text,
           'altered'
    FROM pg_catalog.pg_attribute AS o JOIN pg_class AS c ON c.oid = o.attrelid
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE o.attrelid >= 16384 AND o.attnum > 0 AND NOT o.attisdropped AND o.attacl IS NULL AND {_OWN}
    """
