"""Whatever stops slate-replicate, wherever: the same command again completes it, and nothing is left behind.

Each test stops an add at some of its exchanges, completes it, then stops a remove at some of its own, and completes it.
"""

import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from init_slate_db.core.errors import ExitStatus
from tests import servers
from tests.conftest import VERSIONS
from tests.effort import EVERYTHING
from tests.links import Pair, open_pair
from tests.proxy import Proxy
from tests.servers import Server, wait_for

REPLICATING = Path(__file__).with_name("replicating.py")
# So that what has been stopped is tried again at once.
SETTINGS = "wal_retrieve_retry_interval = 100ms\nlog_statement = none"
# With 20 events and nothing in the way add has about 75 exchanges, and remove 14.
ADD, REMOVE = range(1, 80), range(1, 16)
_numbers = count(1)


def draw(seed: str, exchanges: range, size: int) -> list[int]:
    """So many of the exchanges, always the same for a seed; SLATE_ALL_MOMENTS: all of them."""
    if EVERYTHING:
        return list(exchanges)
    return sorted(random.Random(seed).sample(exchanges, size))


@pytest.fixture(scope="module")
def both(server_directory: Path) -> Iterator[list[Server]]:
    """Servers that tests may kill."""
    running = [servers.start(server_directory / f"{one}-interrupts", one, SETTINGS) for one in (*VERSIONS, VERSIONS[0])]
    yield running[:2]
    for server in running:
        server.cluster.stop("immediate")


@pytest.fixture(params=["up", "down"])
def pair(request: pytest.FixtureRequest, both: list[Server]) -> Iterator[Pair]:
    """A source and an empty destination: from the older version to the newer, and the other way."""
    source, destination = both if request.param == "up" else reversed(both)
    with open_pair(source, destination, f"stopped_{next(_numbers)}") as pair:
        yield pair


