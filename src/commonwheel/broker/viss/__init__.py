"""VISS, the Vehicle Information Service Specification of COVESA: versions 2 and 3, over WebSocket and HTTP.

``VissServer`` serves a broker. What comes in is read strictly (``requests``, ``filters``), answered by ``service`` and
``subscriptions``, and written in the words of the client's version (``dialect``, ``faults``, ``messages``).
"""

from commonwheel.broker.viss.dialect import Version
from commonwheel.broker.viss.server import VissServer

__all__ = ["Version", "VissServer"]
