CREATE FUNCTION slate.connect_backup(conninfo text) RETURNS text[]
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  connections CONSTANT text[] := ARRAY['slate_restore_1', 'slate_restore_2'];
  connection text;
  snapshot text;
BEGIN
  PERFORM slate.disconnect_backup();
  FOREACH connection IN ARRAY connections LOOP
    PERFORM public.dblink_connect(connection, conninfo);
    PERFORM public.dblink_exec(connection, 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    IF snapshot IS NULL THEN
      snapshot := (SELECT s.name FROM public.dblink(connection, 'SELECT pg_export_snapshot()') AS s (name text));
    ELSE
      PERFORM public.dblink_exec(connection, format('SET TRANSACTION SNAPSHOT %L', snapshot));
    END IF;
    -- row_security: where a policy hides rows from this role, reading is an error, since a part would pass for all.
    PERFORM public.dblink_exec(connection, 'SET LOCAL row_security = off');
    PERFORM public.dblink_exec(connection,
      'SET LOCAL DateStyle = ''ISO, YMD''; SET LOCAL TimeZone = ''UTC''; SET LOCAL statement_timeout = 0');
  END LOOP;
  RETURN connections;
END;
$function$;

COMMENT ON FUNCTION slate.connect_backup(text) IS
  'Opens two dblink connections to the backup, in transactions that see one snapshot of it. Returns their names.';
