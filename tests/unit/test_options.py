"""Every fault in the options is told, all of them at once, each with its option and its value."""

import os
from collections.abc import Sequence

import pytest

from init_slate_db.core.errors import ExitStatus
from tests.commands import run

ENVIRONMENT = {"PATH": os.environ["PATH"]}
RIGHT = ("-n", "events", "-t", "source")
NOT_A_NAME = "is not a name: a letter or _, then letters, digits and _"
NOT_A_TIMEOUT = "is not a whole number from 1 to 2147483647 of milliseconds"
DSN_FAULT = "--dsn: is neither a postgresql:// URI nor a key=value string (not shown here: it may hold a password)"


def faults_of(arguments: Sequence[str]) -> list[str]:
    """The faults that the command tells of, when it is refused as it should be."""
    refused = run(arguments, ENVIRONMENT)
    assert refused.returncode == ExitStatus.BAD_OPTIONS, refused.stderr
    assert refused.stdout == ""
    first, *faults, last = refused.stderr.splitlines()
    assert first == "error: The options are wrong:"
    assert last == "  See init-slate-db --help."
    return [fault.removeprefix("  ") for fault in faults]


@pytest.mark.parametrize("name", ["1abc", "a-b", "a b", "é", 'a"b', "a;b"])
def test_a_name_of_other_characters_is_refused_with_its_value(name: str) -> None:
    assert faults_of(["-n", name, "-t", "source"]) == [f'--new-database: "{name}" {NOT_A_NAME}']


def test_a_name_that_ends_with_a_newline_is_refused() -> None:
    assert faults_of(["-n", "events\n", "-t", "source"]) == ['--new-database: "events', f'" {NOT_A_NAME}']


def test_a_name_of_64_bytes_is_refused() -> None:
    name = "a" * 64
    assert faults_of(["-n", name, "-t", "source"]) == [f'--new-database: "{name}" has 64 bytes; PostgreSQL keeps 63']


@pytest.mark.parametrize("name", ["A" * 63, "_Events_2", "EVENTS", "e"])
def test_a_name_is_kept_exactly_as_typed(name: str) -> None:
    shown = run(["-n", name, "-t", "source", "--dry-run"], ENVIRONMENT)
    assert shown.returncode == ExitStatus.DONE
    assert f'  database   "{name}"' in shown.stdout.splitlines()
    assert shown.stdout.splitlines()[-2].endswith(f'rename it to "{name}"')


@pytest.mark.parametrize("prefix", ["1abc", "a-b", "é", 'a"b'])
def test_a_prefix_of_roles_is_made_of_what_a_name_is_made_of(prefix: str) -> None:
    assert faults_of([*RIGHT, "--roles", prefix]) == [f'--roles: "{prefix}" {NOT_A_NAME}']


def test_a_prefix_that_makes_a_role_of_64_bytes_is_refused() -> None:
    prefix = "a" * 53
    assert faults_of([*RIGHT, "--roles", prefix]) == [
        f'--roles: "{prefix}" makes {prefix}_replicator, which has 64 bytes; PostgreSQL keeps 63'
    ]


@pytest.mark.parametrize("prefix", ["pg", "pg_events"])
def test_a_prefix_that_postgresql_keeps_to_itself_is_refused(prefix: str) -> None:
    assert faults_of([*RIGHT, "--roles", prefix]) == [
        f'--roles: "{prefix}" makes names that begin with pg_, which PostgreSQL keeps to itself'
    ]


@pytest.mark.parametrize("prefix", ["A" * 52, "_", "PG", "pgx"])
def test_any_other_prefix_of_roles_is_taken(prefix: str) -> None:
    shown = run([*RIGHT, "--roles", prefix, "--dry-run"], ENVIRONMENT)
    assert shown.returncode == ExitStatus.DONE
    assert f'  roles      prefix "{prefix}"' in shown.stdout.splitlines()


def test_name_and_type_are_needed() -> None:
    assert faults_of([]) == [
        "--new-database: is needed: the name of the database to create",
        "--table-type: is needed: source or destination",
    ]


def test_a_type_is_source_or_destination() -> None:
    assert faults_of(["-n", "events", "-t", "both"]) == ['--table-type: "both" is not one of source, destination']


@pytest.mark.parametrize("timeout", ["0", "-1", "abc", "1.5", "2147483648", "9" * 400, "1e3", "²"])
def test_a_connect_timeout_is_a_whole_number_of_milliseconds(timeout: str) -> None:
    assert faults_of([*RIGHT, f"--connect-timeout={timeout}"]) == [f'--connect-timeout: "{timeout}" {NOT_A_TIMEOUT}']


def test_a_negative_connect_timeout_may_stand_apart_from_its_option() -> None:
    assert faults_of([*RIGHT, "--connect-timeout", "-1"]) == [f'--connect-timeout: "-1" {NOT_A_TIMEOUT}']


@pytest.mark.parametrize("timeout", ["1", "2147483647"])
def test_the_smallest_and_the_largest_connect_timeout_are_taken(timeout: str) -> None:
    shown = run([*RIGHT, "--connect-timeout", timeout, "--dry-run"], ENVIRONMENT)
    assert f"  timeout    {timeout} ms" in shown.stdout.splitlines()


@pytest.mark.parametrize("port", ["0", "65536", "http"])
def test_a_port_is_one_that_tcp_has(port: str) -> None:
    assert faults_of([*RIGHT, "--port", port]) == [f'--port: "{port}" is not a whole number from 1 to 65535']


