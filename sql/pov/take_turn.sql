CREATE FUNCTION pov.take_turn() RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtextextended('pov', 0)) THEN
    RAISE EXCEPTION 'Another snapshot or rollback is at work in database "%"', current_database()
      USING ERRCODE = 'SL071', HINT = 'Wait until its transaction has ended.';
  END IF;
END;
$function$;

COMMENT ON FUNCTION pov.take_turn() IS 'Lets one snapshot or rollback at a time work in a database. SL071.';
