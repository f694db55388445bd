CREATE FUNCTION slate.add_partitions(last_id bigint) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
-- Where events are kept is not for the settings of the writer who happens to need a partition to say.
SET default_tablespace = ''
SET default_table_access_method = 'heap'
AS $function$
DECLARE
  size CONSTANT bigint := slate.partition_size();
  first_id bigint := (last_id - 1) / size * size + 1 + size;
  -- By their bounds, since a partition may have been given another name.
  existing CONSTANT text[] := ARRAY(
    SELECT pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'public.events'::regclass);
BEGIN
  WHILE first_id > 0 AND format('FOR VALUES FROM (%L) TO (%L)', first_id, first_id + size) <> ALL (existing) LOOP
    PERFORM slate.add_partition(first_id, size);
    first_id := first_id - size;
  END LOOP;
END;
$function$;

COMMENT ON FUNCTION slate.add_partitions(bigint) IS
  'Makes the partitions that are missing for the events up to last_id, and one more. For the owner of events. '
  'SL060: see slate.add_partition.';
