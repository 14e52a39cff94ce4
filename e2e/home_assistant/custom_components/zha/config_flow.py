"""ZHA is set up by a file here; Home Assistant asks for this all the same."""

from homeassistant.config_entries import ConfigFlow

from . import DOMAIN


class ZhaConfigFlow(ConfigFlow, domain=DOMAIN):
    """Nothing to ask."""

    VERSION = 1
