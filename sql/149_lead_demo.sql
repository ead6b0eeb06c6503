-- Leads of the demo: some from a form, some by hand, one hot, one converted, one that was none.
create function internal.demo_leads(org uuid, owner uuid, agent uuid) returns void
language plpgsql
as $$
declare
	l record;
	form uuid;
begin
	perform set_config('request.jwt.claims', json_build_object('organization_id', org, 'role', 'authenticated',
		'app_role', 'SYSTEM')::text, true);
	insert into public.lead_forms (organization_id, name, title, intro, source, tags, thank_you, consent, created_by)
		values (org, 'Talk to sales', 'Talk to us', 'Tell us what you ship and where. We answer within a day.', 'web_form', '{website}',
			'Thank you! Omar will call you tomorrow.', 'I agree to be contacted about my request', owner)
		returning id into form;
	for l in select * from (values
			(1, 'Greta Lindqvist', 'Fjord Foods', 'Head of Logistics', 'greta@fjordfoods.example', '+46701234501', 'web_form', 'New', 'North', 85, 2, 9, 3, 2, null),
			(2, 'Karim Adel', 'Delta Textiles', 'Buyer', 'karim@deltatextiles.example', '+201221234502', 'event', 'Contacted', 'Middle East', 210, 1, 4, 2, 2, null),
			(3, 'Paula Stein', 'Stein & Söhne', 'Managing Director', 'p.stein@stein-soehne.example', '+4915112399903', 'campaign', 'Qualified', 'DACH', 48, 2, 10, 4, 1, null),
			(4, 'Marco Bellini', 'Bellini Caffè', 'Owner', 'marco@bellini.example', '+393331234504', 'web_form', 'New', 'South', 12, 1, 2, 0, 0, null),
			(5, 'ليلى فهمي', 'Nile Pharma', 'Supply Chain', 'laila@nilepharma.example', '+201001239905', 'referral', 'Contacted', 'Middle East', 640, 0, 3, 2, 1, null),
			(6, 'Tess Vermeer', 'Studio Noord', null, 'tess@studionoord.example', null, 'manual', 'New', null, 6, 0, 0, 0, 0, null),
			(7, 'Bob Smith', 'SpamCo', null, 'bob@spamco.example', null, 'web_form', 'Disqualified', null, null, 1, 0, 0, 0, 'Sells something himself')
		) x (n, name, company, title, email, phone, source, status, territory, size, forms, visits, opens, talks, reason) loop
		insert into public.leads (organization_id, name, company_name, title, email, phone, source, status, territory, company_size,
				owner_id, disqualify_reason, tags, created_at)
			values (org, l.name, l.company, l.title, l.email, l.phone, l.source, l.status, l.territory, l.size,
				case l.n % 3 when 0 then owner when 1 then agent end, l.reason, case l.source when 'web_form' then array['website'] else '{}' end,
				now() - l.n * interval '29 hours');
		insert into public.lead_engagement_events (organization_id, lead_id, kind, at, answered, channel, subject, url)
			select org, d.id, k.kind, d.created_at + k.i * interval '47 minutes', k.kind = 'outreach',
				case k.kind when 'outreach' then 'call' end,
				case k.kind when 'form_submission' then 'Talk to sales' when 'email_open' then 'Your offer' when 'outreach' then 'First call' else
					(array['Prices', 'Routes', 'About us', 'Customs', 'Careers'])[1 + k.i % 5] end,
				case k.kind when 'page_visit' then 'https://www.nordlicht.example/' || (array['prices', 'routes', 'about', 'customs', 'careers'])[1 + k.i % 5] end
			from public.leads d
			cross join lateral (
				select 'form_submission' as kind, i from generate_series(1, l.forms) i
				union all select 'page_visit', i from generate_series(1, l.visits) i
				union all select 'email_open', i from generate_series(1, l.opens) i
				union all select 'outreach', i from generate_series(1, l.talks) i) k
			where d.organization_id = org and d.email = l.email;
		insert into public.lead_form_submissions (organization_id, form_id, lead_id, outcome, data, page, created_at)
			select org, form, d.id, 'created', jsonb_build_object('name', l.name, 'email', l.email, 'company_name', l.company),
				'https://www.nordlicht.example/contact', d.created_at
			from public.leads d where d.organization_id = org and d.email = l.email and l.source = 'web_form';
	end loop;
	-- One that became something: by the same function as in life.
	insert into public.leads (organization_id, name, company_name, title, email, source, owner_id, company_size, created_at)
		values (org, 'Ines Duarte', 'Duarte Móveis', 'Operations', 'ines@duarte.example', 'event', owner, 33, now() - interval '12 days');
	perform public.convert_lead(d.id, create_contact => true, create_company => true, create_opportunity => true,
			stage => (select s ->> 'id' from public.pipelines p, jsonb_array_elements(p.stages) with ordinality e (s, n)
				where p.organization_id = org and p.is_default and s ->> 'type' = 'open' order by n limit 1),
			opportunity_title => 'Duarte Móveis: furniture to Lyon', opportunity_value => 6800)
		from public.leads d where d.organization_id = org and d.email = 'ines@duarte.example';
end
$$;
