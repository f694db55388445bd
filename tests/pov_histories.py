"""Databases full of objects, made with a seed, and random changes to them."""

import random
from dataclasses import dataclass, field

from tests.pov import Connection

TABLES = 10
VIEW_DEPTH = 40
OPERATORS = 5


@dataclass
class Histories:
    """A generator: tables, functions of each other's numbers, views on views, and what stands on them.

    ``functions`` and ``views`` say how many. A fifth of the functions carry a constraint and a trigger, a tenth a
    default, a policy, a comment and grants: with 1,000 functions that makes 200 triggers and 300 constraints and
    defaults.
    """

    connection: Connection
    seed: int
    functions: int
    views: int
    fresh: int = 0
    dice: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)

    def run(self, *commands: str) -> None:
        for command in commands:
            self.connection.execute(command.encode())

    def build(self) -> None:
        """Makes the database's objects, the tables with rows."""
        for role in ("pov_reader", "pov_owner"):
            self.run(f"DO $$BEGIN CREATE ROLE {role}; EXCEPTION WHEN duplicate_object OR unique_violation THEN END$$")
        self.run("CREATE SCHEMA other", "GRANT CREATE, USAGE ON SCHEMA public, other TO pov_owner")
        for number in range(TABLES):
            self.run(
                f"CREATE TABLE t{number} (a integer, b integer, c text)",
                f"INSERT INTO t{number} SELECT i, i, i FROM generate_series(1, 20) AS i",
                *(f"ALTER TABLE t{number} ADD COLUMN d{n} integer" for n in range(self.functions // 100)),
            )
        self.run("CREATE FUNCTION g0() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'")
        for number in range(self.functions):
            self.run(self.function(number))
        for number in range(self.views):
            self.run(self.view(number))
        for number in range(self.functions // 5):
            self.burden(number)
        for number in range(self.functions // 10):
            self.dress(number)
        for number in range(OPERATORS):
            self.run(*self.operator(number))
        self.run(
            "CREATE TYPE pair AS (a integer, b integer)",
            CAST,
            "CREATE CAST (integer AS pair) WITH FUNCTION pair(integer)",
        )
        self.run("CREATE TEXT SEARCH CONFIGURATION words (COPY = simple)")

    def function(self, number: int) -> str:
        schema = "other" if number % 7 == 0 else "public"
        return (
            f"CREATE OR REPLACE FUNCTION {schema}.f{number}(x integer) RETURNS integer LANGUAGE sql IMMUTABLE"
            f" COST {self.dice.randint(1, 50)} AS 'SELECT $1 + {self.dice.randint(1, 9)}'"
        )

    def called(self, number: int) -> str:
        return f"{'other' if number % 7 == 0 else 'public'}.f{number}"

    def view(self, number: int) -> str:
        """A view on a table at the start of a pile, else on the view before it."""
        below = f"v{number - 1}" if number % VIEW_DEPTH else f"t{number % TABLES}"
        call = self.called(self.dice.randrange(self.functions))
        return f"CREATE OR REPLACE VIEW v{number} AS SELECT a, {call}(b) AS b FROM {below}"

    def operator(self, number: int) -> list[str]:
        """An operator on a function of its own, and a view that uses it."""
        sign = f"<{'#' * (number + 1)}>"
        sides = "LEFTARG = integer, RIGHTARG = integer"
        return [
            f"CREATE OR REPLACE FUNCTION plus{number}(integer, integer) RETURNS integer LANGUAGE sql"
            " AS 'SELECT $1 + $2'",
            f"CREATE OPERATOR {sign} (FUNCTION = plus{number}, {sides}, COMMUTATOR = {sign})",
            f"CREATE OR REPLACE VIEW o{number} AS SELECT a {sign} b AS z FROM t1",
        ]

    def burden(self, number: int) -> None:
        """A constraint and a trigger for one number."""
        table, call = f"t{number % TABLES}", self.called(number)
        self.run(
            f"ALTER TABLE {table} ADD CONSTRAINT c{number} CHECK ({call}(a) > 0)",
            f"CREATE TRIGGER g{number} BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION g0()",
        )

    def dress(self, number: int) -> None:
        """A default, a policy, a comment and a grant for one number."""
        table, call = f"t{number % TABLES}", self.called(number)
        self.run(
            f"ALTER TABLE {table} ALTER COLUMN d{number // TABLES} SET DEFAULT {call}(1)",
            f"CREATE POLICY p{number} ON {table} USING ({call}(a) > 0)",
            f"COMMENT ON FUNCTION {call}(integer) IS 'number {number}'",
            f"GRANT SELECT ON v{number % self.views} TO pov_reader",
            f"REVOKE EXECUTE ON FUNCTION {call}(integer) FROM PUBLIC",
        )

    def change(self) -> None:
        """One random change: of a kind that people make."""
        self.dice.choice(CHANGES)(self)

    def any_function(self) -> str:
        query = "SELECT oid::regprocedure FROM pg_proc WHERE proname ~ '^f[0-9]' ORDER BY 1::text"
        found = [name for (name,) in self.connection.execute(query)]
        return str(self.dice.choice(found))

    def any_of(self, query: str) -> str | None:
        found = [name for (name,) in self.connection.execute(query.encode())]
        return str(self.dice.choice(found)) if found else None

    def replace_function(self) -> None:
        name = self.any_function().removesuffix("(integer)")
        if "new" not in name:
            self.run(
                f"CREATE OR REPLACE FUNCTION {name}(x integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE"
                f" SET work_mem = '{self.dice.randint(1, 9)}MB' AS 'BEGIN RETURN x; END'"
            )

    def drop_function(self) -> None:
        self.run(f"DROP FUNCTION {self.any_function()} CASCADE")

    def add_function(self) -> None:
        self.fresh += 1
        self.run(f"CREATE FUNCTION fnew{self.fresh}(y integer) RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'")

    def add_view(self) -> None:
        self.fresh += 1
        self.run(f"CREATE VIEW w{self.fresh} AS SELECT {self.any_function().removesuffix('(integer)')}(b) AS z FROM t1")

    def drop_view(self) -> None:
        view = self.any_of("SELECT viewname FROM pg_views WHERE schemaname = 'public' ORDER BY 1")
        if view:
            self.run(f"DROP VIEW {view} CASCADE")

    def replace_view(self) -> None:
        view = self.any_of("SELECT viewname FROM pg_views WHERE viewname ~ '^v[0-9]*0$' ORDER BY 1")
        if view and int(view[1:]) % VIEW_DEPTH == 0:
            call = self.any_function().removesuffix("(integer)")
            self.run(f"CREATE OR REPLACE VIEW {view} AS SELECT a, {call}(a)::integer AS b FROM t2")

    def turn_trigger(self) -> None:
        trigger = self.any_of("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1")
        if trigger:
            state = self.dice.choice(["DISABLE", "ENABLE", "ENABLE ALWAYS", "ENABLE REPLICA"])
            self.run(f"ALTER TABLE t{int(trigger[1:]) % TABLES} {state} TRIGGER {trigger}")

    def drop_constraint(self) -> None:
        query = "SELECT conname FROM pg_constraint WHERE contype = 'c' AND conname ~ '^c[0-9]+$' ORDER BY 1"
        constraint = self.any_of(query)
        if constraint:
            self.run(f"ALTER TABLE t{int(constraint[1:]) % TABLES} DROP CONSTRAINT {constraint}")

    def change_default(self) -> None:
        self.run(
            f"ALTER TABLE t{self.dice.randrange(TABLES)} ALTER COLUMN b SET DEFAULT {self.dice.randint(1, 9)}",
            f"ALTER TABLE t{self.dice.randrange(TABLES)} ALTER COLUMN b DROP DEFAULT",
        )

    def comment(self) -> None:
        self.run(f"COMMENT ON FUNCTION {self.any_function()} IS 'comment {self.dice.random()}'")

    def grant(self) -> None:
        word, to = self.dice.choice([("GRANT", "TO"), ("REVOKE", "FROM")])
        role = self.dice.choice(["pov_reader", "PUBLIC", "pov_owner"])
        self.run(f"{word} EXECUTE ON FUNCTION {self.any_function()} {to} {role}")

    def give_away(self) -> None:
        self.run(f"ALTER FUNCTION {self.any_function()} OWNER TO pov_owner")

    def change_policy(self) -> None:
        policy = self.any_of("SELECT polname FROM pg_policy ORDER BY 1")
        if policy:
            self.run(f"ALTER POLICY {policy} ON t{int(policy[1:]) % TABLES} TO pov_reader USING (true)")

    def drop_operator(self) -> None:
        number = self.dice.randrange(OPERATORS)
        self.run(f"DROP FUNCTION IF EXISTS plus{number}(integer, integer) CASCADE")

    def bring_operator(self) -> None:
        number = self.dice.randrange(OPERATORS)
        self.run(f"DROP FUNCTION IF EXISTS plus{number}(integer, integer) CASCADE", *self.operator(number))

    def turn_cast(self) -> None:
        how = self.dice.choice(["", "AS ASSIGNMENT", "AS IMPLICIT"])
        self.run(CAST, "DROP CAST IF EXISTS (integer AS pair)")
        self.run(f"CREATE CAST (integer AS pair) WITH FUNCTION pair(integer) {how}")

    def map_words(self) -> None:
        dictionary = self.dice.choice(["simple", "english_stem", "english_stem, simple"])
        self.run(f"ALTER TEXT SEARCH CONFIGURATION words ALTER MAPPING FOR asciiword, word WITH {dictionary}")

    def change_default_privileges(self) -> None:
        word, to = self.dice.choice([("GRANT", "TO"), ("REVOKE", "FROM")])
        role = self.dice.choice(["pov_reader", "PUBLIC"])
        scope = self.dice.choice(["", "IN SCHEMA public", "FOR ROLE pov_owner"])
        privilege = self.dice.choice(["EXECUTE ON FUNCTIONS", "SELECT ON TABLES"])
        self.run(f"ALTER DEFAULT PRIVILEGES {scope} {word} {privilege} {to} {role}")

    def comment_view(self) -> None:
        view = self.any_of("SELECT viewname FROM pg_views WHERE schemaname = 'public' ORDER BY 1")
        if view:
            self.run(f"COMMENT ON VIEW {view} IS {self.dice.choice(['NULL', '$$two words$$'])}")

    def recurse(self) -> None:
        """Two functions whose bodies PostgreSQL reads call each other."""
        self.fresh += 1
        name = f"atomic{self.fresh}"
        head = f"CREATE OR REPLACE FUNCTION {name}"
        self.run(
            f"{head}(integer) RETURNS integer LANGUAGE sql RETURN 1",
            f"{head}b(integer) RETURNS integer LANGUAGE sql RETURN {name}($1 - 1)",
            f"{head}(integer) RETURNS integer LANGUAGE sql RETURN CASE WHEN $1 > 0 THEN {name}b($1) END",
        )


CAST = "CREATE OR REPLACE FUNCTION pair(integer) RETURNS pair LANGUAGE sql IMMUTABLE AS 'SELECT ROW($1, $1)::pair'"
CHANGES = [
    Histories.drop_operator,
    Histories.bring_operator,
    Histories.turn_cast,
    Histories.map_words,
    Histories.change_default_privileges,
    Histories.comment_view,
    Histories.recurse,
    Histories.replace_function,
    Histories.drop_function,
    Histories.add_function,
    Histories.add_view,
    Histories.drop_view,
    Histories.replace_view,
    Histories.turn_trigger,
    Histories.drop_constraint,
    Histories.change_default,
    Histories.comment,
    Histories.grant,
    Histories.give_away,
    Histories.change_policy,
]