def start_with(fault: str, moment: str, exchange: int, pair: Pair, verb: str, *more: str) -> "subprocess.Popen[str]":
    """Starts the verb with the fault at one of its exchanges. more: further options, or other addresses."""
    addresses = () if more and more[0].startswith("host=") else (pair.source_address(), pair.destination_address())
    return subprocess.Popen(
        [sys.executable, str(REPLICATING), fault, moment, str(exchange), verb, *addresses, *more, "--yes"],
        env=pair.source_server.environment(PYTHONPATH=str(Path(__file__).parents[2])),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def stop_with(fault: str, moment: str, exchange: int, pair: Pair, verb: str, *more: str) -> "tuple[int, str]":
    """Exit status, and what was told on standard error."""
    process = start_with(fault, moment, exchange, pair, verb, *more)
    _, errors = process.communicate(timeout=60)
    assert "Traceback" not in errors
    return process.returncode, errors


def complete_add(pair: Pair) -> None:
    """The same command again makes the destination follow, by one slot, and whole."""
    ended = pair.add()
    assert "not connected" not in ended.stdout, ended.stderr
    pair.wait_for_event(pair.append())
    assert pair.same_events()
    (name,) = pair.slots()
    assert sorted(pair.traces()) == sorted(
        [
            name,
            f"publication {name}",
            f"subscription {name}",
            "trigger refuse_while_following",
            "function refuse_while_following",
        ]
    )


def complete_remove(pair: Pair) -> None:
    """The same command again leaves the events alone."""
    ended = pair.run("remove", "--yes")
    assert ended.returncode == ExitStatus.DONE, ended.stderr
    check_removed(pair)


def check_removed(pair: Pair) -> None:
    """Nothing is there of a link: nothing that lasts, nothing temporary, no origin."""
    assert pair.traces() == []
    with pair.destination() as destination:
        origins = "SELECT roname FROM pg_replication_origin"
        assert destination.execute(origins).fetchall() == []
    with pair.source() as source:
        wait_for(lambda: not source.execute("SELECT FROM pg_replication_slots").rowcount, "the end of temporary slots")


def again(pair: Pair) -> None:
    """Takes away what the destination holds, so that the next add copies again."""
    with pair.destination() as destination:
        destination.execute("TRUNCATE events")


@pytest.mark.parametrize("moment", ["before", "inside"])
def test_what_kill_9_leaves_anywhere_another_run_completes(pair: Pair, moment: str) -> None:
    pairs = [(a, a % 15 + 1) for a in draw(f"kill {moment}", ADD, 3)]
    for in_add, in_remove in pairs:
        stop_with("kill", moment, in_add, pair, "add")
        complete_add(pair)
        stop_with("kill", moment, in_remove, pair, "remove")
        complete_remove(pair)
        again(pair)


@pytest.mark.parametrize("moment", ["before", "inside"])
def test_after_ctrl_c_anywhere_one_line_says_truly_what_stands(pair: Pair, moment: str) -> None:
    for in_add in draw(f"interrupt {moment}", ADD, 3):
        status, told = stop_with("interrupt", moment, in_add, pair, "add")
        check_told(pair, status, told, [])
        complete_add(pair)
        before = pair.traces()
        status, told = stop_with("interrupt", moment, in_add % 15 + 1, pair, "remove")
        check_told(pair, status, told, before)
        complete_remove(pair)
        again(pair)


def check_told(pair: Pair, status: int, told: str, before: list[str]) -> None:
    """What the line says of an interrupted command is so. before: what was there of the link before it."""
    if status == ExitStatus.DONE:
        return
    assert status == ExitStatus.INTERRUPTED, told
    (line,) = [line for line in told.splitlines() if line.startswith("warning: Interrupted: ")]
    traces = pair.traces()
    subscribed = any(trace.startswith("subscription ") for trace in traces)
    slots = pair.slots()
    published = [f"publication {name}" for name in re.findall("publishes its events as ([a-z0-9_]+)", line)]
    if "nothing was changed" in line:
        assert traces == before
    elif published:
        assert [trace for trace in traces if trace not in slots] == published or ("or not yet" in line and not traces)
    elif "what was removed stays so" in line:
        assert set(traces) <= set(before)
    elif "follows, or does not follow yet" not in line:
        assert " follows" in line
        assert subscribed
        assert slots
    if slots and not subscribed and not before:
        assert f"Slot {slots[0]} is left on the source" in line


def test_remove_straight_after_a_killed_add_leaves_nothing(pair: Pair) -> None:
    for in_add in draw("remove after add", range(45, 75), 2):
        stop_with("kill", "inside", in_add, pair, "add")
        complete_remove(pair)
        again(pair)


def do_meanwhile(process: "subprocess.Popen[str]", action: Callable[[], None]) -> None:
    """Does it while the command pauses, lets that go on, and waits for its end."""
    assert process.stdout
    assert process.stdin
    paused = process.stdout.readline() == "paused\n"
    if paused:
        action()
        process.stdin.write("\n")
        process.stdin.flush()
    _, errors = process.communicate(timeout=60)
    assert "Traceback" not in errors
    assert process.returncode in ({ExitStatus.DONE, ExitStatus.FAILED} if paused else {ExitStatus.DONE})


@pytest.mark.parametrize("side", ["source", "destination"])
def test_what_a_killed_server_stops_another_run_completes(pair: Pair, side: str) -> None:
    server = pair.source_server if side == "source" else pair.destination_server
    quickly = ("--connect-timeout", "500")
    for in_add in draw(f"server add {side}", range(40, 75), 2):
        for verb, exchange, complete in (("add", in_add, complete_add), ("remove", in_add % 15 + 1, complete_remove)):
            process = start_with("pause", "before", exchange, pair, verb, *quickly)
            do_meanwhile(process, server.kill)
            if not server.cluster.is_running():
                server.restart()
            complete(pair)
        again(pair)


def test_what_a_cut_network_stops_another_run_completes(pair: Pair) -> None:
    with Proxy(pair.source_server) as to_source, Proxy(pair.destination_server) as to_destination:
        addresses = pair.source_address(port=to_source.port), pair.destination_address(port=to_destination.port)
        proxies = to_source, to_destination

        def cut() -> None:
            for proxy in proxies:
                proxy.reset()

        for in_add in draw("network", range(40, 75), 2):
            for verb, exchange, complete in (
                ("add", in_add, complete_add),
                ("remove", in_add % 15 + 1, complete_remove),
            ):
                process = start_with("pause", "before", exchange, pair, verb, *addresses, "--connect-timeout", "500")
                do_meanwhile(process, cut)
                for proxy in proxies:
                    proxy.accept_again()
                complete(pair)
            again(pair)


def test_an_add_that_was_killed_while_it_waited_is_not_in_the_way_of_the_next(pair: Pair) -> None:
    """Its server notices though it is in the middle of a statement."""
    waits = "SELECT FROM pg_stat_activity WHERE application_name = 'slate-replicate' AND wait_event_type = 'Lock'"
    with pair.destination() as onlooker, pair.destination() as blocker, blocker.transaction():
        blocker.execute("LOCK TABLE events IN ROW EXCLUSIVE MODE")
        process = start_with("none", "before", 0, pair, "add")
        wait_for(lambda: onlooker.execute(waits).rowcount, "the add to wait")
        process.kill()
        process.communicate()
        wait_for(lambda: not onlooker.execute(waits).rowcount, "the server to notice")
    complete_add(pair)
