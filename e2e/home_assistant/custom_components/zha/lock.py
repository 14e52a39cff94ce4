"""Locks with the services of ZHA: the same names and fields, and the same indifference to what the lock answers."""

import voluptuous as vol
from homeassistant.helpers import config_validation as cv, entity_platform

from custom_components.rig.lock import RigLock

from . import DOMAIN

SLOT = {vol.Required("code_slot"): vol.Coerce(int)}


async def async_setup_entry(hass, entry, async_add_entities):
    house = hass.data[DOMAIN][entry.entry_id]
    async_add_entities(ZhaLock(house, spec) for spec in house.locks if spec["zigbee"])
    platform = entity_platform.async_get_current_platform()
    code = {**SLOT, vol.Required("user_code"): cv.string}
    platform.async_register_entity_service("set_lock_user_code", code, "async_set_lock_user_code")
    platform.async_register_entity_service("clear_lock_user_code", SLOT, "async_clear_lock_user_code")


class ZhaLock(RigLock):
    """A lock that takes codes."""

    async def async_set_lock_user_code(self, code_slot, user_code):
        await self.house.ask(self.spec["id"], "code", user_code, code_slot)

    async def async_clear_lock_user_code(self, code_slot):
        await self.house.ask(self.spec["id"], "code", None, code_slot)
