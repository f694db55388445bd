CREATE FUNCTION public.pov(OUT _snapshotid integer, OUT _revisionid text) RETURNS record
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT * FROM pov.take()
$function$;
-- Nothing comes of it without privileges on schema pov.
REVOKE ALL ON FUNCTION public.pov() FROM PUBLIC;

COMMENT ON FUNCTION public.pov() IS 'Takes a snapshot of everything that is not data. SL071.';
