-- The functions below run with the rights of their owner, so that who calls them needs none on the events.
-- In a source that was made with --roles, give it two of its roles instead, once, and leave this file out:
-- GRANT PREFIX_writer, PREFIX_reader TO slate_api_owner;
RESET ROLE;
GRANT USAGE ON SCHEMA public, slate TO slate_api_owner;
GRANT SELECT, INSERT ON public.events TO slate_api_owner;
GRANT SELECT, UPDATE ON public.id TO slate_api_owner;
GRANT EXECUTE ON FUNCTION public.append_events(jsonb) TO slate_api_owner;
SET ROLE slate_api_owner;
