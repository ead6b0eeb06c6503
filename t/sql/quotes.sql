-- Catalogue, quotes and answers in the database itself. Everything is rolled back.
begin;
select plan(47);

create temp table who (name text primary key, id uuid);
grant select on who to public;
create function pg_temp.id(n text) returns uuid language sql stable as $$ select w.id from who w where w.name = n $$;
create function pg_temp.be(org text, person text) returns void language sql as $$
	select set_config('request.jwt.claims', json_build_object('organization_id', pg_temp.id(org), 'sub', pg_temp.id(person),
		'role', 'authenticated', 'app_role', 'AGENT')::text, true)
$$;
grant execute on function pg_temp.id(text), pg_temp.be(text, text) to public;

insert into who values ('org', internal.create_organization('Quote test', 'quote-test', 'Europe/Berlin', 'USD'));
insert into who values ('other', internal.create_organization('Quote other', 'quote-other', 'UTC', 'EUR'));
insert into who values ('rep', internal.create_user(pg_temp.id('org'), 'rep@quote.example', null, 'Rita', 'Rep', 'AGENT', 'quote-rep'));
insert into who values ('alien', internal.create_user(pg_temp.id('other'), 'alien@quote.example', null, 'Al', 'Ien', 'OWNER', 'quote-alien'));
select pg_temp.be('org', 'rep') \g /dev/null

with made as (insert into contacts (organization_id, first_name, emails) values (pg_temp.id('org'), 'Marco', '{marco@quote.example}') returning id)
	insert into who select 'contact', id from made;
with made as (insert into deals (organization_id, title, value, currency, contact_id)
		values (pg_temp.id('org'), 'Enterprise', 1, 'USD', pg_temp.id('contact')) returning id)
	insert into who select 'deal', id from made;
with made as (insert into deals (organization_id, title, value, currency)
		values (pg_temp.id('org'), 'Second', 1, 'USD') returning id)
	insert into who select 'deal2', id from made;

create function pg_temp.product(its_name text, price numeric, tax numeric default 0) returns uuid language plpgsql as $$
declare p uuid;
begin
	insert into products (name, sku, tax_rate) values (its_name, upper(left(its_name, 4)), tax) returning id into p;
	insert into product_prices (product_id, currency, unit_price, effective_from) values (p, 'USD', price, current_date - 30);
	return p;
end $$;
insert into who values ('platform', pg_temp.product('Platform License', 150.00));
insert into who values ('setup', pg_temp.product('Implementation Services', 12000.00, 19));
insert into who values ('support', pg_temp.product('Priority Support', 5000.00, 7));
set local role authenticated;

-- The catalogue, as staff sees it.
select is((select count(*) from products), 3::bigint, 'Q2C-1 products are kept in the catalogue');
insert into product_prices (product_id, currency, unit_price, effective_from) values
	(pg_temp.id('platform'), 'USD', 140, current_date - 60), (pg_temp.id('platform'), 'USD', 175, current_date + 10),
	(pg_temp.id('platform'), 'EUR', 130, current_date);
select is(product_price(pg_temp.id('platform'), 'USD'), 150.00, 'Q2C-2 the price in force is that of the last date reached');
select is(product_price(pg_temp.id('platform'), 'USD', current_date - 40), 140.00, 'Q2C-2 on an earlier day the earlier price');
select is(product_price(pg_temp.id('platform'), 'USD', current_date + 10), 175.00, 'Q2C-2 a future price holds from its day on');
select is(product_price(pg_temp.id('platform'), 'EUR'), 130.00, 'Q2C-10 each currency has its own price');
select is(product_price(pg_temp.id('platform'), 'CHF'), null, 'no price in a currency that has none');
insert into product_discounts (product_id, min_quantity, discount) values (pg_temp.id('platform'), 50, 10), (pg_temp.id('platform'), 100, 20);
select is(array[product_discount(pg_temp.id('platform'), 49), product_discount(pg_temp.id('platform'), 50),
	product_discount(pg_temp.id('platform'), 250)], array[0, 10, 20]::numeric[], 'Q2C-4 the discount follows the quantity');

