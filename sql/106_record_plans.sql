-- A list never reads a large table from end to end: where many rows fit, an
-- index gives the first of them as soon as the table does.
alter function internal.records_find(jsonb) set enable_seqscan = off;
alter function internal.records_find_all(jsonb) set enable_seqscan = off;
alter function internal.records_fitting(text, jsonb, integer) set enable_seqscan = off;
alter function internal.records_fitting_all(text, jsonb, integer) set enable_seqscan = off;
