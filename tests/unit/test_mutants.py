"""The mutation check breaks what runs, one thing at a time, and nothing that only people read."""

from pathlib import Path

import pytest

from tests.mutation import covering, sql_mutants
from tests.mutation.mutants import CHECKS, distinct, sample

ROOT = Path(__file__).parents[2]
FUNCTION = """\
CREATE FUNCTION slate.f(id bigint) RETURNS bigint
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  -- IF id = 1 THEN
  IF id > 1 AND NOT EXISTS (SELECT FROM pg_class) THEN
    RAISE EXCEPTION 'IF id = 1' USING ERRCODE = 'SL001';
  END IF;
  RETURN id;
EXCEPTION WHEN unique_violation OR OTHERS THEN
  RAISE;
END;
$function$;
COMMENT ON FUNCTION slate.f(bigint) IS 'id = 1';
"""


def changes(text: str) -> set[tuple[str, str, str]]:
    return {(one.operator, one.was.strip(), one.replacement.strip()) for one in sql_mutants.of_file("f.sql", text)}


def test_each_part_of_a_function_that_can_be_broken_is_broken_in_turn() -> None:
    condition = "id > 1 AND NOT EXISTS (SELECT FROM pg_class)"
    assert changes(FUNCTION) == {
        ("caller's rights", "SECURITY DEFINER", ""),
        ("no setting", "SET search_path = pg_catalog, pg_temp", ""),
        ("always", condition, "true"),
        ("never", condition, "false"),
        ("comparison", ">", ">="),
        ("one more", "1", "2"),
        ("logic", "AND", "OR"),
        ("not left out", "NOT", ""),
        ("no error", "RAISE EXCEPTION 'IF id = 1' USING ERRCODE = 'SL001';", "NULL;"),
        ("no error", "RAISE;", "NULL;"),
        ("null returned", "id", "NULL"),
    }


def test_rights_constraints_and_triggers_are_taken_away() -> None:
    assert changes('GRANT SELECT ON t TO :"reader";\n') == {("no statement", 'GRANT SELECT ON t TO :"reader";', "")}
    assert ("no constraint", ",\n  CONSTRAINT c CHECK (a)", "") in changes(
        "CREATE TABLE t (\n  a boolean,\n  CONSTRAINT c CHECK (a)\n);\n"
    )
    trigger = "CREATE TRIGGER t BEFORE UPDATE OR DELETE OR TRUNCATE ON public.events\n"
    assert changes(trigger) == {
        ("no trigger", "UPDATE OR", ""),
        ("no trigger", "DELETE OR", ""),
        ("no trigger", "OR TRUNCATE", ""),
    }


def test_a_mutant_changes_its_part_alone() -> None:
    for mutant in sql_mutants.of_file("f.sql", FUNCTION):
        broken = mutant.apply(FUNCTION)
        assert broken != FUNCTION
        assert broken[: mutant.start] + mutant.was + broken[mutant.start + len(mutant.replacement) :] == FUNCTION


def test_a_sample_has_all_checks_and_a_larger_one_all_of_a_smaller() -> None:
    mutants = distinct(sql_mutants.of_file("f.sql", FUNCTION))
    small, large = (sample(mutants, size, seed=1) for size in (1, 3))
    assert set(small) < set(large) < set(mutants)
    assert {one for one in mutants if one.operator in CHECKS} < set(small)
    assert len(large) - len(small) == 2
    assert sample(mutants, 1, seed=1) == small
    assert sample(mutants, None, seed=1) == mutants


@pytest.mark.parametrize("kind", ["sql", "python"])
def test_every_file_that_is_broken_has_tests_that_exist(kind: str) -> None:
    files = covering.files(ROOT, kind)
    assert len(files) > 40
    for path in files:
        for test in covering.tests(ROOT, path, "no setting"):
            file, _, name = test.partition("::")
            assert f"def {name}" in (ROOT / file).read_text(encoding="utf-8")
