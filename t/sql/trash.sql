-- What was deleted or changed from a list can be taken back for 30 days, and not
-- for ever: a timer of the worker removes it, in slices.
set search_path = tap, public;
begin;
select no_plan();

select internal.create_organization('Trash', 'trash-test', 'UTC', 'USD') as org \gset
select internal.trash_sweep(100000) \gset
insert into trash (organization_id, kind, record_id, name, rows, links, created_at)
	select :'org'::uuid, 'contacts', uuid7(), 'old ' || n, '[]'::jsonb, '[]'::jsonb, now() - interval '31 days' from generate_series(1, 5) n
	union all select :'org'::uuid, 'contacts', uuid7(), 'new', '[]', '[]', now() - interval '29 days';
insert into bulk_changes (organization_id, id, kind, action, key, user_id, created_at) values
	(:'org', '0190a000-0000-7000-8000-0000000000a1', 'contacts', 'set', 'source', null, now() - interval '31 days'),
	(:'org', '0190a000-0000-7000-8000-0000000000a2', 'contacts', 'set', 'source', null, now() - interval '29 days');
insert into bulk_rows (organization_id, bulk_id, record_id, before)
	select b.organization_id, b.id, uuid7(), '"was"' from bulk_changes b, generate_series(1, 3) where b.organization_id = :'org';

select is(internal.trash_sweep(2), 4::bigint, 'a slice of each is removed');
select is((select count(*) from trash where organization_id = :'org'), 4::bigint, 'no more of the trash');
select is((select count(*) from bulk_rows where organization_id = :'org'), 4::bigint, 'nor of the rows of a change');
select is((select count(*) from bulk_changes where organization_id = :'org'), 2::bigint, 'which stays while it has rows');
select lives_ok('select internal.trash_sweep(2), internal.trash_sweep(2)', 'and so on');
select is((select string_agg(name, ',') from trash where organization_id = :'org'), 'new', 'what is younger than 30 days stays');
select is((select string_agg(right(id::text, 2), ',') from bulk_changes where organization_id = :'org'), 'a2', 'the old change is gone with its last row');
select is((select count(*) from bulk_rows where organization_id = :'org'), 3::bigint, 'the rows of the other one are not');
select is(internal.trash_sweep(2), 0::bigint, 'then there is nothing to do');

-- The worker does it.
update trash set created_at = now() - interval '31 days' where organization_id = :'org';
update job.timers set next_at = now() where name = 'trash';
select job.tick() \gset
select is((select count(*) from trash where organization_id = :'org'), 0::bigint, 'a timer of the worker removes it');
select ok((select last_error is null and next_at > now() from job.timers where name = 'trash'), 'and does so again later');
select ok(not has_function_privilege(r, 'internal.trash_sweep(integer)', 'execute'), r || ' may not call it') from unnest('{anon,authenticated,service_role}'::text[]) r;

select * from finish();
rollback;
