CREATE FUNCTION public.notify_event_insert() RETURNS trigger
LANGUAGE plpgsql VOLATILE
-- It runs for each row, and a SET clause would be a tenth of a writer's time. So every name in it is qualified.
AS $function$
DECLARE
  -- The trigger fires on a partition; clients know the table alone.
  payload pg_catalog.text := pg_catalog.concat('{"table" : "events", "id" : ', NEW.id, ', "event" : ', NEW.event, '}');
BEGIN
  IF pg_catalog.octet_length(payload) OPERATOR(pg_catalog.>) 7999 THEN
    payload := slate.truncated_notification('events', NEW.id, NEW.event);
  END IF;
  -- As an assignment it is an expression; as PERFORM it would be a query.
  payload := pg_catalog.pg_notify('eventsinsert', payload)::pg_catalog.text;
  RETURN NEW;
END;
$function$;

COMMENT ON FUNCTION public.notify_event_insert() IS
  'Notifies channel eventsinsert of an event: a JSON object of table, id and event. An event that makes it longer '
  'than 7999 bytes is cut down and marked by "truncated": true.';
