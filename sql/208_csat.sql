-- Satisfaction: after a conversation is closed the customer is asked, by a
-- message with a link to a page of ours; 1 to 5 and a comment.

create table public.csat_surveys (
	organization_id uuid not null default auth.org() references public.organizations on delete cascade,
	id uuid not null default uuid7(),
	conversation_id uuid not null,
	contact_id uuid not null,
	channel_account_id uuid,
	agent_id uuid, -- who was responsible when it was closed
	state text not null default 'waiting' check (state in ('waiting', 'sent', 'answered', 'dropped')),
	token_hash bytea,
	send_at timestamptz not null default now(),
	sent_at timestamptz,
	message_id uuid,
	score smallint check (score between 1 and 5),
	comment text check (length(comment) <= 2000),
	answered_at timestamptz,
	created_at timestamptz not null default now(),
	primary key (organization_id, id),
	constraint csat_surveys_conversation_id_fkey foreign key (organization_id, conversation_id)
		references public.conversations (organization_id, id) on delete cascade,
	constraint csat_surveys_contact_id_fkey foreign key (organization_id, contact_id)
		references public.contacts (organization_id, id) on delete cascade
);
comment on table public.csat_surveys is 'Questions to customers how they were served, and their answers';
comment on column public.csat_surveys.state is 'waiting, sent, answered; dropped: the conversation went on before it was sent';
create unique index csat_surveys_token_key on public.csat_surveys (token_hash) where token_hash is not null;
create unique index csat_surveys_waiting_key on public.csat_surveys (organization_id, conversation_id) where state = 'waiting';
create index csat_surveys_conversation_idx on public.csat_surveys (organization_id, conversation_id, created_at desc);
create index csat_surveys_contact_idx on public.csat_surveys (organization_id, contact_id, created_at desc);
create index csat_surveys_answered_idx on public.csat_surveys (organization_id, answered_at desc) where answered_at is not null;
do $$ begin perform internal.tenant_table('public.csat_surveys', writable => false); end $$;
create policy visible on public.csat_surveys as restrictive for select to authenticated
	using ((select auth.sees_all('conversations')) or auth.sees('conversation', conversation_id));

-- settings.csat of a channel: {"enabled": true, "delay_minutes": 5, "text": "..."}.
create function internal.csat_settings() returns trigger
language plpgsql
as $$
declare
	c jsonb := new.settings -> 'csat';
begin
	if c is not null and (jsonb_typeof(c) <> 'object' or coalesce(jsonb_typeof(c -> 'enabled'), 'boolean') <> 'boolean'
			or coalesce(c ->> 'delay_minutes', '0') !~ '^[0-9]{1,5}$' or length(coalesce(c ->> 'text', '')) > 1000) then
		raise exception using errcode = 'KT400', message = 'settings.csat needs enabled (true or false), delay_minutes (a number) and text',
			hint = '{"enabled": true, "delay_minutes": 5, "text": "How did we do?"}', column = 'settings';
	end if;
	return new;
end
$$;
create trigger csat before insert or update of settings on public.channel_accounts
	for each row execute function internal.csat_settings();

-- Asked at most once in 7 days, and never in a thread of comments.
create function internal.csat_closed() returns trigger
language plpgsql security definer set search_path = ''
as $$
declare
	c jsonb;
	survey uuid := public.uuid7();
	at timestamptz;
begin
	if new.status in ('OPEN', 'PENDING') then
		update public.csat_surveys s set state = 'dropped' where s.organization_id = new.organization_id and s.conversation_id = new.id and s.state = 'waiting';
		return null;
	end if;
	select a.settings -> 'csat' into c from public.channel_accounts a
		where a.organization_id = new.organization_id and a.id = coalesce(new.response_channel_id, new.channel_account_id);
	if not coalesce((c ->> 'enabled')::boolean, false) or new.merged_into_id is not null or new.metadata ? 'is_comment_thread'
			or new.last_inbound_at is null or coalesce(current_setting('kontor.restoring', true), '') = 'on'
			or exists (select from public.csat_surveys s where s.organization_id = new.organization_id and s.contact_id = new.contact_id
				and s.state in ('waiting', 'sent', 'answered') and s.created_at > now() - interval '7 days') then
		return null;
	end if;
	at := now() + coalesce((c ->> 'delay_minutes')::integer, 5) * interval '1 minute';
	insert into public.csat_surveys (organization_id, id, conversation_id, contact_id, channel_account_id, agent_id, send_at)
		values (new.organization_id, survey, new.id, new.contact_id, coalesce(new.response_channel_id, new.channel_account_id),
			coalesce(new.assignee_id, auth.uid()), at);
	perform job.enqueue(new.organization_id, 'csat', survey::text, jsonb_build_object('survey_id', survey), at, 6);
	return null;
end
$$;
create trigger csat_closed after update of status on public.conversations
	for each row when ((old.status in ('OPEN', 'PENDING')) <> (new.status in ('OPEN', 'PENDING')))
	execute function internal.csat_closed();

