-- What the start page reads.

create index deals_closing_idx on public.deals (organization_id, owner_id, expected_close_date)
	where won_at is null and lost_at is null and expected_close_date is not null;

notify pgrst;
