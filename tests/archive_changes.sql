-- Pairs of schemas for test_archive_changes.py: under a title what is there, and after "-- becomes" what is to be.

-- a serial becomes an identity
CREATE TABLE a (id serial PRIMARY KEY);
-- becomes
CREATE TABLE a (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY);

-- an identity becomes a serial
CREATE TABLE a (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY);
-- becomes
CREATE TABLE a (id serial PRIMARY KEY);

-- what generated columns are computed from changes
CREATE TABLE a (id int, b int GENERATED ALWAYS AS (id*2) STORED, c int);
CREATE VIEW v AS SELECT b FROM a;
CREATE INDEX i ON a (b);
COMMENT ON COLUMN a.b IS 'x';
-- becomes
CREATE TABLE a (id int, b int GENERATED ALWAYS AS (id*3) STORED, c int GENERATED ALWAYS AS (id*4) STORED);
CREATE VIEW v AS SELECT b FROM a;
CREATE INDEX i ON a (b);
COMMENT ON COLUMN a.b IS 'x';

-- a generated column becomes a plain one
CREATE TABLE a (id int, b int GENERATED ALWAYS AS (id*2) STORED);
-- becomes
CREATE TABLE a (id int, b bigint);

-- bounds of a partition change, and an index of all
CREATE TABLE p (id int, at int, UNIQUE (at)) PARTITION BY RANGE (at);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (5);
CREATE TABLE p2 PARTITION OF p DEFAULT;
CREATE INDEX x ON p (id);
-- becomes
CREATE TABLE p (id int, at int, UNIQUE (at)) PARTITION BY RANGE (at);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (9);
CREATE TABLE p2 PARTITION OF p DEFAULT;
CREATE INDEX x ON p (id DESC);

-- a partition leaves, another one takes its place
CREATE TABLE t (id int PRIMARY KEY);
CREATE TABLE p (id int REFERENCES t, at int) PARTITION BY RANGE (at);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (5);
CREATE INDEX x ON p (id);
-- becomes
CREATE TABLE t (id int PRIMARY KEY);
CREATE TABLE p (id int REFERENCES t, at int) PARTITION BY RANGE (at);
CREATE TABLE p1 (id int, at int);
CREATE TABLE p3 PARTITION OF p FOR VALUES FROM (0) TO (5);
CREATE INDEX x ON p (id);
ALTER TABLE p ADD UNIQUE (at, id);

-- a partitioned table gets a key, a column and a check
CREATE TABLE p (id int, at int) PARTITION BY RANGE (at);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (5);
-- becomes
CREATE TABLE p (id int, at int, PRIMARY KEY (id, at), c text DEFAULT 'x' NOT NULL, CHECK (c <> '')) PARTITION BY
  RANGE (at);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (5);
CREATE TABLE q (id int, at int, FOREIGN KEY (id, at) REFERENCES p);

-- partitions of partitions change
CREATE TABLE p (id int, at int) PARTITION BY RANGE (at);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (5) PARTITION BY LIST (id);
CREATE TABLE p11 PARTITION OF p1 FOR VALUES IN (1);
CREATE INDEX x ON p (at);
-- becomes
CREATE TABLE p (id int, at int, c int DEFAULT 4) PARTITION BY RANGE (at);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (5) PARTITION BY LIST (id);
CREATE TABLE p11 PARTITION OF p1 FOR VALUES IN (1,2);
CREATE TABLE p12 PARTITION OF p1 DEFAULT;
CREATE INDEX x ON p (at);
CREATE INDEX y ON p (c);

-- a table is partitioned otherwise
CREATE TABLE p (id int, at int) PARTITION BY RANGE (at);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (5);
-- becomes
CREATE TABLE p (id int, at int) PARTITION BY LIST (id);
CREATE TABLE p1 PARTITION OF p FOR VALUES IN (3);

-- a table is not partitioned any longer
CREATE TABLE p (id int, at int) PARTITION BY RANGE (at);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (5);
CREATE INDEX i ON p (id);
-- becomes
CREATE TABLE p (id int, at int);
CREATE INDEX i ON p (id);

