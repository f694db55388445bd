CREATE FUNCTION slate.set_notify_trigger_aside() RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  enabled "char" := (
    SELECT t.tgenabled FROM pg_trigger AS t WHERE t.tgrelid = 'public.events'::regclass AND t.tgname = 'notify_insert');
BEGIN
  IF enabled IS NULL THEN
    RETURN 'SELECT';
  END IF;
  ALTER TABLE public.events DISABLE TRIGGER notify_insert;
  RETURN format('ALTER TABLE public.events %s TRIGGER notify_insert',
    CASE enabled WHEN 'O' THEN 'ENABLE' WHEN 'A' THEN 'ENABLE ALWAYS' WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'DISABLE' END);
END;
$function$;

COMMENT ON FUNCTION slate.set_notify_trigger_aside() IS
  'Disables the trigger that notifies of each event. Returns the command that makes it what it was.';
