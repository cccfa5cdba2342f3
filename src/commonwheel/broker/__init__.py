"""The broker: every signal's current value, quality and time; who provides it, who reads it, who may ask for it.

``Broker`` is the heart: plain Python and numpy, no sockets, safe to call from any thread. The servers in this
package's folders (``kuksa``, ``viss``, ``native`` ...) translate their protocols to it and add nothing of their own.
"""

from commonwheel.broker.actuation import Actuation, Stage
from commonwheel.broker.broker import Broker
from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.filters import Filter
from commonwheel.broker.providers import Provider
from commonwheel.broker.rights import Action, Rights
from commonwheel.broker.signals import Signal, SignalTable
from commonwheel.broker.subscription import Overflow, Queue, Subscription
from commonwheel.broker.updates import Updates
from commonwheel.broker.values import Reading

__all__ = [
    "Action",
    "Actuation",
    "Broker",
    "BrokerError",
    "Filter",
    "Overflow",
    "Provider",
    "Queue",
    "Reading",
    "Reason",
    "Rights",
    "Signal",
    "SignalTable",
    "Stage",
    "Subscription",
    "Updates",
]
