"""Random schemas, made with a seed: of one seed always the same, and pairs of which one is a change of the other."""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from init_slate_db.core.addresses import Address, reach
from init_slate_db.core.options import ConnectionOptions
from tests.archives import NAME
from tests.servers import Server
from versioning.archive.folder import Archive, Version, digest
from versioning.archive.scratch import Scratch, scratch

LABELS = ("sad", "calm", "it's ok", "glad", "happy")
PLAIN_TYPES = (
    "integer", "bigint", "text", "varchar(20)", "varchar(60)", "numeric", "numeric(8,2)", "numeric(12,4)", "date",
    "timestamptz", "boolean", "jsonb", "text[]", "uuid", "real",
)  # fmt: skip
VALUES = {
    "integer": "7", "bigint": "8", "text": "'some'", "varchar(20)": "'short'", "varchar(60)": "'longer'",
    "numeric": "1.5", "numeric(8,2)": "2.25", "numeric(12,4)": "3.125", "date": "'2020-02-02'", "boolean": "true",
    "jsonb": "'{}'", "text[]": "'{a,b}'", "real": "0.5",
}  # fmt: skip


@dataclass
class Schema:
    """One schema. changes: how much of it differs from that of the seed, 0 to 1; variant: in which way."""

    seed: int
    variant: int = 0
    changes: float = 0.0
    tables: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    types: list[str] = field(default_factory=list)
    unlogged: set[str] = field(default_factory=set)

    def dice(self, key: str) -> random.Random:
        """The dice for one thing: those of the seed, unless it is one of the changes."""
        if random.Random(f"{self.seed} {self.variant} {key} changed").random() < self.changes:
            return random.Random(f"{self.seed} {self.variant} {key}")
        return random.Random(f"{self.seed} {key}")

    def statements(self) -> Iterator[str]:
        """The DDL, in an order in which it can be run."""
        if self.dice("other").random() < 0.7:
            yield 'CREATE SCHEMA "the other"'
            if self.dice("other comment").random() < 0.5:
                yield "COMMENT ON SCHEMA \"the other\" IS 'for the rest'"
        if self.dice("extension").random() < 0.3:
            yield "CREATE EXTENSION dblink"
        yield from self._default_privileges()
        yield from self._types()
        yield from self._functions()
        for number in range(6):
            if self.dice(f"table {number}").random() < 0.75:
                yield from self._table(f"t{number}")
        yield from self._references()
        yield from self._partitions()
        yield from self._children()
        yield from self._late_functions()
        yield from self._views()
        for name in self.tables:
            yield from self._indexes(name)
            yield from self._settings(name)
            yield from self._rights(name)

    def _default_privileges(self) -> Iterator[str]:
        for objects, privilege in (("TABLES", "SELECT"), ("FUNCTIONS", "EXECUTE")):
            if self.dice(f"default {objects}").random() < 0.2:
                yield f"ALTER DEFAULT PRIVILEGES GRANT {privilege} ON {objects} TO archive_reader"
        if self.dice("default revoked").random() < 0.15:
            yield "ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC"

    def _types(self) -> Iterator[str]:
        for name in ("mood", "temper"):
            dice = self.dice(f"enum {name}")
            if dice.random() < 0.8:
                labels = [label for label in LABELS if dice.random() < 0.7] or ["alone"]
                if dice.random() < 0.1:
                    labels.reverse()
                yield f"CREATE TYPE {name} AS ENUM ({', '.join(map(quote, labels))})"
                self.types.append(name)
        dice = self.dice("domain")
        if dice.random() < 0.7:
            yield f"CREATE DOMAIN amount AS {dice.choice(['integer', 'bigint', 'numeric'])}" + dice.choice(
                ["", " DEFAULT 3", " NOT NULL DEFAULT 4", " CHECK (VALUE > 0)", " CONSTRAINT low CHECK (VALUE > -9)"]
            )
            self.types.append("amount")
        dice = self.dice("composite")
        if dice.random() < 0.6:
            attributes = [one for one in ("a integer", "b text", "c date", "d numeric") if dice.random() < 0.7]
            yield f"CREATE TYPE pair AS ({', '.join(attributes or ['z integer'])})"
            self.types.append("pair")
        dice = self.dice("range")
        if dice.random() < 0.4:
            yield f"CREATE TYPE span AS RANGE (SUBTYPE = {dice.choice(['float8', 'numeric'])})"
            self.types.append("span")
        dice = self.dice("sequence")
        if dice.random() < 0.7:
            start = dice.choice([1, 10])
            yield f"CREATE SEQUENCE numbers AS {dice.choice(['integer', 'bigint'])} START {start} MINVALUE {start}" + (
                dice.choice(["", " CYCLE", " CACHE 5", " INCREMENT 2"])
            )
            self.types.append("numbers")

    def _functions(self) -> Iterator[str]:
        dice = self.dice("function plain")
        if dice.random() < 0.9:
            argument = dice.choice(["x integer", "y integer", "x integer DEFAULT 1"])
            name = argument.partition(" ")[0]
            result = dice.choice(["integer", "bigint"])
            body = dice.choice([f"SELECT {name} + 1", f"SELECT {name} * 2"])
            volatility = dice.choice(["IMMUTABLE", "IMMUTABLE STRICT"])
            yield (
                f"CREATE FUNCTION more({argument}) RETURNS {result} LANGUAGE sql {volatility}"
                f" AS 'SELECT ({body})::{result}'"
            )
            self.types.append("more")
            if dice.random() < 0.4:
                yield "REVOKE EXECUTE ON FUNCTION more FROM PUBLIC"
        dice = self.dice("function trigger")
        setting = dice.choice(["", " SET search_path = pg_catalog"])
        body = dice.choice(["", "RAISE NOTICE $a$x$a$; "])
        yield f"CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql{setting} AS $$BEGIN {body}RETURN NEW; END$$"
        if "mood" in self.types and self.dice("function mood").random() < 0.6:
            yield "CREATE FUNCTION is_fine(m mood) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN m IS NOT NULL"
            self.types.append("is_fine")
        dice = self.dice("aggregate")
        if dice.random() < 0.4:
            start = dice.choice("12")
            yield f"CREATE AGGREGATE product (integer) (SFUNC = int4mul, STYPE = integer, INITCOND = '{start}')"

    def _table(self, name: str) -> Iterator[str]:
        dice = self.dice(f"shape of {name}")
        key = self.dice(f"key of {name}").choice(["integer", "bigint"])
        how = self.dice(f"identity of {name}").choice(
            ["", "", " GENERATED ALWAYS AS IDENTITY", " GENERATED BY DEFAULT AS IDENTITY (INCREMENT 3)", "serial"]
        )
        own = {"integer": "serial", "bigint": "bigserial"}[key] if how == "serial" else f"{key}{how}"
        clauses, columns = [f"id {own} PRIMARY KEY"], [("id", key)]
        for number in range(7):
            column = f"c{number}" if number else "Big C"
            if self.dice(f"column {name}.{column}").random() < 0.75:
                clause, kind = self._column(name, column, columns)
                clauses.append(clause)
                columns.append((column, kind))
        options = self.dice(f"options of {name}").choice(["", "", " WITH (fillfactor = 80)", " WITH (fillfactor = 60)"])
        is_unlogged = dice.random() < 0.15
        yield f"CREATE {'UNLOGGED ' if is_unlogged else ''}TABLE {name} ({', '.join(clauses)}){options}"
        self.tables[name] = columns
        if is_unlogged:
            self.unlogged.add(name)

    def _column(self, table: str, column: str, columns: Sequence[tuple[str, str]]) -> tuple[str, str]:
        """Its clause, and its type."""
        dice = self.dice(f"type of {table}.{column}")
        own_types = [one for one in ("mood", "temper", "amount", "pair", "span") if one in self.types]
        kind = dice.choice([*PLAIN_TYPES, *own_types, *own_types])
        if kind == "mood" and dice.random() < 0.2:
            kind = "mood[]"
        clause = f"{identifier(column)} {kind}"
        numbers = [one for one, its in columns if its in ("integer", "bigint") and one != "id"]
        if kind == "bigint" and numbers and dice.random() < 0.5:
            return f"{clause} GENERATED ALWAYS AS ({identifier(dice.choice(numbers))} * 2) STORED", "generated"
        if kind == "text" and dice.random() < 0.3:
            clause += ' COLLATE "C"'
        dice = self.dice(f"default of {table}.{column}")
        if dice.random() < 0.4:
            if kind == "integer" and "numbers" in self.types:
                clause += " DEFAULT nextval('numbers')"
            elif kind == "bigint" and "more" in self.types:
                clause += " DEFAULT more(2)"
            elif kind in VALUES:
                clause += f" DEFAULT {VALUES[kind]}"
        if self.dice(f"null of {table}.{column}").random() < 0.3:
            clause += " NOT NULL"
        if self.dice(f"check of {table}.{column}").random() < 0.15:
            clause += f" CHECK ({identifier(column)} IS NOT NULL)"
        return clause, kind

    def _references(self) -> Iterator[str]:
        for name in self.tables:
            dice = self.dice(f"reference of {name}")
            if dice.random() < 0.5:
                other = dice.choice(list(self.tables))
                if other in self.unlogged and name not in self.unlogged:
                    continue
                action = dice.choice(["", " ON DELETE CASCADE", " DEFERRABLE", " NOT VALID"])
                yield f"ALTER TABLE {name} ADD CONSTRAINT to_other FOREIGN KEY (id) REFERENCES {other}{action}"

    def _partitions(self) -> Iterator[str]:
        dice = self.dice("partitions")
        if dice.random() < 0.3:
            return
        extra = [one for one in ("note text", "size integer DEFAULT 2", "flag boolean NOT NULL") if dice.random() < 0.6]
        yield f"CREATE TABLE parts ({', '.join(['id integer', 'at integer', *extra])}) PARTITION BY RANGE (at)"
        has_key = self.dice("key of partitions").random() < 0.5
        if has_key:
            yield "ALTER TABLE parts ADD PRIMARY KEY (id, at)"
        if self.dice("check of partitions").random() < 0.5:
            yield "ALTER TABLE parts ADD CONSTRAINT positive CHECK (id > 0)"
        for number in range(3):
            dice = self.dice(f"partition {number}")
            lower = number * 10
            bounds = f"FOR VALUES FROM ({lower}) TO ({lower + dice.choice([5, 10])})"
            if dice.random() < 0.6:
                yield f"CREATE TABLE parts_{number} PARTITION OF parts {bounds}"
            elif dice.random() < 0.6:
                yield f"CREATE TABLE parts_{number} (LIKE parts INCLUDING ALL)"
        if self.dice("index of partitions").random() < 0.6:
            yield f"CREATE INDEX parts_at ON parts (at{self.dice('index of partitions').choice([' DESC', '', ', id'])})"
        if "t0" in self.tables and "t0" not in self.unlogged and self.dice("reference of parts").random() < 0.4:
            yield "ALTER TABLE parts ADD CONSTRAINT to_t0 FOREIGN KEY (id) REFERENCES t0"

    def _children(self) -> Iterator[str]:
        dice = self.dice("parent")
        if dice.random() < 0.4:
            return
        columns = [
            one for one in ("x integer", "y text NOT NULL", "z date DEFAULT '2020-01-01'") if dice.random() < 0.7
        ]
        check = self.dice("parent check").choice(
            ["", ", CONSTRAINT big CHECK (a > 0)", ", CONSTRAINT big CHECK (a > 5)"]
        )
        yield f"CREATE TABLE parent ({', '.join(['a integer', *columns])}{check})"
        for name in ("child", "second"):
            dice = self.dice(name)
            if dice.random() < 0.7:
                yield f"CREATE TABLE {name} (own {dice.choice(['text', 'integer'])}) INHERITS (parent)"

    def _late_functions(self) -> Iterator[str]:
        """Functions that name tables."""
        for name in self.tables:
            dice = self.dice(f"function of {name}")
            if dice.random() < 0.3:
                column = dice.choice([one for one, _ in self.tables[name]])
                yield (
                    f"CREATE FUNCTION count_{name}() RETURNS bigint LANGUAGE sql"
                    f" BEGIN ATOMIC SELECT count({identifier(column)}) FROM {name}; END"
                )
            if dice.random() < 0.2:
                yield f"CREATE FUNCTION of_{name}(r {name}) RETURNS bigint LANGUAGE sql AS 'SELECT r.id::bigint'"

    def _views(self) -> Iterator[str]:
        known = {name: [column for column, _ in columns] for name, columns in self.tables.items()}
        for number in range(5):
            dice = self.dice(f"view {number}")
            if not known or dice.random() < 0.25:
                continue
            source = dice.choice(sorted(known))
            columns = [one for one in known[source] if self.dice(f"view {number}.{one}").random() < 0.7] or ["id"]
            columns = [one for one in columns if one in known[source]] or known[source][:1]
            chosen = ", ".join(map(identifier, columns))
            kind = "MATERIALIZED VIEW" if dice.random() < 0.25 else "VIEW"
            name = f"v{number}"
            yield f"CREATE {kind} {name} AS SELECT {chosen} FROM {source}" + dice.choice(
                ["", f" WHERE {identifier(columns[0])} IS NOT NULL"]
            )
            known[name] = columns
            if dice.random() < 0.3:
                yield f"GRANT SELECT ON {name} TO archive_reader"
            if dice.random() < 0.3:
                yield f"COMMENT ON {kind} {name} IS 'number {dice.randrange(3)}'"
            if kind == "MATERIALIZED VIEW" and dice.random() < 0.5:
                yield f"CREATE INDEX {name}_index ON {name} ({identifier(columns[0])})"

    def _indexes(self, name: str) -> Iterator[str]:
        columns = self.tables[name]
        sortable = [one for one, kind in columns if kind not in ("jsonb", "pair")]
        for number in range(3):
            dice = self.dice(f"index {number} of {name}")
            if dice.random() < 0.5:
                sample = dice.sample(sortable, min(len(sortable), dice.choice([1, 2])))
                where = dice.choice(["", "", f" WHERE {identifier(dice.choice(columns)[0])} IS NOT NULL"])
                yield f"CREATE INDEX {name}_i{number} ON {name} ({', '.join(map(identifier, sample))}){where}"
        moods = [one for one, kind in columns if kind == "mood"]
        if moods and "is_fine" in self.types and self.dice(f"fine {name}").random() < 0.6:
            yield f"CREATE INDEX {name}_fine ON {name} (is_fine({identifier(moods[0])}))"
        dice = self.dice(f"statistics of {name}")
        if len(sortable) > 2 and dice.random() < 0.3:
            pair = ", ".join(identifier(one) for one in dice.sample(sortable, 2))
            yield f"CREATE STATISTICS {name}_related ON {pair} FROM {name}"

    def _rights(self, name: str) -> Iterator[str]:
        columns = self.tables[name]
        dice = self.dice(f"grant on {name}")
        if dice.random() < 0.4:
            yield f"GRANT {dice.choice(['SELECT', 'SELECT, INSERT', 'ALL'])} ON {name} TO archive_reader"
        if dice.random() < 0.3:
            yield f"GRANT UPDATE ({identifier(dice.choice(columns)[0])}) ON {name} TO archive_reader"
        if self.dice(f"owner of {name}").random() < 0.2:
            yield f"ALTER TABLE {name} OWNER TO archive_owner"
        dice = self.dice(f"policy of {name}")
        if dice.random() < 0.3:
            yield f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY"
            yield f"CREATE POLICY own ON {name} USING ({identifier(dice.choice(columns)[0])} IS NOT NULL)"

    def _settings(self, name: str) -> Iterator[str]:
        """Constraints, triggers, rules, comments and the like of a table."""
        columns = self.tables[name]
        integers = [one for one, kind in columns if kind == "integer"]
        if integers and "more" in self.types and self.dice(f"more {name}").random() < 0.4:
            yield f"ALTER TABLE {name} ADD CONSTRAINT more_{name} CHECK (more({identifier(integers[0])}) > 0)"
        dice = self.dice(f"trigger of {name}")
        if dice.random() < 0.4:
            of = dice.choice(["", f" OF {identifier(dice.choice(columns)[0])}"])
            yield f"CREATE TRIGGER refuse BEFORE UPDATE{of} ON {name} FOR EACH ROW EXECUTE FUNCTION refuse()"
            if dice.random() < 0.3:
                yield f"ALTER TABLE {name} DISABLE TRIGGER refuse"
        dice = self.dice(f"comment on {name}")
        if dice.random() < 0.4:
            yield f"COMMENT ON COLUMN {name}.{identifier(dice.choice(columns)[0])} IS 'number {dice.randrange(3)}'"
        dice = self.dice(f"settings of {name}")
        texts = [one for one, kind in columns if kind == "text"]
        if texts and dice.random() < 0.4:
            yield f"ALTER TABLE {name} ALTER {identifier(texts[0])} SET STORAGE {dice.choice(['EXTERNAL', 'MAIN'])}"
        if dice.random() < 0.2:
            yield f"ALTER TABLE {name} REPLICA IDENTITY {dice.choice(['FULL', 'NOTHING'])}"
        if dice.random() < 0.2:
            yield f"CREATE RULE silent AS ON DELETE TO {name} DO INSTEAD NOTHING"


def quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    return name if name.islower() else f'"{name}"'


@contextmanager
def scratches(server: Server) -> Iterator[Scratch]:
    """Scratch databases, as the commands have them."""
    parameters = server.parameters()
    options = ConnectionOptions(
        host=parameters["host"], port=server.port, user=parameters["user"], password=server.password
    )
    reached = reach(Address(options, "postgres"), "slate-schema")
    with reached.connection, scratch(reached) as made:
        yield made


def archive_of(text: str, folder: Path) -> Archive:
    """An archive with one version, 1, of this schema."""
    archive = Archive(folder, NAME, {"1": Version({}, digest(text), "2020-01-01T00:00:00+00:00", "")})
    archive.write({archive.schema_file("1"): text})
    return archive
