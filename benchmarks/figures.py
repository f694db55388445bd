"""Figures in words, the same ones in every table."""

from benchmarks.comparison import Comparison
from benchmarks.usage import Usage

UNKNOWN = "–"


def number(value: float) -> str:
    """A figure to about three digits."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def spread(comparison: Comparison) -> str:
    """The median of the ratios, and where there is more than one, the lowest and the highest."""
    ratios = comparison.ratios
    if comparison.rounds == 1 or (comparison.told and ratios.lowest == ratios.highest):
        return f"{ratios.median:.2f}"
    return f"{ratios.median:.2f} ({ratios.lowest:.2f}..{ratios.highest:.2f})"


def bound(comparison: Comparison) -> str:
    """The target, nothing where there is none."""
    target = comparison.target
    return f"{target.kind} {target.bound:.2f}" if target else ""


def processor(usage: Usage) -> str:
    """Seconds on processors, the client's and the servers'."""
    return _both(usage.client_processor, usage.server_processor)


def memory(usage: Usage) -> str:
    """Megabytes at most, the client's and the servers'."""
    return _both(usage.client_memory, usage.server_memory)


def _both(client: float | None, server: float | None) -> str:
    if client is None and server is None:
        return UNKNOWN
    if client is None or server is None:
        return f"client {number(client)}" if client is not None else f"servers {number(server or 0)}"
    return f"{number(client)} + {number(server)}"
