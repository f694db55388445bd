"""Documents whose commands are run for real: what stands there is what they print."""

import re
from pathlib import Path
from typing import Protocol

# A scene that has to be set, or a block of commands with their output.
_PART = re.compile(r"<!-- scene: (?P<scene>[a-z-]+) -->|```console\n(?P<block>.*?)```", re.DOTALL)
# What is another in every run.
_VARYING = (
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d(\.\d+\+00)?)?"), "MOMENT"),
    (re.compile(r"\d{8}T\d{6}Z"), "MOMENT"),
    (re.compile(r"[\d,.]+ s\b"), "SECONDS s"),
    (re.compile(r"(session|PID|kill -INT) \d+"), r"\1 PID"),
    (re.compile(r"\d[\d,]* events/s"), "RATE events/s"),
    # Of a snapshot's contents, which are another in every version of the product.
    (re.compile(r"(revision,? )[0-9a-f]{12}"), r"\1REVISION"),
    (re.compile(r"(127\.0\.0\.1:|port )\d{2,}"), r"\1PORT"),
    (re.compile(r"^PostgreSQL \S+.*|PostgreSQL [\d.]+( \([^)]*\))?", re.MULTILINE), "POSTGRESQL"),
    # The widths of columns follow from all these.
    (re.compile(r"-{3,}"), "---"),
    (re.compile(r" +"), " "),
)


class Stage(Protocol):
    """Where the commands of a document run."""

    def set_scene(self, name: str) -> None:
        """Does what the document tells of, but shows no command for."""

    def run(self, command: str) -> str:
        """What the command prints, and its exit status where that is not 0."""


def perform(text: str, stage: Stage) -> str:
    """The document with what its commands print now."""

    def part(match: re.Match[str]) -> str:
        if match["scene"]:
            stage.set_scene(match["scene"])
            return match[0]
        commands = [line[2:] for line in match["block"].splitlines() if line.startswith("$ ")]
        return "```console\n" + "".join(f"$ {command}\n{stage.run(command)}" for command in commands) + "```"

    return _PART.sub(part, text)


def rewrite(document: Path, stage: Stage) -> None:
    """Writes into the document what its commands print now."""
    document.write_text(perform(document.read_text(encoding="utf-8"), stage), encoding="utf-8")


def normalised(text: str) -> str:
    """The document without what is another in every run."""
    for pattern, word in _VARYING:
        text = pattern.sub(word, text)
    return text
