"""Archives, and slate-schema archive as a user's shell runs it."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from init_slate_db.core.errors import ExitStatus
from tests import commands, servers
from tests.servers import Server
from versioning.archive.items import Description, compare
from versioning.archive.reading import describe

COMMAND = (sys.executable, "-m", "versioning", "archive")
NAME = "shop"

# Something of every kind that an archive holds.
EVERYTHING = r"""
CREATE EXTENSION dblink;
CREATE SCHEMA "Odd Name";
COMMENT ON SCHEMA "Odd Name" IS 'it''s odd \ and back';
CREATE TYPE mood AS ENUM ('sad', 'it''s ok', 'happy');
CREATE TYPE pair AS (a integer, b text COLLATE "C");
CREATE DOMAIN positive AS integer DEFAULT 1 NOT NULL CONSTRAINT above_zero CHECK (VALUE > 0);
CREATE TYPE span AS RANGE (SUBTYPE = float8, SUBTYPE_DIFF = float8mi);
CREATE COLLATION german (PROVIDER = libc, LOCALE = 'C');
CREATE SEQUENCE numbers AS integer INCREMENT 5 CYCLE;
CREATE FUNCTION next_number() RETURNS integer LANGUAGE sql RETURN nextval('numbers')::integer;
CREATE TABLE person (
  id bigint GENERATED ALWAYS AS IDENTITY (START 100 CACHE 7) PRIMARY KEY,
  name varchar(40) COLLATE german NOT NULL DEFAULT 'none',
  "Mixed Case" mood DEFAULT 'sad',
  number integer DEFAULT next_number(),
  doubled integer GENERATED ALWAYS AS (number * 2) STORED,
  born timestamptz DEFAULT '2020-01-01 12:00+02',
  tags text[],
  CONSTRAINT named CHECK (name <> ''),
  UNIQUE (name) DEFERRABLE INITIALLY DEFERRED,
  EXCLUDE USING gist (box(point(number, number), point(number, number)) WITH &&)
) WITH (fillfactor = 70, toast.autovacuum_enabled = false);
ALTER TABLE person ALTER tags SET STORAGE EXTERNAL, ALTER name SET STATISTICS 500, ALTER name SET (n_distinct = 7);
CREATE TABLE orders (
  id serial, person bigint REFERENCES person ON DELETE CASCADE, at date NOT NULL, amount positive, PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);
CREATE TABLE orders_old PARTITION OF orders FOR VALUES FROM (MINVALUE) TO ('2020-01-01');
CREATE TABLE orders_new PARTITION OF orders DEFAULT;
ALTER TABLE orders ADD CONSTRAINT some_at CHECK (at > '1900-01-01');
CREATE INDEX orders_at ON orders (at DESC) WHERE amount > 5;
CREATE UNLOGGED TABLE scratchpad (a int, b int);
ALTER TABLE scratchpad ADD CONSTRAINT later FOREIGN KEY (a) REFERENCES person NOT VALID;
CREATE TABLE base (x int NOT NULL, CONSTRAINT small CHECK (x < 100));
CREATE TABLE derived (y int DEFAULT 3) INHERITS (base);
CREATE INDEX ON person USING gin (tags);
CREATE INDEX lower_name ON person (lower(name)) INCLUDE (number);
CREATE STATISTICS related (dependencies) ON a, b FROM scratchpad;
ALTER TABLE base REPLICA IDENTITY FULL;
CREATE VIEW people WITH (security_barrier) AS SELECT p.id, p.name, count(o.id) AS orders
  FROM person p LEFT JOIN orders o ON o.person = p.id GROUP BY p.id;
COMMENT ON COLUMN people.orders IS 'how many';
COMMENT ON VIEW people IS 'all of them';
COMMENT ON COLUMN pair.b IS 'the second';
COMMENT ON INDEX person_pkey IS 'an index';
COMMENT ON CONSTRAINT person_pkey ON person IS 'its constraint';
CREATE MATERIALIZED VIEW summary AS SELECT sum(orders) AS total FROM people;
CREATE UNIQUE INDEX ON summary (total);
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog
  AS $$ BEGIN RAISE 'no'; END $$;
CREATE FUNCTION of_row(p person, INOUT x integer DEFAULT 5) LANGUAGE plpgsql AS 'BEGIN x := x + p.number; END';
CREATE PROCEDURE clean(VARIADIC ids integer[]) LANGUAGE sql AS 'DELETE FROM scratchpad WHERE a = ANY (ids)';
CREATE AGGREGATE product (integer) (SFUNC = int4mul, STYPE = integer, INITCOND = '1');
CREATE TRIGGER no_update BEFORE UPDATE OF name ON person FOR EACH ROW WHEN (OLD.name = 'x') EXECUTE FUNCTION refuse();
CREATE TRIGGER no_order BEFORE DELETE ON orders FOR EACH ROW EXECUTE FUNCTION refuse();
ALTER TABLE person DISABLE TRIGGER no_update;
ALTER TABLE orders_old DISABLE TRIGGER no_order;
CREATE RULE silent AS ON DELETE TO scratchpad DO INSTEAD NOTHING;
ALTER TABLE person ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON person AS RESTRICTIVE FOR UPDATE TO archive_reader, CURRENT_ROLE
  USING (id > 3) WITH CHECK (id > 4);
