"""slate-schema migrate: from the folder and the nodes to a plan, and from there to patches that are applied."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from init_slate_db.core.connection import server_errors
from init_slate_db.core.consent import Consent
from init_slate_db.core.console import write_result
from init_slate_db.core.errors import ExitStatus, SlateError
from versioning.migrations import ledger
from versioning.migrations.accepting import accept, check_drift
from versioning.migrations.apply import apply_in_transaction
from versioning.migrations.cluster import Cluster, Node, Session
from versioning.migrations.concurrent import Mending, apply_concurrent
from versioning.migrations.dry_run import try_out
from versioning.migrations.options import MigrateOptions
from versioning.migrations.patches import Folder, Patch, raise_faults, read_patches
from versioning.migrations.plan import (
    Drift,
    Ledgers,
    Pending,
    check_headers,
    choose,
    find_drift,
    find_pending,
    find_unknown,
    nodes_of,
)
from versioning.migrations.sessions import open_session
from versioning.migrations.statements import find_faults
from versioning.migrations.syntax import check_syntax
from versioning.migrations.telling import tell_states
from versioning.migrations.turn import take_turn, wait_for_orphans

_logger = logging.getLogger(__name__)

# More are told as from … to ….
_TOLD_ONE_BY_ONE = 10


@dataclass(frozen=True)
class Plan:
    """What a run does. accepted: changed files that are taken; groups: what is applied; left: pending, but not now.

    nodes: how many there are.
    """

    accepted: tuple[Drift, ...]
    groups: tuple[tuple[Pending, ...], ...]
    left: tuple[Pending, ...]
    nodes: int

    @property
    def patches(self) -> list[Patch]:
        return [one.patch for group in self.groups for one in group]

    def lines(self, notes: Iterable[str]) -> list[str]:
        """The plan for people. notes: what they are to know beside the steps."""
        return [f"{number}  {step}" for number, step in enumerate(self._steps(), 1)] + [f"-  {note}" for note in notes]

    def _steps(self) -> list[str]:
        told = [f"take the file of patch {one.patch.label} as it is now on {one.node}" for one in self.accepted]
        for group in self.groups:
            if group[0].patch.is_std:
                numbers = [one.patch.label for one in group]
                named = ", ".join(numbers) if len(group) <= _TOLD_ONE_BY_ONE else f"{numbers[0]} to {numbers[-1]}"
                told.append(f"apply {len(group)} std: {named}; all of them or none")
            else:
                told += [f"apply {one.patch.label} {one.patch.type} on {self._where(one.nodes)}" for one in group]
        return told

    def _where(self, nodes: Sequence[Node]) -> str:
        is_everywhere = len(nodes) == self.nodes > 1
        return f"all {self.nodes} nodes" if is_everywhere else _names(nodes)


def migrate(options: MigrateOptions) -> ExitStatus:
    """Surveys, tells the plan, asks, and applies.

    :raises SlateError: what speaks against it, or what stopped it; the ledgers tell how far it got.
    """
    consent = Consent(options.yes, options.addresses[0].connection.interactive, options.dry_run)
    folder = read_patches(options.folder)
    for warning in folder.warnings:
        _logger.warning("%s", warning)
    with (
        open_session(options.addresses, options.patience, all_nodes=True, ignored=options.ignored_slots) as opened,
        take_turn(opened.session.watch, options.wait),
    ):
        cluster, session = opened.cluster, opened.session
        wait_for_orphans(session.watch, read_ledgers(session), options.wait)
        ledgers = read_ledgers(session)
        plan = _make_plan(options, folder, cluster, ledgers)
        source = cluster.nodes[0]
        with server_errors(f"begin work on {source.name}"):
            session.connection(source).execute(session.fresh[source.name].encode())
        check_syntax(session.connection(source), plan.patches, source.name)
        if not plan.groups and not plan.accepted:
            write_result("\n".join(["Nothing is to be applied.", *_tell_left(plan)]))
            return ExitStatus.DONE
        consent.tell("Plan", plan.lines(cluster.notes))
        if options.dry_run:
            try_out(plan.groups, cluster, session)
            write_result("\n".join(["Nothing was done: --dry-run.", *_tell_left(plan)]))
            return ExitStatus.DONE
        consent.ask()
        _Run(cluster, session, ledgers, Mending(options.repair, dict(options.truths))).carry_out(plan)
        count = len(plan.patches)
        write_result("\n".join([f"Applied {count} {'patch' if count == 1 else 'patches'}.", *_tell_left(plan)]))
    return ExitStatus.DONE


def read_ledgers(session: Session) -> dict[str, ledger.Ledger]:
    """The ledger of every node that answers, by its name."""
    found: dict[str, ledger.Ledger] = {}
    for name, reached in session.work.items():
        with server_errors(f"read the ledger of {name}"):
            found[name] = ledger.read(reached.connection)
    return found


def _make_plan(options: MigrateOptions, folder: Folder, cluster: Cluster, ledgers: Ledgers) -> Plan:
    """:raises SlateError: drift, patches-refused, bad-patches."""
    accepted = check_drift(find_drift(folder.patches, ledgers), options.accept)
    for name, row in find_unknown(folder.patches, ledgers):
        _logger.warning("%s has patch %s, of type %s, which the folder does not hold.", name, row.label, row.type)
    pending = find_pending(folder.patches, cluster, ledgers)
    groups = choose(pending, options.choice)
    planned = [one.patch for group in groups for one in group]
    raise_faults([fault for patch in planned for fault in find_faults(patch)])
    check_headers(planned, folder, cluster, ledgers)
    numbers = {patch.number for patch in planned}
    left = tuple(one for one in pending if one.patch.number not in numbers)
    for one in left:
        if one.is_gap:
            _logger.warning(
                "Patch %s is a gap: later ones are applied. --allow-gaps has it applied.",
                one.patch.label,
            )
    return Plan(tuple(accepted), groups, left, len(cluster.nodes))


def _tell_left(plan: Plan) -> list[str]:
    waiting = [one for one in plan.left if not one.is_gap]
    gaps = [one.patch.label for one in plan.left if one.is_gap]
    told = [f"Gaps: {', '.join(gaps)}; --allow-gaps has them applied."] if gaps else []
    if waiting:
        following = waiting[0].patch
        told.append(f"Pending: {len(waiting)}, {following.label} {following.type} next; --all applies all of them.")
    return told


def _names(nodes: Sequence[Node]) -> str:
    return ", ".join(node.name for node in nodes)


class _Run:
    """Applies what is planned."""

    def __init__(self, cluster: Cluster, session: Session, ledgers: Ledgers, mending: Mending) -> None:
        self._cluster = cluster
        self._session = session
        self._ledgers = ledgers
        self._mending = mending

    def carry_out(self, plan: Plan) -> None:
        for node in self._cluster.nodes:
            connection = self._session.connection(node)
            with server_errors(f"keep a ledger on {node.name}"), connection.transaction():
                ledger.ensure(connection)
        accept(plan.accepted, self._session)
        for group in plan.groups:
            if group[0].patch.is_std:
                self._apply_std([one.patch for one in group])
            else:
                for one in group:
                    self._apply_to_nodes(one)

    def _apply_std(self, patches: Sequence[Patch]) -> None:
        self._cluster.apply_std(patches, self._session)
        for patch in patches:
            _logger.info("Applied %s std on %s.", patch.label, _names(self._cluster.std_nodes(patch)))

    def _apply_to_nodes(self, pending: Pending) -> None:
        patch = pending.patch
        for place, node in enumerate(pending.nodes):
            try:
                self._apply(patch, node)
            except (SlateError, KeyboardInterrupt) as error:
                ended = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
                self._tell_nodes(pending, place, ended)
                raise
            _logger.info("Applied %s %s on %s.", patch.label, patch.type, node.name)

    def _apply(self, patch: Patch, node: Node) -> None:
        if patch.type == "direct" and node == self._cluster.nodes[0]:
            self._cluster.check_direct([patch], self._session)
        if patch.type == "concurrent":
            row = self._ledgers[node.name].get(patch.number)
            apply_concurrent(node, patch, row, self._session, self._mending)
        else:
            apply_in_transaction(node, [patch], self._session)

    def _tell_nodes(self, pending: Pending, failed: int, ended: str) -> None:
        """Says of every node how it stands, where one of several has failed. ended: how that one did."""
        states = {node.name: "applied" for node in nodes_of(pending.patch, self._cluster)}
        states |= {node.name: ended for node in pending.nodes[failed : failed + 1]}
        states |= {node.name: "not begun" for node in pending.nodes[failed + 1 :]}
        tell_states(f"Patch {pending.patch.label} {pending.patch.type}", states)