-- a partitioned table goes, a partition stays
CREATE TABLE p (id int, at int PRIMARY KEY) PARTITION BY RANGE (at);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (5);
CREATE TABLE p2 PARTITION OF p DEFAULT;
-- becomes
CREATE TABLE p2 (id int, at int);

-- what is inherited changes, by more tables
CREATE TABLE a (x int, CONSTRAINT k CHECK (x > 0));
CREATE TABLE b (y int) INHERITS (a);
CREATE TABLE c () INHERITS (b);
CREATE TABLE d (x int);
-- becomes
CREATE TABLE a (x bigint, z int DEFAULT 3 NOT NULL, CONSTRAINT k CHECK (x > 1));
CREATE TABLE b (y int) INHERITS (a);
ALTER TABLE b ALTER z DROP DEFAULT;
CREATE TABLE c () INHERITS (b);
CREATE TABLE d () INHERITS (a);

-- less is inherited, by fewer tables
CREATE TABLE a (x int, w int, CONSTRAINT k CHECK (x > 0));
CREATE TABLE b (y int) INHERITS (a);
CREATE TABLE c () INHERITS (b);
-- becomes
CREATE TABLE a (x int);
CREATE TABLE b (y int) INHERITS (a);
CREATE TABLE c (x int, y int);

-- names change hands between kinds
CREATE TABLE a (id int PRIMARY KEY);
CREATE VIEW b AS SELECT 1 AS id;
CREATE SEQUENCE s;
CREATE TYPE t AS (a int);
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
-- becomes
CREATE VIEW a AS SELECT 1 AS id;
CREATE TABLE b (id int);
CREATE MATERIALIZED VIEW s AS SELECT 1 AS q;
CREATE TYPE t AS ENUM ('x');
CREATE PROCEDURE f() LANGUAGE sql AS 'SELECT 1';
CREATE INDEX a_pkey ON b (id);

-- tables that refer to each other go
CREATE TABLE a (id int PRIMARY KEY, b int);
CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a);
ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b;
-- becomes
CREATE TABLE c (id int);

-- tables that refer to each other come
CREATE TABLE c (id int);
-- becomes
CREATE TABLE a (id int PRIMARY KEY, b int);
CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a);
ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b;

-- a new label is used at once
CREATE TYPE m AS ENUM ('a','b');
CREATE TABLE t (x m DEFAULT 'a', y m[]);
CREATE VIEW v AS SELECT x FROM t;
-- becomes
CREATE TYPE m AS ENUM ('a','c','b');
CREATE TABLE t (x m DEFAULT 'c', y m[]);
CREATE VIEW v AS SELECT x FROM t;

-- the labels of a type that other types are made of change places
CREATE TYPE m AS ENUM ('a','b');
CREATE DOMAIN d AS m CHECK (VALUE <> 'a');
CREATE TYPE c AS (x m, y d);
CREATE TABLE t (x m, y d, z c, w c[]);
CREATE FUNCTION f(m, d, c) RETURNS m LANGUAGE sql AS 'SELECT $1';
CREATE INDEX i ON t (x);
-- becomes
CREATE TYPE m AS ENUM ('b','a');
CREATE DOMAIN d AS m CHECK (VALUE <> 'a');
CREATE TYPE c AS (x m, y d);
CREATE TABLE t (x m, y d, z c, w c[]);
CREATE FUNCTION f(m, d, c) RETURNS m LANGUAGE sql AS 'SELECT $1';
CREATE INDEX i ON t (x);

-- a collation changes
CREATE COLLATION k (PROVIDER = libc, LOCALE = 'C');
CREATE TABLE t (a text COLLATE k, b text);
CREATE INDEX i ON t (a);
CREATE INDEX j ON t (b COLLATE k);
-- becomes
CREATE COLLATION k (PROVIDER = libc, LOCALE = 'POSIX');
CREATE TABLE t (a text COLLATE k, b text COLLATE k);
CREATE INDEX i ON t (a);
CREATE INDEX j ON t (b COLLATE k);

