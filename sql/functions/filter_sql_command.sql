CREATE FUNCTION public.filter_sql_command() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  RAISE EXCEPTION 'cannot perform SQL command on events table:  %', TG_OP
    USING ERRCODE = 'SL001', HINT = 'Events are never changed or removed. Append an event that corrects the earlier one.';
END;
$function$;

COMMENT ON FUNCTION public.filter_sql_command() IS 'Refuses the command that fired it. SL001.';
