-- INB-93: who takes a conversation over from the bot may say why; reason and time stand with
-- the conversation and in the event.

alter table public.conversations add column ai_handoff_reason text check (length(ai_handoff_reason) <= 500);
comment on column public.conversations.ai_handoff_reason is 'Why a person took over from the bot, as he said; gone when the bot answers again';

create or replace function internal.handed_off() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
	if new.ai_handoff_at is null then
		perform internal.emit(new.organization_id, 'conversation.bot.resumed', 'conversation', new.id,
			internal.conversation_snapshot(new));
		return null;
	end if;
	update public.bot_sessions s set is_active = false
		where s.organization_id = new.organization_id and s.conversation_id = new.id and s.is_active;
	perform internal.emit(new.organization_id, 'conversation.bot.paused', 'conversation', new.id,
		internal.conversation_snapshot(new) || jsonb_build_object('taken_over_at', new.ai_handoff_at, 'reason', new.ai_handoff_reason));
	perform job.enqueue(new.organization_id, 'takeover_webhook', new.id::text || ' ' || new.ai_handoff_at,
			jsonb_build_object('conversation_id', new.id, 'agent_id', coalesce(auth.uid(), new.assignee_id),
				'at', new.ai_handoff_at), now(), 2)
		from public.channel_accounts a
		where a.organization_id = new.organization_id and a.id = new.channel_account_id
			and a.settings #>> '{human_takeover_webhook,url}' <> '';
	return null;
end
$$;

create or replace function internal.handoff_time() returns trigger
language plpgsql
as $$
begin
	if new.ai_agent_active and not old.ai_agent_active then
		new.ai_handoff_at := null;
		new.ai_handoff_reason := null;
	elsif old.ai_agent_active and not new.ai_agent_active then
		new.ai_handoff_at := clock_timestamp();
		if new.ai_handoff_reason is not distinct from old.ai_handoff_reason then
			new.ai_handoff_reason := null; -- that was the reason of another time
		end if;
	end if;
	return new;
end
$$;

-- As internal.bot_control, with a reason.
create function app.bot_switch(talk uuid, active boolean, why text) returns void
language sql
as $$
	update public.conversations c set ai_agent_active = active, ai_handoff_at = case when active then null else clock_timestamp() end,
			ai_handoff_reason = case when not active then left(nullif(trim(why), ''), 500) end
		where c.organization_id = auth.org() and c.id = talk
$$;
grant update (ai_handoff_reason) on public.conversations to authenticated;
grant execute on function app.bot_switch(uuid, boolean, text) to authenticated;
notify pgrst;
