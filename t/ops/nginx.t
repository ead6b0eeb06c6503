# nginx: what the snippets promise before a request reaches a program.
use strict;
use warnings;
use File::Temp qw(tempdir);
use IO::Socket::INET;
use IO::Socket::UNIX;
use Kontor;
use Test::More;

my $k = own_instance();
my ($tree) = ($ENV{KONTOR_TREE} // '.');

# ---- headers -------------------------------------------------------------------

my $r   = api(GET => '/login');
my $csp = $r->{headers}{'content-security-policy'} // '';
like($csp, qr/default-src 'self'/, 'a strict content security policy');
unlike($csp, qr/unsafe/, 'without unsafe-inline or unsafe-eval');
like($csp, qr/\Q$_\E/, $_) for "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "form-action 'self'";
is($r->{headers}{'x-content-type-options'}, 'nosniff', 'types are not guessed');
like($r->{headers}{'x-request-id'}, qr/^[0-9a-f]{32}$/, 'each answer names its request');

# ---- limits ----------------------------------------------------------------------

$r = api(POST => '/rest/v1/contacts', body => 'x' x 1_500_000, type => 'application/json');
is($r->{status}, 413, 'a body over 1 MB is refused');
is_deeply([sort keys %{ $r->{json} // {} }], [qw(code details error hint message)], 'in the shape of the API');
$r = api(POST => '/functions/v1/telegram-webhook', body => 'x' x 4_500_000, type => 'application/json');
is($r->{status}, 413, 'providers may send 4 MB');

my %seen;
$seen{ $k->api(POST => '/login', from => '127.0.0.9', body => 'x=1',
	type => 'application/x-www-form-urlencoded')->{status} }++ for 1 .. 40;
cmp_ok($seen{429} // 0, '>=', 15, 'forty sign-ins in a row from one address: most are refused');
$r = $k->api(POST => '/login', from => '127.0.0.9', body => 'x=1');
is($r->{headers}{'retry-after'}, 10, 'with Retry-After');
isnt($k->api(GET => '/login', from => '127.0.0.9')->{status}, 429, 'reading is not counted');

# A hundred streams of one address that belong to nobody's chat, and one more.
my (%streams, @open);
my ($host, $port) = $k->base_url =~ m{^http://([^:/]+):(\d+)};
for my $i (1 .. 101) {
	my $s = IO::Socket::INET->new(PeerAddr => $host, PeerPort => $port, LocalAddr => '127.0.0.9') or die "stream $i: $!\n";
	syswrite $s, 'GET /chat/01900000-0000-7000-8000-000000000000/live?key=' . 'a' x 40 . sprintf('%03d', $i)
		. " HTTP/1.1\r\nHost: $host\r\nAccept: text/event-stream\r\n\r\n";
	sysread $s, my $head, 12;
	$streams{ $head =~ /(\d{3})$/ ? $1 : 'none' }++;
	push @open, $s;
}
is_deeply(\%streams, { 200 => 100, 429 => 1 }, 'FACT-75 streams of visitors: a hundred from one address');
close $_ for @open;

# ---- inner places -------------------------------------------------------------------

is(api(GET => '/-/live/x')->{status}, 404, 'event channels are not reachable from outside');
is(api(GET => '/-/files/x')->{status}, 404, 'nor stored files');
isnt(api(POST => '/publish/x', body => 'x')->{status}, 202, 'nor the publisher');
is(api(GET => '/assets/package.json')->{status}, 404, 'nor what only the build needs');
my $home = $k->home;
is((stat "$home/run/live")[2] & 07, 0, 'the publisher is behind a directory for the worker alone');

# ---- assets -----------------------------------------------------------------------------

$r = api(GET => '/assets/kontor.css?v=1');
is($r->{status}, 200, 'assets are served');
like($r->{headers}{'cache-control'}, qr/max-age=31\d{7}/, 'a versioned one for ever');
$r = api(GET => '/assets/kontor.css');
is($r->{headers}{'cache-control'}, 'max-age=300', 'without version for five minutes');
$r = api(GET => '/assets/vendor/htmx.js?v=1', headers => { 'Accept-Encoding' => 'gzip' });
is($r->{headers}{'content-encoding'}, 'gzip', 'compressed ahead');
is($r->{headers}{'content-security-policy'}, $csp, 'with the same policy');

# ---- a program that is not there -------------------------------------------------------------

my @pids = $k->pids('share');
kill KILL => @pids;
wait_for(5, sub { !grep { readlink "/proc/$_/exe" } @pids });
$r = $k->api(GET => '/s/x');
is($r->{status}, 503, 'a program that is down: 503');
is($r->{headers}{'retry-after'}, 2, 'with Retry-After');
is(ref $r->{json}, 'HASH', 'as JSON');
$k->up;
isnt($k->api(GET => '/s/x')->{status}, 503, 'up heals it');

# ---- what administrators include -------------------------------------------------------------

SKIP: {
	skip 'the example site needs openssl for a certificate', 1 if system 'command -v openssl >/dev/null';
	my $dir = tempdir(CLEANUP => 1);
	system "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=x -days 1 -keyout $dir/k.pem -out $dir/c.pem 2>/dev/null";
	my $text = do { local (@ARGV, $/) = ("$tree/nginx/example-vhost.conf"); <> };
	$text =~ s{/etc/letsencrypt/\S+fullchain.pem}{$dir/c.pem};
	$text =~ s{/etc/letsencrypt/\S+privkey.pem}{$dir/k.pem};
	$text =~ s{/usr/share/kontor/nginx/}{$home/nginx/}g;
	$text =~ s{#(fastcgi_param)}{$1}g;
	open my $fh, '>', "$dir/nginx.conf" or die "$!\n";
	print $fh "load_module /usr/lib/nginx/modules/ngx_nchan_module.so;\npid $dir/pid;\nevents {}\n",
		"http { variables_hash_max_size 2048; include $home/nginx/kontor-http.conf;\n$text\n}\n";
	close $fh;
	my $out = qx{nginx -t -q -p $dir -e $dir/log -c $dir/nginx.conf 2>&1};
	$out =~ s/^.*\[warn\].*\n//mg;
	is($out, '', 'the example site is right, with tenant and theme bound');

	# And it runs, on other ports.
	my ($plain, $tls) = (free_port(), free_port());
	$text =~ s{listen \[::\]\S+.*\n}{}g;
	$text =~ s{listen 80;}{listen 127.0.0.1:$plain;};
	$text =~ s{listen 443 }{listen 127.0.0.1:$tls };
	$text =~ s{^\s*fastcgi_param KONTOR_T.*\n}{}mg;
	my $http = do { local (@ARGV, $/) = ("$home/nginx/kontor-http.conf"); <> };
	$http =~ s{unix:\S*/live\.sock}{unix:$dir/live.sock}g; # the running one has its own
	open $fh, '>', "$dir/nginx.conf" or die "$!\n";
	print $fh "load_module /usr/lib/nginx/modules/ngx_nchan_module.so;\n", $> ? '' : "user www-data;\n", "pid $dir/pid;\nevents {}\n",
		"http { variables_hash_max_size 2048;\n$http\n$text\n}\n";
	close $fh;
	$out = qx{nginx -q -p $dir -e $dir/log -c $dir/nginx.conf 2>&1};
	is($? >> 8, 0, 'it starts') or diag $out;
	my $head = qx{curl -si -H 'Host: crm.example.com' http://127.0.0.1:$plain/rest/v1/contacts};
	like($head, qr{^HTTP/1.1 301 .*^Location: https://crm.example.com/rest/v1/contacts}ms, 'API-6 in production there is nothing without HTTPS');
	$head = qx{curl -sik -H 'Host: crm.example.com' https://127.0.0.1:$tls/healthz};
	like($head, qr{^strict-transport-security: max-age=\d{7}}mi, 'API-6 and browsers are told to stay with it');
	system 'nginx', '-q', '-s', 'stop', '-p', $dir, '-e', "$dir/log", '-c', "$dir/nginx.conf";
}

done_testing;
