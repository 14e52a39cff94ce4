"""An integration for simulated locks. The hardware is the test's: it is reached over a local connection, one JSON object a line.

It says `{"locks": [...]}` first, and then whatever the locks say: `{"lock": ID, "say": {...}}`. We ask
`{"n": 1, "lock": ID, "do": "lock" | "unlock" | "read" | "code", "code": ..., "slot": ...}` and are answered `{"n": 1, ...}`.
"""

import asyncio
import json

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import EVENT_HOMEASSISTANT_FINAL_WRITE, Platform
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryNotReady, HomeAssistantError
from homeassistant.helpers.start import async_at_started

DOMAIN = "rig"
PLATFORMS = [Platform.LOCK, Platform.SENSOR, Platform.BINARY_SENSOR]

# How long a lock may take to answer. One that does not is not available.
PATIENCE = 1.0


class House:
    """The connection to the locks."""

    def __init__(self, reader, writer, locks):
        self.locks = locks
        self._reader = reader
        self._writer = writer
        self._number = 0
        self._asked = {}
        self._listeners = {}

    @classmethod
    async def connect(cls, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        hello = json.loads(await reader.readline())
        return cls(reader, writer, hello["locks"])

    def listen(self, lock, listener):
        """Has a lock heard; gives what ends that."""
        listeners = self._listeners.setdefault(lock, [])
        listeners.append(listener)
        return lambda: listeners.remove(listener)

    async def run(self):
        while line := await self._reader.readline():
            message = json.loads(line)
            if "n" in message:
                answer = self._asked.pop(message["n"], None)
                if answer is not None and not answer.done():
                    answer.set_result(message)
            else:
                self.tell(message["lock"], message["say"])

    @callback
    def tell(self, lock, said):
        for listener in list(self._listeners.get(lock, [])):
            listener(said)

    async def ask(self, lock, do, code=None, slot=None):
        """Asks a lock for something."""
        self._number += 1
        number = self._number
        answer = asyncio.get_running_loop().create_future()
        self._asked[number] = answer
        question = {"n": number, "lock": lock, "do": do, "code": code, "slot": slot}
        self._writer.write(json.dumps(question).encode() + b"\n")
        try:
            async with asyncio.timeout(PATIENCE):
                message = await answer
        except TimeoutError:
            self.tell(lock, {"available": False})
            raise HomeAssistantError("The lock does not answer") from None
        finally:
            self._asked.pop(number, None)
        if problem := message.get("problem"):
            raise HomeAssistantError(problem)
        return message

    def close(self):
        self._writer.close()


async def async_setup(hass: HomeAssistant, config) -> bool:
    async def save(call=None):
        # What is kept is written 10 s late, and this one may be killed before.
        hass.bus.async_fire(EVENT_HOMEASSISTANT_FINAL_WRITE)
        await asyncio.sleep(0.1)

    async def started(hass):
        await save()
        print(json.dumps({"running": True}), flush=True)

    hass.services.async_register(DOMAIN, "save", save)
    async_at_started(hass, started)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: ConfigEntry) -> bool:
    try:
        house = await House.connect(entry.data["port"])
    except OSError as error:
        raise ConfigEntryNotReady(str(error)) from error
    hass.data.setdefault(DOMAIN, {})[entry.entry_id] = house
    entry.async_create_background_task(hass, house.run(), "the connection to the locks")
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    return True


async def async_unload_entry(hass: HomeAssistant, entry: ConfigEntry) -> bool:
    unloaded = await hass.config_entries.async_unload_platforms(entry, PLATFORMS)
    if unloaded:
        hass.data[DOMAIN].pop(entry.entry_id).close()
    return unloaded