-- the types of columns with everything on them change
CREATE TABLE r (id int PRIMARY KEY);
CREATE TABLE t (a int PRIMARY KEY, b int REFERENCES r, g int GENERATED ALWAYS AS (a*2) STORED, s text);
CREATE STATISTICS st ON a, b FROM t;
CREATE POLICY p ON t USING (a > 0);
CREATE FUNCTION tf() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER tg BEFORE UPDATE OF a ON t FOR EACH ROW WHEN (OLD.a > 1) EXECUTE FUNCTION tf();
CREATE RULE ru AS ON DELETE TO t WHERE OLD.a > 0 DO INSTEAD NOTHING;
CREATE MATERIALIZED VIEW mv AS SELECT a FROM t;
CREATE FUNCTION pf() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT sum(a) FROM t; END;
CREATE TABLE q (a int REFERENCES t);
ALTER TABLE t ALTER s SET STORAGE EXTERNAL, ALTER a SET STATISTICS 7;
ALTER TABLE t REPLICA IDENTITY USING INDEX t_pkey;
-- becomes
CREATE TABLE r (id text PRIMARY KEY);
CREATE TABLE t (a text PRIMARY KEY, b text REFERENCES r, g int GENERATED ALWAYS AS (length(a)*2) STORED, s
  varchar(9));
CREATE STATISTICS st ON a, b FROM t;
CREATE POLICY p ON t USING (a > '0');
CREATE FUNCTION tf() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER tg BEFORE UPDATE OF a ON t FOR EACH ROW WHEN (OLD.a > '1') EXECUTE FUNCTION tf();
CREATE RULE ru AS ON DELETE TO t WHERE OLD.a > '0' DO INSTEAD NOTHING;
CREATE MATERIALIZED VIEW mv AS SELECT a FROM t;
CREATE FUNCTION pf() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(a) FROM t; END;
CREATE TABLE q (a text REFERENCES t);
ALTER TABLE t ALTER s SET STORAGE EXTERNAL, ALTER a SET STATISTICS 7;
ALTER TABLE t REPLICA IDENTITY USING INDEX t_pkey;

-- a sequence goes to another column, with other bounds
CREATE SEQUENCE s;
CREATE TABLE a (x int DEFAULT nextval('s'));
ALTER SEQUENCE s OWNED BY a.x;
CREATE TABLE b (x int);
-- becomes
CREATE SEQUENCE s MINVALUE 100 START 200;
CREATE TABLE b (x int DEFAULT nextval('s'));
ALTER SEQUENCE s OWNED BY b.x;

-- a sequence stays when its table goes
CREATE TABLE a (x serial);
ALTER TABLE a OWNER TO archive_owner;
-- becomes
CREATE SEQUENCE a_x_seq AS integer;
CREATE TABLE b (x int);

-- tables of other owners get sequences
CREATE TABLE a (x int);
ALTER TABLE a OWNER TO archive_owner;
GRANT SELECT ON a TO archive_reader;
-- becomes
CREATE TABLE a (x int, y serial);
ALTER TABLE a OWNER TO archive_owner;
CREATE TABLE b (id serial);
ALTER TABLE b OWNER TO archive_reader;

-- an owner and grants change
CREATE TABLE a (x int);
GRANT SELECT, INSERT (x) ON a TO archive_reader;
GRANT ALL ON a TO archive_owner;
REVOKE INSERT ON a FROM CURRENT_ROLE;
-- becomes
CREATE TABLE a (x int);
ALTER TABLE a OWNER TO archive_owner;
GRANT UPDATE (x), DELETE ON a TO archive_reader;

-- a table goes back to the owner of the database
CREATE TABLE a (x int);
ALTER TABLE a OWNER TO archive_owner;
GRANT SELECT ON a TO archive_reader;
-- becomes
CREATE TABLE a (x int);
GRANT SELECT ON a TO archive_owner;
GRANT SELECT, UPDATE ON a TO archive_reader;

