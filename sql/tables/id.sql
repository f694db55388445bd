CREATE TABLE public.id (
  id bigint NOT NULL,
  CONSTRAINT id_pkey PRIMARY KEY (id)
);

COMMENT ON TABLE public.id IS 'One row: the id that the next event gets. Its row lock is what puts writers in a queue.';
COMMENT ON COLUMN public.id.id IS 'The id of the next event: 1 more than the highest in events.';

INSERT INTO public.id (id) VALUES (1);
