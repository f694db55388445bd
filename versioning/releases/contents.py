"""What a schema holds, without its own name in it, so that two schemas can be compared."""

from dataclasses import dataclass
from typing import Any

from psycopg.rows import class_row

from init_slate_db.core.connection import Connection
from versioning.releases.naming import as_identifier
from versioning.sql_text import read_tokens

_ACL = """
(SELECT string_agg(g.grantee || '=' || g.privileges, ' ' ORDER BY g.grantee) FROM (
  SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee) END AS grantee,
         string_agg(a.privilege_type || CASE WHEN a.is_grantable THEN '*' ELSE '' END, ',' ORDER BY a.privilege_type)
           AS privileges
  FROM aclexplode(coalesce({acl}, acldefault('{kind}', {owner}))) AS a GROUP BY a.grantee) AS g)
"""
_ROUTINES = f"""
SELECT p.proname::text AS name,
       oidvectortypes(p.proargtypes) AS types, pg_get_function_arguments(p.oid) AS arguments,
       coalesce(pg_get_function_result(p.oid), '') AS result, p.prokind::text AS kind, p.pronargdefaults AS defaults,
       coalesce(p.proargnames[1:p.pronargs], '{{}}')::text[] AS names,
       CASE p.prokind WHEN 'a' THEN (SELECT (to_jsonb(a) - 'aggfnoid')::text FROM pg_aggregate AS a
                                     WHERE a.aggfnoid = p.oid)
                      ELSE pg_get_functiondef(p.oid) END AS definition,
       pg_get_userbyid(p.proowner)::text AS owner, {_ACL.format(acl="p.proacl", kind="f", owner="p.proowner")} AS acl,
       coalesce(obj_description(p.oid, 'pg_proc'), '') AS comment
FROM pg_proc AS p WHERE p.pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = %(schema)s) ORDER BY 1, 3
"""
_RELATION = """
concat_ws(E'\\n',
  (SELECT string_agg(format('%%I %%s%%s%%s', a.attname, format_type(a.atttypid, a.atttypmod),
                            CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END,
                            ' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid)), E'\\n' ORDER BY a.attnum)
   FROM pg_attribute AS a LEFT JOIN pg_attrdef AS d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
   WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
  (SELECT string_agg(x.conname || ' ' || pg_get_constraintdef(x.oid), E'\\n' ORDER BY x.conname)
   FROM pg_constraint AS x WHERE x.conrelid = c.oid),
  (SELECT string_agg(pg_get_indexdef(x.indexrelid), E'\\n' ORDER BY x.indexrelid::regclass::text)
   FROM pg_index AS x WHERE x.indrelid = c.oid),
  (SELECT string_agg(pg_get_triggerdef(x.oid), E'\\n' ORDER BY x.tgname)
   FROM pg_trigger AS x WHERE x.tgrelid = c.oid AND NOT x.tgisinternal),
  CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END)
"""
_OTHERS = f"""
SELECT CASE c.relkind WHEN 'c' THEN 'type' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
                      WHEN 'S' THEN 'sequence' ELSE 'table' END AS kind,
       c.relname::text AS name, {_RELATION} AS definition, pg_get_userbyid(c.relowner)::text AS owner,
       CASE c.relkind WHEN 'c' THEN (SELECT {_ACL.format(acl="t.typacl", kind="T", owner="t.typowner")}
                                     FROM pg_type AS t WHERE t.oid = c.reltype)
                      ELSE {_ACL.format(acl="c.relacl", kind="r", owner="c.relowner")} END AS acl,
       coalesce(obj_description(c.oid, 'pg_class'), '') AS comment
FROM pg_class AS c
WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = %(schema)s) AND c.relkind NOT IN ('i', 'I', 't')
UNION ALL
SELECT CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' ELSE 'range' END, t.typname::text,
       concat_ws(E'\\n',
         (SELECT string_agg(quote_literal(e.enumlabel), E'\\n' ORDER BY e.enumsortorder) FROM pg_enum AS e
          WHERE e.enumtypid = t.oid),
         CASE t.typtype WHEN 'd' THEN format_type(t.typbasetype, t.typtypmod)
                                      || CASE WHEN t.typnotnull THEN ' NOT NULL' ELSE '' END END,
         ' DEFAULT ' || t.typdefault,
         (SELECT string_agg(x.conname || ' ' || pg_get_constraintdef(x.oid), E'\\n' ORDER BY x.conname)
          FROM pg_constraint AS x WHERE x.contypid = t.oid),
         (SELECT format_type(r.rngsubtype, NULL) FROM pg_range AS r WHERE r.rngtypid = t.oid)),
       pg_get_userbyid(t.typowner), {_ACL.format(acl="t.typacl", kind="T", owner="t.typowner")},
       coalesce(obj_description(t.oid, 'pg_type'), '')
FROM pg_type AS t
WHERE t.typnamespace = (SELECT oid FROM pg_namespace WHERE nspname = %(schema)s) AND t.typtype IN ('e', 'd', 'r')
UNION ALL
SELECT i.type, coalesce(i.name, i.identity), i.identity, '', '', ''
FROM (SELECT 'pg_operator'::regclass::oid AS classid, oid, oprnamespace AS place FROM pg_operator
      UNION ALL SELECT 'pg_opclass'::regclass, oid, opcnamespace FROM pg_opclass
      UNION ALL SELECT 'pg_collation'::regclass, oid, collnamespace FROM pg_collation
      UNION ALL SELECT 'pg_ts_config'::regclass, oid, cfgnamespace FROM pg_ts_config
      UNION ALL SELECT 'pg_ts_dict'::regclass, oid, dictnamespace FROM pg_ts_dict) AS o,
     LATERAL pg_identify_object(o.classid, o.oid, 0) AS i
WHERE o.place = (SELECT oid FROM pg_namespace WHERE nspname = %(schema)s)
UNION ALL
SELECT 'schema', '', '', pg_get_userbyid(n.nspowner), {_ACL.format(acl="n.nspacl", kind="n", owner="n.nspowner")},
       coalesce(obj_description(n.oid, 'pg_namespace'), '')
FROM pg_namespace AS n WHERE n.nspname = %(schema)s
UNION ALL
SELECT 'default privileges', format('%%s of %%s', d.defaclobjtype, pg_get_userbyid(d.defaclrole)), '', '',
       {_ACL.format(acl="d.defaclacl", kind="f", owner="d.defaclrole")}, ''
FROM pg_default_acl AS d WHERE d.defaclnamespace = (SELECT oid FROM pg_namespace WHERE nspname = %(schema)s)
ORDER BY 1, 2, 3
"""