-- grants on columns change
CREATE TABLE a (x int, y int);
GRANT SELECT, INSERT (x), UPDATE (y) ON a TO archive_reader;
-- becomes
CREATE TABLE a (x int, y int);
GRANT DELETE, INSERT (x), SELECT (y) ON a TO archive_reader;

-- tables come where grants come by default
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO archive_reader;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
CREATE TABLE a (x int);
-- becomes
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO archive_reader;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
CREATE TABLE a (x int);
CREATE TABLE b (x int);
CREATE TABLE c (x int);
REVOKE ALL ON c FROM archive_reader;
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
GRANT EXECUTE ON FUNCTION f() TO PUBLIC;
CREATE FUNCTION g() RETURNS int LANGUAGE sql AS 'SELECT 1';

-- schemas go with all that is in them, public with them
CREATE SCHEMA s;
CREATE TABLE s.a (x serial PRIMARY KEY);
CREATE TYPE s.m AS ENUM ('a');
CREATE FUNCTION s.f() RETURNS s.m LANGUAGE sql AS 'SELECT ''a''::s.m';
CREATE TABLE s.b (x s.m DEFAULT s.f());
ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT SELECT ON TABLES TO PUBLIC;
GRANT USAGE ON SCHEMA s TO PUBLIC;
CREATE TABLE t (x int);
-- becomes
CREATE SCHEMA r;
CREATE TABLE r.a (x serial PRIMARY KEY);
DROP SCHEMA public;

-- public comes back
CREATE SCHEMA r;
DROP SCHEMA public;
-- becomes
CREATE TABLE t (x int);

-- an extension gives way to another one
CREATE EXTENSION dblink;
-- becomes
CREATE EXTENSION hstore;
CREATE TABLE t (h hstore);

-- an extension goes, and the type of a column with it
CREATE EXTENSION hstore;
CREATE TABLE t (h hstore);
CREATE INDEX i ON t USING gin (h);
-- becomes
CREATE TABLE t (h text);

-- a range type changes
CREATE TYPE s AS RANGE (SUBTYPE = float8);
CREATE TABLE t (a s, b s[]);
CREATE INDEX i ON t USING gist (a);
-- becomes
CREATE TYPE s AS RANGE (SUBTYPE = numeric);
CREATE TABLE t (a s, b s[]);
CREATE INDEX i ON t USING gist (a);

-- tables that refer to each other are logged no longer
CREATE TABLE r (id serial PRIMARY KEY);
CREATE TABLE t (id serial PRIMARY KEY, r int REFERENCES r);
-- becomes
CREATE UNLOGGED TABLE r (id serial PRIMARY KEY);
CREATE UNLOGGED TABLE t (id serial PRIMARY KEY, r int REFERENCES r);

-- tables that refer to each other are logged
CREATE UNLOGGED TABLE r (id serial PRIMARY KEY);
CREATE UNLOGGED TABLE t (id serial PRIMARY KEY, r int REFERENCES r);
-- becomes
CREATE TABLE r (id serial PRIMARY KEY);
CREATE TABLE t (id serial PRIMARY KEY, r int REFERENCES r);

-- the index that is the replica identity changes
CREATE TABLE t (a int NOT NULL, b int NOT NULL);
CREATE UNIQUE INDEX i ON t (a);
ALTER TABLE t REPLICA IDENTITY USING INDEX i;
-- becomes
CREATE TABLE t (a int NOT NULL, b int NOT NULL);
CREATE UNIQUE INDEX i ON t (b);
ALTER TABLE t REPLICA IDENTITY USING INDEX i;

