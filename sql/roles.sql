-- The roles and the database of an installation; run by a superuser, before
-- the migrations, as often as you like:
--
--	psql -v owner_password=... -v app_password=... -v worker_password=... -f roles.sql postgres
--
-- kontor owns the model, runs migrations and sees every tenant. The programs
-- log in as kontor_app and kontor_worker, which own nothing; what a request
-- may do is decided by the role it becomes (auth.begin_session and others).

select format('create role %I %s', name, options)
from (values
	('kontor', 'login bypassrls'),
	('kontor_app', 'login noinherit'),
	('kontor_worker', 'login noinherit'),
	('anon', 'nologin'),
	('authenticated', 'nologin'),
	('service_role', 'nologin bypassrls')) r (name, options)
where not exists (select from pg_roles where rolname = name)
\gexec

alter role kontor password :'owner_password';
alter role kontor_app password :'app_password';
alter role kontor_worker password :'worker_password';
grant anon, authenticated, service_role to kontor, kontor_app, kontor_worker;

select 'create database kontor owner kontor'
where not exists (select from pg_database where datname = 'kontor')
\gexec
