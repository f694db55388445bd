-- check_function_bodies: a body may name what comes later. The commands name all they use in full; the caller's path is for
-- what they run: a check constraint's functions over the rows, event triggers.
CREATE FUNCTION pov.execute(deeds pov.deed[], caller_path text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET check_function_bodies = off
SET standard_conforming_strings = on
SET DateStyle = 'ISO, YMD'
SET IntervalStyle = 'postgres'
SET TimeZone = 'UTC'
SET row_security = on
SET client_min_messages = warning
AS $function$
DECLARE
  previous_timeout text := current_setting('deadlock_timeout');
  step record;
BEGIN
  -- Of two that wait for each other, the rollback is to give way, not the users: it can be tried again.
  IF current_setting('is_superuser') = 'on' THEN
    PERFORM set_config('deadlock_timeout', '100ms', true);
  END IF;
  FOR step IN SELECT * FROM pov.plan(deeds) LOOP
    PERFORM set_config('search_path', coalesce(nullif(caller_path, ''), 'pg_catalog') || ', pg_temp', true);
    EXECUTE step.command;
  END LOOP;
  IF current_setting('is_superuser') = 'on' THEN
    PERFORM set_config('deadlock_timeout', previous_timeout, true);
  END IF;
EXCEPTION
  WHEN deadlock_detected THEN
    RAISE EXCEPTION 'Another session waits for what this one must wait for, to % % %; nothing was changed',
      step.action, step.kind, step.identity USING ERRCODE = 'SL073', DETAIL = SQLERRM, HINT = 'Try again.';
  WHEN lock_not_available THEN
    RAISE EXCEPTION 'Waited in vain for a lock, to % % %; nothing was changed', step.action, step.kind, step.identity
      USING ERRCODE = 'SL073', HINT = 'Try again, or wait longer: lock_timeout says how long.';
  WHEN OTHERS THEN
    IF SQLSTATE = '23505' OR SQLSTATE = 'XX000' AND SQLERRM LIKE 'tuple concurrently %' THEN
      RAISE EXCEPTION 'Another session has just changed % %; nothing was changed', step.kind, step.identity
        USING ERRCODE = 'SL076', DETAIL = step.command, HINT = 'Try again.';
    END IF;
    RAISE EXCEPTION 'Cannot % % %: %; nothing was changed', step.action, step.kind, step.identity, SQLERRM
      USING ERRCODE = 'SL074', DETAIL = step.command,
        HINT = 'Something that is no part of snapshots, such as a table, has changed since; bring that back first.';
END;
$function$;

COMMENT ON FUNCTION pov.execute(pov.deed[], text) IS
  'Carries out the deeds of a rollback. SL073: a lock was not had in time. SL074: a command failed. SL076: another session '
  'changed the same object.';