-- a view changes below another one with everything on it
CREATE TABLE t (a int, b int);
CREATE VIEW v AS SELECT a, b FROM t;
CREATE VIEW w AS SELECT a FROM v;
COMMENT ON COLUMN w.a IS 'x';
GRANT SELECT (a) ON w TO archive_reader;
ALTER VIEW w ALTER a SET DEFAULT 4;
CREATE FUNCTION tf() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER tg INSTEAD OF UPDATE ON w FOR EACH ROW EXECUTE FUNCTION tf();
CREATE RULE x AS ON DELETE TO w DO INSTEAD NOTHING;
-- becomes
CREATE TABLE t (a int, b int);
CREATE VIEW v AS SELECT b, a FROM t;
CREATE VIEW w WITH (security_barrier) AS SELECT a FROM v;
COMMENT ON COLUMN w.a IS 'x';
GRANT SELECT (a) ON w TO archive_reader;
ALTER VIEW w ALTER a SET DEFAULT 4;
CREATE FUNCTION tf() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER tg INSTEAD OF UPDATE ON w FOR EACH ROW EXECUTE FUNCTION tf();
CREATE RULE x AS ON DELETE TO w DO INSTEAD NOTHING;

-- two views change places
CREATE TABLE t (a int);
CREATE VIEW v AS SELECT a FROM t;
CREATE VIEW w AS SELECT a FROM v;
-- becomes
CREATE TABLE t (a int);
CREATE VIEW w AS SELECT a FROM t;
CREATE VIEW v AS SELECT a FROM w;

-- a view lets go of another one
CREATE TABLE t (a int);
CREATE VIEW d AS SELECT a FROM t;
CREATE VIEW v AS SELECT a FROM d;
-- becomes
CREATE TABLE t (a bigint);
CREATE VIEW v AS SELECT a FROM t;

-- a view lets go of a column
CREATE TABLE t (a int, b int);
CREATE VIEW v AS SELECT a, b FROM t;
-- becomes
CREATE TABLE t (a int, c int);
CREATE VIEW v AS SELECT a, c AS b FROM t;

-- a function that all stands on loses the default of an argument
CREATE FUNCTION f(a int DEFAULT 1) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE VIEW v AS SELECT f() AS x;
CREATE TABLE t (a int DEFAULT f(), b int CHECK (f(b) > 0));
CREATE INDEX i ON t ((a + 1));
-- becomes
CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE VIEW v AS SELECT f(1) AS x;
CREATE TABLE t (a int DEFAULT f(2), b int CHECK (f(b) > 0));
CREATE INDEX i ON t ((a + 1));

-- an event trigger changes
CREATE FUNCTION e() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER et ON ddl_command_end EXECUTE FUNCTION e();
COMMENT ON EVENT TRIGGER et IS 'x';
-- becomes
CREATE FUNCTION e() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN NULL; END';
CREATE EVENT TRIGGER et ON ddl_command_start EXECUTE FUNCTION e();
COMMENT ON EVENT TRIGGER et IS 'y';
CREATE TABLE a (x int);

-- an aggregate and its function change
CREATE FUNCTION f(int, int) RETURNS int LANGUAGE sql AS 'SELECT $1';
CREATE AGGREGATE g (int) (SFUNC = f, STYPE = int);
CREATE VIEW v AS SELECT g(1) AS x;
-- becomes
CREATE FUNCTION f(a int, b int) RETURNS int LANGUAGE sql AS 'SELECT $2';
CREATE AGGREGATE g (int) (SFUNC = f, STYPE = int, INITCOND = '4');
CREATE VIEW v AS SELECT g(1) AS x;

-- a domain gets another type
CREATE DOMAIN d AS int CHECK (VALUE > 0);
CREATE TABLE t (a d);
CREATE FUNCTION f(d) RETURNS d LANGUAGE sql AS 'SELECT $1';
COMMENT ON DOMAIN d IS 'x';
REVOKE ALL ON DOMAIN d FROM PUBLIC;
-- becomes
CREATE DOMAIN d AS bigint NOT NULL CHECK (VALUE > 1);
CREATE TABLE t (a d);
CREATE FUNCTION f(d) RETURNS d LANGUAGE sql AS 'SELECT $1';
COMMENT ON DOMAIN d IS 'x';
REVOKE ALL ON DOMAIN d FROM PUBLIC;

-- a composite type loses an attribute and gets one
CREATE TYPE c AS (a int, b text);
CREATE TABLE t (x c, y c[]);
-- becomes
CREATE TYPE c AS (b text, d date);
CREATE TABLE t (x c, y c[]);

