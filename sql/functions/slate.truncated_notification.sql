CREATE FUNCTION slate.truncated_notification(table_name name, id bigint, event jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  -- PostgreSQL's own limit on a payload, in bytes.
  largest CONSTANT integer := 7999;
  kept jsonb := '{}';
  candidate text;
  payload text := json_build_object('table', table_name, 'id', id, 'truncated', true, 'event', kept);
  property text;
BEGIN
  IF jsonb_typeof(event) <> 'object' THEN
    RETURN payload;
  END IF;
  FOREACH property IN ARRAY ARRAY['entityName', 'entityId', 'operation', 'propertyName', 'metadata'] LOOP
    CONTINUE WHEN NOT event ? property;
    candidate := json_build_object('table', table_name, 'id', id, 'truncated', true,
                                   'event', kept || jsonb_build_object(property, event -> property));
    IF octet_length(candidate) <= largest THEN
      kept := kept || jsonb_build_object(property, event -> property);
      payload := candidate;
    END IF;
  END LOOP;
  RETURN payload;
END;
$function$;

COMMENT ON FUNCTION slate.truncated_notification(name, bigint, jsonb) IS
  'The payload for an event that is too large for one: marked as truncated, with as many of entityName, entityId, '
  'operation, propertyName and metadata as fit, in this order.';
