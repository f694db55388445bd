-- What the initial copy of a subscription reads, and COPY. What follows the log needs REPLICATION, a login role's own.
GRANT CONNECT ON DATABASE :"database" TO :"replicator";
GRANT USAGE ON SCHEMA public TO :"replicator";
GRANT SELECT ON TABLE public.events TO :"replicator";
