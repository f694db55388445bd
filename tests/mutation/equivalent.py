"""Mutants that no test is to notice, and why: what they change is no promise, or changes nothing."""

from tests.mutation.mutants import Mutant

# How the path begins, "" for any; a part of a line, and that part when it is broken, "" for in any way.
_KNOWN: list[tuple[str, str, str, str]] = [
    ("", "@dataclass(frozen=True)", "", "nobody writes to it; mypy sees to that"),
    ("init_slate_db/core/copying.py", "_PIECE_BYTES = 65536", "", "a bound as good as another"),
    ("init_slate_db/core/digests/questions.py", "length = max(1, ", "", "as many parts as are quick"),
    ("init_slate_db/core/embedded.py", "secrets.token_urlsafe(24)", "", "as good a password"),
    ("init_slate_db/core/guard.py", "json.loads(row[0])", "-1]", "the row has one column"),
    ("init_slate_db/core/guard.py", "row and row[0]", "-1]", "the row has one column"),
    ("init_slate_db/core/parallel.py", "_CANCEL_TIMEOUT = 2", "", "a second more to wait"),
    ("init_slate_db/core/snapshot.py", "row[0]", "-1]", "the row has one column"),
    ("recovery/choice.py", "elif len(valid) > 1:", "elif len(valid) >= 1:", "one alone has no pair"),
    ("recovery/methods/promote.py", "snapshot.connections(1)", "", "one more connection of our own"),
    ("recovery/diff/cli.py", "+ count_expected", "", "how far the bar seems"),
    ("recovery/diff/cli.py", "_MOST_DIFFERENCES = 1_000_000", "", "a bound as good as another"),
    ("recovery/diff/drill_down.py", "_RANGES_AT_ONCE = 128", "", "as many at once as are quick"),
    ("recovery/diff/comparison.py", "max_differences + 1)", "max_differences + 2)", "one more that is not told"),
    ("recovery/execution.py", "2 * self._plan.last_id", "", "how far the bar seems"),
    ("recovery/replacement.py", "message_detail or", "message_detail and", "the error's text has its detail, too"),
    (
        "recovery/replacement.py",
        "a.datid = %s AND a.pid <>",
        "a.datid = %s OR a.pid <>",
        "the database is asked for again",
    ),
    ("recovery/replacement.py", "AND {is_of(", "OR {is_of(", "the database is asked for again"),
    ("recovery/replacement.py", "_ROUND = 0.2", "", "a second more to wait"),
    ("recovery/target.py", "RUN_LOCK = 0x736C617465", "", "any number does that nothing else locks"),
    ("recovery/target.py", "has_events_table: bool = False", "", "given wherever it is looked at"),
    ("recovery/target.py", "events: int = 0", "", "not looked at where there is no source"),
    ("recovery/target.py", "may_create: bool = True", "", "not looked at where there is no source"),
    ("sql/functions/insert_events.sql", "cardinality(parts) = 3 THEN", "IF false THEN", "a quicker way only"),
    ("sql/functions/insert_events.sql", "E'\\\\') > 0", "E'\\\\') > 1", "refused a step later, as no row"),
    ("sql/functions/insert_events.sql", "IF syntax ~", "IF true", "none is found then"),
    ("sql/functions/notify_event_insert", "RETURN NEW", "RETURN NULL", "its trigger is an AFTER trigger"),
    ("sql/functions/restore_events.sql", "'connect_timeout', 15", "", "a second more to wait"),
    ("sql/functions/slate.load_events.sql", ":= 200", ":= 201", "as many at once as are quick"),
    ("sql/functions/slate.restore_from.sql", "survey_backup(connections[1]", "", "both are the same snapshot"),
    ("sql/functions/slate.set_indexes_aside.sql", "attstattarget, -1", "-2", "null from PostgreSQL 17 on alone"),
    ("sql/functions/slate.transaction_ts.sql", "greatest(clock", "least(", "where the clock has gone back alone"),
    (
        "sql/functions/slate.transaction_ts.sql",
        "ts >= transaction",
        "ts > transaction",
        "where the clock has gone back",
    ),
    ("sql/pov/", "SET jit = off", "", "speed alone"),
    ("sql/pov/execute.sql", "SET DateStyle", "", "stored as every style reads it"),
    ("sql/pov/execute.sql", "SET IntervalStyle", "", "stored as every style reads it"),
    ("sql/pov/execute.sql", "SET TimeZone", "", "stored with their time zones"),
    ("sql/pov/forbidden.sql", "::integer >= 160000", "", "tried on 15 alone; a test on 18 notices"),
    ("sql/pov/forbidden.sql", "WHERE d.makes AND", "OR d.owner <>", "tried on 15 alone; a test on 18 notices"),
    ("sql/pov/rollback.path.sql", "IF deeds <> '{}'", "IF true", "a quicker way only"),
    ("sql/pov/compare.states.sql", "WHEN l.key IS NULL", "WHEN false", "made anew, which it is as well"),
    ("sql/pov/", "ROWS 10000", "ROWS 10001", "an estimate"),
    ("sql/pov/levels.sql", "r.level + 1", "r.level + 2", "the order is the same"),
    ("sql/pov/live_casts.sql", "c.oid >= 16384", "c.oid > 16384", "one number that nothing has"),
    ("sql/pov/live.sql", "WHEN f.usual", "WHEN false", "a quicker way only"),
    ("sql/pov/live.sql", "WHEN i.usual", "WHEN false", "the owner and everybody, who need not be asked for"),
    ("sql/pov/live_after.sql", "IF EXISTS (SELECT FROM pg_event_trigger)", "IF true", "a quicker way only"),
    ("sql/pov/prunable.sql", "s.taken < clock", "s.taken <= clock", "exactly so old, to the microsecond"),
    ("sql/pov/store.sql", "DESC LIMIT 1;", "DESC LIMIT 2;", "INTO takes the first row"),
    ("sql/tables/events", "id bigint NOT NULL", "", "its primary key says so, too"),
    ("sql/tables/id.sql", "id bigint NOT NULL", "", "its primary key says so, too"),
    ("sql/tables/slate.recovery_range.sql", "first_id bigint NOT NULL", "", "its primary key says so, too"),
    ("sql/tables/slate.recovery.sql", "singleton boolean NOT NULL", "", "its primary key says so, too"),
    ("sql/tables/slate.recovery_command.sql", "position integer NOT NULL", "", "its primary key says so, too"),
    ("sql/functions/slate.is_current_transaction.sql", ">= epoch", "> epoch", "exactly 2^31 transactions apart"),
    ("sql/functions/slate.is_current_transaction.sql", "size / 2", "size / 3", "2^32 / 3 savepoints apart"),
]


def reason(mutant: Mutant, text: str) -> str:
    """Why the mutant of a file with this text need not be noticed; "" where it has to be."""
    line = text.splitlines()[mutant.line - 1]
    broken = [*mutant.apply(text).splitlines(), ""][mutant.line - 1]
    for path, part, broken_part, why in _KNOWN:
        if (
            mutant.path.startswith(path)
            and part in line
            and part not in broken
            and broken_part in " ".join(broken.split())
        ):
            return why
    return ""
