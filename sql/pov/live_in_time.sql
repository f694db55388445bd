CREATE FUNCTION pov.live_in_time() RETURNS pov.live_object[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  -- PostgreSQL locks a view, and the tables that it reads, to tell its definition.
  RETURN ARRAY(SELECT l FROM pov.live() AS l);
EXCEPTION
  WHEN lock_not_available OR deadlock_detected THEN
    RAISE EXCEPTION 'Waited in vain for a lock, to read the definitions of views; nothing was changed'
      USING ERRCODE = 'SL073', HINT = 'Try again, or wait longer: lock_timeout says how long.';
END;
$function$;

COMMENT ON FUNCTION pov.live_in_time() IS 'Every live object that is part of a snapshot. SL073: a lock was not had in time.';