-- The job: put the message with its link into the queue. Nothing, when the
-- conversation goes on meanwhile.
create function internal.csat_send(survey uuid, base_url text) returns boolean
language plpgsql security definer set search_path = ''
as $$
declare
	org uuid := auth.org();
	s public.csat_surveys;
	token text := replace(gen_random_uuid()::text, '-', '') || substr(replace(gen_random_uuid()::text, '-', ''), 1, 11);
	message uuid := public.uuid7();
	words text;
begin
	if auth.app_role() is distinct from 'SYSTEM' then
		raise exception using errcode = 'KT403', message = 'Surveys are sent by themselves';
	end if;
	select * into s from public.csat_surveys x where x.organization_id = org and x.id = survey and x.state = 'waiting' for update;
	if s.id is null then
		return false;
	end if;
	if exists (select from public.conversations c where c.organization_id = org and c.id = s.conversation_id and c.status in ('OPEN', 'PENDING')) then
		update public.csat_surveys x set state = 'dropped' where x.organization_id = org and x.id = survey;
		return false;
	end if;
	-- In the customer's language, as far as his letters tell it.
	select coalesce(nullif(trim(a.settings #>> '{csat,text}'), ''), case when (select m.content from public.messages m
				where m.organization_id = org and m.conversation_id = s.conversation_id and m.direction = 'INBOUND'
				order by m.created_at desc, m.id desc limit 1) ~ '[\u0621-\u064A]'
			then 'كيف كانت خدمتنا؟ نرجو تقييمها هنا:' else 'How did we do? Please rate our service here:' end)
		into words from (select 1) one left join public.channel_accounts a on a.organization_id = org and a.id = s.channel_account_id;
	insert into public.messages (organization_id, id, conversation_id, contact_id, channel_account_id, direction, content, message_type, metadata)
		values (org, message, s.conversation_id, s.contact_id, s.channel_account_id, 'OUTBOUND', words || ' ' || base_url || '/s/' || token || '/rate',
			'text', jsonb_build_object('csat', survey));
	update public.csat_surveys x set state = 'sent', sent_at = now(), message_id = message, token_hash = sha256(convert_to(token, 'UTF8'))
		where x.organization_id = org and x.id = survey;
	perform internal.figures_add(org, s.channel_account_id, s.agent_id, '{"surveys": 1}');
	return true;
end
$$;
grant execute on function internal.csat_send(uuid, text) to authenticated;

-- ---- the page of the customer -------------------------------------------------------------

create function public.public_csat(token text)
	returns table (organization text, contact text, agent text, score smallint, comment text, is_answered boolean)
language sql stable security definer set search_path = ''
as $$
	select o.name, k.first_name, p.first_name, s.score, s.comment, s.answered_at is not null
	from public.csat_surveys s
	join public.organizations o on o.id = s.organization_id
	join public.contacts k on k.organization_id = s.organization_id and k.id = s.contact_id
	left join public.profiles p on p.organization_id = s.organization_id and p.id = s.agent_id
	where s.token_hash = sha256(convert_to(token, 'UTF8')) and s.sent_at > now() - interval '30 days'
$$;
comment on function public.public_csat(text) is 'What the page of a survey shows; nothing for a token that is none or is older than 30 days';

-- May be changed as long as the page is open to it.
create function public.public_csat_answer(token text, stars integer, words text) returns boolean
language plpgsql security definer set search_path = ''
as $$
declare
	s public.csat_surveys;
	first boolean;
begin
	if stars is null or stars not between 1 and 5 then
		raise exception using errcode = 'KT422', message = 'Choose from 1 to 5', column = 'score';
	elsif length(words) > 2000 then
		raise exception using errcode = 'KT422', message = 'Please write less', column = 'comment';
	end if;
	select * into s from public.csat_surveys x
		where x.token_hash = sha256(convert_to(token, 'UTF8')) and x.sent_at > now() - interval '30 days' for update;
	if s.id is null then
		return false;
	end if;
	first := s.answered_at is null;
	update public.csat_surveys x set state = 'answered', score = stars, comment = nullif(trim(words), ''), answered_at = coalesce(x.answered_at, now())
		where x.organization_id = s.organization_id and x.id = s.id;
	perform internal.figures_add(s.organization_id, s.channel_account_id, s.agent_id, jsonb_build_object('ratings', case when first then 1 else 0 end,
		'rating_sum', stars - case when first then 0 else s.score end));
	if first then
		perform internal.emit(s.organization_id, 'conversation.rated', 'conversation', s.conversation_id,
			jsonb_build_object('id', s.conversation_id, 'contact_id', s.contact_id, 'organization_id', s.organization_id, 'survey_id', s.id,
				'agent_id', s.agent_id, 'score', stars, 'comment', nullif(trim(words), '')));
	end if;
	if first and stars <= 2 then
		perform internal.notify(s.organization_id, s.agent_id, 'conversation.rated', 'conversation', s.conversation_id,
			jsonb_build_object('title', repeat('★', stars) || coalesce(' ' || left(nullif(trim(words), ''), 80), '')));
	end if;
	return true;
end
$$;
grant execute on function public.public_csat(text), public.public_csat_answer(text, integer, text) to anon;
notify pgrst;
