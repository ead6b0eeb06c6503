-- Demo data: what `bin/kontor up --demo` shows. Numbered after everything that it fills.

-- Contacts come in with the messages that they wrote, as they would in life.
create function internal.demo_talk(channel uuid, handle_kind text, handle text, person text, agent uuid, lines text[],
	ago interval) returns uuid
language plpgsql
as $$
declare
	talk uuid;
	at timestamptz := now() - ago;
	line text;
	n integer := 0;
begin
	foreach line in array lines loop
		n := n + 1;
		if left(line, 1) = '<' then
			select r.conversation_id into talk from public.receive_message(channel, handle_kind, handle, person, handle,
				'demo-' || handle || '-' || n, 'text', substr(line, 2), '{}', at) r;
		else
			insert into public.messages (organization_id, conversation_id, sender_id, direction, content, status,
					external_id, created_at)
				values (auth.org(), talk, agent, 'OUTBOUND', substr(line, 2), 'SENT', 'demo-' || handle || '-' || n, at);
			update public.messages m set status = 'READ'
				where m.organization_id = auth.org() and m.external_id = 'demo-' || handle || '-' || n;
		end if;
		at := at + interval '1 minute' * (2 + n * 3);
	end loop;
	return talk;
end
$$;

create function internal.demo_data(org uuid, owner uuid, agent uuid) returns void
language plpgsql
as $$
declare
	telegram uuid;
	whatsapp uuid;
	pipeline uuid;
	talk uuid;
	deal uuid;
	c record;
	stages text[] := array['new', 'qualified', 'proposal', 'negotiation', 'won', 'lost'];
