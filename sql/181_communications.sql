-- The Communication Hub: mails, calls, SMS and meetings with customers in one
-- list, each logged by itself against contact, company and deal (HUB-1).

-- ---- mails belong to everybody whom they name --------------------------------------------

create table public.mail_links (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	message_id uuid not null,
	conversation_id uuid not null,
	contact_id uuid not null,
	company_id uuid,
	deal_id uuid,
	case_id uuid, -- its foreign key follows where cases stand
	is_main boolean not null, -- the contact whom the mail is with; the others are named in it
	direction text not null check (direction in ('INBOUND', 'OUTBOUND')),
	subject text not null default '' check (length(subject) <= 1000),
	at timestamptz not null,
	primary key (organization_id, id),
	constraint mail_links_message_id_fkey foreign key (organization_id, message_id)
		references public.messages (organization_id, id) on delete cascade,
	constraint mail_links_contact_id_fkey foreign key (organization_id, contact_id)
		references public.contacts (organization_id, id) on delete cascade,
	constraint mail_links_company_id_fkey foreign key (organization_id, company_id)
		references public.companies (organization_id, id) on delete set null (company_id),
	constraint mail_links_deal_id_fkey foreign key (organization_id, deal_id)
		references public.deals (organization_id, id) on delete set null (deal_id)
);
comment on table public.mail_links is
	'What each mail is logged against: every contact that it names. Whoever sees the contact sees that there was a mail, of which subject; its text belongs to those who see the conversation';
comment on column public.mail_links.deal_id is 'The deal of the conversation, else the one open deal of the contact; none when there are several';
create index mail_links_time_idx on public.mail_links (organization_id, at desc, id desc) where is_main;
create index mail_links_message_idx on public.mail_links (organization_id, message_id);
create index mail_links_contact_idx on public.mail_links (organization_id, contact_id, at desc);
create index mail_links_company_idx on public.mail_links (organization_id, company_id, at desc) where company_id is not null;
create index mail_links_deal_idx on public.mail_links (organization_id, deal_id, at desc) where deal_id is not null;
do $$ begin
	perform internal.tenant_table('public.mail_links', writable => false);
end $$;
create policy visible on public.mail_links as restrictive for select to authenticated
	using ((select auth.sees_all('contacts')) or auth.sees('contact', contact_id));

create function internal.deal_of_talk(org uuid, contact uuid, talk uuid) returns uuid
language sql stable security definer set search_path = ''
as $$
	select coalesce(
		(select d.id from public.deals d where d.organization_id = org and d.conversation_id = talk
			order by d.won_at is null and d.lost_at is null desc, d.created_at desc limit 1),
		(select (array_agg(d.id))[1] from (select d.id from public.deals d where d.organization_id = org and d.contact_id = contact
			and d.won_at is null and d.lost_at is null limit 2) d having count(*) = 1))
$$;
revoke execute on function internal.deal_of_talk(uuid, uuid, uuid) from public;

create function internal.mail_logged() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	mail jsonb := new.metadata -> 'mail';
	names text[];
begin
	-- HUB: the same mail in a second mailbox is one entry.
	if new.metadata ? 'copy_of' or new.contact_id is null then
		return null;
	end if;
	names := array(select distinct lower(p ->> 'address') from (
		select mail -> 'from' as p
		union all select x from jsonb_array_elements(case jsonb_typeof(mail -> 'to') when 'array' then mail -> 'to' else '[]' end) x
		union all select x from jsonb_array_elements(case jsonb_typeof(mail -> 'cc') when 'array' then mail -> 'cc' else '[]' end) x
		limit 50) a where p ->> 'address' is not null);
	insert into public.mail_links (organization_id, message_id, conversation_id, contact_id, company_id, deal_id, is_main,
			direction, subject, at)
		select new.organization_id, new.id, new.conversation_id, c.id, c.company_id,
			internal.deal_of_talk(new.organization_id, c.id, new.conversation_id), c.id = new.contact_id, new.direction,
			left(coalesce(mail ->> 'subject', ''), 1000), new.created_at
		from public.contacts c
		where c.organization_id = new.organization_id and (c.id = new.contact_id
			or c.id in (select k.id from unnest(names) n, lateral (select x.id from public.contacts x
				where x.organization_id = new.organization_id and x.emails @> array[n] limit 5) k));
	return null;
end
$$;
create trigger logged after insert on public.messages
	for each row when (new.metadata ? 'mail') execute function internal.mail_logged();

-- ---- one list ---------------------------------------------------------------------------------

