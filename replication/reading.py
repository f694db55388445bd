"""Reads the values of slate-replicate's options."""

import argparse
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from init_slate_db.core import options as shared
from init_slate_db.core.addresses import Address, read_address
from init_slate_db.core.options import MISSING, ConnectionOptions, Faults
from replication.options import Limits, Side

DEFAULT_JOBS = 4
ADDRESS = "a host, host:port, socket folder, URI or key=value string"
_MOST_JOBS = 64
_LAG = re.compile(r"(?P<number>[0-9]{1,15})(?P<unit>s|min|h|kB|MB|GB)?")
_SECONDS = {"s": 1, "min": 60, "h": 3600}
_BYTES = {"kB": 2**10, "MB": 2**20, "GB": 2**30}


class Fallback(NamedTuple):
    """What fills up each address. database: None where none is named."""

    connection: ConnectionOptions
    database: str | None


def read_fallback(values: argparse.Namespace, faults: Faults) -> Fallback:
    """The options that all addresses share."""
    connection = shared.read_fallback_connection_options(values, faults)
    return Fallback(connection, shared.read_text(values.database, "--database", faults))


def read_side(values: argparse.Namespace, side: Side, fallback: Fallback, faults: Faults) -> Address:
    """The address of the source or the destination, which is needed."""
    value = getattr(values, side)
    if value is None:
        faults.add(side.upper(), f"is needed: {ADDRESS}")
        return Address(ConnectionOptions(), "")
    return read_one(value, side, fallback, faults)


def read_one(value: str, side: Side, fallback: Fallback, faults: Faults) -> Address:
    """One address that was given for that side, filled up."""
    connection = replace(fallback.connection, role=f"the {side}")
    return read_address(value, side.upper(), connection, fallback.database, faults)


def read_way(values: argparse.Namespace, faults: Faults) -> Mapping[str, Any]:
    """libpq's parameters that are others from the destination's server to the source."""
    way: dict[str, Any] = {}
    if values.source_server_host is not None:
        given = read_address(values.source_server_host, "--source-server-host", ConnectionOptions(), "", faults)
        connection = given.connection
        if connection.dsn:
            from psycopg.conninfo import conninfo_to_dict

            way |= {name: value for name, value in conninfo_to_dict(connection.dsn).items() if value is not None}
        else:
            way |= {"host": connection.host} | ({"port": connection.port} if connection.port else {})
    for option, name in (("replication_user", "user"), ("replication_password", "password")):
        text = shared.read_text(getattr(values, option), f"--{option.replace('_', '-')}", faults)
        if text is not None:
            way[name] = text
    return way


def read_file(value: Any, faults: Faults) -> Path | None:
    """A file that is not there yet, in a folder that is."""
    name = shared.read_text(value, "--set-back", faults)
    if name is None:
        return None
    file = Path(name)
    if file.exists():
        faults.add("--set-back", f'"{name}" is there already; name a new file')
    elif not file.parent.is_dir():
        faults.add("--set-back", f'there is no folder "{file.parent}"')
    return file


def read_jobs(values: argparse.Namespace, faults: Faults) -> int:
    """How many connections a server."""
    return shared.read_whole_number(values.jobs, "--jobs", faults, largest=_MOST_JOBS) or DEFAULT_JOBS


def read_interval(value: str | None, faults: Faults) -> float | None:
    """Seconds between two looks; None: one look alone."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 86400:
        faults.add("--watch", f'"{value}" is not a number of seconds from 0.1 to 86400')
        return None
    return seconds


def read_limits(given: list[Any], faults: Faults) -> Limits:
    """How far behind a destination may be; the last of one kind counts."""
    limits = Limits()
    for value in given:
        match = None if value is MISSING else _LAG.fullmatch(value)
        if match is None:
            shown = "needs a value" if value is MISSING or not value else f'"{value}" is no lag'
            faults.add("--max-lag", f"{shown}: 1000 (events), 30s, 5min, 2h, 64MB, 1GB")
            continue
        number, unit = int(match["number"]), match["unit"]
        if unit is None:
            limits = replace(limits, events=number)
        elif unit in _SECONDS:
            limits = replace(limits, seconds=number * _SECONDS[unit])
        else:
            limits = replace(limits, bytes=number * _BYTES[unit])
    return limits
