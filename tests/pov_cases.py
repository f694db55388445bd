"""What people make with a function ``f(integer)`` and a table ``t (a integer)``: commands by what they show."""

CASES = {
    "a function": "",
    "a check constraint": "ALTER TABLE t ADD CONSTRAINT c CHECK (f(a) > 0)",
    "a view": "CREATE VIEW v AS SELECT f(a) AS b FROM t",
    "a view on a view": "CREATE VIEW v AS SELECT f(a) AS b FROM t; CREATE VIEW w AS SELECT b FROM v",
    "a default": "ALTER TABLE t ALTER COLUMN a SET DEFAULT f(1)",
    "a policy": "CREATE POLICY p ON t AS RESTRICTIVE FOR UPDATE TO PUBLIC USING (f(a) > 1) WITH CHECK "
    "(f(a) > 2);ALTER TABLE t ENABLE ROW LEVEL SECURITY; ALTER TABLE t FORCE ROW LEVEL "
    "SECURITY",
    "a rule": "CREATE VIEW v AS SELECT a FROM t; CREATE RULE r AS ON INSERT TO v DO INSTEAD SELECT f(1)",
    "a trigger": "CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';CREATE "
    "TRIGGER g AFTER INSERT ON t FOR EACH ROW WHEN (f(NEW.a) > 0) EXECUTE FUNCTION "
    "g('it''s');ALTER TABLE t ENABLE ALWAYS TRIGGER g; COMMENT ON TRIGGER g ON t IS 'it''s "
    "always on'",
    "a disabled trigger": "CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';CREATE "
    "TRIGGER g AFTER INSERT ON t EXECUTE FUNCTION g(); ALTER TABLE t DISABLE TRIGGER g",
    "an event trigger": "CREATE FUNCTION e() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';CREATE EVENT "
    "TRIGGER e ON ddl_command_start WHEN TAG IN ('DROP TABLE') EXECUTE FUNCTION e(); ALTER "
    "EVENT TRIGGER e DISABLE",
    "an aggregate": "CREATE AGGREGATE total(integer) (SFUNC = int4pl, STYPE = integer, INITCOND = '0', "
    "PARALLEL = SAFE);CREATE AGGREGATE rows(*) (SFUNC = int8inc, STYPE = bigint, INITCOND = "
    "'0'); CREATE VIEW v AS SELECT total(f(a)) FROM t",
    "a constraint that is not valid": "INSERT INTO t VALUES (-1);ALTER TABLE t ADD CONSTRAINT c "
    "CHECK (f(a) > 0) NOT VALID",
    "a domain's constraint": "CREATE DOMAIN d AS integer; ALTER DOMAIN d ADD CONSTRAINT c CHECK (f(VALUE) > 0)",
    "names that need quotes": 'CREATE SCHEMA "Ü ber"; CREATE FUNCTION "Ü ber"."a '
    '""b""\nc(%%"("d ""e" integer) RETURNS '
    'integer LANGUAGE sql AS \'SELECT f($1)\'; CREATE VIEW "Ü ber"."v """ AS SELECT "Ü ber"."a '
    '""b""\nc(%%"(a) AS "x y" FROM t;COMMENT ON VIEW "Ü ber"."v """ IS $$it\'s "\nü$$; COMMENT '
    'ON COLUMN "Ü ber"."v """."x y" IS \'ö\'',
    "function settings": "CREATE FUNCTION g(a integer = 5, VARIADIC b text[] = '{}', OUT c integer) LANGUAGE sql "
    "STABLE STRICT SECURITY DEFINER LEAKPROOF COST 7 PARALLEL SAFE SET search_path = public, "
    "\"$user\" SET work_mem = '5MB' AS 'SELECT 1'",
    "an SQL-standard body": "CREATE VIEW v AS SELECT f(a) AS b FROM t;CREATE FUNCTION g() RETURNS bigint LANGUAGE "
    "sql BEGIN ATOMIC SELECT sum(b) FROM v; END; CREATE VIEW w AS SELECT g()",
    "overloads": "CREATE FUNCTION f(text) RETURNS text LANGUAGE sql AS 'SELECT $1'; CREATE VIEW v AS "
    "SELECT f('x'::text) AS a, f(1) AS b",
    "a procedure": "CREATE PROCEDURE p(IN a integer, INOUT b integer) LANGUAGE plpgsql AS 'BEGIN CALL p(f(a), b); END'",
    "a function of a view's rows": "CREATE VIEW v AS SELECT f(a) AS b FROM t;CREATE FUNCTION "
    "g(v) RETURNS SETOF v LANGUAGE "
    "sql AS 'SELECT $1'; CREATE VIEW w AS SELECT g(v) FROM v",
    "functions that call each other": "CREATE FUNCTION g(integer) RETURNS integer LANGUAGE "
    "plpgsql AS 'BEGIN RETURN h($1); "
    "END';CREATE FUNCTION h(integer) RETURNS integer LANGUAGE plpgsql AS 'BEGIN RETURN "
    "g($1); END'",
    "SQL-standard functions that call each other": "CREATE FUNCTION g(integer) RETURNS integer LANGUAGE sql "
    "RETURN f($1);CREATE FUNCTION h(integer) RETURNS integer LANGUAGE sql RETURN g($1);CREATE OR REPLACE FUNCTION "
    "g(integer) RETURNS integer LANGUAGE sql RETURN CASE WHEN $1 > 0 THEN h($1 - 1) ELSE f($1) END;"
    "CREATE VIEW v AS SELECT g(a) AS b FROM t;ALTER TABLE t ADD CHECK (g(a) > -9)",
    "operators": "CREATE FUNCTION l(integer, integer) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN f($1) < $2;"
    "CREATE FUNCTION m(integer, integer) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN f($1) > $2;"
    "CREATE OPERATOR <<< (FUNCTION = l, LEFTARG = integer, RIGHTARG = integer, COMMUTATOR = >>>, NEGATOR = !<<<, "
    "RESTRICT = scalarltsel, JOIN = scalarltjoinsel);"
    "CREATE OPERATOR >>> (FUNCTION = m, LEFTARG = integer, RIGHTARG = integer, COMMUTATOR = <<<);"
    "CREATE OPERATOR #- (FUNCTION = f, RIGHTARG = integer); COMMENT ON OPERATOR #- (NONE, integer) IS 'it''s';"
    "CREATE VIEW v AS SELECT a <<< 3 AS b, #- a AS c FROM t; ALTER TABLE t ADD CHECK (a >>> 0)",
    "a cast": "CREATE TYPE pair AS (a integer, b integer);"
    "CREATE FUNCTION p(integer) RETURNS pair LANGUAGE sql IMMUTABLE RETURN ROW(f($1), 1)::pair;"
    "CREATE CAST (integer AS pair) WITH FUNCTION p(integer) AS ASSIGNMENT;"
    "COMMENT ON CAST (integer AS pair) IS 'both'; CREATE VIEW v AS SELECT a::pair AS b FROM t",
    "casts without a function": "CREATE TYPE pair AS (a integer, b integer);CREATE CAST (text AS pair) WITH INOUT AS "
    "IMPLICIT;CREATE VIEW v AS SELECT '(1,2)'::text::pair AS b",
    "text search": "CREATE TEXT SEARCH TEMPLATE tt (INIT = dsimple_init, LEXIZE = dsimple_lexize);"
    'CREATE TEXT SEARCH DICTIONARY "d d" (TEMPLATE = tt, STOPWORDS = english, ACCEPT = false);'
    "CREATE TEXT SEARCH PARSER tp (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, "
    "LEXTYPES = prsd_lextype, HEADLINE = prsd_headline);CREATE TEXT SEARCH CONFIGURATION tc (PARSER = tp);"
    'ALTER TEXT SEARCH CONFIGURATION tc ADD MAPPING FOR asciiword, float WITH "d d", english_stem;'
    "COMMENT ON TEXT SEARCH CONFIGURATION tc IS 'it''s';CREATE VIEW v AS SELECT to_tsvector('tc', f(a)::text) FROM t",
    "a conversion": "CREATE CONVERSION c FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8; COMMENT ON CONVERSION c IS 'x'",
    "default privileges": "ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;"
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, UPDATE ON TABLES TO pg_monitor WITH GRANT OPTION;"
    "ALTER DEFAULT PRIVILEGES GRANT USAGE ON SEQUENCES TO PUBLIC;"
    "ALTER DEFAULT PRIVILEGES REVOKE ALL ON TABLES FROM CURRENT_USER;CREATE VIEW v AS SELECT f(a) AS b FROM t",
}
