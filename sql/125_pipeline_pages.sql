-- What the editor of a pipeline shows: stages as a form, each choice marked, so
-- that what was stored, what a template offers and what was just sent and
-- refused are shown in the same way.

create function internal.form_people(chosen text) returns jsonb
language sql stable
as $$
	select coalesce(jsonb_agg(jsonb_build_object('id', p.id, 'name', internal.person(p.first_name, p.last_name, p.email),
			'selected', p.id::text = chosen) order by p.first_name, p.last_name, p.email), '[]')
	from public.profiles p where p.organization_id = auth.org() and (p.is_active or p.id::text = chosen)
$$;

create function internal.form_teams(chosen text) returns jsonb
language sql stable
as $$
	select coalesce(jsonb_agg(jsonb_build_object('id', t.id, 'name', t.name, 'selected', t.id::text = chosen) order by t.name), '[]')
	from public.teams t where t.organization_id = auth.org()
$$;

create function internal.form_condition(c jsonb) returns jsonb
language sql stable
as $$
	select jsonb_build_object('id', c ->> 'id', 'kind', coalesce(c ->> 'kind', 'field'),
		'is', jsonb_build_object(coalesce(c ->> 'kind', 'field'), true),
		'field', jsonb_build_object(coalesce(nullif(c ->> 'field', ''), 'expected_close_date'), true), 'template_id', c ->> 'template_id',
		'title', coalesce(c ->> 'title', (select t.title from public.stage_task_templates t
			where t.organization_id = auth.org() and t.id::text = c ->> 'template_id')),
		'custom', (select jsonb_agg(jsonb_build_object('value', 'custom_fields.' || d.key, 'label', d.label,
				'selected', c ->> 'field' = 'custom_fields.' || d.key) order by d.position, d.key)
			from public.custom_field_definitions d where d.organization_id = auth.org() and d.entity = 'deal' and not d.is_hidden),
		'people', internal.form_people(c ->> 'user_id'))
$$;

create function internal.form_task(t jsonb) returns jsonb
language sql stable
as $$
	select jsonb_build_object('id', t ->> 'id', 'title', t ->> 'title', 'description', t ->> 'description',
		'due_days', coalesce(t ->> 'due_days', '0'), 'priority', jsonb_build_object(coalesce(t ->> 'priority', 'MEDIUM'), true),
		'people', internal.form_people(t ->> 'assignee_id'), 'teams', internal.form_teams(t ->> 'team_id'))
$$;

create function internal.form_stage(s jsonb, deals bigint) returns jsonb
language sql stable
as $$
	select jsonb_build_object('id', s ->> 'id', 'name', s ->> 'name', 'color', coalesce(s ->> 'color', '#64748b'),
		'probability', s ->> 'probability', 'is', jsonb_build_object(coalesce(s ->> 'type', 'open'), true), 'days', s ->> 'rotting_days',
		'milestone', jsonb_build_object(coalesce(nullif(s ->> 'milestone', ''), internal.stage_milestone(s), 'none'), true),
		'gate', jsonb_build_object(coalesce(s #>> '{gate,mode}', 'none'), true), 'has_gate', jsonb_typeof(s -> 'gate') = 'object',
		'conditions', (select jsonb_agg(internal.form_condition(c) order by n)
			from jsonb_array_elements(case when jsonb_typeof(s #> '{gate,conditions}') = 'array' then s #> '{gate,conditions}' end)
				with ordinality e (c, n)),
		'tasks', (select jsonb_agg(internal.form_task(t) order by n)
			from jsonb_array_elements(case when jsonb_typeof(s -> 'task_templates') = 'array' then s -> 'task_templates' end)
				with ordinality e (t, n)),
		'task_count', nullif(jsonb_array_length(case when jsonb_typeof(s -> 'task_templates') = 'array' then s -> 'task_templates' else '[]' end), 0),
		'deals', nullif(deals, 0))
$$;

create function internal.pipeline_form(stages jsonb, pipeline uuid) returns jsonb
language sql stable
as $$
	with n as (
		select x.stage, sum(x.deals) as deals from public.deal_sums x
		where x.organization_id = auth.org() and x.pipeline_id = pipeline group by 1)
	select jsonb_agg(internal.form_stage(e.s, n.deals::bigint) order by e.place)
	from jsonb_array_elements(stages) with ordinality e (s, place) left join n on n.stage = e.s ->> 'id'
$$;

create index exchange_rates_latest_idx on public.exchange_rates (organization_id, base, currency, on_date desc);

grant execute on function internal.form_people(text), internal.form_teams(text), internal.form_condition(jsonb), internal.form_task(jsonb),
	internal.form_stage(jsonb, bigint), internal.pipeline_form(jsonb, uuid) to authenticated, service_role;
notify pgrst;
