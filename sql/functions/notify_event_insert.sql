CREATE FUNCTION public.notify_event_insert() RETURNS trigger
LANGUAGE plpgsql VOLATILE
-- It runs for each row, and a SET clause would be a tenth of a writer's time. So every name in it is qualified.
AS $function$
DECLARE
  -- What json_build_object would give, in less time.
  payload pg_catalog.text := pg_catalog.concat(
    '{"table" : ', pg_catalog.to_json(TG_TABLE_NAME), ', "id" : ', NEW.id, ', "event" : ', NEW.event, '}');
BEGIN
  IF pg_catalog.octet_length(payload) OPERATOR(pg_catalog.>) 7999 THEN
    payload := slate.truncated_notification(TG_TABLE_NAME, NEW.id, NEW.event);
  END IF;
  -- As an assignment it is an expression; as PERFORM it would be a query.
  payload := pg_catalog.pg_notify('eventsinsert', payload)::pg_catalog.text;
  RETURN NEW;
END;
$function$;

COMMENT ON FUNCTION public.notify_event_insert() IS
  'Notifies channel eventsinsert of an event: a JSON object of table, id and event. An event that makes it longer '
  'than 7999 bytes is cut down and marked by "truncated": true.';
