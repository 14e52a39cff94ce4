"""A real Home Assistant whose locks are those of a test.

    python hub.py '{"folder": "/tmp/…", "port": 41234, "locks": 41235, "zigbee": true, "zwave": "ws://127.0.0.1:41236"}'

With `zigbee` some of the locks are those of ZHA (`custom_components/zha`), with `zwave` its own integration of Z-Wave JS is
connected to the server there. Prints {"token": …, "admin": …} once its settings are written, and {"running": true} when it runs. On a folder that it was
started on before it keeps everything. Ends with its standard input.
"""

import json
import os
import shutil
import sys
import threading
from pathlib import Path

import jwt

HERE = Path(__file__).parent
YEARS = 315360000
JWT_KEY = "6e" * 64
# Fixed, so that the tokens are the same after a restart. They open nothing but this test's own Home Assistant.
USERS = {"token": ("1" * 32, "a" * 32, "system-users"), "admin": ("2" * 32, "b" * 32, "system-admin")}

CONFIGURATION = """
homeassistant:
  name: Rig
  country: DE
  latitude: 1
  longitude: 1
  elevation: 1
  time_zone: UTC
  unit_system: metric
logger:
  default: warning
http:
  server_host: 127.0.0.1
  server_port: {port}
frontend:
  development_repo: {pages}
"""


def user(name, group):
    flags = {"is_owner": False, "is_active": True, "system_generated": False, "local_only": False}
    return {"id": name, "group_ids": [group], "name": group, **flags}


def refresh_token(identity, owner):
    return {
        "id": identity,
        "user_id": owner,
        "client_id": None,
        "client_name": owner,
        "client_icon": None,
        "token_type": "long_lived_access_token",
        "created_at": "2024-03-01T00:00:00.000000+00:00",
        "access_token_expiration": float(YEARS),
        "token": identity * 4,
        "jwt_key": JWT_KEY,
        "last_used_at": None,
        "last_used_ip": None,
        "credential_id": None,
        "version": "2024.3.3",
    }


def store(folder, key, data):
    text = json.dumps({"version": 1, "minor_version": 1, "key": key, "data": data})
    (folder / ".storage" / key).write_text(text)


def prepare(folder, spec):
    """The settings of a new one: what the first visitor would be asked for, and the rig."""
    (folder / ".storage").mkdir(parents=True)
    pages = folder / "pages"
    (pages / "hass_frontend").mkdir(parents=True)
    (folder / "configuration.yaml").write_text(CONFIGURATION.format(port=spec["port"], pages=pages))
    shutil.copytree(HERE / "custom_components", folder / "custom_components", ignore=shutil.ignore_patterns("__pycache__"))
    groups = [{"id": f"system-{name}", "name": name} for name in ("admin", "users", "read-only")]
    store(
        folder,
        "auth",
        {
            "users": [user(owner, group) for owner, _, group in USERS.values()],
            "groups": groups,
            "credentials": [],
            "refresh_tokens": [refresh_token(identity, owner) for owner, identity, _ in USERS.values()],
        },
    )
    entries = [config_entry("rig", {"port": spec["locks"]})]
    if spec.get("zigbee"):
        entries.append(config_entry("zha", {"port": spec["locks"]}))
    if zwave := spec.get("zwave"):
        entries.append(config_entry("zwave_js", {"url": zwave, "use_addon": False, "integration_created_addon": False}))
    store(folder, "core.config_entries", {"entries": entries})


def config_entry(domain, data):
    return {
        "entry_id": domain,
        "version": 1,
        "minor_version": 1,
        "domain": domain,
        "title": domain,
        "data": data,
        "options": {},
        "pref_disable_new_entities": False,
        "pref_disable_polling": False,
        "source": "user",
        "unique_id": None,
        "disabled_by": None,
    }


def token(identity):
    claims = {"iss": identity, "iat": 1709251200, "exp": 1709251200 + YEARS}
    return jwt.encode(claims, JWT_KEY, algorithm="HS256")


def end_with_standard_input():
    sys.stdin.read()
    os._exit(0)


def main():
    spec = json.loads(sys.argv[1])
    folder = Path(spec["folder"])
    if not (folder / "configuration.yaml").exists():
        prepare(folder, spec)
    threading.Thread(target=end_with_standard_input, daemon=True).start()
    print(json.dumps({kind: token(identity) for kind, (_, identity, _) in USERS.items()}), flush=True)
    from homeassistant.__main__ import main as home_assistant

    sys.argv = ["hass", "-c", str(folder), "--skip-pip", "--log-no-color"]
    sys.exit(home_assistant())


main()
