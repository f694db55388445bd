"""Connection strings: from options to libpq's parameters, and to texts that hold no secret."""

import math
import os
from typing import Any
from urllib.parse import quote

from psycopg import ConnectionInfo, ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from init_slate_db.core.options import ConnectionOptions

Parameters = dict[str, Any]

# What of the way from here to a server goes for another server's way there, too. Files are this machine's own.
_TRAVELLING = (
    "channel_binding",
    "gssencmode",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "options",
    "sslmode",
    "target_session_attrs",
    "tcp_user_timeout",
)


def travelling(info: ConnectionInfo) -> dict[str, str]:
    """What of the way of an open connection goes for another server's way there, too, by libpq's names.

    Wherever it was told: in an option, a variable, a service file. What is as libpq has it anyway is left out.
    """
    parameters = info.get_parameters()
    return {name: parameters[name] for name in _TRAVELLING if parameters.get(name)}


def is_valid_dsn(dsn: str) -> bool:
    """Whether libpq can read the connection string."""
    try:
        conninfo_to_dict(dsn)
    except ProgrammingError:
        return False
    return True


def parameters(options: ConnectionOptions, program: str) -> Parameters:
    """libpq's parameters for the options; without a database, unless the DSN names one.

    :param program: the application_name that the server sees.
    """
    result: Parameters = {"fallback_application_name": program}
    if options.dsn:
        result |= conninfo_to_dict(options.dsn)
    for name in ("host", "port", "user", "password", "passfile"):
        value = getattr(options, name)
        if value is not None:
            result[name] = value
    if "," in str(result.get("host") or os.environ.get("PGHOST", "")) and not os.environ.get("PGTARGETSESSIONATTRS"):
        # Several hosts are one failover cluster; only its primary can be written to.
        result.setdefault("target_session_attrs", "read-write")
    # Our statements are UTF-8 whatever PGCLIENTENCODING says, and of a SQL_ASCII database psycopg would give us bytes.
    result["client_encoding"] = "UTF8"
    result["connect_timeout"] = math.ceil(options.connect_timeout / 1000)
    return result


def known_user(parameters: Parameters) -> bool:
    """Whether the user is named somewhere, if only by a service file."""
    return bool(
        parameters.get("user") or parameters.get("service") or os.environ.get("PGUSER") or os.environ.get("PGSERVICE")
    )


def describe(parameters: Parameters) -> str:
    """Host and port for a message, as far as options and PG* variables tell them."""
    host = parameters.get("host") or parameters.get("hostaddr") or os.environ.get("PGHOST")
    port = parameters.get("port") or os.environ.get("PGPORT") or "5432"
    if not host:
        return f"service {parameters['service']}" if parameters.get("service") else f"the local socket, port {port}"
    return f"socket {host}, port {port}" if str(host).startswith("/") else f"{host}:{port}"


def describe_database(parameters: Parameters) -> str:
    """Host, port and database for a message, of parameters that name a database."""
    return f"{describe(parameters)}/{parameters['dbname']}"


def describe_user(parameters: Parameters) -> str:
    """The user for a message, as far as options and PG* variables tell it."""
    user = parameters.get("user") or os.environ.get("PGUSER")
    return f'user "{user}"' if user else "libpq's default user"


def uri(host: str, port: int, user: str, database: str, passfile: str | None = None) -> str:
    """A connection URI with no password in it."""
    query = f"?passfile={quote(passfile, safe='/')}" if passfile else ""
    location = f"[{host}]" if ":" in host else quote(host, safe="")
    return f"postgresql://{quote(user, safe='')}@{location}:{port}/{quote(database, safe='')}{query}"