-- ---- the sample quote --------------------------------------------------------
reset role;
create function pg_temp.quote(its_title text, of_deal text, of_currency text default 'USD') returns uuid language sql as $$
	insert into quotes (title, deal_id, currency) values (its_title, pg_temp.id(of_deal), of_currency) returning id
$$;
insert into who values ('q', pg_temp.quote('Enterprise Platform', 'deal'));
set local role authenticated;
select matches((select number from quotes where id = pg_temp.id('q')), '^QT-' || extract(year from now()) || '-0001$', 'Q2C-12 QT, the year, four digits');
select is((select contact_id from quotes where id = pg_temp.id('q')), pg_temp.id('contact'), 'Q2C-5 a quote belongs to the deal and its contact');
select isnt(quote_add_product(pg_temp.id('q'), pg_temp.id('platform'), 50), null, 'Q2C-6 a line from the catalogue');
select isnt(quote_add_product(pg_temp.id('q'), pg_temp.id('setup'), 1), null, 'a second one');
select isnt(quote_add_product(pg_temp.id('q'), pg_temp.id('support'), 1), null, 'a third one');
update quote_lines set discount = 15 where product_id = pg_temp.id('support');
select is((select array_agg(total order by position) from quote_lines where quote_id = pg_temp.id('q')),
	array[6750.00, 12000.00, 4250.00], 'Q2C-8 the three sample lines');
select is((select (name, unit_price) from quote_lines where quote_id = pg_temp.id('q') and position = 1), row('Platform License'::text, 150.0000::numeric(16,4)),
	'Q2C-6 name and price come from the catalogue');
select is((select discount from quote_lines where quote_id = pg_temp.id('q') and position = 1), 10.000, 'Q2C-4 fifty get the discount for fifty');
select is((select (subtotal, discount_total, tax_total, total) from quotes where id = pg_temp.id('q')),
	row(24500.000::numeric(16,3), 1500.000::numeric(16,3), 2577.500::numeric(16,3), 25577.500::numeric(16,3)), 'Q2C-9 sums with two tax rates');
update quote_lines set tax_rate = 0 where quote_id = pg_temp.id('q');
select is((select total from quotes where id = pg_temp.id('q')), 23000.000, 'the sums follow every change of a line');
insert into product_prices (product_id, currency, unit_price, effective_from) values (pg_temp.id('support'), 'USD', 9999, current_date);
select is((select unit_price from quote_lines where product_id = pg_temp.id('support')), 5000.0000, 'Q2C-3 a later price leaves lines as they are');
select is(product_price(pg_temp.id('support'), 'USD'), 9999.0000, 'Q2C-3 and new lines take it');
update quote_lines set unit_price = 4900 where product_id = pg_temp.id('support');
select is((select total from quote_lines where product_id = pg_temp.id('support')), 4165.000, 'Q2C-7 the price of a line can be overridden');
delete from products where id = pg_temp.id('support');
select is((select (count(*), count(product_id)) from quote_lines where quote_id = pg_temp.id('q')), row(3::bigint, 2::bigint), 'Q2C-3 a product that is gone leaves its line');
update quotes set total = 1, subtotal = 1 where id = pg_temp.id('q');
select is((select total from quotes where id = pg_temp.id('q')), 22915.000, 'nobody writes a sum by hand');
select throws_ok('update quotes set currency = ''EUR'' where id = pg_temp.id(''q'')', 'KT409', null, 'the currency of lines with prices stays');
select throws_ok('select quote_add_product(pg_temp.id(''q''), gen_random_uuid())', 'KT404', null, 'an unknown product');

-- Half up, in the decimals of the currency.
reset role;
insert into who values ('yen', pg_temp.quote('Yen', 'deal2', 'JPY')), ('dinar', pg_temp.quote('Dinar', 'deal2', 'KWD')), ('half', pg_temp.quote('Half', 'deal2'));
set local role authenticated;
insert into quote_lines (quote_id, name, qty, unit_price) values (pg_temp.id('yen'), 'x', 3, 33.5), (pg_temp.id('dinar'), 'x', 1, 1.2345),
	(pg_temp.id('half'), 'x', 1, 0.125), (pg_temp.id('half'), 'y', 1, 0.135);
