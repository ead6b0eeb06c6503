-- A visitor who writes in the chat of a site: the inbox shows "The customer is writing" by what
-- is true only now (209), and nothing of it is kept.

create or replace function internal.chat_typing(channel uuid, token_sha text) returns boolean
language plpgsql security definer set search_path = ''
as $$
declare
	v internal.chat_visitors := internal.chat_visitor(channel, token_sha);
	talk uuid := internal.chat_talk(v);
begin
	if talk is not null then
		perform internal.tell_now(v.organization_id,
			jsonb_build_object('type', 'conversation.typing', 'what', 'customer', 'conversation_id', talk, 'contact_id', v.contact_id));
	end if;
	return talk is not null;
end
$$;
