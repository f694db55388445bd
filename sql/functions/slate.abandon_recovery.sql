CREATE FUNCTION slate.abandon_recovery() RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  command text;
BEGIN
  IF EXISTS (SELECT FROM public.events) THEN
    RAISE EXCEPTION 'A recovery of this source has stored events already'
      USING ERRCODE = 'SL041', HINT = 'Let it go on with slate-recover --resume, or set this database aside with --replace.';
  END IF;
  FOR command IN
    SELECT c.command FROM slate.recovery_command AS c
    UNION ALL SELECT r.notify_command FROM slate.recovery AS r WHERE r.notify_command IS NOT NULL
  LOOP
    EXECUTE command;
  END LOOP;
  DELETE FROM slate.recovery_command;
  DELETE FROM slate.recovery_range;
  DELETE FROM slate.recovery;
  INSERT INTO public.id (id) VALUES (1);
END;
$function$;

COMMENT ON FUNCTION slate.abandon_recovery() IS
  'Makes a source that a recovery has begun with, but stored no event in, what it was before. SL041: there are events.';
