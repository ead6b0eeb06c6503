-- The board of deals: indexes that its columns and sums are read from, and how
-- money is written where there is little room.

-- The sums of a column from the index alone, whatever the policies ask of a row
-- (owner_id, id). Deals without a contact are not on the board (DEA-83).
create index deals_sums_idx on public.deals (organization_id, pipeline_id, stage, currency)
	include (value, probability, owner_id, id) where contact_id is not null;
-- What is to be done next on a deal.
create index tasks_deal_open_idx on public.tasks (organization_id, deal_id, due_date)
	where deal_id is not null and not completed;

-- €48K, €1.25M (GAT-7): three digits that count, from ten thousand on; below as it is.
create function internal.short_money(amount numeric, currency text) returns text
language sql stable parallel safe
as $$
	select case when amount < 10000 then internal.shown_money(amount, currency)
		else regexp_replace(internal.shown_money(round(amount / unit, case when amount / unit < 10 then 2 when amount / unit < 100 then 1 else 0 end),
			currency), '([.][0-9])0$', '\1') || words[place] end
	from (select case when amount < 999500 then 1000.0 when amount < 999500000 then 1000000.0 else 1000000000.0 end as unit,
			case when amount < 999500 then 1 when amount < 999500000 then 2 else 3 end as place,
			case when internal.lang() = 'ar' then '{" ألف"," مليون"," مليار"}'::text[] else '{K,M,B}'::text[] end as words) x
$$;
comment on function internal.short_money(numeric, text) is 'Money in three digits that count: €48K, €1.25M';
grant execute on function internal.short_money(numeric, text) to authenticated, service_role;

-- The board reads times of day where its reader is.
create function internal.my_today() returns date
language sql stable
as $$ select (now() at time zone internal.my_zone())::date $$;
comment on function internal.my_today() is 'Today where who is signed in is; wrap it as (select internal.my_today())';
grant execute on function internal.my_today() to authenticated, service_role;

-- A sum over currencies, {"EUR": 100, "USD": 20}: {"short", "full"} in words.
create function internal.sum_shown(amounts jsonb) returns jsonb
language sql stable
as $$
	select jsonb_build_object(
		'short', string_agg(internal.short_money(value::numeric, key), ' + ' order by value::numeric desc),
		'full', string_agg(internal.shown_money(round(value::numeric, 2), key), ' + ' order by value::numeric desc))
	from jsonb_each_text(amounts) where amounts is not null
	having count(*) > 0
$$;
grant execute on function internal.sum_shown(jsonb) to authenticated, service_role;

-- The contact that somebody typed where one is chosen: an e-mail address or a
-- number that is known, the one person of that name, else a new contact.
create function internal.typed_contact(typed text) returns uuid
language plpgsql
as $$
declare
	words text := regexp_replace(trim(typed), '\s+', ' ', 'g');
	mail text := substring(words from '[^\s<>]+@[^\s<>]+\.[^\s<>]+');
	phone text := case when mail is null then substring(words from '\+?[0-9][0-9 ()./-]{5,}[0-9]') end;
	name text := nullif(trim(both ' <>,' from replace(words, coalesce(mail, phone, ''), '')), '');
	known uuid;
	others uuid;
begin
	if words = '' then
		return null;
	end if;
	if mail is not null or phone is not null then
		known := internal.match_contact(array_remove(array[lower(mail)], null),
			array_remove(array[internal.phone_normalized(phone)], null));
	else
		select min(x.id::text)::uuid, nullif(max(x.id::text), min(x.id::text))::uuid into known, others
			from (select c.id from public.contacts c where c.id in (select internal.find_contacts(words, null, 50))
				and lower(internal.person(c.first_name, c.last_name, '')) = lower(words) limit 2) x;
		if others is not null then
			raise exception using errcode = 'KT422', message = 'Several contacts have this name', hint = 'Choose one from the list',
				column = 'contact';
		end if;
	end if;
	if known is null then
		insert into public.contacts (first_name, last_name, emails, phones)
			values (coalesce(nullif(regexp_replace(name, ' [^ ]+$', ''), ''), name), nullif(substring(name from ' ([^ ]+)$'), ''),
				array_remove(array[mail], null), array_remove(array[phone], null))
			returning id into known;
	end if;
	return known;
end
$$;
comment on function internal.typed_contact(text) is 'A contact by what was typed: found by address, number or name, else made';
grant execute on function internal.typed_contact(text) to authenticated, service_role;
