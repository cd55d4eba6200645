"""Keeps notes in a database: POST a line to add one, GET to read all."""

import http.server
import json
import os
import signal
import sqlite3
import sys

path = os.path.join(os.environ.get("NOTES_DATA", "/data"), "notes.sqlite")


def notes(text=None):
    with sqlite3.connect(path, timeout=10) as base:
        base.execute("CREATE TABLE IF NOT EXISTS notes (text TEXT)")
        if text:
            base.execute("INSERT INTO notes VALUES (?)", (text,))
        return [row[0] for row in base.execute("SELECT text FROM notes ORDER BY rowid")]


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, status, value):
        body = json.dumps(value).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(200, notes())

    def do_POST(self):
        length = min(int(self.headers.get("Content-Length", 0)), 4096)
        self.answer(201, notes(self.rfile.read(length).decode(errors="replace").strip()))


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print("notes are kept in", path, flush=True)
http.server.ThreadingHTTPServer(("", 8000), Handler).serve_forever()
