"""Runs std and direct patches in transactions that are rolled back, to see whether they would do."""

import itertools
from collections.abc import Sequence

from init_slate_db.core.console import write_result
from versioning.migrations.cluster import Cluster, Session
from versioning.migrations.patches import Number, Patch
from versioning.migrations.plan import Pending
from versioning.migrations.rehearsal import rehearse

Groups = Sequence[Sequence[Pending]]


def try_out(groups: Groups, cluster: Cluster, session: Session) -> None:
    """Runs on each node what would come to it from here, and rolls it back. Writes the result.

    A follower gets its std patches by way of the source, so what stands behind these is tried on the source alone.

    :raises SlateError: the first patch that would fail.
    """
    planned = [one for group in groups for one in group]
    if not planned:
        return
    if planned[0].patch.is_std:
        # Of later groups nothing can be said on followers before the first one is there.
        cluster.try_std([one.patch for one in groups[0]], session)
    else:
        # What stands behind a concurrent one may need it.
        direct = itertools.takewhile(lambda one: one.patch.type == "direct", planned)
        cluster.check_direct([one.patch for one in direct if cluster.nodes[0] in one.nodes], session)
    runs: dict[Number, list[str]] = {one.patch.number: [] for one in planned}
    late: dict[Number, list[str]] = {one.patch.number: [] for one in planned}
    for node in cluster.nodes:
        is_source = node == cluster.nodes[0]
        patches: list[Patch] = []
        for one in planned:
            if one.patch.is_std and not is_source:
                for behind in planned[planned.index(one) + 1 :]:
                    if behind.patch.type == "direct" and node in behind.nodes:
                        late[behind.patch.number].append(f"not tried on {node.name}, it is behind {one.patch.label}")
                break
            if one.patch.type != "concurrent" and node in one.nodes:
                patches.append(one.patch)
        if patches:
            rehearse(node, patches, session, outcome=_outcome(planned))
        for patch in patches:
            runs[patch.number].append(node.name)
    lines = ["Tried"]
    for patch in (one.patch for one in planned):
        where = [f"runs on {', '.join(runs[patch.number])}"] if runs[patch.number] else []
        lines.append(f"  {patch.label} {patch.type}: {'; '.join(where + late[patch.number]) or 'not tried'}")
    write_result("\n".join(lines))


def _outcome(planned: Sequence[Pending]) -> str:
    left_out = any(one.patch.type == "concurrent" for one in planned)
    return "Nothing was changed: --dry-run." + " Concurrent patches were not run before it." * left_out
