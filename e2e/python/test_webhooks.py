"""Webhooks with the official client, and their messages with its verifier."""

import os
import queue
import re
import socket
import subprocess
import sys
import threading
import time
import unittest
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from seam import Seam, SeamWebhook

from generation import close
from server import ROOT, Server

PATIENCE_S = 20


class Receiver(BaseHTTPRequestHandler):
    """Keeps what it is told."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        self.server.received.put((body, dict(self.headers.items())))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format, *args):
        pass


class WebhookCase(unittest.TestCase):
    def setUp(self):
        self.server = Server(THUMBTURN_WEBHOOKS__ALLOW_PRIVATE_ADDRESSES="true")
        self.addCleanup(self.server.stop)
        self.receiver = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        self.receiver.daemon_threads = True
        self.receiver.received = queue.Queue()
        threading.Thread(target=self.receiver.serve_forever, daemon=True).start()
        self.addCleanup(self.receiver.server_close)
        self.addCleanup(self.receiver.shutdown)
        self.seam = Seam.from_api_key(self.server.api_key, endpoint=self.server.endpoint)
        self.addCleanup(close, self.seam)
        self.url = f"http://127.0.0.1:{self.receiver.server_address[1]}/hook"

    def test_the_official_verifier_takes_what_is_sent(self):
        webhook = self.seam.webhooks.create(url=self.url, event_types=["lock.unlocked"])
        self.assertEqual([found.webhook_id for found in self.seam.webhooks.list()], [webhook.webhook_id])
        attempt = self.seam.locks.unlock_door(device_id=self.server.device_id())
        body, headers = self.receiver.received.get(timeout=PATIENCE_S)
        event = SeamWebhook(webhook.secret).verify(body, headers)
        self.assertEqual(event.event_type, "lock.unlocked")
        self.assertEqual(event.action_attempt_id, attempt.action_attempt_id)
        with self.assertRaises(Exception):
            SeamWebhook(webhook.secret).verify(body.replace("unlocked", "locked"), headers)
        self.seam.webhooks.update(webhook_id=webhook.webhook_id, event_types=["*"])
        self.assertEqual(self.seam.webhooks.get(webhook_id=webhook.webhook_id).event_types, ["*"])
        self.seam.webhooks.delete(webhook_id=webhook.webhook_id)
        self.assertEqual(self.seam.webhooks.list(), [])

    def test_the_receiver_of_the_documents_takes_what_is_sent(self):
        program = re.search(r"```python\n(.*?)```", (ROOT / "docs/webhooks.md").read_text(), re.DOTALL)[1]
        port = free_port()
        webhook = self.seam.webhooks.create(url=f"http://127.0.0.1:{port}/", event_types=["lock.unlocked"])
        env = {**os.environ, "WEBHOOK_SECRET": webhook.secret, "PORT": str(port)}
        receiver = subprocess.Popen([sys.executable, "-c", program], env=env, stdout=subprocess.PIPE, text=True)
        self.addCleanup(receiver.wait)
        self.addCleanup(receiver.kill)
        self.addCleanup(receiver.stdout.close)
        until_listening(port)
        self.seam.locks.unlock_door(device_id=self.server.device_id())
        lines = queue.Queue()
        threading.Thread(target=lambda: lines.put(receiver.stdout.readline()), daemon=True).start()
        self.assertEqual(lines.get(timeout=PATIENCE_S), "lock.unlocked\n")
        forged = urllib.request.Request(f"http://127.0.0.1:{port}/", data=b"{}", method="POST")
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(forged, timeout=PATIENCE_S)
        self.assertEqual(refused.exception.code, 400)
        refused.exception.close()


def free_port():
    """A port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def until_listening(port):
    """Waits until somebody listens there."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S).close()
            return
        except ConnectionRefusedError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)


if __name__ == "__main__":
    unittest.main()
