"""Locks that say what their hardware says."""

from homeassistant.components.lock import LockEntity
from homeassistant.exceptions import HomeAssistantError

from . import DOMAIN
from .entity import RigEntity


async def async_setup_entry(hass, entry, async_add_entities):
    house = hass.data[DOMAIN][entry.entry_id]
    kinds = {True: AskedLock, False: RigLock}
    async_add_entities(kinds[spec["reads"]](house, spec) for spec in house.locks if not spec["zigbee"])


class RigLock(RigEntity, LockEntity):
    """A lock that pushes what it does."""

    _attr_name = None

    def __init__(self, house, spec):
        if spec["code_format"]:
            self._attr_code_format = spec["code_format"]
        self._attr_assumed_state = spec["assumed"]
        super().__init__(house, spec, "lock")

    def take(self, said):
        state = said.get("state")
        if state is not None:
            self._attr_is_jammed = state == "jammed"
            self._attr_is_locking = state == "locking"
            self._attr_is_unlocking = state == "unlocking"
            if state in ("locked", "unlocked"):
                self._attr_is_locked = state == "locked"
            elif state == "unknown":
                self._attr_is_locked = None
        if "changed_by" in said:
            self._attr_changed_by = said["changed_by"]

    async def async_lock(self, **kwargs):
        await self.command("lock", kwargs)

    async def async_unlock(self, **kwargs):
        await self.command("unlock", kwargs)

    async def command(self, do, kwargs):
        await self.house.ask(self.spec["id"], do, kwargs.get("code"))
        if self.spec["assumed"]:
            self.take({"state": "locked" if do == "lock" else "unlocked"})
            self.async_write_ha_state()


class AskedLock(RigLock):
    """A lock that can also be asked. One that does not answer is not available."""

    async def async_update(self):
        try:
            said = await self.house.ask(self.spec["id"], "read")
        except HomeAssistantError:
            self._attr_available = False
            return
        self._attr_available = True
        self.take(said)
