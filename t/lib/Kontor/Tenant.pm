package Kontor::Tenant;

# Kontor::Tenant: a tenant of the test's own, empty but for its pipeline, with
# a user and a key, gone when the object is.
#
#	my $t = Kontor::Tenant->new('leads');
#	my $r = $t->call('create-lead', { first_name => 'Ann' });
#	my $r = $t->proxy(GET => 'contacts?select=id');
#	$t->sql('select count(*) from contacts where organization_id = :org');

use strict;
use warnings;
use Digest::SHA qw(sha256_hex);
use Kontor ();

my $n = 0;

sub new {
	my ($class, $name) = @_;
	my $slug = lc($name) . "-$$-" . $n++;
	my $self = bless { slug => $slug, api_key => "cg_test$slug", pid => $$ }, $class;
	my $hash = sha256_hex($self->{api_key});
	$self->{organization_id} = Kontor::psql("select internal.create_organization('$name', '$slug')");
	$self->{user_id} = Kontor::psql("select internal.create_user('$self->{organization_id}', '$slug\@kontor.example',
		null, 'Tess', 'Tester', 'OWNER')");
	$self->{pipeline_id} = $self->sql('select id from pipelines where organization_id = :org');
	$self->sql("select internal.create_api_key(:org, 'test', 'cg_test', '$hash')");
	$self->sql("select internal.limit_tenant(:org, 'unlimited')");
	return $self;
}

sub sql {
	my ($self, $sql) = @_;
	$sql =~ s/:org\b/'$self->{organization_id}'/g;
	return Kontor::psql($sql);
}

# sql with a JSON document in it
sub rows {
	my ($self, $sql) = @_;
	$sql =~ s/:org\b/'$self->{organization_id}'/g;
	return Kontor::rows($sql);
}

# call(FUNCTION, BODY): POST /functions/v1/FUNCTION with the key.
sub call {
	my ($self, $function, $body, %o) = @_;
	return Kontor::api(POST => "/functions/v1/$function", key => $self->{api_key}, json => $body, %o);
}

sub proxy {
	my ($self, $method, $what, %o) = @_;
	return Kontor::api($method, "/functions/v1/rest-api-proxy/$what", key => $self->{api_key}, %o);
}

sub DESTROY {
	my $self = shift;
	local ($@, $?);
	return unless $self->{pid} == $$ && $self->{user_id};
	eval {
		$self->sql('delete from organizations where id = :org');
		Kontor::psql("delete from auth.users where id = '$self->{user_id}'");
	};
	warn $@ if $@;
	return;
}

1;
