CREATE FUNCTION slate.recover_events(
  fromHost text, fromDatabase text, fromDatabaseUser text, fromDatabasePassword text, fromPort integer, fromOptions jsonb
) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  restored record;
BEGIN
  INSERT INTO public.id (id) VALUES (1);
  SELECT r.rows_restored, r.next_insert_id INTO restored
  FROM public.restore_events(fromHost, fromDatabase, fromDatabaseUser, fromDatabasePassword, fromPort, fromOptions,
                             (SELECT r.last_id FROM slate.recovery AS r)) AS r;
  DELETE FROM public.id;
  UPDATE slate.recovery SET next_id = restored.next_insert_id;
  RETURN restored.rows_restored;
END;
$function$;

COMMENT ON FUNCTION slate.recover_events(text, text, text, text, integer, jsonb) IS
  'Restores the events of the recovery that slate.begin_recovery began, as public.restore_events does. Writers stay '
  'refused. Returns the number of events.';
