"""The files of a release: their order, what is read of them, and what is refused with file and line."""

from pathlib import Path

import pytest

from init_slate_db.core.errors import ExitStatus, SlateError
from tests.releases import FILES, SEED_FILES, write_files
from versioning.releases.naming import Version, read_version, split
from versioning.releases.plan import SchemaPlan, make_plan
from versioning.releases.sources import digest, read_sources


def plan(folder: Path, **changes: object) -> SchemaPlan:
    options: dict[str, object] = {"schema": None, "keep_public": False, "keep_strings": False} | changes
    return make_plan(folder, version=Version(1, 0, 0), **options)  # type: ignore[arg-type]


def refusal(folder: Path, **changes: object) -> SlateError:
    with pytest.raises(SlateError) as refused:
        plan(folder, **changes)
    assert (refused.value.code, refused.value.exit_status) == ("sources-refused", ExitStatus.REFUSED)
    return refused.value


def test_files_come_in_the_order_of_their_numbers_at_every_level(tmp_path: Path) -> None:
    paths = [
        "00_a.sql",
        "5_b/100_z.sql",
        "10_c.sql",
        "10_d/2_a.sql",
        "10_d/10_a.sql",
        "10_d/10_b.sql",
        "x/1_a.sql",
        "z.sql",
    ]
    write_files(
        tmp_path, dict.fromkeys([*reversed(paths), ".hidden.sql", ".git/1_a.sql", "10_d/README.md"], "SELECT 1")
    )
    assert [source.path for source in read_sources(tmp_path)] == paths


def test_a_link_that_leads_back_up_is_not_followed_for_ever(tmp_path: Path) -> None:
    write_files(tmp_path, {"10_a/10_a.sql": "SELECT 1"})
    (tmp_path / "10_a/20_up").symlink_to(tmp_path)
    assert [source.path for source in read_sources(tmp_path)] == ["10_a/10_a.sql"]


def test_a_byte_order_mark_is_not_part_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "10_a.sql").write_bytes(b"\xef\xbb\xbfSELECT 1")
    assert read_sources(tmp_path)[0].text == "SELECT 1"


def test_the_digest_tells_paths_and_texts_apart(tmp_path: Path) -> None:
    digests = {
        digest(read_sources(write_files(tmp_path / str(number), files)))
        for number, files in enumerate([{"a.sql": "b"}, {"a.sql": "c"}, {"b.sql": "b"}, {"a.sql": "b", "c.sql": ""}])
    }
    assert len(digests) == 4


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("SELECT 1;\n\\i other.sql\n", 2, "a command of psql's"),
        ("SELECT 'a';\n\nBEGIN;\n", 3, "BEGIN"),
        ("COMMIT;", 1, "COMMIT"),
        ("ROLLBACK;", 1, "ROLLBACK"),
        ("START TRANSACTION;", 1, "START TRANSACTION"),
        ("PREPARE TRANSACTION 'a';", 1, "PREPARE TRANSACTION"),
        ("-- rows\nCOPY t FROM STDIN;", 2, "COPY FROM STDIN"),
        ("SET standard_conforming_strings = off;", 1, "standard_conforming_strings"),
        ("SELECT 1;\nSELECT 'a;\n", 2, "something that does not end"),
        ("SELECT 1;\n\n/* a;\n", 3, "something that does not end"),
    ],
)
def test_what_cannot_be_part_of_a_release_is_told_with_its_line(
    tmp_path: Path, text: str, line: int, what: str
) -> None:
    error = refusal(write_files(tmp_path / "10_api", {"10_a.sql": text}))
    assert error.what == f"10_a.sql, line {line}: {what} cannot be part of a release."
    assert error.why == text.splitlines()[line - 1].strip()


@pytest.mark.parametrize(
    "text", ["SAVEPOINT a; ROLLBACK TO SAVEPOINT a;", "COPY t TO STDOUT;", "PREPARE p AS SELECT 1;"]
)
def test_what_only_looks_alike_is_no_fault(tmp_path: Path, text: str) -> None:
    assert plan(write_files(tmp_path / "10_api", {"10_a.sql": text})).script.steps


def test_a_file_that_is_no_utf8_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "10_a.sql").write_bytes(b"SELECT 1;\n-- Gr\xf6\xdfe\n")
    assert refusal(tmp_path, schema="api").what == "10_a.sql, line 2: this is no UTF-8."


def test_a_folder_without_files_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path).what == f"{tmp_path} holds no file of SQL."


@pytest.mark.parametrize(
    ("folder", "schema", "expected"),
    [("50_proj_api", None, "proj_api"), ("proj_api", None, "proj_api"), ("sql", "proj_api", "proj_api")],
)
def test_the_schema_is_that_of_the_option_or_of_the_folders_name(
    tmp_path: Path, folder: str, schema: str | None, expected: str
) -> None:
    made = plan(write_files(tmp_path / folder, FILES), schema=schema)
    assert (made.api.base, made.schema, made.api.templated) == (expected, f"{expected}_v1_0_0", True)


def test_the_schema_is_that_which_the_folders_own_file_creates(tmp_path: Path) -> None:
    made = plan(write_files(tmp_path / "database", SEED_FILES))
    assert (made.schema, made.api.templated) == ("proj_api_v1_0_0", False)


@pytest.mark.parametrize("schema", ["public", "pg_mine", "slate", "information_schema", "a_v1_0_0", "a" * 60])
def test_a_schema_that_cannot_be_an_api_is_refused(tmp_path: Path, schema: str) -> None:
    assert f'Schema "{schema}" cannot be an API' in refusal(write_files(tmp_path, FILES), schema=schema).what


def test_a_name_that_the_server_would_cut_is_refused(tmp_path: Path) -> None:
    folder = write_files(tmp_path, SEED_FILES | {"00_create_schema.sql": f"CREATE SCHEMA {'a' * 60};"})
    assert "would be longer than 63 bytes" in refusal(folder).what


def test_bodies_that_still_name_the_schema_are_all_told_with_file_line_and_text(tmp_path: Path) -> None:
    body = "CREATE FUNCTION {}() RETURNS void LANGUAGE plpgsql AS $$\nBEGIN\n  RAISE '{} is closed';\nEND $$;"
    files = {"10_a.sql": body.format("a", "proj_api"), "20_b.sql": body.format("b", "PROJ_API")}
    error = refusal(write_files(tmp_path / "50_proj_api", files))
    assert error.what.splitlines() == [
        'Bodies still name the schema "proj_api":',
        "  10_a.sql, line 3: a string names proj_api: RAISE 'proj_api is closed';",
        "  20_b.sql, line 3: a string names proj_api: RAISE 'PROJ_API is closed';",
    ]
    assert len(plan(tmp_path / "50_proj_api", keep_strings=True).warnings) == 2


@pytest.mark.parametrize("text", ["1.0", "1.0.0.0", "v1.0.0", "01.0.0", "1.0.-1", "", "1.0.0 ", "١.٠.٠"])
def test_a_version_is_three_whole_numbers(text: str) -> None:
    assert read_version(text) is None


def test_versions_are_found_in_names_and_stand_in_order() -> None:
    names = ["a_v1_10_0", "a_v1_9_1", "a_v1_9_0"]
    assert sorted(names, key=lambda name: split(name) or ("", Version(0, 0, 0))) == names[::-1]
    assert split("a_v1_2") is None
    assert split("a_b_v1_2_3") == ("a_b", Version(1, 2, 3))
