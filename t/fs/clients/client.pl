# SPDX-License-Identifier: BSD-2-Clause
# client.pl - what requests do with CGI::Session's files: DIRECTORY VERB ARGUMENT...
use strict;
use warnings;
use CGI::Session;

my ($directory, $verb, @rest) = @ARGV;
my $driver = 'driver:File';
my $options = { Directory => $directory };

sub lifetime { return "+$ENV{LIFETIME}s" }

sub begin {
	my $s = CGI::Session->new($driver, undef, $options) or die CGI::Session->errstr;
	$s->expire(lifetime());
	return $s;
}

# The session, or none where the id is nobody's or its session has ended.
sub there {
	my $s = CGI::Session->load($driver, $_[0], $options) or die CGI::Session->errstr;
	return $s->is_empty || $s->is_expired ? undef : $s;
}

sub save {
	my ($s, $says) = @_;
	$s->flush() or die $s->errstr;
	return $says;
}

my %verbs = (
	create => sub {
		my $s = begin();
		$s->param('v', $_[0]);
		return save($s, $s->id);
	},
	load => sub { my $s = there($_[0]); return $s ? $s->param('v') : 'none' },
	counted => sub { my $s = there($_[0]); return $s ? $s->param('n') : 'none' },
	update => sub {
		my $s = there($_[0]) or return 'none';
		$s->param('v', $_[1]);
		return save($s, 'ok');
	},
	# A new time of access is written when the session is let go.
	touch => sub { my $s = there($_[0]) or return 'none'; $s->param('v'); return save($s, 'ok') },
	regenerate => sub {
		my $old = there($_[0]) or return 'none';
		my $new = begin();
		$new->param($_, $old->param($_)) for grep { !/^_/ } $old->param;
		save($new, 'ok');
		$old->delete();
		save($old, 'ok');
		return $new->id;
	},
	destroy => sub { my $s = there($_[0]) or return 'none'; $s->delete(); return save($s, 'ok') },
	collect => sub {
		CGI::Session->find($driver, sub { my $s = shift; $s->is_empty and $s->delete, $s->flush }, $options) or die CGI::Session->errstr;
		return 'ok';
	},
	count => sub {
		for (1 .. $_[1]) {
			my $s = there($_[0]) or return 'none';
			$s->param('n', ($s->param('n') // 0) + 1);
			save($s, 'ok');
		}
		return 'ok';
	},
);

$verbs{each} = sub {
	my ($what, $value, @ids) = @_;
	return join "\n", map { $verbs{$what}->($_, $value) } @ids;
};

my $said = eval { $verbs{$verb}->(@rest) };
print $said // $@, "\n";
