"""What a check finds, for people and for programs."""

from dataclasses import dataclass
from typing import Any

from versioning.check.abilities import Way
from versioning.check.acts import ABILITIES, Ability
from versioning.check.facts import PUBLIC
from versioning.check.mending import Difference
from versioning.wording import counted

_WORDS: dict[Ability, str] = {
    "everything": "Everything",
    "read": "Read events",
    "write": "Write events",
    "rewrite": "Rewrite: change or remove events, or what guards them",
    "restore": "Restore events from a backup",
    "replicate": "Replicate",
    "dblink": "Reach other servers from this one",
    "listen": "Listen: hear new events, and send notifications",
}


@dataclass(frozen=True)
class Report:
    """The result. kind: "source", "destination" or "other". code: whose functions it has, in words.

    prefix: of the roles of the model; "": no model is in force. superusers: the login roles that are. not_judged:
    what was not, or could not be, looked at.
    """

    place: str
    server: str
    kind: str
    code: str
    prefix: str
    ways: tuple[Way, ...]
    superusers: tuple[str, ...]
    differences: tuple[Difference, ...]
    not_judged: tuple[str, ...]


def as_text(report: Report) -> str:
    """The report in lines, the verdict last."""
    lines = [f"{report.place}: {_kind(report)}", f"  {report.server}", f"  {report.code}"]
    if report.superusers:
        lines.append(f"  superusers, who may do everything: {', '.join(report.superusers)}")
    for ability in ABILITIES:
        told = _ability_lines(report, ability)
        if told or ability not in ("everything", "dblink"):
            lines += ["", _WORDS[ability], *(told or ["  nobody"])]
    lines += ["", "Not judged", *(f"  {text}" for text in report.not_judged)]
    if report.differences:
        lines += ["", f'Differences from the model of the roles "{report.prefix}", each with what mends it']
        for difference in report.differences:
            lines.append(f"  {_printable(difference.what)}")
            lines += [f"    {_printable(line)}" for line in difference.mend.splitlines()]
    return "\n".join([*lines, "", _verdict(report)])


def as_json(report: Report) -> dict[str, Any]:
    """The report as one JSON object."""
    return {
        "place": report.place,
        "server": report.server,
        "kind": report.kind,
        "code": report.code,
        "roles": report.prefix or None,
        "superusers": list(report.superusers),
        "abilities": {
            ability: [_way_object(way) for way in report.ways if way.ability == ability] for ability in ABILITIES
        },
        "difference_count": len(report.differences),
        "differences": [{"kind": one.kind, "what": one.what, "mend": one.mend} for one in report.differences],
        "not_judged": list(report.not_judged),
    }


def _way_object(way: Way) -> dict[str, Any]:
    return {
        "role": way.role,
        "by": way.by,
        "holder": way.holder or "PUBLIC",
        "through": list(way.through),
        "steps": list(way.steps),
        "elsewhere": list(way.elsewhere),
    }


def _kind(report: Report) -> str:
    return {"source": "a source", "destination": "a destination"}.get(report.kind, "no event store: no table events")


def _ability_lines(report: Report, ability: Ability) -> list[str]:
    """A line for each role and the way it has the right, superusers left out."""
    by: dict[tuple[str, str], list[str]] = {}
    everybody = {way.by for way in report.ways if way.ability == ability and way.holder == PUBLIC}
    for way in report.ways:
        if way.ability == ability and way.role not in report.superusers:
            by.setdefault((way.role, _how(way)), []).append(way.by)
    lines = [f"  {_printable(role)}: {', '.join(_telling(acts))}{_printable(how)}" for (role, how), acts in by.items()]
    if everybody:
        lines.insert(0, f"  every role that may connect: {', '.join(sorted(everybody))} (PUBLIC)")
    return lines


def _telling(acts: list[str]) -> list[str]:
    """The acts in short: of several functions the first, and nothing that the owner of events can do anyway."""
    if any(act.startswith("owns table ") for act in acts):
        acts = [act for act in acts if act.startswith("owns ")]
    functions = [act for act in acts if act.startswith("owns function ")]
    if len(functions) < 3:
        return acts
    return [*(act for act in acts if act not in functions), f"{functions[0]} and {len(functions) - 1} others"]


def _how(way: Way) -> str:
    """How the role comes by the right, in parentheses; "" where it is its own."""
    parts = []
    if way.elsewhere:
        parts.append(f"in another database first {'; '.join(way.elsewhere)}")
    if way.steps:
        parts.append(f"after {'; '.join(way.steps)}")
    if way.through:
        parts.append("member of " + ", which is one of ".join(way.through))
    elif way.holder == PUBLIC:
        parts.append("PUBLIC")
    return f" ({'; '.join(parts)})" if parts else ""


def _verdict(report: Report) -> str:
    if not report.prefix:
        return "no model is in force: this database was not made with --roles"
    if not report.differences:
        return f'as the model of the roles "{report.prefix}" has it: no difference'
    return f"{counted(len(report.differences), 'difference')} from the model"


def _printable(text: str) -> str:
    """The text without what a terminal would act on."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)
