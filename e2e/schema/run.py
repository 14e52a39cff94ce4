"""Schemathesis makes calls from our own `/openapi.json`, right ones and wrong ones, and holds the answers against it.

Closes with `N passed, N failed`, where each operation of the document and each failure counts one.
"""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "python"))

from server import Server  # noqa: E402

CHECKS = [
    "no_fault_of_the_server",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
]
SEED = "20260101"
CASES = "12"
LIMIT_S = 600

# Enough for those that are revoked and deleted on the way.
SESSIONS = 60
SPARE = 60

# Nobody is there, so what it is told of stays on its way.
HOOK = {"url": "https://nobody.invalid/hook", "event_types": ["lock.locked"]}

# Its answer goes on for ever, and the tester waits for the end of one.
ENDLESS = "/thumbturn/events/stream"

# Only things that the tester does not know of would make these succeed; `hooks.py` says why.
NEVER_RIGHT = {
    "/connected_accounts/delete",
    "/devices/delete",
    "/webhooks/delete",
    # There are no entrances and no unmanaged identities here.
    "/spaces/add_acs_entrances",
    "/spaces/remove_acs_entrances",
    "/user_identities/unmanaged/get",
    "/user_identities/unmanaged/update",
}


def known_ids(server):
    """Things that exist, by the name of the parameter that means one. A new kind of thing needs a line here."""
    account = server.post("/connected_accounts/list", {})["connected_accounts"][0]["connected_account_id"]
    sessions = [session(server, number, account) for number in range(SESSIONS)]
    *device_ids, unmanaged = [device["device_id"] for device in server.devices]
    server.post("/devices/update", {"device_id": unmanaged, "is_managed": False})
    attempt = server.post("/locks/unlock_door", {"device_id": device_ids[0]})["action_attempt"]
    event = server.post("/events/list", {"since": "2020-01-01T00:00:00Z"})["events"][0]
    hooks = [server.post("/webhooks/create", HOOK)["webhook"]["webhook_id"] for _ in range(2)]
    spaces = [server.post("/spaces/create", space(number, device_ids))["space"] for number in range(SPARE)]
    server.post("/locks/lock_door", {"device_id": device_ids[0]})
    delivery = until_told(server)
    people = [server.post("/user_identities/create", person(number))["user_identity"] for number in range(SPARE)]
    return {
        "space_id": [space["space_id"] for space in spaces],
        "space_ids": [[space["space_id"]] for space in spaces],
        "space_key": [space["space_key"] for space in spaces],
        "space_keys": [[space["space_key"]] for space in spaces],
        "user_identity_id": [person["user_identity_id"] for person in people],
        "user_identity_key": [person["user_identity_key"] for person in people],
        "merged_user_identity_ids": [[person["user_identity_id"]] for person in people],
        "device_id": device_ids,
        "unmanaged device_id": [unmanaged],
        "device_ids": [[device_ids[0], unmanaged]],
        "connected_account_id": [account],
        "client_session_id": [session["client_session_id"] for session in sessions],
        "user_identifier_key": [session["user_identifier_key"] for session in sessions],
        "action_attempt_id": [attempt["action_attempt_id"]],
        "event_id": [event["event_id"]],
        "webhook_id": hooks,
        "event_types": [["lock.locked"], ["lock.locked", "lock.unlocked"]],
        "webhook_delivery_id": [delivery["webhook_delivery_id"]],
        "name": [server.devices[0]["display_name"]],
        "unmanaged name": [server.devices[-1]["display_name"]],
    }


def until_told(server):
    """The first delivery, which comes a little after its event."""
    until = time.monotonic() + LIMIT_S
    while time.monotonic() < until:
        deliveries = server.post("/thumbturn/webhooks/deliveries/list", {})["webhook_deliveries"]
        if deliveries:
            return deliveries[0]
        time.sleep(0.05)
    raise TimeoutError("no webhook was told of anything")


def elsewhere(server):
    """A second sandbox workspace, for what would take away what the other calls need, with the ids for each path."""
    made = server.as_operator("/workspaces/create", {"name": "Elsewhere", "is_sandbox": True})["workspace"]
    workspace = made["workspace_id"]
    devices = server.as_operator("/devices/list", {}, workspace)["devices"]
    ids = [device["device_id"] for device in devices]
    paths = {
        "/workspaces/reset_sandbox": {},
        "/devices/simulate/remove": {"device_id": ids[4:]},
        "/connected_accounts/simulate/disconnect": {"connected_account_id": [devices[0]["connected_account_id"]]},
    }
    return {"workspace_id": workspace, "paths": paths}


def space(number, device_ids):
    return {"name": f"Space {number}", "space_key": f"space {number}", "device_ids": device_ids}


def person(number):
    return {"user_identity_key": f"person {number}", "full_name": f"Person {number}"}


def session(server, number, account):
    wanted = {"user_identifier_key": f"user {number}", "connected_account_ids": [account]}
    return server.post("/client_sessions/create", wanted)["client_session"]


def operations(server):
    with urllib.request.urlopen(f"{server.endpoint}/openapi.json") as response:
        paths = json.load(response)["paths"]
    return {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}


def run(server):
    """Runs the tester; how many failures it found, and which operations never succeeded."""
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{server.endpoint}/openapi.json"]
    command += ["--checks", ",".join(CHECKS), "--exclude-path", ENDLESS]
    command += ["--seed", SEED, "--max-examples", CASES, "--phases", "coverage,fuzzing", "--continue-on-failure"]
    command += ["--suppress-health-check", "all", "--warnings", "off", "--no-color", "--workers", "2"]
    report = Path(server.folder) / "succeeded.json"
    env = {
        **os.environ,
        "KNOWN_IDS": json.dumps(known_ids(server)),
        "API_KEY": server.api_key,
        "OPERATOR_TOKEN": server.personal_access_token,
        "ELSEWHERE": json.dumps(elsewhere(server)),
        "SUCCEEDED": str(report),
        "SCHEMATHESIS_HOOKS": str(HERE / "hooks.py"),
    }
    # It keeps a database of examples in the folder it runs in.
    tester = subprocess.run(command, env=env, cwd=server.folder, capture_output=True, text=True, timeout=LIMIT_S)
    print(tester.stdout + tester.stderr)
    found = re.search(r"(\d+) failures?\b.* in [\d.]+s", tester.stdout)
    failed = int(found[1]) if found else int(tester.returncode != 0)
    unreached = operations(server) - set(json.loads(report.read_text()))
    return failed, {operation for operation in unreached if operation.split()[1] not in {*NEVER_RIGHT, ENDLESS}}


def main():
    server = Server()
    try:
        failed, unreached = run(server)
        total = len(operations(server))
    finally:
        server.stop()
    for operation in sorted(unreached):
        print(f"FAILED {operation} never succeeded: `known_ids` lacks something")
    failed += len(unreached)
    print(f"{max(0, total - failed)} passed, {failed} failed")
    return 0 if failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
