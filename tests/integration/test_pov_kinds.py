"""Objects of rare kinds, over rare kinds of relations, and with parents go and come back."""

from collections.abc import Sequence

import pytest

from tests.pov import Connection, dump, prepared, revision, roll_back, snapshot
from tests.pov_cases import CASES
from tests.servers import Server

TABLE = "CREATE TABLE t (a integer PRIMARY KEY, b integer)"
MATVIEW = "CREATE MATERIALIZED VIEW m AS SELECT 1 AS a, 'x'::text AS b"
COMPOSITE = f"{TABLE}; CREATE TYPE y AS (a integer)"
TRIGGER = "CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
PARTITIONED = (
    "CREATE TABLE pt (a integer) PARTITION BY RANGE (a); CREATE TABLE pt1 PARTITION OF pt FOR VALUES FROM (1) TO (9)"
)
FOREIGN = (
    "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; CREATE FOREIGN TABLE x (a integer) SERVER s"
)
F = "CREATE FUNCTION f(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1';"
# What there is before, and what is made on top of it, each pair in a schema of its own.
KINDS = {
    "a body over a materialized view": (
        MATVIEW,
        "CREATE FUNCTION f() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT sum(a) FROM m; END",
    ),
    "a body over a sequence": (
        "CREATE SEQUENCE n",
        "CREATE FUNCTION f() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT last_value FROM n; END",
    ),
    "a row of a materialized view": (MATVIEW, "CREATE FUNCTION f(m) RETURNS integer LANGUAGE sql RETURN ($1).a"),
    "rows of a materialized view": (
        MATVIEW,
        "CREATE FUNCTION f() RETURNS SETOF m LANGUAGE sql AS 'SELECT * FROM m'",
    ),
    "types of columns": (TABLE, "CREATE FUNCTION f(t.a%TYPE) RETURNS t.b%TYPE LANGUAGE sql AS 'SELECT $1'"),
    "an array of rows": (TABLE, "CREATE FUNCTION f(t[]) RETURNS integer LANGUAGE sql AS 'SELECT 1'"),
    "a policy over a materialized view": (
        f"{TABLE}; {MATVIEW}",
        "CREATE POLICY p ON t USING (a IN (SELECT m.a FROM m)); ALTER TABLE t ENABLE ROW LEVEL SECURITY",
    ),
    "a policy over a type": (COMPOSITE, "CREATE POLICY p ON t USING ((ROW(t.a)::y).a > 1)"),
    "a default over a type": (COMPOSITE, "ALTER TABLE t ALTER b SET DEFAULT (ROW(1)::y).a"),
    "a constraint over a type": (COMPOSITE, "ALTER TABLE t ADD CONSTRAINT k CHECK ((ROW(b)::y).a > 1)"),
    "a rule over a materialized view": (
        f"{TABLE}; {MATVIEW}",
        "CREATE RULE r AS ON INSERT TO t DO ALSO SELECT a FROM m; ALTER TABLE t DISABLE RULE r",
    ),
    "a foreign table's trigger": (
        FOREIGN,
        f"{TRIGGER} CREATE TRIGGER g BEFORE UPDATE ON x FOR EACH ROW WHEN (OLD.a > 1) EXECUTE FUNCTION g()",
    ),
    "a partitioned table's trigger": (
        PARTITIONED,
        f"{TRIGGER} CREATE TRIGGER g BEFORE UPDATE ON pt FOR EACH ROW EXECUTE FUNCTION g()",
    ),
    "a constraint trigger": (
        f"{TABLE}; CREATE TABLE u (a integer)",
        f"{TRIGGER} CREATE CONSTRAINT TRIGGER g AFTER UPDATE ON t FROM u DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
        " EXECUTE FUNCTION g()",
    ),
    "a trigger with transition tables": (
        TABLE,
        f"{TRIGGER} CREATE TRIGGER g AFTER UPDATE ON t REFERENCING OLD TABLE AS o NEW TABLE AS n FOR EACH STATEMENT"
        " EXECUTE FUNCTION g()",
    ),
    "a view's trigger": (
        TABLE,
        f"CREATE VIEW v AS SELECT * FROM t; {TRIGGER} CREATE TRIGGER g INSTEAD OF INSERT ON v FOR EACH ROW"
        " EXECUTE FUNCTION g(); ALTER VIEW v ALTER b SET DEFAULT 5",
    ),
    "options of a view": (
        TABLE,
        "CREATE VIEW v WITH (security_barrier) AS SELECT * FROM t WHERE a > 1 WITH LOCAL CHECK OPTION;"
        "GRANT SELECT (a), UPDATE (b) ON v TO pg_monitor WITH GRANT OPTION",
    ),
    "a recursive view": ("", "CREATE RECURSIVE VIEW v (n) AS VALUES (1) UNION ALL SELECT n + 1 FROM v WHERE n < 100"),
    "a view with windows and samples": (
        TABLE,
        "CREATE VIEW v AS SELECT a, b, count(*) FILTER (WHERE a > 1) OVER w FROM t TABLESAMPLE bernoulli (5)"
        " REPEATABLE (1) GROUP BY GROUPING SETS ((a, b), ())"
        " WINDOW w AS (ORDER BY a ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)",
    ),
    "a view over what is left of a table": (
        "CREATE TABLE t (x integer, a integer); ALTER TABLE t DROP COLUMN x",
        "CREATE VIEW v AS SELECT * FROM t; CREATE VIEW w AS SELECT t FROM t",
    ),
    "a foreign key to a partitioned table": (
        "CREATE TABLE pt (a integer PRIMARY KEY) PARTITION BY RANGE (a); CREATE TABLE u (a integer)",
        "ALTER TABLE u ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES pt ON DELETE SET NULL DEFERRABLE",
    ),
    "a foreign key of a partitioned table": (
        f"{TABLE}; {PARTITIONED}",
        "ALTER TABLE pt ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES t",
    ),
    "an aggregate that moves": (
        "",
        "CREATE FUNCTION f(text, VARIADIC text[]) RETURNS text LANGUAGE sql AS 'SELECT $1';"
        "CREATE AGGREGATE va(VARIADIC text[]) (SFUNC = f, STYPE = text, MSFUNC = f, MSTYPE = text, MINVFUNC = f)",
    ),
    "an aggregate with all there is": (
        "",
        "CREATE FUNCTION step(internal, integer) RETURNS internal LANGUAGE internal AS 'int4_avg_accum';"
        "CREATE FUNCTION moved(bigint, integer) RETURNS bigint LANGUAGE sql AS 'SELECT $1 + $2';"
        "CREATE FUNCTION back(bigint, integer) RETURNS bigint LANGUAGE sql AS 'SELECT $1 - $2';"
        "CREATE FUNCTION ended(bigint, integer) RETURNS bigint LANGUAGE sql AS 'SELECT $1';"
        "CREATE FUNCTION summed(bigint, bigint) RETURNS bigint LANGUAGE sql AS 'SELECT $1 + $2';"
        "CREATE AGGREGATE total(integer) (SFUNC = moved, STYPE = bigint, SSPACE = 64, FINALFUNC = ended,"
        " FINALFUNC_EXTRA, FINALFUNC_MODIFY = SHAREABLE, COMBINEFUNC = summed, INITCOND = '0', MSFUNC = moved,"
        " MINVFUNC = back, MSTYPE = bigint, MSSPACE = 32, MFINALFUNC = ended, MFINALFUNC_EXTRA,"
        " MFINALFUNC_MODIFY = READ_WRITE, MINITCOND = '1', PARALLEL = RESTRICTED);"
        "CREATE AGGREGATE least_of(integer) (SFUNC = int4smaller, STYPE = integer, SORTOP = <, PARALLEL = SAFE);"
        "CREATE AGGREGATE serial(bigint) (SFUNC = int8_avg_accum, STYPE = internal, COMBINEFUNC = int8_avg_combine,"
        " SERIALFUNC = int8_avg_serialize, DESERIALFUNC = int8_avg_deserialize, FINALFUNC = numeric_poly_avg);"
        'CREATE AGGREGATE would_be(VARIADIC "any" ORDER BY VARIADIC "any") (SFUNC = ordered_set_transition_multi,'
        " STYPE = internal, FINALFUNC = rank_final, FINALFUNC_EXTRA, HYPOTHETICAL)",
    ),
    "functions of the server": (
        "",
        "CREATE FUNCTION wf() RETURNS bigint LANGUAGE internal WINDOW AS 'window_row_number';"
        "CREATE FUNCTION sf(integer, integer) RETURNS SETOF integer LANGUAGE internal SUPPORT"
        " generate_series_int4_support ROWS 7 COST 3 AS 'generate_series_int4'",
    ),
    "a function that returns a table": (
        "",
        "CREATE FUNCTION f(a integer DEFAULT 1, OUT b integer, OUT c text) RETURNS SETOF record LANGUAGE plpgsql"
        " AS 'BEGIN END'; CREATE FUNCTION h() RETURNS TABLE (x integer, y text) LANGUAGE sql AS $$SELECT 1, 'a'$$;"
        "CREATE VIEW v AS SELECT * FROM h() WITH ORDINALITY AS q (a, b, c)",
    ),
    "a procedure that gives back": (
        "",
        "CREATE PROCEDURE p(IN a integer, OUT b integer) LANGUAGE plpgsql AS 'BEGIN b := a; END'",
    ),
    "a domain's constraint that is not valid": (
        "CREATE DOMAIN d AS integer",
        "ALTER DOMAIN d ADD CONSTRAINT k CHECK (VALUE IS NOT NULL) NOT VALID",
    ),
    "settings of a function": (
        "",
        "CREATE FUNCTION f() RETURNS text LANGUAGE sql SET search_path FROM CURRENT SET \"a.b\" = 'x ''y'"
        " AS $f$SELECT '$function$ $body$'$f$",
    ),
    "an operator that hashes": (
        "",
        "CREATE OPERATOR === (FUNCTION = int4eq, LEFTARG = integer, RIGHTARG = integer, COMMUTATOR = ===, HASHES,"
        " MERGES, RESTRICT = eqsel, JOIN = eqjoinsel)",
    ),
    "what stands on an extension": (
        "CREATE EXTENSION citext",
        "CREATE VIEW v AS SELECT 'a'::citext AS c; CREATE FUNCTION f(citext) RETURNS citext LANGUAGE sql"
        " RETURN $1 || 'x'",
    ),
    "a default conversion": ("", "CREATE DEFAULT CONVERSION c FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8"),
    "comments": (
        TABLE,
        "CREATE POLICY p ON t; COMMENT ON POLICY p ON t IS E'a\\nb';"
        "ALTER TABLE t ADD CONSTRAINT k CHECK (b > 0); COMMENT ON CONSTRAINT k ON t IS 'k'",
    ),
}
PARENTS = (
    "CREATE TABLE p (a integer); CREATE TABLE c () INHERITS (p); CREATE TABLE g () INHERITS (c);"
    "CREATE TABLE pt (a integer) PARTITION BY RANGE (a);"
    "CREATE TABLE pt1 PARTITION OF pt FOR VALUES FROM (1) TO (9) PARTITION BY RANGE (a);"
    "CREATE TABLE pt2 PARTITION OF pt1 FOR VALUES FROM (1) TO (9)"
)
CHECK = "ALTER TABLE {} ADD CONSTRAINT k CHECK (a > 0)"
POSITIVE = "CREATE FUNCTION f(integer) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN $1 > 0;"
TRIGGERED = f"{TRIGGER} CREATE TRIGGER g BEFORE UPDATE ON pt FOR EACH ROW EXECUTE FUNCTION g()"
# What is there of a parent and its children before, and what is done then.
INHERITED = {
    "a child's own constraint, then its parent's": ("", f"{CHECK.format('c')}; {CHECK.format('p')}"),
    "the parent's, then a child's own": ("", f"{CHECK.format('p')}; {CHECK.format('c')}"),
    "the parent's, then a grandchild's own": ("", f"{CHECK.format('p')}; {CHECK.format('g')}"),
    "its own on every level": ("", f"{CHECK.format('p')}; {CHECK.format('g')}; {CHECK.format('c')}"),
    "a child's own where it is inherited": (CHECK.format("p"), CHECK.format("c")),
    "a grandchild's own where it is inherited": (CHECK.format("p"), CHECK.format("g")),
    "the parent's where it is a child's own": (CHECK.format("c"), CHECK.format("p")),
    "inherited alone where it was its own": (
        f"{CHECK.format('c')}; {CHECK.format('p')}",
        f"ALTER TABLE p DROP CONSTRAINT k; ALTER TABLE c DROP CONSTRAINT k; {CHECK.format('p')}",
    ),
    "the parent's alone": ("", f"{CHECK.format('c')}; {CHECK.format('p')} NO INHERIT"),
    "a function of the parent's": ("", f"{POSITIVE} ALTER TABLE p ADD CONSTRAINT k CHECK (f(a))"),
    "a function of the parent's and a child's": (
        "",
        f"{POSITIVE} ALTER TABLE p ADD CONSTRAINT k CHECK (f(a)); ALTER TABLE c ADD CONSTRAINT k CHECK (f(a))",
    ),
    "a function of a partitioned table's": ("", f"{POSITIVE} ALTER TABLE pt ADD CONSTRAINT k CHECK (f(a))"),
    "another function of a partitioned table's": (
        f"{POSITIVE} ALTER TABLE pt ADD CONSTRAINT k CHECK (f(a))",
        f"DROP FUNCTION f(integer) CASCADE; {POSITIVE.replace('(integer)', '(other integer)')}"
        " ALTER TABLE pt ADD CONSTRAINT k CHECK (f(a))",
    ),
    "a partitioned table's trigger": ("", TRIGGERED),
    "another trigger of a partitioned table": (
        TRIGGERED,
        f"DROP FUNCTION g() CASCADE; {TRIGGERED.replace('UPDATE', 'INSERT')}",
    ),
}


