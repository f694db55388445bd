"""What a user may type for a database, and what is made of it."""

import pytest

from init_slate_db.core.addresses import Address, parameters_of, read_address
from init_slate_db.core.errors import SlateError
from init_slate_db.core.options import MISSING, ConnectionOptions, Faults

FALLBACK = ConnectionOptions(port=5433, user="operator", password="secret")


def read(value: str, database: str | None = None) -> Address:
    faults = Faults()
    address = read_address(value, "--from", FALLBACK, database, faults)
    faults.raise_any("slate-recover")
    return address


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE", "PGHOSTADDR", "PGSERVICE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("value", "host", "port"),
    [
        ("backup-host", "backup-host", 5433),
        ("backup-host:6000", "backup-host", 6000),
        ("10.0.0.7", "10.0.0.7", 5433),
        ("[::1]:6000", "::1", 6000),
        ("[fe80::1]", "fe80::1", 5433),
        ("fe80::1", "fe80::1", 5433),
        ("/run/postgresql", "/run/postgresql", 5433),
    ],
)
def test_a_host_may_have_a_port_of_its_own(value: str, host: str, port: int) -> None:
    connection = read(value).connection
    assert (connection.host, connection.port, connection.user) == (host, port, "operator")


def test_what_a_connection_string_names_wins_and_the_rest_is_filled_in() -> None:
    for value in ("postgresql://reader@backup:6000/archive", "host=backup port=6000 user=reader dbname=archive"):
        parameters = parameters_of(read(value, "events"), "slate-recover")
        assert (parameters["host"], int(parameters["port"])) == ("backup", 6000)
        assert (parameters["user"], parameters["dbname"]) == ("reader", "archive")
        assert parameters["password"] == "secret"


def test_the_database_is_pgdatabase_or_else_events(monkeypatch: pytest.MonkeyPatch) -> None:
    assert parameters_of(read("backup"), "slate-recover")["dbname"] == "events"
    monkeypatch.setenv("PGDATABASE", "store")
    assert parameters_of(read("backup"), "slate-recover")["dbname"] == "store"
    assert parameters_of(read("backup", "named"), "slate-recover")["dbname"] == "named"


def test_the_address_of_another_server_in_the_environment_does_not_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOSTADDR", "10.9.9.9")
    assert parameters_of(read("backup"), "slate-recover")["hostaddr"] == ""


@pytest.mark.parametrize("value", ["", MISSING, "a b://c", "x=", "host:99999", "host:port", "[::1"])
def test_what_is_no_address_is_told_without_showing_what_may_be_a_password(value: str) -> None:
    with pytest.raises(SlateError, match="--from: ") as told:
        read(value)
    if "=" in str(value) or "://" in str(value):
        assert str(value) not in told.value.what
