"""What a benchmark says of processors and memory is what was used, by programs and servers that have ended too."""

import os
import sys

from benchmarks.commands import time_command
from benchmarks.process import cpu_seconds
from benchmarks.usage import MEGABYTE, Meter, Usage, added, busy_seconds, median_usage, server_processor_seconds
from tests.servers import Server, wait_for

# Linux counts in hundredths of a second, each process for itself.
TICKS = 0.05
SECONDS, BYTES = 0.3, 60_000_000
# Uses so many seconds of processor time, holding so many bytes; one that is started by it does so as well.
BURN = f"""
import subprocess, sys, time
kept = bytearray(b"x") * {BYTES}
if len(sys.argv) > 1:
    subprocess.run([sys.executable, "-c", sys.argv[1]], check=True)
while time.process_time() < {SECONDS}:
    pass
"""
WORK = "SELECT count(*) FROM generate_series(1, 1500000) AS i WHERE md5(i::text) = ''"


def test_a_program_is_charged_with_those_that_it_started() -> None:
    alone = time_command(None, [sys.executable, "-c", BURN], os.environ)
    both = time_command(None, [sys.executable, "-c", BURN, BURN], os.environ)
    assert alone.usage.client_processor is not None
    assert both.usage.client_processor is not None
    assert alone.usage.client_processor >= SECONDS - TICKS
    assert both.usage.client_processor >= 2 * SECONDS - TICKS
    assert alone.memory >= BYTES / MEGABYTE
    assert both.memory >= 2 * BYTES / MEGABYTE
    assert alone.usage.server_processor is None


def test_a_server_is_charged_with_sessions_that_have_ended(server: Server) -> None:
    before, all_before = server_processor_seconds(server.cluster.pid), busy_seconds()
    with Meter(server) as meter:
        with server.connect() as connection:
            connection.execute(WORK)
            pid = connection.info.backend_pid
            session = cpu_seconds(pid)
        with server.connect() as connection:
            alive = "SELECT FROM pg_stat_activity WHERE pid = %s"
            wait_for(lambda: not connection.execute(alive, (pid,)).rowcount, "the end of the session")
    used = server_processor_seconds(server.cluster.pid) - before
    assert session - TICKS <= used
    assert busy_seconds() - all_before >= session - TICKS
    usage = meter.usage()
    assert usage.server_processor is not None
    assert session - TICKS <= usage.server_processor <= used
    assert usage.server_memory
    assert usage.client_processor is None
    assert usage.others is None


def test_what_was_not_measured_is_not_taken_for_nothing() -> None:
    known, unknown = Usage(1.0, 2.0, 40.0, 300.0, 0.5), Usage(2.0, None, 30.0)
    assert added(known, unknown) == Usage(3.0, None, 40.0, None, None)
    assert median_usage([known, unknown]) == Usage(1.5, 2.0, 35.0, 300.0, 0.5)
    assert median_usage([Usage()]) == Usage()
