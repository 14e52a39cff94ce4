"""The hub: the real Matter server, in the network that a house (house.mjs) holds open for it.

    python hub.py '{"house": 4711, "port": 5580, "storage": "/tmp/…", "authority": "…"}'

Listens on the port of the machine's own loopback interface, while everything else of it is in that network. Prints
{"port": …} when it serves. Ends with its standard input.
"""

import asyncio
import base64
import ctypes
import json
import os
import pathlib
import socket
import sys
import threading

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x00020000, 0x10000000, 0x40000000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000

libc = ctypes.CDLL(None, use_errno=True)


def checked(what: str, result: int) -> None:
    """Fails where a call of the system did."""
    if result != 0:
        problem = ctypes.get_errno()
        raise OSError(problem, f"{what}: {os.strerror(problem)}")


def join(house: int) -> None:
    """Goes into the network that a house holds open for its hub."""
    places = ((CLONE_NEWUSER, f"/proc/{house}/ns/user"), (CLONE_NEWNET, f"/proc/{house}/fd/9"))
    handles = [(kind, place, os.open(place, os.O_RDONLY)) for kind, place in places]
    for kind, place, handle in handles:
        checked(f"join {place}", libc.setns(handle, kind))
        os.close(handle)


def mount(source: str, target: str, kind: str | None = None, flags: int = 0) -> None:
    """Mounts something."""
    encoded = [text.encode() if text is not None else None for text in (source, target, kind)]
    checked(f"mount {source} at {target}", libc.mount(*encoded, flags, None))


def mirror(folder: str, at: pathlib.Path, leave_out: str) -> None:
    """Shows what is in a folder at another place, but for one entry."""
    mount("tmpfs", str(at), "tmpfs")
    for entry in os.scandir(folder):
        if entry.name == leave_out:
            continue
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), at / entry.name)
        elif entry.is_dir():
            (at / entry.name).mkdir()
            mount(entry.path, str(at / entry.name), None, MS_BIND | MS_REC)


def cover(storage: pathlib.Path) -> None:
    """Gives this process alone a `/data` and a `/tmp/chip_kvs`, where the SDK insists on writing: they are in the storage."""
    checked("make mounts of its own", libc.unshare(CLONE_NEWNS))
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    root = storage / "root"
    data = storage / "data"
    for folder in (root, data):
        folder.mkdir(exist_ok=True)
    mirror("/", root, "data")
    mirror("/tmp", root / "tmp", "chip_kvs")
    (root / "data").mkdir()
    mount(str(data), str(root / "data"), None, MS_BIND)
    os.symlink("/data/chip_kvs", root / "tmp" / "chip_kvs")
    os.chroot(root)
    os.chdir("/")


def trust(folder: pathlib.Path, authority: str) -> None:
    """Trusts the test authority alone, and keeps the server from asking the internet for others."""
    folder.mkdir(exist_ok=True)
    (folder / "test.der").write_bytes(base64.b64decode(authority))
    (folder / ".version").write_text("1")


def end_with_input() -> None:
    """Ends the process when nobody is left to talk to it."""
    while os.read(0, 4096):
        pass
    os._exit(0)


def serve(listening: socket.socket, storage: pathlib.Path) -> None:
    """Runs the server on a socket that was opened before."""
    sys.argv = ["matter-server", "--storage-path", str(storage), "--primary-interface", "wall"]
    sys.argv += ["--paa-root-cert-dir", str(storage / "authorities")]
    from aiohttp import web
    from matter_server.server import __main__ as program
    from matter_server.server.helpers.custom_web_runner import MultiHostTCPSite

    async def start(site: MultiHostTCPSite) -> None:
        await web.BaseSite.start(site)
        site._server = await asyncio.get_running_loop().create_server(site._runner.server, sock=listening)
        print(json.dumps({"port": listening.getsockname()[1]}), flush=True)

    MultiHostTCPSite.start = start
    program.main()


def main() -> None:
    """See the module."""
    spec = json.loads(sys.argv[1])
    storage = pathlib.Path(spec["storage"])
    listening = socket.create_server(("127.0.0.1", spec["port"]))
    trust(storage / "authorities", spec["authority"])
    join(spec["house"])
    cover(storage)
    threading.Thread(target=end_with_input, daemon=True).start()
    serve(listening, storage)


main()
