"""Where a schema's name is replaced by the versioned one, and where it is not: the table of docs/releases.md."""

import pytest

from versioning.releases.renaming import Renaming
from versioning.sql_text import read_statements, read_tokens

RENAMING = Renaming("proj_api", "proj_api_v1_0_0")


def rename(text: str, renaming: Renaming = RENAMING) -> tuple[str, list[tuple[int, str]]]:
    """The text with names replaced, and line and words of what is left over."""
    pieces, left = [], []
    for statement in read_statements(read_tokens(text)):
        renamed = renaming.of_statement(statement)
        pieces.append(renamed.text)
        left += [(leftover.line, leftover.what) for leftover in renamed.leftovers]
    return ";".join(pieces), left


def function(body: str, language: str = "plpgsql") -> str:
    return f"CREATE FUNCTION f() RETURNS void LANGUAGE {language} AS $$\n{body}\n$$"


# NEW stands for the versioned name.
REPLACED = [
    "CREATE SCHEMA NEW AUTHORIZATION proj_api_owner",
    "SELECT NEW.f(), NEW . g ()",
    "SELECT NEW.proj_apix",
    "SET search_path TO NEW, public",
    "SET search_path = 'NEW', public",
    "ALTER DEFAULT PRIVILEGES FOR ROLE proj_api IN SCHEMA NEW GRANT EXECUTE ON FUNCTIONS TO proj_api",
    "CREATE FUNCTION NEW.f(a NEW.t DEFAULT 'proj_api') RETURNS SETOF NEW.t LANGUAGE sql AS 'SELECT NEW.g(''x'')'",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql SET search_path = NEW, pg_temp AS $$ SELECT 1 $$",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT NEW.g(); END",
    "CREATE FUNCTION f() RETURNS int RETURN NEW.g()",
    "DO $$ BEGIN PERFORM NEW.f(); END $$",
    "DO LANGUAGE plpgsql 'BEGIN PERFORM NEW.f(); END'",
    "SELECT 'NEW.t'::regclass, nextval('NEW.s'), to_regprocedure('NEW.f()'), regtype 'NEW.t'",
    function("BEGIN EXECUTE 'SELECT NEW.f(''x'')' USING 1; END"),
    function("BEGIN EXECUTE format('SELECT %I.f(%L)', 'NEW', 1); END"),
    function("BEGIN FOR r IN EXECUTE $q$ SELECT * FROM NEW.t $q$ LOOP NULL; END LOOP; END"),
    function("BEGIN RETURN QUERY EXECUTE 'SELECT * FROM ' || 'NEW.t'; END"),
    function("SELECT NEW.f() -- proj_api.f()", "sql"),
]
KEPT = [
    "SELECT proj_apix.f(), xproj_api.f(), my_proj_api, proj_api_v0_9_0.f(), proj_api$.f()",
    "SELECT 'proj_api', E'proj_api\\'s', U&'proj_api', $$proj_api$$",
    "SELECT 1 -- proj_api.f()\n/* proj_api /* proj_api */ */",
    "SELECT t.proj_api FROM t",
    'SELECT "Proj_Api".f()',
    "COMMENT ON FUNCTION f() IS 'proj_api.f()'",
    "GRANT USAGE ON SCHEMA x TO proj_api",
    "REVOKE ALL ON FUNCTION f() FROM proj_api, public",
    "SET ROLE proj_api",
    "SET role TO proj_api",
    "ALTER TABLE t OWNER TO proj_api",
    "CREATE SCHEMA x AUTHORIZATION proj_api",
    "ALTER DATABASE proj_api RESET search_path",
    function("BEGIN /* proj_api */ NULL; -- proj_api\nEND"),
]


@pytest.mark.parametrize("template", REPLACED)
def test_the_name_is_replaced_where_it_is_the_schemas(template: str) -> None:
    text = template.replace("NEW", "proj_api")
    assert rename(text) == (template.replace("NEW", "proj_api_v1_0_0"), [])


@pytest.mark.parametrize("text", KEPT)
def test_the_name_stays_where_it_is_anothers_or_no_code(text: str) -> None:
    assert rename(text) == (text, [])


@pytest.mark.parametrize("written", ["PROJ_API", '"proj_api"', r'U&"proj\005fapi"'])
def test_the_name_is_found_however_it_is_written(written: str) -> None:
    assert rename(f"SELECT {written}.f()") == ("SELECT proj_api_v1_0_0.f()", [])


def test_a_name_that_needs_quotes_gets_them() -> None:
    renaming = Renaming("Proj Api", "Proj Api_v1_0_0")
    assert rename('SELECT "Proj Api".f()', renaming) == ('SELECT "Proj Api_v1_0_0".f()', [])


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        (function("BEGIN\n  RAISE 'proj_api is closed';\nEND"), 3, "a string"),
        (function("DECLARE q text := 'SELECT proj_api.f()';\nBEGIN EXECUTE q; END"), 2, "a string"),
        (function("BEGIN\n\n EXECUTE 'SELECT 1' USING 'proj_api'; END"), 4, "a string"),
        (function("BEGIN EXECUTE E'SELECT\\tproj_api.f()'; END"), 2, "a string with escapes, or of several parts"),
        (function("BEGIN PERFORM set_config('search_path', 'proj_api', true); END"), 2, "a string"),
        (function("import x\n# proj_api", "plpython3u"), 3, "the plpython3u code"),
        ("CREATE FUNCTION f() RETURNS text RETURN 'proj_api'", 1, "a string"),
        ("CREATE FUNCTION f() RETURNS text BEGIN ATOMIC\nSELECT 'proj_api'; END", 2, "a string"),
        ("DO $$ BEGIN\nRAISE NOTICE 'proj_api'; END $$", 2, "a string"),
    ],
)
def test_a_body_that_still_names_the_schema_is_told_with_its_line(text: str, line: int, what: str) -> None:
    kept, left = rename(text)
    assert kept == text
    assert left == [(line, what)]


def test_the_lines_of_the_text_stay_what_they_are() -> None:
    text = function("BEGIN\n PERFORM proj_api.f();\n\nEXECUTE 'SELECT\nproj_api.f()';\nEND")
    assert rename(text)[0].count("\n") == text.count("\n")
