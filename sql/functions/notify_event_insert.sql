CREATE FUNCTION public.notify_event_insert() RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  payload text := json_build_object('table', TG_TABLE_NAME, 'id', NEW.id, 'event', NEW.event);
BEGIN
  IF octet_length(payload) > 7999 THEN
    payload := slate.truncated_notification(TG_TABLE_NAME, NEW.id, NEW.event);
  END IF;
  PERFORM pg_notify('eventsinsert', payload);
  RETURN NEW;
END;
$function$;

COMMENT ON FUNCTION public.notify_event_insert() IS
  'Notifies channel eventsinsert of an event: a JSON object of table, id and event. An event that makes it longer '
  'than 7999 bytes is cut down and marked by "truncated": true.';
