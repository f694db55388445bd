-- Functions whose bodies PostgreSQL reads (BEGIN ATOMIC) can call each other, by CREATE OR REPLACE. Such a circle is cut where
-- it leaves such a function: that one is first made, or left, with an empty body.
CREATE FUNCTION pov.levels(
  nodes pov.node[], OUT key text, OUT level integer, OUT in_circle boolean, OUT over_view boolean
) RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $function$
  WITH RECURSIVE node AS MATERIALIZED (
    SELECT * FROM unnest(nodes)
  ), edge AS MATERIALIZED (
    SELECT n.key, d AS on_key, n.content ->> 'stub' IS NOT NULL AS is_cuttable
    FROM node AS n, jsonb_array_elements_text(n.content -> 'depends') AS d
    WHERE d IN (SELECT o.key FROM node AS o)
  ), way AS (
    SELECT e.key AS start, e.on_key AS first, e.on_key AS at FROM edge AS e WHERE e.is_cuttable
    UNION
    SELECT w.start, w.first, e.on_key FROM way AS w JOIN edge AS e ON e.key = w.at WHERE w.at <> w.start
  ), cut AS MATERIALIZED (
    SELECT DISTINCT w.start AS key, w.first AS on_key FROM way AS w WHERE w.at = w.start
  ), kept AS MATERIALIZED (
    SELECT e.key, e.on_key FROM edge AS e EXCEPT SELECT c.key, c.on_key FROM cut AS c
  ), reached AS (
    SELECT n.key, 0 AS level FROM node AS n
    UNION
    SELECT k.key, r.level + 1 FROM reached AS r JOIN kept AS k ON k.on_key = r.key WHERE r.level < 1000
  ), over_view AS (
    SELECT n.key FROM node AS n WHERE n.key LIKE 'view %'
    UNION
    SELECT k.key FROM over_view AS o JOIN kept AS k ON k.on_key = o.key
  )
  SELECT r.key, max(r.level), EXISTS (SELECT FROM cut AS c WHERE c.key = r.key), EXISTS (SELECT FROM over_view AS o WHERE o.key = r.key)
  FROM reached AS r
  GROUP BY r.key
$function$;

COMMENT ON FUNCTION pov.levels(pov.node[]) IS
  'How many objects each object stands on, one upon the other, among those that are given; and which functions must be empty '
  'for that order to work; and what is a view or stands on one.';
