package Measure;

# Measure: figures side by side. Two commands take turns, because these
# machines change their speed by themselves; only ratios within a pair count.
#
#	pairs('list_25_json_agg', sub { ours() }, sub { theirs() }, reach => 0.45);
#
# prints one JSON object: medians of both, the median ratio, its range, what
# it must reach and whether it does. With `most => N` the ratio must be at
# most N.

use strict;
use warnings;
use Exporter 'import';
use File::Temp qw(tempdir);
use JSON::PP;

our @EXPORT = qw(instance psql_quiet psql_value many_contacts crm_data wrk pgbench pairs figure median workdir);
our $PAIRS   = $ENV{KONTOR_BENCH_PAIRS}   // 7;
our $SECONDS = $ENV{KONTOR_BENCH_SECONDS} // 2;

my $dir;

sub workdir { $dir //= tempdir('/tmp/kontor-bench.XXXXXX', CLEANUP => 1); chmod 0755, $dir; $dir }

sub instance {
	my $path = $ENV{KONTOR_JSON} or die "run this through bin/kontor bench\n";
	open my $fh, '<:raw', $path or die "$path: $!\n";
	local $/;
	return decode_json(<$fh>);
}

# As the owner of the model.
sub psql_quiet {
	my ($sql) = @_;
	open my $fh, '|-', 'psql', '-Xq', '-o', '/dev/null', '-v', 'ON_ERROR_STOP=1', instance()->{database_url}
		or die "psql: $!\n";
	print $fh $sql;
	close $fh or die "psql failed\n";
}

sub psql_value {
	my ($sql) = @_;
	open my $fh, '-|', 'psql', '-XAtq', '-c', $sql, instance()->{database_url} or die "psql: $!\n";
	my $out = join '', <$fh>;
	close $fh or die "psql failed\n";
	chomp $out;
	return $out;
}

# 500,000 contacts in 50 tenants; triggers off, for nobody measures inserts here.
sub many_contacts {
	return if psql_value("select exists (select from organizations where slug = 'bench-1')") eq 't';
	psql_quiet(<<'END');
alter table contacts disable trigger user;
do $$
begin
	for i in 1 .. 49 loop
		perform internal.create_organization('Bench ' || i, 'bench-' || i);
	end loop;
end
$$;
insert into contacts (organization_id, first_name, last_name, phones, emails, tags, created_at)
select o.id, 'First' || n, 'Last' || n, array['+49' || (1500000000 + n)], array['person' || n || '@example.com'],
	array['bench', 'n' || n % 7], now() - interval '40 days' - n * interval '1 minute'
from organizations o, generate_series(1, 10000) n;
alter table contacts enable trigger user;
vacuum analyze contacts;
END
}

# The data set of the CRM's figures, once per instance.
sub crm_data {
	my ($org) = @_;
	return if psql_value("select exists (select from contacts where organization_id = '$org' offset 500000)") eq 't';
	print STDERR "# making a million contacts; this takes minutes\n";
	(my $here = __FILE__) =~ s{[^/]+$}{};
	system('psql', '-Xq', '-o', '/dev/null', '-v', "org=$org", '-f', "${here}crm_data.sql", instance()->{database_url}) == 0
		or die "the data set could not be made\n";
}

sub median {
	my @v = sort { $a <=> $b } @_;
	return @v % 2 ? $v[$#v / 2] : ($v[@v / 2 - 1] + $v[@v / 2]) / 2;
}

# Requests per second; dies when an answer is not 2xx.
sub wrk {
	my ($url, %o) = @_;
	my @cmd = ('wrk', '-t', 1, '-c', $o{connections} // 16, '-d', "${SECONDS}s");
	push @cmd, '-s', $o{script} if $o{script};
	push @cmd, '-H', $_ for @{ $o{headers} // [] };
	open my $fh, '-|', @cmd, $url or die "wrk: $!\n";
	my $out = join '', <$fh>;
	close $fh;
	die "answers are not 2xx: $out" if $out =~ /Non-2xx/;
	$out =~ m{Requests/sec:\s+([\d.]+)} or die "wrk said: $out";
	return $1;
}

# Transactions per second of a script; the role's own connection string.
sub pgbench {
	my ($script, %o) = @_;
	my $file = workdir() . '/' . ($o{name} // 'pgbench') . '.sql';
	open my $fh, '>', $file or die "$file: $!\n";
	print $fh $script;
	close $fh;
	open my $run, '-|', 'pgbench', '-n', '-M', 'prepared', '-c', $o{clients} // 4, '-j', 1, '-T', $SECONDS,
		'-f', $file, $o{url} or die "pgbench: $!\n";
	my $out = join '', <$run>;
	close $run or die "pgbench failed: $out";
	$out =~ /tps = ([\d.]+)/ or die "pgbench said: $out";
	return $1;
}

sub figure {
	my (%f) = @_;
	$f{holds} = $f{holds} ? JSON::PP::true : JSON::PP::false;
	print JSON::PP->new->canonical->utf8->encode(\%f), "\n";
	STDOUT->flush;
}

sub pairs {
	my ($name, $ours, $theirs, %o) = @_;
	my (@a, @b, @ratio);
	local $| = 1;
	$ours->();
	$theirs->();
	for (1 .. $PAIRS) {
		push @a, $ours->();
		push @b, $theirs->();
		push @ratio, $a[-1] / $b[-1];
	}
	my $ratio = median(@ratio);
	my @sorted = sort { $a <=> $b } @ratio;
	my $unit = $o{unit} // '/s';
	figure(
		name   => $name,
		ours   => sprintf('%.0f%s', median(@a), $unit),
		theirs => sprintf('%.0f%s', median(@b), $unit),
		ratio  => 0 + sprintf('%.2f', $ratio),
		range  => [0 + sprintf('%.2f', $sorted[0]), 0 + sprintf('%.2f', $sorted[-1])],
		reach  => defined $o{most} ? "<= $o{most}" : ">= $o{reach}",
		holds  => defined $o{most} ? $ratio <= $o{most} : $ratio >= $o{reach},
	);
}

1;