def test_a_stray_argument_is_named() -> None:
    assert faults_of([*RIGHT, "stray"]) == ['arguments: "stray" is one too many']


@pytest.mark.parametrize(
    "option", ["--user", "--host", "--password", "--dsn", "--log-format", "--connect-timeout", "--roles"]
)
def test_an_empty_value_is_refused(option: str) -> None:
    assert faults_of([*RIGHT, option, ""]) == [f"{option}: needs a value"]


@pytest.mark.parametrize(
    "option", ["--user", "--host", "--port", "--password", "--dsn", "--log-format", "--connect-timeout", "--roles"]
)
def test_an_option_without_its_value_is_named(option: str) -> None:
    assert faults_of([option, *RIGHT]) == [f"{option}: needs a value"]


def test_name_and_type_without_their_values_are_named() -> None:
    assert faults_of(["-n", "-t"]) == ["--new-database: needs a value", "--table-type: needs a value"]


@pytest.mark.parametrize(
    ("unknown", "meant"),
    [("--hots", "--host"), ("--new-databse", "--new-database"), ("--passwrd", "--password"), ("--dryrun", "--dry-run")],
)
def test_an_unknown_option_close_to_a_known_one_tells_which(unknown: str, meant: str) -> None:
    assert faults_of([*RIGHT, unknown]) == [f"{unknown}: there is no such option; did you mean {meant}?"]


@pytest.mark.parametrize("unknown", ["--zzzz", "-x"])
def test_an_unknown_option_close_to_none_is_named_alone(unknown: str) -> None:
    assert faults_of([*RIGHT, unknown]) == [f"{unknown}: there is no such option"]


@pytest.mark.parametrize("arguments", [("--pasword", "s3cr3t"), ("--pasword=s3cr3t",)])
def test_the_value_of_a_misspelt_password_option_is_not_shown(arguments: tuple[str, ...]) -> None:
    assert faults_of([*RIGHT, *arguments]) == ["--pasword: there is no such option; did you mean --password?"]


@pytest.mark.parametrize("abbreviation", ["--hos", "--dry", "--user-nam"])
def test_an_abbreviated_option_is_not_guessed(abbreviation: str) -> None:
    (fault,) = faults_of([*RIGHT, abbreviation])
    assert fault.startswith(f"{abbreviation}: there is no such option")


@pytest.mark.parametrize(
    "dsn",
    [
        "host=db password=s3cr3t oops",
        "postgresql://me:s3cr3t@[db/x",
        "postgresql://me:s3cr3t@db/x?nosuch=1",
        "s3cr3t",
        "password='s3cr3t",
    ],
)
def test_a_dsn_that_libpq_cannot_read_is_refused_unshown(dsn: str) -> None:
    refused = run([*RIGHT, "--dsn", dsn, "-vv"], ENVIRONMENT)
    assert refused.returncode == ExitStatus.BAD_OPTIONS
    assert DSN_FAULT in refused.stderr
    assert "s3cr3t" not in refused.stdout + refused.stderr


@pytest.mark.parametrize("option", ["--host=db", "--port=5433", "--user=me", "--password=pw", "--dsn=host=db"])
def test_an_embedded_server_goes_with_no_other(option: str) -> None:
    assert faults_of([*RIGHT, "--embedded", option]) == [
        "--embedded: brings a server of its own; no option for connecting goes with it"
    ]


def test_quiet_goes_not_with_verbose() -> None:
    assert faults_of([*RIGHT, "--quiet", "--verbose"]) == ["--quiet: goes not with --verbose"]


def test_sql_goes_not_with_check() -> None:
    assert faults_of([*RIGHT, "--sql", "--check"]) == ["--sql: goes not with --check"]


def test_a_log_format_is_text_or_json() -> None:
    assert faults_of([*RIGHT, "--log-format", "xml"]) == ['--log-format: "xml" is not one of text, json']


def test_a_flag_takes_no_value_and_what_is_right_beside_it_is_not_called_missing() -> None:
    (fault,) = faults_of([*RIGHT, "--dry-run=yes"])
    assert "--dry-run" in fault
    assert "'yes'" in fault


def test_all_faults_are_told_at_once() -> None:
    arguments = ["-n", "1abc", "-t", "both", "--connect-timeout", "1.5", "--user", "", "stray"]
    arguments += ["--hots", "db", "--zzzz", "--port", "0", "--dsn", "s3cr3t", "--sql", "--check", "-q", "-v"]
    assert set(faults_of(arguments)) == {
        f'--new-database: "1abc" {NOT_A_NAME}',
        '--table-type: "both" is not one of source, destination',
        f'--connect-timeout: "1.5" {NOT_A_TIMEOUT}',
        "--user: needs a value",
        'arguments: "stray" is one too many',
        "--hots: there is no such option; did you mean --host?",
        "--zzzz: there is no such option",
        '--port: "0" is not a whole number from 1 to 65535',
        DSN_FAULT,
        "--sql: goes not with --check",
        "--quiet: goes not with --verbose",
    }


def test_faults_are_one_json_line_where_json_is_asked_for() -> None:
    refused = run(["-n", "1abc", "-t", "source", "--log-format", "json"], ENVIRONMENT)
    assert refused.returncode == ExitStatus.BAD_OPTIONS
    (line,) = refused.stderr.splitlines()
    assert '"code": "bad-options"' in line
    assert "1abc" in line
