-- Deals in the list of records: how they are searched, sorted, filtered.

create index deals_value_idx on public.deals (organization_id, value, id);
create index deals_close_idx on public.deals (organization_id, expected_close_date, id);
create index deals_updated_idx on public.deals (organization_id, updated_at, id);
create index deals_title_order_idx on public.deals (organization_id, lower(title), id);
create index deals_tags_idx on public.deals using gin (organization_id, tags) where tags <> '{}';
create index deals_custom_idx on public.deals using gin (organization_id, custom_fields jsonb_path_ops) where custom_fields <> '{}';
create index deals_custom_text_idx on public.deals using gin (organization_id, internal.custom_text(custom_fields) gin_trgm_ops)
	where custom_fields <> '{}';

insert into internal.record_kinds (kind, tbl, entity, sees, search) values
	('deals', 'deals', 'deal', 'deals',
		$s$(t.title ilike %1$L or (t.custom_fields <> '{}' and internal.custom_text(t.custom_fields) like %1$L)
			or t.contact_id = any (array(select internal.find_contacts(%2$L, null, 2000)))
			or t.company_id = any (array(select internal.find_companies(%2$L, null, 500))))$s$);
insert into internal.record_expressions (kind, key, expression, type) values
	('deals', 'title', 'lower(t.title)', 'text'),
	('deals', 'status', $s$(case when t.won_at is not null then 'won' when t.lost_at is not null then 'lost' else 'open' end)$s$, 'text'),
	('deals', 'weighted', '(t.value * t.probability / 100)', 'numeric');

-- Programs may send a stage that the pipeline does not have (DEA-84); a person
-- chooses one of those that there are.
create function internal.deal_known_stage() returns trigger
language plpgsql
as $$
begin
	if auth.claims() ? 'session_id' and not exists (select from public.pipelines p, jsonb_array_elements(p.stages) s
			where p.organization_id = new.organization_id and p.id = new.pipeline_id and s ->> 'id' = new.stage) then
		raise exception using errcode = 'KT422', message = 'This pipeline has no such stage', column = 'stage';
	end if;
	return new;
end
$$;
create trigger b_known_stage before update of stage, pipeline_id on public.deals
	for each row when (old.stage is distinct from new.stage or old.pipeline_id is distinct from new.pipeline_id)
	execute function internal.deal_known_stage();
grant execute on function internal.deal_known_stage() to authenticated, service_role;
notify pgrst;
