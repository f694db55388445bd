CREATE TABLE public.id (
  id bigint NOT NULL,
  CONSTRAINT id_pkey PRIMARY KEY (id)
);

COMMENT ON TABLE public.id IS 'One row: the id that the next event gets. Its row lock is what puts writers in a queue.';

INSERT INTO public.id (id) VALUES (1);
