"""The rig is set up by a file; Home Assistant asks for this all the same."""

from homeassistant.config_entries import ConfigFlow

from . import DOMAIN


class RigConfigFlow(ConfigFlow, domain=DOMAIN):
    """Nothing to ask."""

    VERSION = 1
