"""What a reader of figures has to know of the machine that they were measured on, and nothing that names it."""

import os
import platform
import subprocess
from dataclasses import dataclass

from tests.servers import binaries

GIGABYTE = 1_000_000_000


@dataclass(frozen=True)
class Machine:
    """A machine. memory: gigabytes (of 10^9 bytes)."""

    cores: int
    memory: float
    architecture: str
    system: str
    python: str


def this_machine() -> Machine:
    """The machine that this runs on."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Machine(
        cores=os.cpu_count() or 1,
        memory=round(pages / GIGABYTE, 1),
        architecture=platform.machine(),
        system=platform.system(),
        python=platform.python_version(),
    )


def load() -> float:
    """How many processes wanted a processor in the last minute, on average."""
    return round(os.getloadavg()[0], 2)


def postgresql_version(major: int) -> str:
    """The whole version of the PostgreSQL that is measured, such as 15.20.

    :raises KeyError: this machine does not have PostgreSQL of that version.
    """
    said = subprocess.run([binaries()[major] / "postgres", "--version"], capture_output=True, text=True, check=True)
    return said.stdout.split()[2]
