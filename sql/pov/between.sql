-- pov.compare and pov.plan lead from what is live to a snapshot. The same two between any two states come from their
-- text, so that they cannot drift apart. A text in which the places to change are not found stops the installation.
DO $block$
DECLARE
  live constant text := 'FROM pov\.live\(\) AS l';
  stored constant text := 'FROM pov\.snapshot AS s\s+JOIN pov\.revision_object USING \(revisionid\)\s+'
    'JOIN pov\.object AS o USING \(objectid\)\s+WHERE s\.snapshotid = snapshot_id';
  compare text := pg_get_functiondef('pov.compare(integer)'::regprocedure);
  plan text := pg_get_functiondef('pov.plan(integer)'::regprocedure);
BEGIN
  IF compare !~ live OR compare !~ stored OR plan !~ 'pov\.compare\(snapshot_id\)' THEN
    RAISE EXCEPTION 'pov.compare or pov.plan is not as pov/between.sql expects it'
      USING ERRCODE = 'SL080', HINT = 'Install all objects of schema pov from one version.';
  END IF;
  compare := regexp_replace(compare, live, 'FROM pov.state(from_id) AS l');
  compare := regexp_replace(compare, stored, 'FROM pov.state(snapshot_id) AS o');
  EXECUTE regexp_replace(compare, 'pov\.compare\(', 'pov.compare_between(from_id integer, ');
  plan := regexp_replace(plan, 'pov\.compare\(snapshot_id\)', 'pov.compare_between(from_id, snapshot_id)');
  EXECUTE regexp_replace(plan, 'pov\.plan\(', 'pov.plan_between(from_id integer, ');
END
$block$;

COMMENT ON FUNCTION pov.compare_between(integer, integer) IS
  'pov.compare from any snapshot to any other; NULL is what is live.';
COMMENT ON FUNCTION pov.plan_between(integer, integer) IS
  'pov.plan from any snapshot to any other; NULL is what is live.';
