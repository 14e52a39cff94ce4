"""Door contacts."""

from homeassistant.components.binary_sensor import BinarySensorDeviceClass, BinarySensorEntity

from . import DOMAIN
from .entity import RigEntity


async def async_setup_entry(hass, entry, async_add_entities):
    house = hass.data[DOMAIN][entry.entry_id]
    specs = [spec for spec in house.locks if "door_open" in spec["said"]]
    async_add_entities(Door(house, spec, "door") for spec in specs)


class Door(RigEntity, BinarySensorEntity):
    """Whether the door of a lock stands open."""

    _attr_device_class = BinarySensorDeviceClass.DOOR

    def take(self, said):
        self._attr_is_on = said.get("door_open", self._attr_is_on)