begin
	perform set_config('request.jwt.claims', json_build_object('organization_id', org, 'role', 'authenticated',
		'app_role', 'SYSTEM')::text, true);
	select id into telegram from public.channel_accounts where organization_id = org and type = 'TELEGRAM';
	select id into whatsapp from public.channel_accounts where organization_id = org and type = 'WHATSAPP_CLOUD';
	select id into pipeline from public.pipelines where organization_id = org and is_default;

	insert into public.companies (organization_id, name, domain, website, industry, city, country, employee_count, phones, emails, tags, created_at)
	select org, x.name, x.domain, 'https://' || x.domain, x.industry, x.city, x.country, x.size,
		array[x.phone], array['info@' || x.domain], array[x.tag], now() - x.n * interval '9 days'
	from (values
		(1, 'TechBridge GmbH', 'techbridge.example', 'Software', 'Hamburg', 'Germany', 120, '+494012345601', 'customer'),
		(2, 'Al Noor Logistics', 'alnoor.example', 'Logistics', 'Cairo', 'Egypt', 340, '+20225550102', 'customer'),
		(3, 'Café Lumière', 'lumiere.example', 'Hospitality', 'Lyon', 'France', 18, '+33478550103', 'prospect'),
		(4, 'Harbor & Finch', 'harborfinch.example', 'Architecture', 'Bristol', 'United Kingdom', 26, '+441175550104', 'prospect'),
		(5, 'Solaris Energía', 'solaris.example', 'Energy', 'Valencia', 'Spain', 75, '+34965550105', 'partner'),
		(6, 'Polder Bikes', 'polderbikes.example', 'Retail', 'Utrecht', 'Netherlands', 44, '+31305550106', 'customer'),
		(7, 'Nordwind Kliniken', 'nordwind.example', 'Health', 'Kiel', 'Germany', 510, '+494315550107', 'prospect'),
		(8, 'Atelier Kowalska', 'kowalska.example', 'Design', 'Kraków', 'Poland', 9, '+48125550108', 'customer')
	) x (n, name, domain, industry, city, country, size, phone, tag);

	insert into public.contacts (organization_id, first_name, last_name, phones, emails, source, tags, company_id, assignee_id, created_at)
	select org, x.first, x.last, array[x.phone], array[x.email], x.source, x.tags,
		(select co.id from public.companies co where co.organization_id = org and co.domain = split_part(x.email, '@', 2)),
		case x.n % 3 when 0 then agent when 1 then owner end, now() - x.n * interval '31 hours'
	from (values
		(1, 'Jonas', 'Petersen', '+4915112345001', 'jonas.petersen@techbridge.example', 'website', '{vip}'::text[]),
		(2, 'Mariam', 'Hassan', '+201001234502', 'mariam@alnoor.example', 'whatsapp', '{logistics,vip}'),
		(3, 'Chloé', 'Martin', '+33612345503', 'chloe@lumiere.example', 'instagram', '{}'),
		(4, 'Oliver', 'Finch', '+447700900504', 'oliver@harborfinch.example', 'referral', '{}'),
		(5, 'Lucía', 'Gómez', '+34612345505', 'lucia@solaris.example', 'fair', '{partner}'),
		(6, 'Daan', 'de Vries', '+31612345506', 'daan@polderbikes.example', 'website', '{newsletter}'),
		(7, 'Dr. Silke', 'Brandt', '+491701234507', 'brandt@nordwind.example', 'call', '{health}'),
		(8, 'Zofia', 'Kowalska', '+48601234508', 'zofia@kowalska.example', 'website', '{newsletter}'),
		(9, 'يوسف', 'منصور', '+201111234509', 'youssef@alnoor.example', 'whatsapp', '{logistics}'),
		(10, 'Ingrid', 'Solberg', '+4791234510', 'ingrid.solberg@post.example', 'website', '{}'),
		(11, 'Tomás', 'Silva', '+351912345511', 'tomas.silva@post.example', 'telegram', '{}'),
		(12, 'Hannah', 'Weiss', '+436641234512', 'hannah@post.example', 'referral', '{vip}')
	) x (n, first, last, phone, email, source, tags);

	for c in select k.id, k.company_id, k.first_name, row_number() over (order by k.created_at) as n,
			(select co.name from public.companies co where co.organization_id = org and co.id = k.company_id) as company
			from public.contacts k where k.organization_id = org loop
		insert into public.deals (organization_id, title, value, currency, pipeline_id, stage, contact_id, company_id, owner_id,
				expected_close_date, source, tags)
			values (org, coalesce(c.company, c.first_name) || ': ' ||
					(array['annual plan', 'website relaunch', 'support contract', 'pilot project', 'training days'])[1 + c.n % 5],
				(array[4800, 12500, 950, 23000, 7200, 18400])[1 + c.n % 6], 'EUR', pipeline, stages[1 + c.n % 6], c.id, c.company_id,
				case c.n % 3 when 0 then agent else owner end, current_date + (c.n * 5 - 20)::integer, 'inbound',
				case when c.n % 4 = 0 then array['renewal'] else '{}' end);
	end loop;
	update public.deals d set stage = 'proposal', title = 'Al Noor Logistics: pallets to Alexandria', value = 12240
		from public.contacts k
		where d.organization_id = org and k.organization_id = org and k.id = d.contact_id and k.first_name = 'Mariam';
	-- Who they are on Telegram is known already.
	insert into public.contact_handles (organization_id, contact_id, kind, value)
		select org, k.id, 'telegram', case k.first_name when 'Ingrid' then '700101' else '700100' end
		from public.contacts k where k.organization_id = org and k.first_name in ('Ingrid', 'Tomás');
	update public.deals set discard_reason = 'Chose another supplier' where organization_id = org and stage = 'lost';

	talk := internal.demo_talk(whatsapp, 'phone', '+201001234502', 'Mariam Hassan', agent, array[
		'<Good morning! Do you deliver to Alexandria as well?',
		'>Good morning Mariam, yes: two days by road from Cairo. How many pallets?',
		'<Twelve to start with, then about the same every month.',
		'>Perfect. I will prepare a quote for a monthly plan today.',
		'<Great, thank you. Could we also talk on Thursday?'], interval '3 hours');
	update public.conversations set assignee_id = agent, tags = '{delivery}' where organization_id = org and id = talk;
	perform internal.demo_talk(telegram, 'telegram', '700100', 'Tomás Silva', owner, array[
		'<Olá! I saw your stand at the fair in Porto.',
		'>Olá Tomás, nice to hear from you! What can we do for you?',
		'<We would like to see a demo of the platform, next week if possible.'], interval '26 minutes');
	perform internal.demo_talk(whatsapp, 'phone', '+33612345503', 'Chloé Martin', owner, array[
		'<Bonjour, is the invoice for March already on its way?',
		'>Bonjour Chloé, it left this morning. Shall I send it here too?',
		'<Yes please 🙏'], interval '1 day');
	perform internal.demo_talk(whatsapp, 'phone', '+201111234509', 'يوسف منصور', agent, array[
		'<مرحبا، هل يمكنني تغيير موعد التسليم؟',
		'>أهلا يوسف، بالتأكيد. أي يوم يناسبك؟',
		'<يوم الأحد صباحا إن أمكن'], interval '5 hours');
	perform internal.demo_talk(telegram, 'telegram', '700101', 'Ingrid Solberg', agent, array[
		'<Hi, my booking link says the slot is taken. Is 15:00 free?'], interval '9 minutes');
	talk := internal.demo_talk(whatsapp, 'phone', '+4915112345001', 'Jonas Petersen', owner, array[
		'<Thanks for the quick help yesterday!',
		'>Any time, Jonas.'], interval '2 days');
	perform public.conversation_read(talk);
	update public.conversations set status = 'CLOSED' where organization_id = org and id = talk;

	insert into public.notes (organization_id, contact_id, author_id, content)
		select org, k.id, owner, 'Prefers WhatsApp, mornings only.'
		from public.contacts k where k.organization_id = org and k.first_name = 'Mariam';
	select d.id into deal from public.deals d join public.contacts k on k.organization_id = org and k.id = d.contact_id
		where d.organization_id = org and k.first_name = 'Mariam' limit 1;
	insert into public.notes (organization_id, deal_id, author_id, content)
		values (org, deal, agent, 'Twelve pallets a month, wants one price including customs.');
	if to_regprocedure('internal.demo_scheduling(uuid,uuid)') is not null then
		execute 'select internal.demo_scheduling($1, $2)' using org, owner;
	end if;
	if to_regprocedure('internal.demo_catalogue(uuid)') is not null then
		execute 'select internal.demo_catalogue($1)' using org;
		execute 'select internal.demo_quote($1, $2)' using org, deal;
	end if;
end
$$;

create function internal.demo_small(org uuid, owner uuid, agent uuid) returns void
language plpgsql
as $$
begin
	perform set_config('request.jwt.claims', json_build_object('organization_id', org, 'role', 'authenticated',
		'app_role', 'SYSTEM')::text, true);
	insert into public.contacts (organization_id, first_name, last_name, phones, emails, source, assignee_id)
		values (org, 'Ruth', 'Ellis', '{+12125550111}', '{ruth@bluebird.example}', 'website', agent),
			(org, 'Sam', 'Ito', '{+12125550112}', '{sam@bluebird.example}', 'referral', null);
	insert into public.deals (organization_id, title, value, currency, contact_id, owner_id)
		select org, 'Logo for ' || k.first_name, 1200, 'USD', k.id, owner
		from public.contacts k where k.organization_id = org;
	if to_regprocedure('internal.demo_scheduling(uuid,uuid)') is not null then
		execute 'select internal.demo_scheduling($1, $2)' using org, owner;
	end if;
end
$$;
