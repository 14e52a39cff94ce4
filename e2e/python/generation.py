"""What differs between the generations of the official client; the tests are the same.

The current one sends the method that fits, the one before it (`seam` 1.x) sends POST for everything.
"""

import seam

IS_CURRENT = hasattr(seam, "SeamWithoutWorkspace")

# The generation before cannot send `null` for a parameter, only inside of one.
NULL = seam.NULL if IS_CURRENT else None

# What it makes of a `result` or an `error` that is `null`.
NOTHING = None if IS_CURRENT else {}

SeamWithoutWorkspace = seam.SeamWithoutWorkspace if IS_CURRENT else seam.SeamMultiWorkspace

# It reads an attempt once more even when the first answer was final.
PATHS_OF_AN_UNLOCK = ["/locks/unlock_door"] if IS_CURRENT else ["/locks/unlock_door", "/action_attempts/get"]


def recording(paths):
    """Options of a client that writes down the path of each request."""
    if IS_CURRENT:
        return {"httpx_options": {"event_hooks": {"request": [lambda request: paths.append(request.url.path)]}}}
    return {"niquests_options": {"hooks": {"pre_request": [lambda request: paths.append(request.path_url)]}}}


def close(client):
    """Closes the connections of a client of either class."""
    client.client.close()
