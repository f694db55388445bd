"""Reads the facts from the catalogs of a live database. Any role that may connect can."""

from typing import Any

from init_slate_db.core.connection import Connection, server_errors
from versioning.check.facts import Facts, Function, Grant, Kind, Membership, Role, Thing, Trigger, View

# With no schema on the path, names come out with theirs.
_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_SETTINGS = """
SET LOCAL search_path = ''; SET LOCAL statement_timeout = 0; SET LOCAL quote_all_identifiers = off
"""

_DATABASE = """
SELECT quote_ident(d.datname), d.datallowconn, current_setting('server_version_num')::integer
FROM pg_database AS d WHERE d.datname = current_database()
"""

_ROLES = """
SELECT rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls
FROM pg_roles ORDER BY rolname
"""

_MEMBERSHIPS = """
SELECT g.rolname, u.rolname, m.admin_option, {inherit}, {set}
FROM pg_auth_members AS m JOIN pg_roles AS g ON g.oid = m.roleid JOIN pg_roles AS u ON u.oid = m.member
UNION ALL
SELECT 'pg_database_owner', r.rolname, false, {implied}, true
FROM pg_database AS d JOIN pg_roles AS r ON r.oid = d.datdba WHERE d.datname = current_database()
"""

_THINGS = """
WITH thing AS (
  SELECT 'database' AS kind, quote_ident(d.datname) AS name, '' AS schema, d.datdba AS owner,
         coalesce(d.datacl, acldefault('d', d.datdba)) AS acl
  FROM pg_database AS d WHERE d.datname = current_database()
  UNION ALL SELECT 'schema', quote_ident(n.nspname), '', n.nspowner, coalesce(n.nspacl, acldefault('n', n.nspowner))
  FROM pg_namespace AS n WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  UNION ALL SELECT 'table', c.oid::regclass::text, quote_ident(n.nspname), c.relowner,
                   coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner))
  FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  UNION ALL SELECT 'function', p.oid::regprocedure::text, quote_ident(n.nspname), p.proowner,
                   coalesce(p.proacl, acldefault('f', p.proowner))
  FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
  WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  UNION ALL SELECT 'publication', quote_ident(p.pubname), '', p.pubowner, NULL FROM pg_publication AS p
  UNION ALL SELECT 'subscription', quote_ident(s.subname), '', s.subowner, NULL FROM pg_subscription AS s
  WHERE s.subdbid = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
)
SELECT t.kind, t.name, t.schema, o.rolname, coalesce(g.rolname, ''), a.privilege_type, a.is_grantable
FROM thing AS t JOIN pg_roles AS o ON o.oid = t.owner
LEFT JOIN aclexplode(t.acl) AS a ON true LEFT JOIN pg_roles AS g ON g.oid = a.grantee
"""

_COLUMN_GRANTS = """
SELECT c.oid::regclass::text, t.attname, coalesce(g.rolname, ''), a.privilege_type, a.is_grantable
FROM pg_attribute AS t JOIN pg_class AS c ON c.oid = t.attrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace CROSS JOIN aclexplode(t.attacl) AS a
LEFT JOIN pg_roles AS g ON g.oid = a.grantee
WHERE t.attacl IS NOT NULL AND NOT t.attisdropped AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
"""

_PARAMETER_GRANTS = """
SELECT p.parname, coalesce(g.rolname, ''), a.privilege_type, a.is_grantable
FROM pg_parameter_acl AS p CROSS JOIN aclexplode(p.paracl) AS a LEFT JOIN pg_roles AS g ON g.oid = a.grantee
"""

_FUNCTIONS = """
SELECT p.oid::regprocedure::text, n.nspname, p.proname, p.prosecdef, coalesce(p.proconfig, '{}'), p.prosrc, l.lanname,
       EXISTS (SELECT FROM pg_depend AS d
               WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace JOIN pg_language AS l ON l.oid = p.prolang
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY 1
"""

_FAMILY = """
WITH RECURSIVE events AS (
  -- By its names: to_regclass raises where the schema is closed to the role.
  SELECT c.oid FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
  WHERE n.nspname = 'public' AND c.relname = 'events'
), child AS (
  SELECT i.inhrelid AS oid FROM pg_inherits AS i JOIN events AS e ON i.inhparent = e.oid
  UNION SELECT i.inhrelid FROM child AS c JOIN pg_inherits AS i ON i.inhparent = c.oid
), parent AS (
  SELECT i.inhparent AS oid FROM pg_inherits AS i JOIN events AS e ON i.inhrelid = e.oid
)
SELECT 'child', c.oid::regclass::text FROM child AS c
UNION ALL SELECT 'parent', p.oid::regclass::text FROM parent AS p ORDER BY 1, 2
"""

_TRIGGERS = """
SELECT t.tgrelid::regclass::text, t.tgname, t.tgenabled, pg_get_triggerdef(t.oid)
FROM pg_trigger AS t WHERE NOT t.tgisinternal AND t.tgrelid::regclass::text = ANY (%(tables)s) ORDER BY 1, 2
"""

_VIEWS = """
SELECT v.oid::regclass::text, quote_ident(n.nspname),
       coalesce(v.reloptions && ARRAY['security_invoker=true', 'security_invoker=on', 'security_invoker=1',
                                      'security_invoker=yes'], false),
       v.relkind = 'm',
       array_agg(DISTINCT ARRAY[d.refobjid::regclass::text, coalesce(a.attname, '')])
FROM pg_class AS v JOIN pg_namespace AS n ON n.oid = v.relnamespace JOIN pg_rewrite AS r ON r.ev_class = v.oid
JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
LEFT JOIN pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid AND d.refobjsubid <> 0
WHERE v.relkind IN ('v', 'm') AND d.refobjid <> v.oid AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
GROUP BY v.oid, n.nspname, v.reloptions, v.relkind ORDER BY 1
"""

