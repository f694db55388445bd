CREATE FUNCTION slate.disconnect_backup() RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  connection text;
BEGIN
  FOREACH connection IN ARRAY coalesce(public.dblink_get_connections(), '{}') LOOP
    IF connection LIKE 'slate_restore_%' THEN
      PERFORM public.dblink_disconnect(connection);
    END IF;
  END LOOP;
END;
$function$;

COMMENT ON FUNCTION slate.disconnect_backup() IS 'Closes what slate.connect_backup opened, also where a restore failed.';
