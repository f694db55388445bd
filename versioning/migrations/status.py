"""slate-schema status: how every node stands to the patches of a folder. Only reads."""

from dataclasses import dataclass
from typing import Any

from init_slate_db.core.connection import server_errors
from init_slate_db.core.errors import ExitStatus
from versioning.masking import first_line
from versioning.migrations.cluster import Cluster, LockPatience
from versioning.migrations.execution import read_ledgers
from versioning.migrations.interrupted import find_invalid
from versioning.migrations.ledger import Ledger, Row
from versioning.migrations.options import StatusOptions
from versioning.migrations.patches import Folder, Patch, read_patches
from versioning.migrations.plan import Drift, Ledgers, find_drift, find_pending, find_unknown, nodes_of
from versioning.migrations.sessions import open_session
from versioning.migrations.statements import ScanError, split


@dataclass(frozen=True)
class NodeStatus:
    """One node. error: why it cannot be asked; all else is empty then. half_done: concurrent patches begun there."""

    name: str
    error: str = ""
    applied: tuple[Row, ...] = ()
    pending: tuple[Patch, ...] = ()
    half_done: tuple[Row, ...] = ()
    invalid: tuple[str, ...] = ()
    unknown: tuple[Row, ...] = ()


@dataclass(frozen=True)
class Status:
    """All nodes, the source first. notes: what is to be known of the cluster beside them.

    uneven: patches that some of their nodes have and others lack.
    """

    kind: str
    folder: Folder
    nodes: tuple[NodeStatus, ...]
    drift: tuple[Drift, ...]
    gaps: tuple[Patch, ...]
    uneven: tuple[Patch, ...]
    notes: tuple[str, ...] = ()

    @property
    def exit_status(self) -> ExitStatus:
        if any(node.error for node in self.nodes):
            return ExitStatus.FAILED
        bad = self.drift or self.uneven or any(node.half_done or node.invalid for node in self.nodes)
        return ExitStatus.DIFFERENT if bad else ExitStatus.DONE


def find_status(options: StatusOptions) -> Status:
    """Looks at the folder and at all nodes.

    :raises SlateError: bad-patches, or a code of the connection to the source.
    """
    folder = read_patches(options.folder)
    with open_session(options.addresses, LockPatience(), all_nodes=False) as opened:
        cluster, session = opened.cluster, opened.session
        ledgers = read_ledgers(session)
        nodes: list[NodeStatus] = []
        for node in cluster.nodes:
            if node.name in opened.unreached:
                error = opened.unreached[node.name]
                nodes.append(NodeStatus(node.name, f"{error.what} {error.why}".strip()))
                continue
            with server_errors(f"name the invalid indexes of {node.name}"):
                invalid = find_invalid(session.connection(node))
            nodes.append(_node_status(node.name, folder, cluster, ledgers, invalid))
    pending = find_pending(folder.patches, cluster, ledgers)
    uneven = [
        one.patch
        for one in pending
        if any(_is_complete(ledgers.get(node.name, {}), one.patch) for node in nodes_of(one.patch, cluster))
    ]
    return Status(
        kind=cluster.kind,
        folder=folder,
        nodes=tuple(nodes),
        drift=tuple(find_drift(folder.patches, ledgers)),
        gaps=tuple(one.patch for one in pending if one.is_gap),
        uneven=tuple(uneven),
        notes=cluster.notes,
    )


def _node_status(name: str, folder: Folder, cluster: Cluster, ledgers: Ledgers, invalid: list[str]) -> NodeStatus:
    rows = ledgers[name].values()
    theirs = [one for one in folder.patches if any(node.name == name for node in nodes_of(one, cluster))]
    return NodeStatus(
        name=name,
        applied=tuple(row for row in rows if row.is_complete),
        pending=tuple(one for one in theirs if one.number not in ledgers[name]),
        half_done=tuple(row for row in rows if not row.is_complete),
        invalid=tuple(invalid),
        unknown=tuple(row for _, row in find_unknown(folder.patches, {name: ledgers[name]})),
    )


def _is_complete(ledger: Ledger, patch: Patch) -> bool:
    row = ledger.get(patch.number)
    return row is not None and row.is_complete


def as_text(status: Status) -> str:
    """The status for people."""
    lines: list[str] = []
    for node in status.nodes:
        if node.error:
            lines.append(f"{node.name}: cannot be asked. {node.error}")
            continue
        lines.append(f"{node.name}: {len(node.applied)} applied, {len(node.pending)} pending")
        lines += [f"  half done: {row.label} {row.type}, {_progress(row, status.folder)}" for row in node.half_done]
        lines += [f"  invalid index: {index}" for index in node.invalid]
        lines += [f"  not in the folder: {row.label} {row.type}" for row in node.unknown]
    lines += [f"drift: {one.text}" for one in status.drift]
    lines += [f"not on all nodes: {patch.label} {patch.type}" for patch in status.uneven]
    lines += [f"gap: {patch.label} {patch.type}" for patch in status.gaps]
    pending = {patch.number: patch for node in status.nodes for patch in node.pending}
    lines += [f"pending: {pending[number].label} {pending[number].type}" for number in sorted(pending)]
    lines += [f"left alone: {warning}" for warning in status.folder.warnings]
    lines += [f"note: {note}" for note in status.notes]
    return "\n".join(lines)


def _progress(row: Row, folder: Folder) -> str:
    total = next((_count(one) for one in folder.patches if one.number == row.number), None)
    begun = f"; begun: {first_line(row.begun)}" if row.begun else ""
    return f"{row.done} of {total if total is not None else '?'} statements{begun}"


def _count(patch: Patch) -> int | None:
    try:
        return len(split(patch.text))
    except ScanError:
        return None


def as_json(status: Status) -> dict[str, Any]:
    """The status for programs."""
    return {
        "cluster": status.kind,
        "nodes": [_node_as_json(node) for node in status.nodes],
        "drift": [
            {"patch": one.patch.label, "node": one.node, "applied": one.row.digest, "file": one.patch.digest}
            for one in status.drift
        ],
        "not_on_all_nodes": [patch.label for patch in status.uneven],
        "gaps": [patch.label for patch in status.gaps],
        "warnings": list(status.folder.warnings),
        "notes": list(status.notes),
    }


def _node_as_json(node: NodeStatus) -> dict[str, Any]:
    return {
        "name": node.name,
        "error": node.error or None,
        "applied": [_row_as_json(row) for row in node.applied],
        "pending": [{"patch": patch.label, "type": patch.type} for patch in node.pending],
        "half_done": [
            _row_as_json(row) | {"done": row.done, "begun": row.begun and first_line(row.begun)}
            for row in node.half_done
        ],
        "invalid_indexes": list(node.invalid),
        "not_in_folder": [row.label for row in node.unknown],
    }


def _row_as_json(row: Row) -> dict[str, Any]:
    return {
        "patch": row.label,
        "type": row.type,
        "digest": row.digest,
        "started_at": row.started_at.isoformat(),
        "ended_at": row.ended_at.isoformat() if row.ended_at else None,
        "role": row.role,
        "came_from": row.came_from,
        "tool_version": row.tool_version,
    }
