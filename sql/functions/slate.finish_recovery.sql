CREATE FUNCTION slate.finish_recovery() RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  recovery slate.recovery;
BEGIN
  SELECT r.* INTO recovery FROM slate.recovery AS r FOR UPDATE;
  IF recovery.next_id IS NULL OR recovery.next_id <> (SELECT max(e.id) + 1 FROM public.events AS e) THEN
    RAISE EXCEPTION 'The recovery of this source is not complete'
      USING ERRCODE = 'SL044', HINT = 'Let it go on with slate-recover --resume.';
  END IF;
  IF recovery.notify_command IS NOT NULL THEN
    EXECUTE recovery.notify_command;
  END IF;
  DELETE FROM slate.recovery_range;
  DELETE FROM slate.recovery;
  INSERT INTO public.id (id) VALUES (recovery.next_id);
  RETURN recovery.next_id;
END;
$function$;

COMMENT ON FUNCTION slate.finish_recovery() IS
  'Lets writers in again. Returns the id that the next event gets. SL044: events are missing still, or came meanwhile.';
