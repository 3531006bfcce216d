"""The conversion of a configuration, as tests call it."""

from collections.abc import Callable

from posttrain.convert.conversion import Conversion

Converted = Callable[..., Conversion]
"""A text, perhaps with the tool, the kind of stage and the devices → its conversion."""
