"""The standard: a tree of signals with COVESA VSS 6.0's names, and the profiles that members agree on.

A catalog knows signals, units and limits. It knows no CAN and no car.
"""

from commonwheel.catalog.leaf import Branch, Kind, Leaf
from commonwheel.catalog.profiles import Profile, ProfileSignal, load_profiles
from commonwheel.catalog.tree import Catalog, load_catalog

__all__ = ["Branch", "Catalog", "Kind", "Leaf", "Profile", "ProfileSignal", "load_catalog", "load_profiles"]
