-- CHA-78: what Meta bills a conversation as (marketing, utility, authentication, service),
-- from the receipts; the last one that it said.

create function internal.conversation_category(channel uuid, provider_id text, said text) returns void
language sql security definer set search_path = ''
as $$
	update public.conversations c set metadata = c.metadata || jsonb_build_object('category', said)
	from public.messages m
	where m.organization_id = auth.org() and m.channel_account_id = channel and m.external_id = provider_id
		and c.organization_id = m.organization_id and c.id = m.conversation_id and c.metadata ->> 'category' is distinct from said
$$;
comment on function internal.conversation_category(uuid, text, text) is 'Called by the worker, behind a receipt of the message';
revoke execute on function internal.conversation_category(uuid, text, text) from public;
grant execute on function internal.conversation_category(uuid, text, text) to authenticated;
notify pgrst;
