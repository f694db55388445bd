"""Which sessions count as those of clients, and what they are called."""

from typing import Any

from recovery.sessions import NAME, is_of
from tests.servers import Server

SESSIONS = """
(VALUES (1, 'client backend', 10::oid, 'ada', '10.1.2.3'::inet, 'app'),
        (2, 'walsender', 10, 'ada', NULL, ''),
        (3, 'checkpointer', NULL, NULL, NULL, ''),
        (4, 'parallel worker', 10, 'ada', NULL, 'app'),
        (5, NULL, 10, 'ada', NULL, NULL),
        (6, NULL, NULL, NULL, NULL, NULL))
AS a(pid, backend_type, usesysid, usename, client_addr, application_name)
"""


def ask(server: Server, what: str, condition: str = "true") -> list[Any]:
    with server.connect() as connection:
        rows = connection.execute(f"SELECT {what} FROM {SESSIONS} WHERE {condition} ORDER BY pid").fetchall()
    return [value for (value,) in rows]


def test_sessions_of_the_kinds_asked_for_are_found(server: Server) -> None:
    assert ask(server, "pid", f"{is_of(['client backend'])} AND pid < 5") == [1]
    assert ask(server, "pid", f"{is_of(['client backend', 'walsender'])} AND pid < 5") == [1, 2]


def test_a_session_whose_kind_is_hidden_counts_unless_it_is_postgresqls_own(server: Server) -> None:
    assert ask(server, "pid", f"{is_of(['client backend'])} AND pid >= 5") == [5]


def test_the_condition_stands_beside_others(server: Server) -> None:
    assert ask(server, "pid", f"pid = 2 AND {is_of(['client backend'])}") == []


def test_a_session_is_named_by_its_role_its_address_and_its_program(server: Server) -> None:
    assert ask(server, NAME, "pid IN (1, 2, 6)") == ["ada at 10.1.2.3 (app)", "ada on the socket", "? on the socket"]