create index messages_sms_idx on public.messages (organization_id, created_at desc, id desc) where message_type = 'sms';

-- A page of it, newest first, before a place. wanted: email, call, sms, meeting,
-- chat; null: the four kinds that are communication by themselves. term: a name or
-- a subject. Each kind gives a page of its own, by its index of time; what the
-- caller may not see is not there, by the policies of each table.
create function app.communications(wanted text, term text, before_at timestamptz, before_id uuid)
	returns table (kind text, id uuid, at timestamptz, contact_id uuid, deal_id uuid, case_id uuid, outbound boolean, subject text,
		body text, seconds integer, href text, other_name text, has_transcript boolean)
language plpgsql stable rows 51
as $$
#variable_conflict use_column
declare
	org uuid := auth.org();
	pattern text := internal.search_pattern(nullif(trim(term), ''));
	people uuid[];
begin
	if pattern is not null then
		people := array(select c.id from public.contacts c where c.organization_id = org and c.search_text like pattern limit 500);
	end if;
	return query select x.* from (
		(select 'email'::text, l.message_id, l.at, l.contact_id, l.deal_id, l.case_id, l.direction = 'OUTBOUND', l.subject,
				(select left(m.content, 160) from public.messages m where m.organization_id = org and m.id = l.message_id),
				null::integer, case when exists (select from public.conversations v where v.organization_id = org and v.id = l.conversation_id)
					then '/inbox/' || l.conversation_id end, null::text, false
			from public.mail_links l
			where l.is_main and (wanted is null or wanted = 'email') and l.organization_id = org
				and (before_at is null or (l.at, l.message_id) < (before_at, before_id))
				and (pattern is null or l.contact_id = any (people) or lower(l.subject) like pattern)
			order by l.at desc, l.message_id desc limit 51)
		union all
		(select 'email', m.id, m.created_at, m.contact_id, m.deal_id, null::uuid, true, m.subject, left(m.body, 160), null,
				case when m.contact_id is not null then '/contacts/' || m.contact_id when m.deal_id is not null then '/deals/' || m.deal_id end,
				m.to_address, false
			from public.record_emails m
			where (wanted is null or wanted = 'email') and m.organization_id = org
				and (before_at is null or (m.created_at, m.id) < (before_at, before_id))
				and (pattern is null or m.contact_id = any (people) or lower(m.subject) like pattern)
			order by m.created_at desc, m.id desc limit 51)
		union all
		(select 'call', r.id, r.call_timestamp, r.contact_id, r.deal_id, null, r.direction = 'outbound', null, left(r.notes, 160),
				r.duration_seconds, case when r.contact_id is not null then '/contacts/' || r.contact_id end, r.customer_phone,
				coalesce(r.metadata ->> 'transcript', '') <> ''
			from public.call_records r
			where (wanted is null or wanted = 'call') and r.organization_id = org
				and (before_at is null or (r.call_timestamp, r.id) < (before_at, before_id))
				and (pattern is null or r.contact_id = any (people) or lower(r.notes) like pattern)
			order by r.call_timestamp desc, r.id desc limit 51)
		union all
		(select 'sms', m.id, m.created_at, m.contact_id, null, null, m.direction = 'OUTBOUND', null, left(m.content, 160), null,
				'/contacts/' || m.contact_id, null, false
			from public.messages m
			where (wanted is null or wanted = 'sms') and m.organization_id = org and m.message_type = 'sms'
				and (before_at is null or (m.created_at, m.id) < (before_at, before_id))
				and (pattern is null or m.contact_id = any (people) or lower(m.content) like pattern)
			order by m.created_at desc, m.id desc limit 51)
		union all
		(select 'meeting', b.id, b.start_date_time, b.contact_id, null, null, false, b.title,
				case when b.meeting_link is not null then substring(b.meeting_link from '^https?://(?:www\.)?([^/:?#]+)') else b.location end,
				extract(epoch from b.end_date_time - b.start_date_time)::integer, '/bookings/' || b.id, b.guest_name, false
			from public.bookings b
			where (wanted is null or wanted = 'meeting') and b.organization_id = org and b.status <> 'cancelled'
				and b.start_date_time <= now()
				and (before_at is null or (b.start_date_time, b.id) < (before_at, before_id))
				and (pattern is null or b.contact_id = any (people) or lower(b.title) like pattern or lower(b.guest_name) like pattern)
			order by b.start_date_time desc, b.id desc limit 51)
		union all
		(select 'chat', c.id, c.last_message_at, c.contact_id, null, null, c.last_message_direction = 'OUTBOUND', null,
				c.last_message_preview, null, '/inbox/' || c.id, null, false
			from public.conversations c
			where wanted = 'chat' and c.organization_id = org and c.last_message_at is not null
				and not (c.metadata ? 'is_mail_thread')
				and (before_at is null or (c.last_message_at, c.id) < (before_at, before_id))
				and (pattern is null or c.contact_id = any (people))
			order by c.last_message_at desc, c.id desc limit 51)) x
		order by 3 desc, 2 desc limit 51;
