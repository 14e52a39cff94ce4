"""What the real ZHA is to a client: lock entities with services for codes. It takes the place of the real one, which starts
only on a Zigbee stick; the locks are those of the rig."""

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ConfigEntryNotReady

from custom_components.rig import House

DOMAIN = "zha"


async def async_setup_entry(hass: HomeAssistant, entry: ConfigEntry) -> bool:
    try:
        house = await House.connect(entry.data["port"])
    except OSError as error:
        raise ConfigEntryNotReady(str(error)) from error
    hass.data.setdefault(DOMAIN, {})[entry.entry_id] = house
    entry.async_create_background_task(hass, house.run(), "the connection to the locks")
    await hass.config_entries.async_forward_entry_setups(entry, [Platform.LOCK])
    return True
