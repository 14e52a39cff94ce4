"""Starts a Thumbturn server of its own: a fresh folder, a free port, no settings from outside.

Ready means that the server printed its address; nothing here sleeps.
"""

import json
import os
import queue
import re
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

START_LIMIT_S = 20
STOP_LIMIT_S = 40
READY = re.compile(r"listening on (http://127\.0\.0\.1:\d+)")
ROOT = Path(__file__).resolve().parents[2]
BINARY = str(Path(os.environ.get("THUMBTURN_BIN", ROOT / "target/debug/thumbturn")).resolve())

# The SDK and the server read variables; a developer's own must not reach either.
for name in [name for name in os.environ if name.startswith(("SEAM_", "THUMBTURN_"))]:
    del os.environ[name]


class Server:
    """A running server: its `endpoint`, its own `folder`, and what `thumbturn init` printed."""

    def __init__(self, **settings):
        self._settings = settings
        self.folder = tempfile.mkdtemp(prefix="thumbturn-e2e-")
        data_dir = os.path.join(self.folder, "data")
        try:
            self._start(data_dir)
        except Exception:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def _start(self, data_dir):
        init = [BINARY, "init", "--data-dir", data_dir, "--json"]
        installation = json.loads(subprocess.run(init, check=True, capture_output=True, text=True).stdout)
        self.workspace_id = installation["workspace_id"]
        self.api_key = installation["api_key"]
        self.personal_access_token = installation["personal_access_token"]
        self.publishable_key = installation["publishable_key"]
        self.devices = installation["devices"]

        serve = [BINARY, "serve", "--data-dir", data_dir, "--listen", "127.0.0.1:0"]
        self._process = subprocess.Popen(
            serve,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env={**os.environ, **self._settings},
        )
        self._lines = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self.endpoint = self._wait_until_ready()
        except Exception:
            self._process.kill()
            raise

    def device_id(self, index=0):
        """The id of a virtual lock."""
        return self.devices[index]["device_id"]

    def post(self, path, body):
        """The answer to a call with the API key; a refusal is an error."""
        return self._post(path, body, self.api_key, {})

    def as_operator(self, path, body, workspace=None):
        """The answer to a call with the personal access token, in a workspace or in none."""
        return self._post(path, body, self.personal_access_token, {"seam-workspace": workspace} if workspace else {})

    def _post(self, path, body, token, headers):
        request = urllib.request.Request(
            f"{self.endpoint}{path}",
            headers={"authorization": f"Bearer {token}", "content-type": "application/json", **headers},
            data=json.dumps(body).encode(),
        )
        with urllib.request.urlopen(request) as response:
            return json.load(response)

    def set(self, device_id, **script):
        """Scripts a virtual lock."""
        self.post("/thumbturn/sandbox/locks/set", {"device_id": device_id, **script})

    def stop(self):
        """SIGTERM; a server that does not leave by itself, or not with 0, is an error."""
        self._process.terminate()
        try:
            code = self._process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._reader.join()
        self._process.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        if code != 0:
            raise RuntimeError(f"the server ended with {code}")

    def _read(self):
        """Reads to the end, so that a talkative server never blocks."""
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def _wait_until_ready(self):
        said = []
        end = time.monotonic() + START_LIMIT_S
        while (left := end - time.monotonic()) > 0:
            try:
                line = self._lines.get(timeout=left)
            except queue.Empty:
                break
            if line is None:
                raise RuntimeError("the server ended:\n" + "".join(said))
            said.append(line)
            if found := READY.search(line):
                return found[1]
        raise RuntimeError(f"the server was not ready after {START_LIMIT_S} s:\n" + "".join(said))
