# SPDX-License-Identifier: BSD-2-Clause
# client_flask.py - requests to a Flask application whose sessions are in files by cachelib: DIRECTORY VERB ARGUMENT...
import os
import sys
from datetime import timedelta

import flask
import flask_session

app = flask.Flask(__name__)
# cachelib looks through all files, those of others too, when there are more than the threshold: 0 is never.
app.config.update(SESSION_TYPE='filesystem', SESSION_FILE_DIR=sys.argv[1], SESSION_FILE_THRESHOLD=0, SESSION_PERMANENT=False,
                  PERMANENT_SESSION_LIFETIME=timedelta(seconds=int(os.environ['LIFETIME'])), PROPAGATE_EXCEPTIONS=True)
flask_session.Session(app)
session = flask.session


@app.route('/create/<value>')
def create(value):
    session['v'] = value
    return session.sid


@app.route('/load/<key>')
def load(key):
    return str(session.get('v', 'none'))


@app.route('/counted/<key>')
def counted(key):
    return str(session.get('n', 'none'))


@app.route('/update/<key>/<value>')
def update(key, value):
    if 'v' not in session:
        return 'none'
    session['v'] = value
    return 'ok'


@app.route('/touch/<key>')
def touch(key):
    return 'ok' if 'v' in session else 'none'


# The interface has no word for it: the session goes on under another id, and its old one is deleted.
@app.route('/regenerate/<key>')
def regenerate(key):
    interface = app.session_interface
    session.sid = interface._generate_sid()
    interface.cache.delete(interface.key_prefix + key)
    return session.sid


@app.route('/destroy/<key>')
def destroy(key):
    session.clear()
    return 'ok'


@app.route('/add/<key>')
def add(key):
    session['n'] = session.get('n', 0) + 1
    return 'ok'


# What a threshold does, asked for by hand.
@app.route('/collect')
def collect():
    app.session_interface.cache._remove_expired(__import__('time').time())
    return 'ok'


def ask(*path):
    client = app.test_client()
    if path[0] not in ('create', 'collect'):
        client.set_cookie('localhost', app.session_cookie_name, path[1])
    return client.get('/' + '/'.join(path)).get_data(as_text=True)


def count(key, n):
    for _ in range(int(n)):
        if ask('add', key) != 'ok':
            return 'failed'
    return 'ok'


# VALUE is update's only.
def each(verb, value, *keys):
    return '\n'.join(ask(verb, key, *([value] if verb == 'update' else [])) for key in keys)


try:
    many = {'count': count, 'each': each}.get(sys.argv[2])
    print(many(*sys.argv[3:]) if many else ask(*sys.argv[2:]))
except Exception as e:
    print('%s: %s' % (type(e).__name__, e))