CREATE FUNCTION on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER noticed ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION on_ddl();
GRANT SELECT, INSERT (name) ON person TO archive_reader;
GRANT ALL ON orders TO archive_reader WITH GRANT OPTION;
REVOKE EXECUTE ON FUNCTION next_number() FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION dblink_connect(text) FROM PUBLIC;
GRANT USAGE ON SCHEMA "Odd Name" TO PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA "Odd Name" GRANT SELECT ON TABLES TO archive_reader;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER TABLE base OWNER TO archive_owner;
"""


@dataclass(frozen=True)
class Project:
    """A database of a developer, and the archive of its schema."""

    server: Server
    database: str
    folder: Path

    def create(self) -> None:
        """Makes the database, empty."""
        prepare_roles(self.server)
        with self.server.connect() as connection:
            connection.execute(f'CREATE DATABASE "{self.database}" TEMPLATE template0'.encode())

    def checksum(self, version: str) -> str:
        """What is on record of a version's schema."""
        record = json.loads((self.folder / f"{NAME}.json").read_text())
        return str(record["versions"][version]["schema"])

    @property
    def pending(self) -> Path:
        return self.folder / f"{NAME}.deltas"

    def file(self, name: str) -> Path:
        """A file of a version."""
        return self.folder / NAME / name

    def archive(
        self, *arguments: str, status: ExitStatus = ExitStatus.DONE, **environment: str
    ) -> "subprocess.CompletedProcess[str]":
        """Runs a verb, and insists on its exit status."""
        ended = commands.run([*arguments, "--archive", str(self.folder)], self.environment(**environment), COMMAND)
        assert ended.returncode == status, ended.stdout + ended.stderr
        return ended

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Starts a verb in a process of its own."""
        return commands.start([*arguments, "--archive", str(self.folder)], self.environment(), COMMAND)

    def environment(self, **changes: str) -> dict[str, str]:
        return self.server.environment(PGDATABASE=self.database, **changes)

    def do(self, *statements: str, database: str | None = None) -> None:
        """Runs statements in the developer's database, or in another one."""
        with self.server.connect(database or self.database) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def change(self, statements: str) -> None:
        """Changes the developer's database, and puts the statements into the pending deltas."""
        self.do(statements)
        with self.pending.open("a") as file:
            file.write(f"{statements};\n")

    def push(self, version: str, statements: str = "", *options: str) -> None:
        """Changes the database and puts it on record, with a delta where it is not the first version."""
        if statements and (self.folder / NAME).exists() and any((self.folder / NAME).iterdir()):
            self.change(statements)
        elif statements:
            self.do(statements)
        self.archive("push", version, *options)

    @contextmanager
    def live(self, owner: str = "postgres") -> Iterator[str]:
        """The name of another, empty database."""
        name = f"{self.database}_live"
        with self.server.connect() as connection:
            connection.execute(f'CREATE DATABASE "{name}" OWNER "{owner}" TEMPLATE template0'.encode())
        try:
            yield name
        finally:
            self.server.drop(name)

    def dsn(self, database: str, server: Server | None = None, **changes: Any) -> str:
        server = server or self.server
        return psycopg.conninfo.make_conninfo(**server.parameters(database, **changes))

    def description(self, database: str | None = None) -> Description:
        with self.server.connect(database or self.database) as connection:
            return describe(connection)

    def dump(self, database: str | None = None) -> list[str]:
        """The lines of pg_dump's schema, in no order, without names of NOT NULL constraints."""
        program = servers.binaries()[self.server.version] / "pg_dump"
        dumped = subprocess.run(
            [program, "--schema-only", database or self.database],
            env=self.environment(), capture_output=True, text=True, check=True,
        )  # fmt: skip
        lines = (line for line in dumped.stdout.splitlines() if not line.startswith(("\\", "--")))
        return sorted(re.sub(r" CONSTRAINT \w+_not_null NOT NULL", " NOT NULL", line) for line in lines)

    def has_same_schema(self, database: str) -> bool:
        return not compare(self.description(), self.description(database))


def make_project(server: Server, database: str, folder: Path) -> Project:
    """An empty database with an archive that has no versions yet."""
    project = Project(server, database, folder / "db")
    project.create()
    project.archive("init", "--name", NAME)
    return project


def prepare_roles(server: Server) -> None:
    """Makes the roles that EVERYTHING names."""
    with server.connect() as connection:
        for role in ("archive_reader", "archive_owner"):
            if not connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (role,)).rowcount:
                connection.execute(f"CREATE ROLE {role} NOLOGIN".encode())


def scratch_databases(server: Server) -> set[str]:
    return {name for name in server.databases() if name.startswith("slate_scratch_")}
