SELECT last_id - first_id = 1 FROM append('[{"entityName": "Person", "entityId": "test-7", "name": "Ada"},
                                            {"entityName": "Person", "entityId": "test-8", "name": "Bob"}]');
SELECT count(*) = 1 FROM read_entity('Person', 'test-7');
SELECT event ->> 'name' = 'Bob' FROM read_entity('Person', 'test-8');
SELECT count(*) = 2 FROM read_since((SELECT max(id) - 2 FROM read_since(0, 1000000)));
