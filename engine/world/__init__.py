"""The synthetic world: a known 1 km truth, and genuine files that observe it.

``simulation`` knows the truth, ``operators`` see it as instruments do, ``writers`` pack what
they see into the products' own formats, and ``build`` puts it all on disk.
"""

from engine.world.build import World, build_world, synthetic_mark
from engine.world.cube import cube, write_cube
from engine.world.presets import Preset, load_preset, preset_names

__all__ = [
    "Preset",
    "World",
    "build_world",
    "cube",
    "load_preset",
    "preset_names",
    "synthetic_mark",
    "write_cube",
]
