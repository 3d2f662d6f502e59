# SPDX-License-Identifier: BSD-2-Clause
# client_django.py - what requests do with Django's file-backed sessions: DIRECTORY VERB ARGUMENT...
import os
import sys

from django.conf import settings

settings.configure(SECRET_KEY='a test', SESSION_ENGINE='django.contrib.sessions.backends.file', SESSION_FILE_PATH=sys.argv[1],
                   SESSION_COOKIE_AGE=int(os.environ['LIFETIME']))
from django.contrib.sessions.backends.file import SessionStore  # noqa: E402


def create(value):
    s = SessionStore()
    s['v'] = value
    s.save()
    return s.session_key


def load(key, name='v'):
    return SessionStore(key).get(name, 'none')


def update(key, value):
    s = SessionStore(key)
    s['v'] = value
    s.save()
    return 'ok' if s.session_key == key else 'begun anew'


# A request under SESSION_SAVE_EVERY_REQUEST.
def touch(key):
    s = SessionStore(key)
    s.get('v')
    s.save()
    return 'ok'


def regenerate(key):
    s = SessionStore(key)
    s.cycle_key()
    return s.session_key


def destroy(key):
    s = SessionStore(key)
    if s.get('v') is None:
        return 'none'
    s.flush()
    return 'ok'


def collect():
    SessionStore.clear_expired()
    return 'ok'


def count(key, n):
    for _ in range(int(n)):
        s = SessionStore(key)
        s['n'] = s.get('n', 0) + 1
        s.save()
    return 'ok'


def counted(key):
    return load(key, 'n')


# VALUE is update's only.
def each(verb, value, *keys):
    return '\n'.join(globals()[verb](key, *([value] if verb == 'update' else [])) for key in keys)


try:
    print(globals()[sys.argv[2]](*sys.argv[3:]))
except Exception as e:
    print('%s: %s' % (type(e).__name__, e))
