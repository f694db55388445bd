-- check_function_bodies: a body may name what comes later.
CREATE FUNCTION pov.execute(snapshot_id integer) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET check_function_bodies = off
SET standard_conforming_strings = on
SET DateStyle = 'ISO, YMD'
SET IntervalStyle = 'postgres'
SET row_security = on
SET client_min_messages = warning
AS $function$
DECLARE
  previous_timeout text := current_setting('lock_timeout');
  step record;
BEGIN
  IF previous_timeout = '0' THEN
    PERFORM set_config('lock_timeout', '5s', true);
  END IF;
  FOR step IN SELECT * FROM pov.plan(snapshot_id) LOOP
    BEGIN
      EXECUTE step.command;
    EXCEPTION
      WHEN lock_not_available THEN
        RAISE EXCEPTION 'Waited in vain for a lock, to % % %; nothing was changed', step.action, step.kind, step.identity
          USING ERRCODE = 'SL073', HINT = 'Try again, or wait longer: lock_timeout says how long.';
      WHEN query_canceled THEN
        RAISE;
      WHEN OTHERS THEN
        RAISE EXCEPTION 'Cannot % % %: %; nothing was changed', step.action, step.kind, step.identity, SQLERRM
          USING ERRCODE = 'SL074', DETAIL = step.command, HINT = 'Something that is no part of snapshots, such as a table, has changed since; bring that back first.';
    END;
  END LOOP;
  PERFORM set_config('lock_timeout', previous_timeout, true);
END;
$function$;

COMMENT ON FUNCTION pov.execute(integer) IS 'Executes the plan of a rollback. SL073: a lock was not had in time. SL074: a command failed.';