-- an attribute of a composite type gets another type
CREATE TYPE c AS (a int, b text);
CREATE TABLE t (x c, y c[]);
-- becomes
CREATE TYPE c AS (a bigint, b text);
CREATE TABLE t (x c, y c[]);

-- a composite type loses all attributes
CREATE TYPE c AS (a int);
-- becomes
CREATE TYPE c AS ();

-- a table grows whose rows are the type of a column
CREATE TABLE a (x int);
CREATE TABLE b (r a);
CREATE FUNCTION f(a) RETURNS int LANGUAGE sql AS 'SELECT 1';
-- becomes
CREATE TABLE a (x int, y int);
CREATE TABLE b (r a);
CREATE FUNCTION f(a) RETURNS int LANGUAGE sql AS 'SELECT 1';

-- constraints become valid
CREATE TABLE a (x int PRIMARY KEY);
CREATE TABLE b (x int);
ALTER TABLE b ADD CONSTRAINT f FOREIGN KEY (x) REFERENCES a NOT VALID;
ALTER TABLE b ADD CONSTRAINT c CHECK (x > 0) NOT VALID;
-- becomes
CREATE TABLE a (x int PRIMARY KEY);
CREATE TABLE b (x int);
ALTER TABLE b ADD CONSTRAINT f FOREIGN KEY (x) REFERENCES a;
ALTER TABLE b ADD CONSTRAINT c CHECK (x > 0);

-- a key grows
CREATE TABLE a (x int, y int, PRIMARY KEY (x));
CREATE TABLE b (x int REFERENCES a);
CREATE VIEW v AS SELECT x, y FROM a GROUP BY x;
-- becomes
CREATE TABLE a (x int, y int, PRIMARY KEY (x, y));
CREATE TABLE b (x int);
CREATE VIEW v AS SELECT x, y FROM a GROUP BY x, y;

-- a key goes
CREATE TABLE a (x int PRIMARY KEY);
-- becomes
CREATE TABLE a (x int);

-- a key comes
CREATE TABLE a (x int);
-- becomes
CREATE TABLE a (x int PRIMARY KEY);

-- an exclusion changes with its column
CREATE TABLE a (r int4range, EXCLUDE USING gist (r WITH &&));
-- becomes
CREATE TABLE a (r int8range, EXCLUDE USING gist (r WITH &&) DEFERRABLE);

-- columns have other types and the storage of before
CREATE TABLE a (x text, y text);
ALTER TABLE a ALTER x SET STORAGE EXTERNAL, ALTER y SET STORAGE MAIN;
-- becomes
CREATE TABLE a (x int, y varchar(5));
ALTER TABLE a ALTER y SET STORAGE MAIN;

-- settings of a column change
CREATE TABLE a (x int);
ALTER TABLE a ALTER x SET (n_distinct = 5), ALTER x SET STATISTICS 9;
-- becomes
CREATE TABLE a (x int);
ALTER TABLE a ALTER x SET (n_distinct_inherited = 5);

-- names need quotes
CREATE SCHEMA "A.b";
CREATE TYPE "A.b"."E x" AS ENUM ('a');
CREATE TABLE "A.b"."C ""d" ("x y" int PRIMARY KEY, e "A.b"."E x" DEFAULT 'a', "Id" int GENERATED ALWAYS AS
  IDENTITY);
CREATE TABLE "A.b"."P" ("K" int REFERENCES "A.b"."C ""d");
-- becomes
CREATE SCHEMA "A.b";
CREATE TYPE "A.b"."E x" AS ENUM ('b', 'a', 'it''s');
CREATE TABLE "A.b"."C ""d" ("x y" bigint PRIMARY KEY, e "A.b"."E x" DEFAULT 'it''s', "Id" int GENERATED BY DEFAULT
  AS IDENTITY (START 5 CYCLE));
CREATE TABLE "A.b"."Q" ("K" bigint REFERENCES "A.b"."C ""d");

-- the options of an identity change
CREATE TABLE a (x int GENERATED ALWAYS AS IDENTITY (START 5 INCREMENT 2 MAXVALUE 100 CYCLE));
-- becomes
CREATE TABLE a (x bigint GENERATED BY DEFAULT AS IDENTITY (CACHE 3));

