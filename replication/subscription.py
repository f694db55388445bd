"""The subscription of a destination: made, probed, pointed to a source, and ended."""

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from init_slate_db.core.addresses import Reached
from init_slate_db.core.connection import Connection
from init_slate_db.core.conninfo import travelling

# The command holds a password. As a row of COPY it shows neither in the server's log nor in pg_stat_activity; nor does
# it where it fails, since an error raised anew has no context. A warning would have one.
_COMMAND_TABLE = "CREATE TEMPORARY TABLE slate_command (command text) ON COMMIT DROP"
_RUN_COMMAND = """
DO $body$
DECLARE
  command text;
BEGIN
  SELECT c.command INTO STRICT command FROM pg_temp.slate_command AS c;
  EXECUTE command;
EXCEPTION WHEN OTHERS THEN
  -- Class 08 is about the way from there to the source; from here it would look like our own connection's end.
  RAISE EXCEPTION USING MESSAGE = SQLERRM, ERRCODE = CASE WHEN SQLSTATE LIKE '08%' THEN '38000' ELSE SQLSTATE END;
END
$body$
"""
_CREATE = "CREATE SUBSCRIPTION {} CONNECTION {} PUBLICATION {} WITH ({})"
_POINT = "ALTER SUBSCRIPTION {} CONNECTION {}"
_PROBE = "slate_replicate_probe"
_FIRST_WITH_PARALLEL = 16


def connection_string(source: Reached, overrides: Mapping[str, Any]) -> str:
    """What leads the destination's server to the source: as we went, all hosts of a cluster among it.

    :param overrides: libpq's parameters that are others from there.
    """
    info = source.connection.info
    ours: dict[str, Any] = info.get_parameters()
    names = ("host", "port", "user", "dbname")
    parameters = {name: ours[name] for name in names if ours.get(name)} | travelling(info)
    parameters.setdefault("host", info.host)
    # The driver has tried the hosts of a cluster one by one, so the connection knows of its own alone.
    parameters |= source.cluster
    if info.password:
        parameters["password"] = info.password
    if "user" in overrides and "password" not in overrides:
        parameters.pop("password", None)
    if "host" in overrides and "port" not in overrides:
        # One port, or one a host, of the hosts that it replaces: those of a cluster need not be as many.
        parameters["port"] = info.port
    return make_conninfo(**(parameters | dict(overrides)))


def create(
    destination: Connection, name: str, conninfo: str, *, source_version: int, is_superuser: bool, failover: bool
) -> None:
    """Makes the subscription, which begins to follow at the commit of the caller's transaction.

    Its slot exists already: name is that of the slot and of the publication, too.

    :param source_version: the source server's, major.
    :param is_superuser: whether the role is one; other roles' subscriptions apply with their owner's rights.
    """
    version = destination.info.server_version // 10000
    parallel = min(source_version, version) >= _FIRST_WITH_PARALLEL
    settings = [
        "create_slot = false",
        "copy_data = false",
        "binary = true",
        "streaming = parallel" if parallel else "streaming = on",
    ]
    if not is_superuser:
        settings.append("run_as_owner = true")
    if failover:
        settings.append("failover = true")
    _create(destination, name, name, conninfo, settings)


def probe(destination: Connection, name: str, conninfo: str) -> None:
    """Tries whether the destination's server reaches the source, and is let in there to replicate. Leaves nothing.

    :raises psycopg.Error: why it is not let in.
    """
    # An option that no server knows is the very last thing that a server looks at before it lets one in. To be let in
    # would have the destination warn, in its log, of a publication that is not there yet: with the whole command.
    options = f"{conninfo_to_dict(conninfo).get('options') or ''} -c {_PROBE}=on".strip()
    settings = ["create_slot = false", "copy_data = false", "enabled = false"]
    try:
        with destination.transaction(force_rollback=True):
            _create(destination, f"{name}_probe", name, make_conninfo(conninfo, options=options), settings)
    except psycopg.Error as error:
        if _PROBE not in (error.diag.message_primary or ""):
            raise


def point(destination: Connection, name: str, conninfo: str) -> None:
    """Has the subscription go another way to its source, and switches it on."""
    with destination.transaction():
        _run_secretly(destination, sql.SQL(_POINT).format(sql.Identifier(name), conninfo))
        destination.execute(sql.SQL("ALTER SUBSCRIPTION {} ENABLE").format(sql.Identifier(name)))


def drop(destination: Connection, name: str) -> None:
    """Drops the subscription in the caller's transaction, without its slot, whose source may be gone."""
    for command in ("ALTER SUBSCRIPTION {} DISABLE", "ALTER SUBSCRIPTION {} SET (slot_name = NONE)"):
        destination.execute(sql.SQL(command).format(sql.Identifier(name)))
    destination.execute(sql.SQL("DROP SUBSCRIPTION {}").format(sql.Identifier(name)))


def _create(destination: Connection, name: str, publication: str, conninfo: str, settings: list[str]) -> None:
    _run_secretly(
        destination,
        sql.SQL(_CREATE).format(
            sql.Identifier(name),
            conninfo,
            sql.Identifier(publication),
            sql.SQL(", ".join([*settings, f"slot_name = '{publication}'"])),
        ),
    )


def _run_secretly(connection: Connection, command: sql.Composed) -> None:
    """Runs the command in the caller's transaction."""
    connection.execute(_COMMAND_TABLE)
    with connection.cursor().copy("COPY pg_temp.slate_command FROM STDIN") as rows:
        rows.write_row((command.as_string(connection),))
    connection.execute(_RUN_COMMAND)
    connection.execute("DROP TABLE pg_temp.slate_command")