select is((select total from quotes where id = pg_temp.id('yen')), 101.000, 'Q2C-10 yen have no decimals');
select is((select total from quotes where id = pg_temp.id('dinar')), 1.235, 'Q2C-10 dinars have three');
select is((select array_agg(total order by name) from quote_lines where quote_id = pg_temp.id('half')), array[0.130, 0.140], 'Q2C-8 half is rounded up');
select is((select array_agg(right(number, 4) order by number) from quotes), '{0001,0002,0003,0004}', 'Q2C-12 numbers without gaps');

-- ---- sent, seen, answered -------------------------------------------------------
update quotes set status = 'Accepted' where id = pg_temp.id('q') and false;
select throws_ok('update quotes set status = ''Accepted'' where id = pg_temp.id(''q'')', 'KT409', null, 'a draft cannot be accepted');
reset role;
insert into who values ('bare', pg_temp.quote('No lines', 'deal'));
set local role authenticated;
select throws_ok('update quotes set status = ''Sent'' where id = pg_temp.id(''bare'')', 'KT422', null, 'nothing is sent without lines');
update quotes set status = 'Sent' where id = pg_temp.id('q');
select throws_ok('update quote_lines set qty = 2 where quote_id = pg_temp.id(''q'')', 'KT409', null, 'a sent quote is locked: change of a line');
select throws_ok('delete from quote_lines where quote_id = pg_temp.id(''q'')', 'KT409', null, 'a sent quote is locked: removal of a line');
select throws_ok('update quotes set title = ''x'' where id = pg_temp.id(''q'')', 'KT409', null, 'a sent quote is locked: title');
insert into share_links (kind, record_id, nonce, token_hash) values ('quote', pg_temp.id('q'), 'n', sha256('quote-token'));
set local role anon;
select set_config('request.jwt.claims', '{"role":"anon"}', true) \g /dev/null
select throws_ok('select * from quotes', '42501', null, 'visitors read no table');
select throws_ok('select * from public_quote(encode(sha256(''wrong''), ''hex''), true)', 'KT404', null, 'a token nobody gave leads nowhere');
select is((select status from public_quote(encode(sha256('quote-token'), 'hex'), false)), 'Sent', 'a look that does not count');
select is((select status from public_quote(encode(sha256('quote-token'), 'hex'), true)), 'Viewed', 'Q2C-15 opening the link is recorded');
select is((select jsonb_array_length(lines) from public_quote(encode(sha256('quote-token'), 'hex'), true)), 3, 'with all its lines');
select throws_ok('select public_quote_accept(encode(sha256(''quote-token''), ''hex''), ''  '', ''::1'')', 'KT422', null, 'a name is needed to accept');
select lives_ok('select public_quote_accept(encode(sha256(''quote-token''), ''hex''), ''Marco Polo'', ''203.0.113.9'')', 'accepted');
select lives_ok('select public_quote_accept(encode(sha256(''quote-token''), ''hex''), ''Marco Polo'', ''203.0.113.9'')', 'accepted once more: the same answer');
select throws_ok('select public_quote_decline(encode(sha256(''quote-token''), ''hex''), '''', ''no'', ''::1'')', 'KT409', null, 'what was accepted cannot be declined');
reset role;
select is((select (status, views, accepted_name, accepted_addr) from quotes where id = pg_temp.id('q')),
	row('Accepted'::text, 2, 'Marco Polo'::text, '203.0.113.9'::text), 'Q2C-15 status, views, name and address stand on the quote');
select is((select stage from deals where id = pg_temp.id('deal')), 'won', 'Q2C-16 accepting moves the deal on');
select is((select array_agg(type order by id) from events where organization_id = pg_temp.id('org') and record_id = pg_temp.id('q')),
	'{quote.created,quote.sent,quote.viewed,quote.accepted}', 'one event for each step');

-- ---- another tenant ----------------------------------------------------------------
select pg_temp.be('other', 'alien') \g /dev/null
set local role authenticated;
select is((select count(*) from quotes) + (select count(*) from products) + (select count(*) from quote_lines) + (select count(*) from share_links),
	0::bigint, 'another tenant sees nothing of it');
select throws_ok('insert into quotes (title, deal_id, currency) values (''x'', pg_temp.id(''deal''), ''USD'')', '23503', null,
	'nor makes a quote on its deals');
reset role;
select * from finish();
rollback;
