#!/usr/bin/perl
# A site that nginx binds to a tenant and a theme: nothing of another tenant is
# there, whoever asks.
use strict;
use warnings;
use File::Temp qw(tempdir);
use Kontor;
use Test::More;

my ($nordlicht, $bluebird) = (tenant(0), tenant(1));
my $home = kontor()->home;
my $dir  = tempdir('/tmp/kontor-site.XXXXXX', CLEANUP => 1);
my $port = free_port();
chmod 0755, $dir;

# The instance's own snippets, without the worker's publisher, on another port.
my $http = do { open my $fh, '<', "$home/nginx/kontor-http.conf" or die "kontor-http.conf: $!\n"; local $/; <$fh> };
$http =~ s/^# What the worker publishes.*//ms;
my ($main) = grep { -e } "$home/nginx/nginx.conf", glob "$home/nginx/*.conf";
my $main_text = do { open my $fh, '<', $main or die "$main: $!\n"; local $/; <$fh> };
my ($modules) = $main_text =~ /^((?:load_module[^;]*;\s*)+)/m;
open my $fh, '>', "$dir/nginx.conf" or die "$dir/nginx.conf: $!\n";
print $fh <<"END";
${\($modules // '')}
@{[$> == 0 ? 'user www-data;' : '']}
pid $dir/nginx.pid;
error_log $dir/error.log;
worker_processes 1;
daemon off;
events { worker_connections 64; }
http {
	access_log off;
	include /etc/nginx/mime.types;
	$http
	server {
		listen 127.0.0.1:$port;
		include $home/nginx/kontor.conf;
		fastcgi_param KONTOR_TENANT bluebird;
		fastcgi_param KONTOR_THEME forest;
	}
}
END
close $fh;
my $pid = fork // die "fork: $!\n";
exec 'nginx', '-c', "$dir/nginx.conf" or die "nginx: $!\n" if !$pid;
END { local $?; if ($pid) { kill TERM => $pid; waitpid $pid, 0 } }
ok(wait_for(5, sub { IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port") }), 'the site answers');
my $site = "http://127.0.0.1:$port";

sub get { api(GET => "$site$_[0]", @_[1 .. $#_]) }
sub people { my $t = shift; return @{ $t->{users}[0] }{qw(email password)} }

is(get('/functions/v1/rest-api-proxy/contacts?limit=1', key => $bluebird->{api_key})->{status}, 200, 'its own key works');
my $r = get('/functions/v1/rest-api-proxy/contacts?limit=1', key => $nordlicht->{api_key});
is($r->{status}, 401, 'a key of another tenant does not');
like($r->{json}{error}, qr/another organization/, 'and is told why');

(my $own = $bluebird->{booking_url}) =~ s{^https?://[^/]+}{};
(my $foreign = $nordlicht->{booking_url}) =~ s{^https?://[^/]+}{};
is(get($own)->{status}, 200, 'its own booking page');
is(get($foreign)->{status}, 404, 'no booking page of another tenant');
like(get($own)->{content}, qr{/assets/themes/forest\.css}, 'the theme is on public pages');
is(get('/assets/themes/forest.css')->{status}, 200, 'and is there');

my $mine = Kontor::Browser->new($site);
$mine->sign_in(people($bluebird));
is($mine->get('/contacts')->{status}, 200, 'its people sign in');
like($mine->get('/contacts')->{content}, qr{/assets/themes/forest\.css}, 'and see the theme');
my $stranger = Kontor::Browser->new($site);
$stranger->get('/login');
my ($email, $password) = people($nordlicht);
$r = $stranger->post('/login', { email => $email, password => $password });
isnt($r->{status}, 303, 'people of another tenant cannot');
my $elsewhere = browser(email => $email, password => $password);
$stranger->{cookies} = $elsewhere->{cookies};
is($stranger->request(GET => '/contacts', {})->{status}, 303, 'nor with a session that they have elsewhere');
is($elsewhere->get('/contacts')->{status}, 200, 'which goes on where it belongs');
unlike(browser()->get('/login')->{content}, qr{/assets/themes/}, 'a site without a theme has none');
done_testing;
