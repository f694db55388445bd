"""The walk through the commands that the documents are made from finds every verb."""

from manual.commands import read_commands


def test_the_walk_finds_commands_verbs_and_verbs_of_verbs() -> None:
    found = {one.name: one.summary for command in read_commands() for one in command.walk()}
    assert {"init-slate-db", "slate-recover", "slate-diff", "slate-replicate", "slate-schema"} <= set(found)
    assert found["slate-replicate add"] == "have a destination follow a source"
    assert "slate-schema release" in found
    assert "slate-schema archive push" in found


def test_every_verb_has_options_of_its_own() -> None:
    for command in read_commands():
        for one in command.walk():
            assert any(action.option_strings for action in one.parser._actions), one.name