-- the sequence of an identity has a name of its own
CREATE TABLE a (x int GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME public.foo));
-- becomes
CREATE TABLE a (x int GENERATED ALWAYS AS IDENTITY);

-- a trigger runs another function
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TABLE a (x int);
CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW EXECUTE FUNCTION f();
-- becomes
CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TABLE a (x int);
CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW EXECUTE FUNCTION g();

-- a function returns rows of a table that grows
CREATE TABLE a (x int);
CREATE FUNCTION f() RETURNS SETOF a LANGUAGE sql BEGIN ATOMIC SELECT * FROM a; END;
CREATE VIEW v AS SELECT * FROM f();
-- becomes
CREATE TABLE a (x int, y int);
CREATE FUNCTION f() RETURNS SETOF a LANGUAGE sql BEGIN ATOMIC SELECT * FROM a; END;
CREATE VIEW v AS SELECT * FROM f();

-- materialized views stand on a column that changes
CREATE TABLE a (x int);
CREATE MATERIALIZED VIEW m AS SELECT x FROM a;
CREATE UNIQUE INDEX i ON m (x);
CREATE MATERIALIZED VIEW n AS SELECT x FROM m;
GRANT SELECT ON m TO archive_reader;
-- becomes
CREATE TABLE a (x bigint);
CREATE MATERIALIZED VIEW m AS SELECT x FROM a;
CREATE UNIQUE INDEX i ON m (x);
CREATE MATERIALIZED VIEW n AS SELECT x FROM m;
GRANT SELECT ON m TO archive_reader;

-- storage parameters change
CREATE TABLE a (x text) WITH (fillfactor=50, toast.autovacuum_enabled=false);
-- becomes
CREATE TABLE a (x text) WITH (autovacuum_enabled=false);

-- columns may or may not be null, in children, too
CREATE TABLE a (x int NOT NULL, y int);
CREATE TABLE b () INHERITS (a);
-- becomes
CREATE TABLE a (x int, y int NOT NULL);
CREATE TABLE b () INHERITS (a);

-- a column may not be null in a child alone
CREATE TABLE a (x int, y int);
CREATE TABLE b () INHERITS (a);
-- becomes
CREATE TABLE a (x int, y int);
CREATE TABLE b () INHERITS (a);
ALTER TABLE b ALTER y SET NOT NULL;

-- a procedure gets an argument
CREATE PROCEDURE p(a int) LANGUAGE sql AS 'SELECT 1';
-- becomes
CREATE PROCEDURE p(a int, b int DEFAULT 2) LANGUAGE sql AS 'SELECT 1';

-- columns exchange types, both of which are made anew
CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE DOMAIN amount AS integer;
CREATE TABLE a (x mood, y amount);
-- becomes
CREATE TYPE mood AS ENUM ('glad');
CREATE DOMAIN amount AS bigint;
CREATE TABLE a (x amount, y mood);

-- a column hands its type to another one
CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE TABLE a (x mood, y text);
-- becomes
CREATE TYPE mood AS ENUM ('glad', 'sad');
CREATE TABLE a (x text, y mood);

-- a materialized view reads one that has not been filled, and one that has
CREATE TABLE a (id int);
CREATE MATERIALIZED VIEW empty AS SELECT id FROM a WITH NO DATA;
CREATE MATERIALIZED VIEW filled AS SELECT id FROM a;
CREATE VIEW through AS SELECT id FROM empty;
-- becomes
CREATE TABLE a (id int);
CREATE MATERIALIZED VIEW empty AS SELECT id FROM a WITH NO DATA;
CREATE MATERIALIZED VIEW filled AS SELECT id FROM a;
CREATE VIEW through AS SELECT id FROM empty;
CREATE MATERIALIZED VIEW c AS SELECT id FROM through WITH NO DATA;
CREATE MATERIALIZED VIEW d AS SELECT id FROM filled;
CREATE UNIQUE INDEX of_d ON d (id);
