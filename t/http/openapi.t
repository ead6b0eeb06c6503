#!/usr/bin/perl
# The description of our own tables at /rest/v1/, by an independent validator.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp ();
use Kontor;
use Test::More;

my $modules = abs_path(dirname(__FILE__) . '/../pages/node_modules');
my $keys    = kontor_json();
my $user    = tenant()->{users}[0];
my $r = api(POST => '/auth/v1/token?grant_type=password', apikey => $keys->{anon_key}, json => { email => $user->{email}, password => $user->{password} });
$r = api(GET => '/rest/v1/', headers => { apikey => $keys->{anon_key}, Authorization => "Bearer $r->{json}{access_token}" });
is($r->{status}, 200, 'the root of the tables describes them') or diag $r->{content};
like($r->{headers}{'content-type'}, qr{^application/openapi\+json}, 'as OpenAPI');
my $api = $r->{json};
ok($api->{paths}{"/$_"}, "API-3 $_ is described") for qw(contacts companies deals pipelines conversations messages tasks templates bot_flows
	automation_rules campaigns notes channel_accounts projects organizations profiles);
is($api->{definitions}{profiles}{description}, "A user as a member of a tenant; id is the user's id", 'API-8 in the words of the comments');
my $file = File::Temp->new(SUFFIX => '.json');
print $file $r->{content};
$file->flush;
{
	local $ENV{NODE_PATH} = $modules;
	my $out = `node -e 'require("\@apidevtools/swagger-parser").validate("$file").then(() => console.log("valid"), e => console.log(e.message))' 2>&1`;
	is($out, "valid\n", 'an independent validator finds it valid');
}
done_testing;
