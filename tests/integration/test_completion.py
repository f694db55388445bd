"""TAB offers what the server has, and stays silent where it cannot."""

import json
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import shells
from tests.recovery import ONE_DIRECTION
from tests.releases import Project, drop_roles
from tests.servers import Server
from tests.shells import offers, values

SHELLS = ("bash", "fish")
NOTE = "before 2.0: it's\nnew"
API = {"10_get.sql": "CREATE FUNCTION get() RETURNS integer LANGUAGE sql AS 'SELECT 1';\n"}
F = "CREATE FUNCTION {}.f() RETURNS integer LANGUAGE sql AS 'SELECT 1'"


@dataclass(frozen=True)
class Typing:
    """A folder in which somebody types, with a database at hand."""

    server: Server
    name: str
    folder: Path

    def offers(self, shell: str, line: str, **environment: str) -> list[str]:
        """What is offered at the end of the line, where DB is the name of the database."""
        variables = {"PATH": shells.PATH, "PGDATABASE": self.name, **environment}
        return offers(shell, line.replace("DB", self.name), self.folder, self.server.environment(**variables))

    def run(self, *arguments: str) -> None:
        environment = self.server.environment(PATH=shells.PATH, PGDATABASE=self.name)
        subprocess.run(["slate-schema", *arguments], env=environment, cwd=self.folder, capture_output=True, check=True)


@pytest.fixture
def typing(server: Server, name: str, tmp_path: Path) -> Typing:
    with server.connect() as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return Typing(server, name, tmp_path)


@pytest.fixture
def with_releases(typing: Typing) -> Typing:
    """Versions 1.0.0 and 1.10.0 of one API, and 1.0.0 of another."""
    with typing.server.connect(typing.name) as connection:
        for schema in ("api_v1_0_0", "api_v1_10_0", "other_v1_0_0"):
            connection.execute(f"CREATE SCHEMA {schema}".encode())
    return typing


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that lets everybody in, and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@ONE_DIRECTION
@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    "line",
    [
        "slate-schema show -d ",
        "slate-schema release activate 1.0.0 --database=",
        "slate-schema archive push 1.0 -d ",
        "slate-schema status patches --node 127.0.0.1 -d ",
        "slate-recover --from nowhere.invalid --database ",
        "slate-recover --from nowhere.invalid --from 127.0.0.1 --from-database ",
        "slate-diff 127.0.0.1 --database ",
        "slate-replicate verify 127.0.0.1 nowhere.invalid --database ",
    ],
)
def test_databases_are_those_of_the_server_that_the_line_leads_to(typing: Typing, shell: str, line: str) -> None:
    offered = [one.removeprefix("--database=") for one in values(typing.offers(shell, line))]
    assert {typing.name, "postgres"} <= set(offered)
    assert "template1" not in offered
    assert offered == sorted(offered)


@ONE_DIRECTION
@pytest.mark.parametrize("shell", SHELLS)
def test_the_lines_own_address_wins_over_the_environment(typing: Typing, shell: str) -> None:
    line = f"slate-schema show --host 127.0.0.1 --port {typing.server.port} -d "
    assert typing.name in values(typing.offers(shell, line, PGHOST="nowhere.invalid", PGPORT="1"))
    if shell == "fish":
        line = f"PGHOST=127.0.0.1 PGPORT={typing.server.port} slate-schema show -d "
        words = typing.offers(shell, f"slate-schema show; {line}", PGHOST="nowhere.invalid", PGPORT="1")
        assert typing.name in values(words)


@ONE_DIRECTION
def test_bash_gets_names_in_quotes_where_it_would_act_on_them(typing: Typing) -> None:
    odd = f"{typing.name} $(touch run) `touch run` 'x'"
    with typing.server.connect() as connection:
        connection.execute(f'CREATE DATABASE "{odd}"'.encode())
    try:
        offered = typing.offers("bash", "slate-schema show -d DB")
        assert len(offered) == 2
        told = subprocess.run(["bash", "-c", f"printf %s {offered[1]}"], capture_output=True, text=True, check=True)
        assert told.stdout == odd
        assert not (typing.folder / "run").exists()
    finally:
        typing.server.drop(odd)


@ONE_DIRECTION
@pytest.mark.parametrize(
    "line", ["show ", "diff ", "diff 1 ", "rollback --dry-run ", "rollback -d DB ", "show --no-input "]
)
def test_snapshots_are_offered_newest_first_with_time_and_note(typing: Typing, line: str) -> None:
    typing.run("install", "--yes")
    typing.run("snapshot", "--note", NOTE)
    with typing.server.connect(typing.name) as connection:
        connection.execute(F.format("public").encode())
    typing.run("snapshot")
    assert typing.offers("bash", f"slate-schema {line}") == ["2", "1"]
    second, first = typing.offers("fish", f"slate-schema {line}")
    assert second.startswith("2\t20")
    assert first.endswith(" UTC, before 2.0: it's new")


@ONE_DIRECTION
@pytest.mark.parametrize("line", ["diff ", "diff 1.0.0 ", "activate ", "test ", "retire "])
def test_releases_are_offered_newest_first_and_in_full_where_several_have_the_version(
    with_releases: Typing, line: str
) -> None:
    offered = with_releases.offers("bash", f"slate-schema release {line}")
    assert offered == ["1.10.0", "api_v1_0_0", "other_v1_0_0"]
    one_api = with_releases.offers("fish", f"slate-schema release {line}--schema api ")
    assert one_api[:2] == ["1.10.0\tapi_v1_10_0", "1.0.0\tapi_v1_0_0"]


