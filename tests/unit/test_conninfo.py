"""How places and users are told in messages."""

import pytest

from init_slate_db.core.conninfo import Parameters, describe, describe_database, describe_user, known_user


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGHOST", "PGPORT", "PGUSER", "PGSERVICE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"host": "backup", "port": 6000}, "backup:6000"),
        ({"host": "backup"}, "backup:5432"),
        ({"hostaddr": "10.0.0.7"}, "10.0.0.7:5432"),
        ({"host": "backup", "hostaddr": "10.0.0.7"}, "backup:5432"),
        ({"host": "/run/postgresql", "port": 6000}, "socket /run/postgresql, port 6000"),
        ({"service": "archive"}, "service archive"),
        ({"port": 6000}, "the local socket, port 6000"),
        ({}, "the local socket, port 5432"),
    ],
)
def test_a_place_is_told_as_far_as_it_is_known(parameters: Parameters, told: str) -> None:
    assert describe(parameters) == told
    assert describe_database({**parameters, "dbname": "events"}) == f"{told}/events"


def test_what_the_environment_says_fills_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "primary")
    monkeypatch.setenv("PGPORT", "6001")
    monkeypatch.setenv("PGUSER", "operator")
    assert (describe({}), describe_user({})) == ("primary:6001", 'user "operator"')
    assert describe({"host": "backup", "port": 6000}) == "backup:6000"
    assert describe_user({"user": "reader"}) == 'user "reader"'


def test_without_a_name_the_user_is_libpqs_default() -> None:
    assert describe_user({}) == "libpq's default user"
    assert not known_user({})


@pytest.mark.parametrize("variable", ["PGUSER", "PGSERVICE"])
def test_a_user_is_known_where_anything_names_one(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    assert known_user({"user": "reader"})
    assert known_user({"service": "archive"})
    monkeypatch.setenv(variable, "something")
    assert known_user({})
