"""What Schemathesis cannot know: which things exist, which key opens what, and which faults are none.

`run.py` names them in the environment.
"""

import atexit
import json
import os
import zlib

import schemathesis

KNOWN = json.loads(os.environ["KNOWN_IDS"])
OPERATOR = os.environ["OPERATOR_TOKEN"]
API_KEY = os.environ["API_KEY"]

# What would take away what the other calls need happens in a workspace of its own: ids by path.
ELSEWHERE = json.loads(os.environ["ELSEWHERE"])

# Would take away what the other calls need; the tester remembers ids that it has seen in answers.
DELETES = {
    "/connected_accounts/delete": "connected_account_id",
    "/devices/delete": "device_id",
    "/webhooks/delete": "webhook_id",
}
NOTHING = "00000000-0000-4000-8000-000000000000"

# A suspended workspace would refuse every change; devices stay of the kind that `run.py` made them.
FIXED = ["is_suspended", "is_managed"]

# Operations that succeeded at least once, for `run.py`.
succeeded = set()


@atexit.register
def report():
    with open(os.environ["SUCCEEDED"], "w", encoding="utf-8") as file:
        json.dump(sorted(succeeded), file)


@schemathesis.hook
def before_call(context, case, kwargs):
    path = case.operation.path
    for values in (case.query, case.body):
        if isinstance(values, dict):
            place_known(path, values)
    case.headers.update(credential(path))


def credential(path):
    """Given here and not to the tester, which would put one of its own over it."""
    if path in ELSEWHERE["paths"]:
        return {"authorization": f"Bearer {OPERATOR}", "seam-workspace": ELSEWHERE["workspace_id"]}
    return {"authorization": f"Bearer {OPERATOR if path == '/workspaces/create' else API_KEY}"}


def place_known(path, values):
    """Three of four values of a name that means a thing become one of a thing that exists."""
    for name in FIXED:
        values.pop(name, None)
    if path in DELETES:
        if DELETES[path] in values:
            values[DELETES[path]] = NOTHING
        return
    kind = "unmanaged " if "/unmanaged/" in path else ""
    elsewhere = ELSEWHERE["paths"].get(path, {})
    for name in values.keys() & KNOWN.keys():
        known = elsewhere.get(name) or KNOWN.get(kind + name, KNOWN[name])
        number = zlib.crc32(repr(sorted(values.items(), key=repr)).encode())
        if number % 4 > 0:
            values[name] = known[number // 4 % len(known)]


@schemathesis.hook
def after_call(context, case, response):
    if response.status_code == 200:
        succeeded.add(f"{case.operation.method.upper()} {case.operation.path}")


@schemathesis.check
def no_fault_of_the_server(ctx, response, case):
    """501 is an answer where the document has it, which is another check's matter."""
    assert response.status_code < 500 or response.status_code == 501, f"{response.status_code}: {response.text}"
