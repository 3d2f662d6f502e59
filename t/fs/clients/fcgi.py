# SPDX-License-Identifier: BSD-2-Clause
# fcgi.py - one request of FastCGI, as a web server makes it: SOCKET SCRIPT VERB ID VALUE. Prints what comes back.
import os
import socket
import struct
import sys
import urllib.parse

BEGIN, END, PARAMS, STDIN, STDOUT, STDERR = 1, 3, 4, 5, 6, 7


def record(kind, content):
    return struct.pack('>BBHHBx', 1, kind, 1, len(content), 0) + content


def length(n):
    return bytes([n]) if n < 128 else struct.pack('>I', n | 1 << 31)


def params(values):
    pairs = [(k.encode(), v.encode()) for k, v in values.items()]
    return b''.join(length(len(k)) + length(len(v)) + k + v for k, v in pairs)


def exactly(stream, n):
    data = stream.read(n)
    if len(data) < n:
        sys.exit('the server hung up')
    return data


def ask(path, values):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)
        s.sendall(record(BEGIN, struct.pack('>HB5x', 1, 0)) + record(PARAMS, params(values)) + record(PARAMS, b'') + record(STDIN, b''))
        stream, out = s.makefile('rb'), b''
        while True:
            _, kind, _, size, padding = struct.unpack('>BBHHBx', exactly(stream, 8))
            content = exactly(stream, size + padding)[:size]
            if kind == END:
                return out
            if kind == STDOUT:
                out += content
            elif kind == STDERR:
                sys.stderr.buffer.write(content)


at, script, verb, *rest = sys.argv[1:]
ident, value = (rest + ['', ''])[:2]
query = urllib.parse.urlencode({'verb': verb, 'id': ident, 'value': value})
answer = ask(at, {'SCRIPT_FILENAME': script, 'SCRIPT_NAME': '/client.php', 'REQUEST_METHOD': 'GET', 'QUERY_STRING': query,
                  'SERVER_PROTOCOL': 'HTTP/1.1', 'LIFETIME': os.environ.get('LIFETIME', '3600')})
sys.stdout.buffer.write(answer.partition(b'\r\n\r\n')[2])