_TABLES = """
SELECT c.oid::regclass::text, c.relrowsecurity,
       ARRAY(SELECT a.attname::text FROM pg_attribute AS a
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum),
       ARRAY(SELECT r.rulename::text FROM pg_rewrite AS r WHERE r.ev_class = c.oid AND r.rulename <> '_RETURN')
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
"""

_DEFAULTS = """
SELECT r.rolname, coalesce(n.nspname, ''), d.defaclobjtype, coalesce(g.rolname, ''), coalesce(a.privilege_type, '')
FROM pg_default_acl AS d JOIN pg_roles AS r ON r.oid = d.defaclrole
LEFT JOIN pg_namespace AS n ON n.oid = d.defaclnamespace
LEFT JOIN aclexplode(d.defaclacl) AS a ON true LEFT JOIN pg_roles AS g ON g.oid = a.grantee
ORDER BY 1, 2, 3, 4, 5
"""

_EVENT_TRIGGERS = "SELECT quote_ident(evtname) FROM pg_event_trigger WHERE evtenabled <> 'D' ORDER BY 1"

_OPEN_ELSEWHERE = """
SELECT DISTINCT coalesce(g.rolname, '') FROM pg_database AS d
CROSS JOIN aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) AS a LEFT JOIN pg_roles AS g ON g.oid = a.grantee
WHERE d.datallowconn AND d.datname <> current_database() AND a.privilege_type = 'CONNECT'
"""


def read_facts(connection: Connection) -> Facts:
    """The facts, by one snapshot. Writes nothing.

    :raises SlateError: the server does not answer.
    """
    with server_errors("tell of its roles and rights"):
        connection.execute(_BEGIN)
        try:
            return read_inside(connection)
        finally:
            if not connection.closed:
                connection.execute("ROLLBACK")


def read_inside(connection: Connection) -> Facts:
    """The facts as the caller's transaction sees them. Its search_path is empty afterwards."""
    connection.execute(_SETTINGS)
    return _Reader(connection).read()


class _Reader:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def read(self) -> Facts:
        ((database, accepts_connections, version),) = self._rows(_DATABASE)
        things = self._rows(_THINGS)
        tables = self._rows(_TABLES)
        family = self._rows(_FAMILY)
        children = tuple(name for kind, name in family if kind == "child")
        return Facts(
            version=version,
            database=database,
            accepts_connections=accepts_connections,
            roles={row[0]: Role(*row) for row in self._rows(_ROLES)},
            memberships=self._memberships(version),
            owners={Thing(kind, name): owner for kind, name, _, owner, *_ in things},
            schemas={Thing(kind, name): schema for kind, name, schema, *_ in things if schema},
            grants=self._grants(things, version),
            functions=tuple(
                Function(Thing("function", name), schema, plain, definer, tuple(settings), body, language, extension)
                for name, schema, plain, definer, settings, body, language, extension in self._rows(_FUNCTIONS)
            ),
            triggers=tuple(Trigger(*row) for row in self._rows(_TRIGGERS, {"tables": ["public.events", *children]})),
            views=tuple(
                View(Thing("table", name), schema, invoker, stored, tuple((one, column) for one, column in reads))
                for name, schema, invoker, stored, reads in self._rows(_VIEWS)
            ),
            children=children,
            parents=tuple(name for kind, name in family if kind == "parent"),
            columns={name: tuple(columns) for name, _, columns, _ in tables},
            rules=tuple(rule for name, *_, rules in tables if name == "public.events" for rule in rules),
            row_security=tuple(name for name, enabled, *_ in tables if enabled),
            defaults=tuple(self._rows(_DEFAULTS)),
            event_triggers=tuple(name for (name,) in self._rows(_EVENT_TRIGGERS)),
            open_elsewhere=tuple(name for (name,) in self._rows(_OPEN_ELSEWHERE)),
        )

    def _memberships(self, version: int) -> tuple[Membership, ...]:
        # Up to 15 a role's own attribute says whether it has the rights of its groups, and any member may SET ROLE.
        new = version >= 160000
        query = _MEMBERSHIPS.format(
            inherit="m.inherit_option" if new else "u.rolinherit",
            set="m.set_option" if new else "true",
            implied="true" if new else "r.rolinherit",
        )
        return tuple(Membership(*row) for row in self._rows(query))

    def _grants(self, things: list[tuple[Any, ...]], version: int) -> tuple[Grant, ...]:
        grants = [
            Grant(Thing(kind, name), "", privilege, grantee, grantable)
            for kind, name, _, _, grantee, privilege, grantable in things
            if privilege
        ]
        grants += [
            Grant(Thing("table", name), column, privilege, grantee, grantable)
            for name, column, grantee, privilege, grantable in self._rows(_COLUMN_GRANTS)
        ]
        if version >= 150000:
            kind: Kind = "parameter"
            grants += [
                Grant(Thing(kind, name), "", privilege, grantee, grantable)
                for name, grantee, privilege, grantable in self._rows(_PARAMETER_GRANTS)
            ]
        return tuple(grants)

    def _rows(self, query: str, parameters: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        return self._connection.execute(query.encode(), parameters).fetchall()
