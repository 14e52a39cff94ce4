"""What the entities of one lock have in common."""

from homeassistant.core import callback
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.entity import Entity

from . import DOMAIN


class RigEntity(Entity):
    """An entity that hears its lock."""

    _attr_should_poll = False
    _attr_has_entity_name = True

    def __init__(self, house, spec, kind):
        self.house = house
        self.spec = spec
        self._attr_available = spec["said"].get("available", True)
        if spec["bare"]:
            self._attr_has_entity_name = False
            self._attr_name = spec["name"]
        else:
            self._attr_unique_id = f"{spec['id']}-{kind}"
            self._attr_device_info = DeviceInfo(
                identifiers={(DOMAIN, spec["id"])},
                name=spec["name"],
                manufacturer=spec["maker"],
                model=spec["model"],
            )
        self.take(spec["said"])

    async def async_added_to_hass(self):
        self.async_on_remove(self.house.listen(self.spec["id"], self.hear))

    @callback
    def hear(self, said):
        self._attr_available = said.get("available", self._attr_available)
        self.take(said)
        self.async_write_ha_state()

    def take(self, said):
        """Takes in what the lock says."""
        raise NotImplementedError
