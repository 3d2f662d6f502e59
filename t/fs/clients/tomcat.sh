#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Goal: Tomcat's FileStore has its sessions on the mount, by nothing but its directory.
. "${0%/*}/lib.sh"
jars=$clients/debian/usr/share/java
requires_package libtomcat10-java test -e "$jars/tomcat10-catalina.jar"
requires_package default-jdk-headless command -v javac
check "it is built with Tomcat's own classes" javac -d "$tmp/classes" -cp "$jars/*" "$srctop/t/fs/clients/Client.java"
client_store

client() {
	java -XX:TieredStopAtLevel=1 -Xshare:auto -cp "$tmp/classes:$jars/*" Client "$dir" "$@"
}
file_of() {
	echo "$1.session"
}

client_everything '^none$' '^none$' '^none$' 'IOException: File too large'

done_testing
