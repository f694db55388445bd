"""What libpq says where a connection fails, and whether that may pass."""

import psycopg
import pytest

from init_slate_db.core.connection import _judge


@pytest.mark.parametrize(
    ("said", "code", "transient"),
    [
        ("connection failed: Network is unreachable", "timed-out", True),
        ("connection failed: Host is down", "timed-out", True),
        ("connection failed: No route to host", "timed-out", True),
        ("SSL SYSCALL error: EOF detected", "no-server", True),
        ("connection failed: Connection refused", "no-server", True),
        ('FATAL:  password authentication failed for user "EOF detected"', "wrong-password", False),
        ("FATAL:  das geht nicht", "connection-failed", False),
    ],
)
def test_what_a_network_or_server_that_comes_back_says_is_tried_again(said: str, code: str, transient: bool) -> None:
    judged = _judge(psycopg.OperationalError(said))
    assert (judged.code, judged.transient) == (code, transient)
