-- Not ENABLE ALWAYS: a subscription's apply worker is to pass.
CREATE TRIGGER refuse_while_following BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON public.events
FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_while_following();
