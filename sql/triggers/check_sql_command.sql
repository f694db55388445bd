CREATE TRIGGER check_sql_command BEFORE UPDATE OR DELETE OR TRUNCATE ON public.events
FOR EACH STATEMENT EXECUTE FUNCTION public.filter_sql_command();

-- Else session_replication_role = replica would switch it off.
ALTER TABLE public.events ENABLE ALWAYS TRIGGER check_sql_command;