end
$$;
comment on function app.communications(text, text, timestamptz, uuid) is
	'HUB-2: one list of mails, calls, SMS and meetings that took place; chats as an extra kind';
grant execute on function app.communications(text, text, timestamptz, uuid) to authenticated;

-- ---- timelines ---------------------------------------------------------------------------------

-- HUB-5: what went out by SMS or to an app. Its conversation is shown nowhere, so its
-- messages are found by the contact.
create function internal.hidden_talks(person uuid) returns setof uuid
language plpgsql stable security definer set search_path = ''
as $$
begin
	-- is_hidden comes with 188
	return query select c.id from public.conversations c where c.organization_id = auth.org() and c.contact_id = person and c.is_hidden limit 20;
end
$$;
comment on function internal.hidden_talks(uuid) is 'Conversations of channels that only send; whose messages these are is asked where they are read';
revoke execute on function internal.hidden_talks(uuid) from public;
grant execute on function internal.hidden_talks(uuid) to authenticated;

-- HUB-9: as 115, with the mails of deals, companies, and contacts that others' mails name. The
-- text is there for who sees the conversation.
create or replace function internal.timeline(of_kind text, of_id uuid, wanted text, before timestamptz, before_id uuid, most integer)
	returns table (at timestamptz, id uuid, category text, type text, record_type text, record_id uuid, actor_id uuid,
		actor_name text, body text, subject text, details jsonb, changes jsonb)
