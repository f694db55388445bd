CREATE FUNCTION slate.is_current_transaction(row_xmin xid) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  epoch_size CONSTANT bigint := 4294967296;
  own CONSTANT bigint := pg_current_xact_id()::text::bigint;
  distance bigint;
BEGIN
  -- xmin is a 32-bit number on a circle, and after a savepoint that of the subtransaction. So it is placed
  -- nearest to our own 64-bit number, and asked after: what we can see and is still in progress is ours.
  distance := mod(row_xmin::text::bigint - mod(own, epoch_size) + epoch_size, epoch_size);
  IF distance >= epoch_size / 2 THEN
    distance := distance - epoch_size;
  END IF;
  RETURN pg_xact_status((own + distance)::text::xid8) = 'in progress';
END;
$function$;

COMMENT ON FUNCTION slate.is_current_transaction(xid) IS
  'Whether a row that is visible was written by the current transaction, savepoints included. '
  'row_xmin: the row''s xmin. The row must be younger than 2^31 transactions.';
