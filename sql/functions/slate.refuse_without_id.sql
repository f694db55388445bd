CREATE FUNCTION slate.refuse_without_id() RETURNS void
LANGUAGE plpgsql STABLE
-- Writers need no right on the journal of recoveries; this tells them only that there is one.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  -- A row that is there by now was not a moment ago: a recovery has ended meanwhile.
  IF EXISTS (SELECT FROM slate.recovery) OR EXISTS (SELECT FROM public.id) THEN
    RAISE EXCEPTION 'This source is being recovered and takes no events yet'
      USING ERRCODE = 'SL004', HINT = 'Try again when slate-recover has finished. An interrupted one goes on with slate-recover --resume.';
  END IF;
  RAISE EXCEPTION 'Table id has no row'
    USING ERRCODE = 'SL002', HINT = 'Its one row must hold the highest id in events, plus 1.';
END;
$function$;

COMMENT ON FUNCTION slate.refuse_without_id() IS
  'Says why table id has no row, always with an error. SL004: a recovery has not finished, or just has. SL002: for no known reason.';