def go_and_come_back(connection: Connection, before: tuple[int, str]) -> None:
    """Goes back to a snapshot, and then to what was live."""
    after = snapshot(connection), revision(connection)
    assert after != before
    for number, digest in (before, after):
        roll_back(connection, number)
        assert revision(connection) == digest


def test_objects_of_every_kind_go_and_come_back_together(server: Server, name: str) -> None:
    cases = KINDS | {case: ("CREATE TABLE t (a integer)", F + script) for case, script in CASES.items()}
    with prepared(server, name) as connection:
        make(connection, [there for there, _ in cases.values()])
        before = snapshot(connection), revision(connection)
        make(connection, [made for _, made in cases.values()])
        dumped = dump(server, name)
        go_and_come_back(connection, before)
        # What a definition does not tell, no revision shows.
        assert dump(server, name) == dumped


def make(connection: Connection, scripts: Sequence[str]) -> None:
    """Runs each script in its schema."""
    for number, script in enumerate(scripts):
        connection.execute(
            f"CREATE SCHEMA IF NOT EXISTS s{number}; SET search_path = s{number}, public; {script}".encode()
        )


@pytest.mark.parametrize("case", INHERITED)
def test_what_children_have_from_their_parents_comes_and_goes_with_them(session: Connection, case: str) -> None:
    there, done = INHERITED[case]
    session.execute(f"{PARENTS}; {there}".encode())
    before = (snapshot(session), revision(session))
    session.execute(done.encode())
    go_and_come_back(session, before)
