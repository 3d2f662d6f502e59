<?php
// SPDX-License-Identifier: BSD-2-Clause
// client.php - one request of PHP's own session handler `files', by command line or FastCGI: VERB ID VALUE, or create VALUE.
[$verb, $id, $value] = PHP_SAPI === 'cli' ? array_slice(array_merge($argv, ['', '']), 1, 3)
	: [$_GET['verb'], $_GET['id'] ?? '', $_GET['value'] ?? ''];
set_error_handler(function ($level, $text) { echo $text, "\n"; return true; });

function begin(string $id): bool
{
	session_id($id);
	return session_start(['use_cookies' => '0', 'use_only_cookies' => '0', 'cache_limiter' => '', 'gc_probability' => '0',
		'use_strict_mode' => '1', 'gc_maxlifetime' => getenv('LIFETIME') ?: '3600']);
}

// In strict mode an id that is nobody's begins a session of another id.
function is_there(string $id): bool
{
	if (!begin($id))
		return false;
	if (session_id() === $id)
		return true;
	session_destroy();
	echo "none\n";
	return false;
}

function count_up(string $id, int $n): void
{
	for ($i = 0; $i < $n; $i++) {
		if (!is_there($id))
			return;
		$_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1;
		if (!session_write_close())
			return;
	}
	echo "ok\n";
}

function request(string $verb, string $id, string $value): void
{
	switch ($verb) {
	case 'create':
		begin('');
		$_SESSION['v'] = $id;
		$new = session_id();
		echo session_write_close() ? "$new\n" : '';
		break;
	case 'load':
		if (is_there($id)) {
			session_write_close();
			echo $_SESSION['v'], "\n";
		}
		break;
	case 'counted':
		if (is_there($id)) {
			session_write_close();
			echo $_SESSION['n'], "\n";
		}
		break;
	case 'update':
		if (is_there($id)) {
			$_SESSION['v'] = $value;
			echo session_write_close() ? "ok\n" : '';
		}
		break;
	case 'touch':
		echo is_there($id) && session_write_close() ? "ok\n" : '';
		break;
	case 'regenerate':
		if (is_there($id) && session_regenerate_id(true)) {
			$new = session_id();
			echo session_write_close() ? "$new\n" : '';
		}
		break;
	case 'destroy':
		echo is_there($id) && session_destroy() ? "ok\n" : '';
		break;
	case 'collect':
		begin('');
		session_gc();
		session_destroy();
		echo "ok\n";
		break;
	case 'count':
		count_up($id, (int)$value);
		break;
	}
}

// each VERB VALUE ID...: a request for each of these sessions.
if ($verb === 'each') {
	foreach (array_slice($argv, 4) as $one)
		request($argv[2], $one, $argv[3]);
} else {
	request($verb, $id, $value);
}
