"""Batteries."""

from homeassistant.components.sensor import SensorDeviceClass, SensorEntity
from homeassistant.const import PERCENTAGE

from . import DOMAIN
from .entity import RigEntity


async def async_setup_entry(hass, entry, async_add_entities):
    house = hass.data[DOMAIN][entry.entry_id]
    specs = [spec for spec in house.locks if "battery" in spec["said"]]
    async_add_entities(Battery(house, spec, "battery") for spec in specs)


class Battery(RigEntity, SensorEntity):
    """The charge of a lock."""

    _attr_device_class = SensorDeviceClass.BATTERY
    _attr_native_unit_of_measurement = PERCENTAGE

    def take(self, said):
        self._attr_native_value = said.get("battery", self._attr_native_value)
