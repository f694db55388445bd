CREATE FUNCTION slate.add_next_partitions() RETURNS void
LANGUAGE plpgsql VOLATILE
-- A writer owns no table. It can have nothing made by this but what the next events need.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  PERFORM slate.add_partitions(i.id - 1) FROM public.id AS i;
END;
$function$;

COMMENT ON FUNCTION slate.add_next_partitions() IS
  'Makes the partitions that are missing for the ids taken so far, and one more. To be called with the row of table id locked.';
