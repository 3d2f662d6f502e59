<?php
// SPDX-License-Identifier: BSD-2-Clause
// php_request.php - what t/bench/php.sh measures: a request with the session `id', which it changes if `change' is 1,
// in strict mode if `strict' is 1; prints how often that was done.
// Where the server is told NO_SESSION, the same without a session: it prints `n', which it is told.
if (getenv('NO_SESSION')) {
	echo $_GET['n'];
	exit;
}
ini_set('session.use_strict_mode', $_GET['strict']);
session_id($_GET['id']);
session_start();
if ($_GET['change'] === '1') {
	$_SESSION['text'] ??= str_repeat('x', 480);
	$_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1;
}
session_write_close();
echo $_SESSION['n'];