@ONE_DIRECTION
def test_restore_offers_what_was_retired(typing: Typing) -> None:
    project = Project(typing.server, typing.name, typing.folder / "50_proj_api")
    try:
        for version in ("1.0.0", "1.1.0"):
            project.create(version, files=API)
        project.done("retire", "1.0.0", "--calls-not-counted", "--yes")
        assert typing.offers("bash", "slate-schema release restore ") == ["1.0.0"]
        assert typing.offers("bash", "slate-schema release activate ") == ["1.1.0"]
    finally:
        typing.server.drop(typing.name)
        drop_roles(typing.server)


@pytest.mark.parametrize("shell", SHELLS)
def test_versions_of_an_archive_are_read_from_its_folder(tmp_path: Path, shell: str) -> None:
    folder = tmp_path / "db"
    folder.mkdir()
    entry = {"parents": {}, "schema": "0" * 64, "pushed_at": "2026-11-21", "server": "18"}
    record = {"format": 1, "leave_out": [], "versions": {"1.0": entry, "1.1": entry}}
    (folder / "events.json").write_text(json.dumps(record), encoding="utf-8")
    for words in ("deploy db1 --archive db --to ", "deploy db1 --archive=db --from ", "push 2 --archive db --parent "):
        assert values(offers(shell, f"slate-schema archive {words}", tmp_path, {})) == ["1.1", "1.0"]
    assert values(offers(shell, "slate-schema archive log --archive db --name ", tmp_path, {})) == ["events"]
    assert offers(shell, "slate-schema archive deploy db1 --to ", tmp_path, {}) == []


@pytest.mark.parametrize("shell", SHELLS)
def test_folders_and_files_are_offered_where_one_is_to_stand(tmp_path: Path, shell: str) -> None:
    (tmp_path / "patches").mkdir()
    (tmp_path / "patch.json").touch()
    for line in ("slate-schema migrate p", "slate-schema release create p", "slate-schema archive log --archive p"):
        assert [one.rstrip("/") for one in values(offers(shell, line, tmp_path, {}))] == ["patches"]
    found = values(offers(shell, "slate-recover --report p", tmp_path, {}))
    assert {one.rstrip("/") for one in found} == {"patches", "patch.json"}


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("options", "environment"),
    [
        ("", {"PGPORT": "1"}),
        ("", {"PGPASSWORD": "wrong"}),
        ("--password wrong", {}),
        ("--port http", {}),
        ("--dsn nonsense", {}),
        ("--help", {"PGPORT": "1"}),
        ("--print-completion bash", {}),
        ("", {"SLATE_COMPLETION_TIMEOUT": "1"}),
    ],
    ids=["no server", "wrong password", "wrong password typed", "no port", "no DSN", "help", "a script", "too slow"],
)
def test_nothing_is_offered_or_said_where_it_cannot_be_told(
    typing: Typing, shell: str, options: str, environment: dict[str, str]
) -> None:
    assert typing.offers(shell, f"slate-schema show {options} -d ", **environment) == []
    assert typing.offers(shell, f"slate-schema rollback {options} ", **environment) == []


@ONE_DIRECTION
@pytest.mark.parametrize("shell", SHELLS)
def test_a_server_that_never_answers_is_left_alone(typing: Typing, silent_port: int, shell: str) -> None:
    assert typing.offers(shell, "slate-schema show -d ", PGPORT=str(silent_port), SLATE_COMPLETION_TIMEOUT="") == []


@ONE_DIRECTION
@pytest.mark.parametrize("shell", SHELLS)
def test_a_password_on_the_line_is_in_no_list_of_processes(typing: Typing, shell: str) -> None:
    spy = typing.folder / "bin" / "slate-schema"
    spy.parent.mkdir()
    spy.write_text("#!/bin/sh\ntr '\\0' ' ' </proc/$$/cmdline >seen; env >>seen; cat >line\n", encoding="utf-8")
    spy.chmod(0o755)
    line = "slate-schema show --password s3cret -d "
    assert typing.offers(shell, line, PATH=f"{spy.parent}:{shells.PATH}") == []
    seen = (typing.folder / "seen").read_text(encoding="utf-8")
    assert f"--complete={shell},databases" in seen
    assert "s3cret" not in seen
    assert (typing.folder / "line").read_text(encoding="utf-8").rstrip("\n") == line


@ONE_DIRECTION
def test_zsh_shows_values_with_descriptions(typing: Typing) -> None:
    typing.run("install", "--yes")
    typing.run("snapshot", "--note", "before 2.0")
    with shells.zsh("slate-schema", typing.folder, typing.server.environment(PATH=shells.PATH)) as zsh:
        zsh.type(f"slate-schema rollback -d {typing.name} \t")
        zsh.wait_for(f"rollback -d {typing.name} 1")
        zsh.type("\x15slate-schema archive log --archive f\t")
        zsh.wait_for("--archive functions/")
        zsh.type(f"\x15slate-schema show -d {typing.name[:-1]}\t")
        zsh.wait_for(f"show -d {typing.name}")


@ONE_DIRECTION
def test_zsh_tells_time_and_note_of_snapshots(typing: Typing) -> None:
    typing.run("install", "--yes")
    for number, note in enumerate(("first", "it's: the second")):
        with typing.server.connect(typing.name) as connection:
            connection.execute(F.replace("f()", f"f{number}()").format("public").encode())
        typing.run("snapshot", "--note", note)
    with shells.zsh("slate-schema", typing.folder, typing.server.environment(PATH=shells.PATH)) as zsh:
        zsh.type(f"slate-schema --log-format text show -d {typing.name} \t")
        zsh.wait_for("UTC, first")
        assert "UTC, it's: the second" in zsh.screen()
