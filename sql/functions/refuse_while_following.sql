CREATE FUNCTION public.refuse_while_following() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  -- Who fills the destination holds this advisory lock. PostgreSQL's apply worker fires no such trigger.
  IF TG_OP = 'INSERT' AND EXISTS (
    SELECT FROM pg_locks AS l
    WHERE l.locktype = 'advisory' AND l.pid = pg_backend_pid() AND l.mode = 'ExclusiveLock' AND l.granted
      AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
      AND l.classid::bigint << 32 | l.objid::bigint = 126909328680294 AND l.objsubid = 1
  ) THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION 'cannot perform SQL command on events table of a destination that follows a source:  %', TG_OP
    USING ERRCODE = 'SL005', HINT = 'Write to the source. To let this database go: slate-replicate remove.';
END;
$function$;

COMMENT ON FUNCTION public.refuse_while_following() IS
  'Refuses every command on events but those of replication. SL005.';
