CREATE TRIGGER notify_insert AFTER INSERT ON public.events
FOR EACH ROW EXECUTE FUNCTION public.notify_event_insert();