language plpgsql stable rows 30
as $$
#variable_conflict use_column
begin
	return query (select e.created_at, e.id, internal.timeline_category(of_kind, r.t), e.type, e.record_type, e.record_id, e.actor_id,
			null, null, e.data ->> 'title', null::jsonb, internal.timeline_changes(e.changes, e.data)
		from internal.timeline_related(of_kind, of_id) r cross join lateral (
			select e.created_at, e.id, e.type, e.record_type, e.record_id, e.actor_id, e.data, e.changes
			from public.events e
			where e.organization_id = auth.org() and e.record_type = r.t and e.record_id = r.i
				and e.type not in ('note.created', 'note.updated', 'note.deleted', 'email.sent', 'contact.assigned', 'deal.assigned',
					'deal.stage.changed', 'lead.assigned', 'contact.exported')
				and (e.type not in ('contact.updated', 'company.updated', 'deal.updated') or e.changes is not null)
				and not (e.type = 'task.updated' and coalesce(e.changes ->> 'new_completed', '') = 'true')
				and (before is null or (e.created_at, e.id) < (before, before_id))
			order by e.position desc limit most) e
		where wanted is null or wanted = internal.timeline_category(of_kind, r.t)
		order by e.created_at desc limit most)
	union all
	(select n.created_at, n.id, 'note', 'note.created', null, null, n.author_id, null, n.content, null,
			jsonb_build_object('edited', n.updated_at > n.created_at + interval '1 second'), null
		from public.notes n
		where (wanted is null or wanted = 'note') and n.organization_id = auth.org()
			and (of_kind = 'contact' and n.contact_id = of_id or of_kind = 'company' and n.company_id = of_id
				or of_kind = 'deal' and n.deal_id = of_id or of_kind = 'task' and n.task_id = of_id
				or of_kind = 'lead' and n.lead_id = of_id)
			and (before is null or (n.created_at, n.id) < (before, before_id))
		order by n.created_at desc, n.id desc limit most)
	union all
	(select m.created_at, m.id, 'message', case when m.direction = 'INBOUND' then 'message.received'
				when m.status = 'FAILED' then 'message.failed' else 'message.sent' end,
			'conversation', m.conversation_id, m.sender_id,
			case when m.direction = 'INBOUND' then internal.person(k.first_name, k.last_name, coalesce(k.phones[1], k.emails[1])) end,
			left(m.content, 1000), null, jsonb_build_object('media', m.media_type), null
		from (select c.id, c.contact_id from public.conversations c
				where (wanted is null or wanted = 'message') and of_kind = 'contact' and c.organization_id = auth.org() and c.contact_id = of_id
				order by c.last_message_at desc limit 20) c
			join public.contacts k on k.organization_id = auth.org() and k.id = c.contact_id
			cross join lateral (
			select x.* from public.messages x
			where x.organization_id = auth.org() and x.conversation_id = c.id
				and (before is null or (x.created_at, x.id) < (before, before_id))
			order by x.created_at desc, x.id desc limit most) m
		order by m.created_at desc limit most)
	union all
	(select m.created_at, m.id, 'message', case when m.status = 'FAILED' then 'message.failed' when m.message_type = 'sms' then 'sms.sent'
				else 'message.sent' end, null, null, m.sender_id, null, left(m.content, 1000), null, jsonb_build_object('media', m.media_type), null
		from internal.hidden_talks(case when of_kind = 'contact' and (wanted is null or wanted = 'message') then of_id end) h (talk)
			cross join lateral (
			select x.* from public.messages x
			where x.organization_id = auth.org() and x.conversation_id = h.talk
				and (before is null or (x.created_at, x.id) < (before, before_id))
			order by x.created_at desc, x.id desc limit most) m
		order by m.created_at desc limit most)
	union all
	(select l.at, l.message_id, 'mail', case when l.direction = 'INBOUND' then 'email.received' else 'email.sent' end,
			case when m.id is not null then 'conversation' end, m.conversation_id, m.sender_id,
			case when l.direction = 'INBOUND' then internal.person(k.first_name, k.last_name, coalesce(k.emails[1], k.phones[1])) end,
			left(m.content, 1000), l.subject, null, null
		from (select x.at, x.message_id, x.direction, x.subject, x.is_main, x.contact_id from public.mail_links x
			where (wanted is null or wanted = 'mail') and x.organization_id = auth.org()
				and (of_kind = 'contact' and x.contact_id = of_id
					or of_kind = 'company' and x.company_id = of_id or of_kind = 'deal' and x.deal_id = of_id)
				-- Those of his own conversations are messages already, unless mails alone are asked for.
				and not (of_kind = 'contact' and x.is_main and wanted is null)
				and not (of_kind <> 'contact' and not x.is_main and exists (select from public.mail_links y
					where y.organization_id = auth.org() and y.message_id = x.message_id and y.is_main
						and (of_kind = 'company' and y.company_id = of_id or of_kind = 'deal' and y.deal_id = of_id)))
				and (before is null or (x.at, x.message_id) < (before, before_id))
			order by x.at desc, x.message_id desc limit most) l
			left join public.messages m on m.organization_id = auth.org() and m.id = l.message_id
			left join public.contacts k on k.organization_id = auth.org() and k.id = coalesce(m.contact_id, l.contact_id))
	union all
	(select r.call_timestamp, r.id, 'call', 'call.' || lower(coalesce(r.call_status, 'ended')), 'call_record', r.id, r.agent_id,
			null, r.notes, r.customer_phone, jsonb_build_object('inbound', r.direction = 'inbound',
				'duration', r.duration_seconds, 'open', r.call_status in ('INITIATED', 'CONNECTED'),
				'conversation_id', r.conversation_id, 'recording_id', r.recording_file_id), null
		from public.call_records r
		where (wanted is null or wanted = 'call') and r.organization_id = auth.org()
			and (of_kind = 'contact' and r.contact_id = of_id or of_kind = 'deal' and r.deal_id = of_id
				or of_kind = 'lead' and r.lead_id = of_id
				or of_kind = 'company' and r.contact_id = any (array(select c.id from public.contacts c
					where c.organization_id = auth.org() and c.company_id = of_id limit 200)))
			and (before is null or (r.call_timestamp, r.id) < (before, before_id))
		order by r.call_timestamp desc, r.id desc limit most)
	union all
	(select m.created_at, m.id, 'mail', 'email.sent', null, null, m.sender_id, null, m.body, m.subject,
			jsonb_build_object('to', m.to_address), null
		from public.record_emails m
		where (wanted is null or wanted = 'mail') and m.organization_id = auth.org()
			and (of_kind = 'contact' and m.contact_id = of_id or of_kind = 'company' and m.company_id = of_id
				or of_kind = 'deal' and m.deal_id = of_id or of_kind = 'task' and m.task_id = of_id
				or of_kind = 'lead' and m.lead_id = of_id)
			and (before is null or (m.created_at, m.id) < (before, before_id))
		order by m.created_at desc, m.id desc limit most)
	order by 1 desc, 2 desc limit most;
end
$$;
notify pgrst;
