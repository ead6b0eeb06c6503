#!/usr/bin/perl
# @supabase/supabase-js, unmodified, against /auth/v1, /rest/v1, /functions/v1:
# auth_client.js says what it does; here is what it needs.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Kontor;
use Kontor::Postbox;

my $tree = abs_path(dirname(__FILE__) . '/../..');
my $box  = Kontor::Postbox->start;
my $k    = own_instance(demo => 1, conf => { smtp_url => $box->url, auth_mail_gap_s => 0 });
local $ENV{KONTOR_URL}  = $k->base_url;
local $ENV{KONTOR_ANON} = $k->json->{anon_key};
local $ENV{KONTOR_DB}   = $k->json->{database_url};
local $ENV{POSTBOX}     = $box->{log}->filename;
local $ENV{KONTOR_USER} = json_encode($k->json->{tenants}[0]{users}[0]);
local $ENV{NODE_PATH}   = "$tree/t/pages/node_modules";
my $rc = system 'node', "$tree/t/http/auth_client.js";
exit($rc ? 1 : 0);
