-- Deals that somebody has had for long are found in the list (UCF-29).
insert into internal.record_expressions (kind, key, expression, type) values
	('deals', 'owner_since', $s$(case when t.owner_id is not null then (select max(h.changed_at) from public.deal_owner_history h
		where h.organization_id = t.organization_id and h.deal_id = t.id) end)$s$, 'timestamptz');
