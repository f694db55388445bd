"""Where the process of a command begins and ends."""

import sys
from types import ModuleType

import pytest

from init_slate_db.core.entry import run
from init_slate_db.core.errors import ExitStatus


class Command(ModuleType):
    """A module whose main keeps its arguments, and ends with a status or an exception."""

    def __init__(self, ends: "ExitStatus | type[BaseException]") -> None:
        super().__init__("command_of_a_test")
        self._ends = ends
        self.arguments: list[str] = []

    def main(self, arguments: list[str]) -> ExitStatus:
        self.arguments = arguments
        if isinstance(self._ends, ExitStatus):
            return self._ends
        raise self._ends


@pytest.mark.parametrize(
    ("ends", "status"),
    [(ExitStatus.DONE, 0), (ExitStatus.DIFFERENT, 3), (KeyboardInterrupt, 130)],
    ids=["done", "different", "interrupted"],
)
def test_a_process_ends_with_the_status_of_its_command(
    monkeypatch: pytest.MonkeyPatch, ends: "ExitStatus | type[BaseException]", status: int
) -> None:
    command = Command(ends)
    monkeypatch.setitem(sys.modules, command.__name__, command)
    monkeypatch.setattr(sys, "argv", ["command", "one", "--two"])
    with pytest.raises(SystemExit) as ended:
        run(command.__name__)
    assert ended.value.code == status
    assert command.arguments == ["one", "--two"]
