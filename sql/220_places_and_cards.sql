-- MSG-7, MSG-8 from the composer: a place or a contact card, behind app.compose in the same
-- transaction, as app.mail_fields does for subjects. Its words are what lists and search have.

-- 52.52, 13.40; a link of OpenStreetMap or Google Maps with its place in it.
create function internal.read_place(said text, out lat numeric, out lon numeric) returns record
language plpgsql immutable
as $$
declare
	found text[];
begin
	found := regexp_match(said, 'mlat=(-?\d{1,2}(?:\.\d+)?)&mlon=(-?\d{1,3}(?:\.\d+)?)');
	found := coalesce(found, regexp_match(said, '!3d(-?\d{1,2}\.\d+)!4d(-?\d{1,3}\.\d+)'));
	found := coalesce(found, regexp_match(said, '(?<![\d.-])(-?\d{1,2}\.\d+)(?:\s*[,/;]\s*|%2C|\s+)(-?\d{1,3}\.\d+)(?!\d)'));
	lat := found[1]::numeric;
	lon := found[2]::numeric;
end
$$;

-- What the list of conversations says of it.
create function internal.special_preview(client uuid, words text) returns void
language sql security definer set search_path = ''
as $$
	update public.conversations c set last_message_preview = left(words, 200)
	from public.messages m
	where m.organization_id = auth.org() and m.client_id = client and m.sender_id = auth.uid()
		and c.organization_id = m.organization_id and c.id = m.conversation_id and c.last_message_at = m.created_at
$$;
revoke execute on function internal.special_preview(uuid, text) from public;

create function app.special_fields(client uuid, place text, place_name text, place_address text, card uuid) returns void
language plpgsql
as $$
declare
	at record;
	k public.contacts;
	who text;
	extra jsonb;
begin
	if card is not null then
		select * into k from public.contacts c where c.id = card;
		if k.id is null then
			raise exception using errcode = 'KT404', message = 'This contact does not exist', column = 'card';
		elsif k.phones = '{}' then
			raise exception using errcode = 'KT422', message = 'This contact has no phone number to send', column = 'card';
		end if;
		who := app.person(k.first_name, k.last_name, k.phones, k.emails);
		extra := jsonb_build_object('contacts', jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(
			'name', jsonb_strip_nulls(jsonb_build_object('formatted_name', who, 'first_name', coalesce(k.first_name, who), 'last_name', k.last_name)),
			'phones', (select jsonb_agg(jsonb_build_object('phone', p, 'type', 'WORK')) from unnest(k.phones) p),
			'emails', (select jsonb_agg(jsonb_build_object('email', e, 'type', 'WORK')) from unnest(k.emails) e),
			'org', (select jsonb_build_object('company', o.name) from public.companies o where o.organization_id = k.organization_id and o.id = k.company_id)))));
	else
		at := internal.read_place(place);
		if at.lat is null or abs(at.lat) > 90 or abs(at.lon) > 180 then
			raise exception using errcode = 'KT422', message = 'This is no place', hint = 'Write 52.52, 13.40 or paste the link of a map',
				column = 'place';
		end if;
		extra := jsonb_build_object('location', jsonb_strip_nulls(jsonb_build_object('latitude', at.lat, 'longitude', at.lon,
			'name', nullif(trim(place_name), ''), 'address', nullif(trim(place_address), ''))));
		who := coalesce(nullif(trim(place_name), ''), at.lat || ', ' || at.lon);
	end if;
	update public.messages m set message_type = case when card is null then 'location' else 'contacts' end, content = who,
			metadata = m.metadata || extra
		where m.organization_id = auth.org() and m.client_id = client and m.message_type = 'text' and m.status in ('PENDING', 'SCHEDULED');
	perform internal.special_preview(client, who);
end
$$;
grant execute on function internal.read_place(text), internal.special_preview(uuid, text), app.special_fields(uuid, text, text, text, uuid) to authenticated;
notify pgrst;
