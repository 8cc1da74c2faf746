-- The full text index over messages serves only users with more messages than the server holds in memory, and is built
-- when the first of them searches (store/indexes.py). Kept from the start, it took a quarter of the processor time of an
-- added memory, and five times that of everything else when messages are imported.
DROP INDEX messages_fulltext;
