GRANT INSERT ON TABLE public.events TO :"replicator";