@dataclass(frozen=True)
class Routine:
    """A function, a procedure or an aggregate. types: of its input arguments. kind: as in pg_proc."""

    name: str
    types: str
    arguments: str
    result: str
    kind: str
    defaults: int
    names: list[str]
    definition: str
    owner: str
    acl: str | None
    comment: str

    @property
    def key(self) -> str:
        """What a caller tells it by."""
        return f"{self.name}({self.types})"

    @property
    def signature(self) -> str:
        return f"{self.name}({self.arguments})" + (f" → {self.result}" if self.result else "")


@dataclass(frozen=True)
class Thing:
    """Anything else: a type, a table, or what rights there are on the schema."""

    kind: str
    name: str
    definition: str
    owner: str
    acl: str | None
    comment: str

    @property
    def key(self) -> str:
        return f"{self.kind} {self.name}".strip()


@dataclass(frozen=True)
class Contents:
    """All that a schema holds, by key, with its own name replaced by a mark."""

    routines: dict[str, Routine]
    things: dict[str, Thing]

    def differences(self, other: "Contents") -> list[str]:
        """The keys of what is not the same on both sides."""
        found = _differing(self.routines, other.routines), _differing(self.things, other.things)
        return [*(f"function {key}" for key in found[0]), *found[1]]


# Stands for the schema. No SQL holds it: a name cannot, and text is not replaced.
MARK = "\x01"


def read(connection: Connection, schema: str) -> Contents:
    """What the schema holds now. The session's search_path must not name it."""
    parameters = {"schema": schema}
    routines = connection.cursor(row_factory=class_row(Routine)).execute(_ROUTINES, parameters).fetchall()
    things = connection.cursor(row_factory=class_row(Thing)).execute(_OTHERS, parameters).fetchall()
    neutral_routines = [_neutral(one, schema) for one in routines]
    neutral_things = [_neutral(one, schema) for one in things]
    return Contents({one.key: one for one in neutral_routines}, {one.key: one for one in neutral_things})


def shown(text: str) -> str:
    """A text of contents for people: the schema's own names stand bare."""
    return text.replace(f"{MARK}.", "").replace(MARK, "…")


def _neutral(item: Any, schema: str) -> Any:
    """The item with the schema's name replaced in every text of SQL."""
    fields = ("types", "arguments", "result", "definition")
    values = {name: without(getattr(item, name), schema) for name in fields if hasattr(item, name)}
    return type(item)(**{**vars(item), **values})


def without(text: str, schema: str) -> str:
    """A text of SQL with the schema's name replaced by the mark."""
    if schema not in text:
        return text
    # In bodies and strings the name stands as it was written.
    written = as_identifier(schema)
    pieces = []
    for token in read_tokens(text):
        inner = token.text if token.name else token.text.replace(written, MARK)
        pieces.append(MARK if token.name == schema else inner)
    return "".join(pieces)


def _differing(left: dict[str, Any], right: dict[str, Any]) -> list[str]:
    return sorted(key for key in {*left, *right} if left.get(key) != right.get(key))
