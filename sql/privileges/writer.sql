-- With its owner's rights it stores events for one who can neither write to the tables nor read them.
ALTER FUNCTION public.append_events(jsonb) SECURITY DEFINER;

GRANT CONNECT ON DATABASE :"database" TO :"writer";
GRANT USAGE ON SCHEMA public TO :"writer";
GRANT EXECUTE ON FUNCTION public.append_events(jsonb) TO :"writer";
