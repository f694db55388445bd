"""Which changes of a column's type keep all values, and which are left to the author of a delta to decide."""

import pytest

from versioning.archive.delta.columns import keeps_all


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("smallint", "bigint"),
        ("bigint", "numeric"),
        ("real", "double precision"),
        ("character varying(10)", "character varying(10)"),
        ("character varying(10)", "character varying(20)"),
        ("character varying(10)", "text"),
        ("text", "character varying"),
        ("numeric(8,2)", "numeric(10,4)"),
        ("numeric(8,2)", "numeric"),
        ("public.mood", "text"),
    ],
)
def test_a_wider_type_keeps_all_values(before: str, after: str) -> None:
    assert keeps_all(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("bigint", "integer"),
        ("bigint", "double precision"),
        ("integer", "numeric(4,2)"),
        ("text", "character varying(20)"),
        ("character varying(20)", "character varying(10)"),
        ("numeric(8,2)", "numeric(10,1)"),
        ("numeric(8,2)", "numeric(9,4)"),
        ("character varying(5)", "numeric(5)"),
        ("timestamp with time zone", "date"),
        ("json", "jsonb"),
        ("text", "public.mood"),
    ],
)
def test_a_narrower_or_another_type_may_lose_some(before: str, after: str) -> None:
    assert not keeps_all(before, after)
