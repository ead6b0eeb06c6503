-- Items of a thread are found by their ids, however long it is: the condition that
-- they are of this conversation must not tempt the planner to walk through all of it.
do $$
declare
	body text := pg_get_functiondef('app.thread_some(uuid, uuid[])'::regprocedure);
begin
	if body not like '%t.conversation_id = talk%' then
		raise exception 'app.thread_some is another one';
	end if;
	execute replace(body, 't.conversation_id = talk', 't.conversation_id is not distinct from talk');
end
$$;
