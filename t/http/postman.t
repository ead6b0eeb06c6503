#!/usr/bin/perl
# The Postman collection, as a visitor downloads it, run by newman from npm with
# a key of an empty tenant, twice: what the first run made is in the way of none.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp ();
use Kontor;
use Kontor::Tenant;
use Test::More;

my $newman = abs_path(dirname(__FILE__) . '/../pages') . '/node_modules/.bin/newman';
plan skip_all => 'no newman: npm ci in t/pages' unless -e $newman;

my $r = api(GET => '/assets/kontor.postman_collection.json');
is($r->{status}, 200, 'API-7 the collection is a download');
like($r->{headers}{'content-type'}, qr{^application/json}, '... as JSON');
my $collection = $r->{json};
like($collection->{info}{schema}, qr{/collection/v2\.1\.0/}, 'API-7 of the format 2.1');
is_deeply([sort map { $_->{key} } @{ $collection->{variable} }], [qw(api_key url)], 'API-7 its variables');
is_deeply([sort map { $_->{name} } @{ $collection->{item} }],
	['Call Intelligence', 'Leads & Deals', 'Messages', 'Organizations', 'Search'], 'API-7 its folders');
my @requests = map { @{ $_->{item} } } @{ $collection->{item} };
is(scalar(grep { grep { $_->{key} eq 'X-API-Key' && $_->{value} eq '{{api_key}}' } @{ $_->{request}{header} } } @requests),
	scalar @requests, 'API-7 every request sends the key as X-API-Key');

my $t   = Kontor::Tenant->new('postman');
my $dir = File::Temp->newdir;
sub store {
	my ($name, $bytes) = @_;
	open my $fh, '>:raw', "$dir/$name" or die "$name: $!\n";
	print $fh $bytes;
	close $fh;
	return;
}
store('collection.json', $r->{content});
store('recording.mp3', "ID3\3\0\0\0\0\0\0");

for my $time (1, 2) {
	my $out = qx{cd $dir && timeout 60 $newman run collection.json \\
		--env-var url=@{[kontor_json()->{base_url}]} --env-var api_key=$t->{api_key} --working-dir $dir --timeout-request 10000 \\
		--disable-unicode --color off --reporters cli,json --reporter-json-export $dir/report.json 2>&1};
	is($? >> 8, 0, "API-7 run $time by newman") or diag($out);
	my $run = do { local (@ARGV, $/) = "$dir/report.json"; json_decode(<>) }->{run};
	is($run->{stats}{requests}{total}, scalar @requests, '... every request was sent');
	cmp_ok($run->{stats}{assertions}{total}, '>=', 2 * @requests, "... and $run->{stats}{assertions}{total} assertions made");
	is_deeply($run->{failures}, [], '... none failed');
}
is($t->sql("select count(*) from contacts where organization_id = :org and emails \@> '{john.doe\@example.com}'"), 1,
	'API-83 the lead is one contact after two runs');
is($t->sql("select count(*) from messages where organization_id = :org and direction = 'INBOUND'"), 2, 'API-76 the messages are stored');

done_testing;
