"""What one provider publishes over kuksa.val.v2: taken apart, checked, and handed to the broker.

A request is taken by the kernel where it is of the usual sort, else by a full parser. Wrong values among right ones
are told in an answer, by signal; a signal that is not the provider's refuses the whole request.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.rpc.calls import STATUS
from commonwheel.broker.rpc.interface import enum_values, message, parse
from commonwheel.broker.rpc.v2_entries import check_count, point_row
from commonwheel.broker.updates import Updates

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from commonwheel.broker.broker import Broker
    from commonwheel.broker.providers import Provider
    from commonwheel.broker.rpc.interface import Proto
    from commonwheel.broker.rpc.v2_kernels import Points

__all__ = ["Publisher"]

_ERRORS = {
    "NOT_FOUND": "ERROR_CODE_NOT_FOUND",
    "PERMISSION_DENIED": "ERROR_CODE_PERMISSION_DENIED",
    "UNAUTHENTICATED": "ERROR_CODE_PERMISSION_DENIED",
}
"""Names of gRPC's statuses to KUKSA's codes inside a message; all others are INVALID_ARGUMENT."""


class Publisher:
    """Publishes for one provider."""

    def __init__(self, broker: Broker, provider: Provider) -> None:
        self._broker = broker
        self._provider = provider

    def publish_points(self, points: Points) -> Proto | None:
        """Publish what the kernel took apart; returns the answer, if there is anything to say.

        Raises:
            BrokerError: NOT_CLAIMED, ALREADY_CLAIMED, or INVALID for bytes that are no data point.
        """
        faults: dict[int, BrokerError] = {}
        updates = Updates(points.signal, points.t_ns, points.value, points.quality)
        if points.left:
            updates, faults = self._look_at(points)
        self._publish(updates, points.signal)
        return _status(points.request_id, faults) if faults else None

    def publish_values(self, request: Proto) -> Proto | None:
        """Publish what the kernel could not take apart; as ``publish_points``.

        Raises:
            BrokerError: as there; LIMIT for too many values.
        """
        check_count(len(request.data_points))
        table = self._broker.table
        now = time.time_ns()
        rows: list[tuple[int, int, float, int, object]] = []
        faults: dict[int, BrokerError] = {}
        for number, point in request.data_points.items():
            try:
                rows.append(point_row(table[number], point, now))
            except BrokerError as error:
                faults[number] = error
        self._publish(Updates.build(rows), [number for number in request.data_points if 0 <= number < len(table)])
        return _status(request.request_id, faults) if faults else None

    def _look_at(self, points: Points) -> tuple[Updates, dict[int, BrokerError]]:
        """Read the data points that the kernel left to us; returns all that are right, and the errors of the others."""
        faults: dict[int, BrokerError] = {}
        keep = np.ones(len(points.signal), bool)
        objects = np.full(len(points.signal), None, object)
        now = time.time_ns()
        for row, data in points.left:
            signal = self._broker.table[int(points.signal[row])]
            point = parse(_POINT, data)
            try:
                _, points.t_ns[row], points.value[row], points.quality[row], objects[row] = point_row(
                    signal, point, now
                )
            except BrokerError as error:
                faults[signal.number], keep[row] = error, False
        updates = Updates(points.signal, points.t_ns, points.value, points.quality, objects)
        return updates[keep] if faults else updates, faults

    def _publish(self, updates: Updates, numbers: Sequence[int] | npt.NDArray[np.int32]) -> None:
        """Publish a batch, all of it or, when one of the signals named is not this provider's, nothing.

        Raises:
            BrokerError: NOT_CLAIMED or ALREADY_CLAIMED.
        """
        if not self._provider.signals:
            raise BrokerError(Reason.NOT_CLAIMED, "nothing is claimed yet; send a ProvideSignalRequest first")
        if len(updates) < len(numbers):
            self._require_claims(numbers)
        try:
            self._provider.publish(updates)
        except BrokerError:
            self._require_claims(numbers)
            raise

    def _require_claims(self, numbers: Sequence[int] | npt.NDArray[np.int32]) -> None:
        for number in map(int, numbers):
            if number not in self._provider.signals:
                path = self._broker.table[number].path
                owner = self._broker.owner(number)
                if owner is None:
                    raise BrokerError(Reason.NOT_CLAIMED, f"{path} is not claimed; send a ProvideSignalRequest first")
                raise BrokerError(Reason.ALREADY_CLAIMED, f"{path} is provided by {owner.name} already")


def _status(request_id: int, faults: Mapping[int, BrokerError]) -> Proto:
    """Return the answer to a request of which some values were refused."""
    answer = _RESPONSE()
    response = answer.publish_values_response
    response.request_id = request_id
    for number, error in faults.items():
        status = response.status[number]
        status.code = _CODES[_ERRORS.get(STATUS[error.reason].name, "ERROR_CODE_INVALID_ARGUMENT")]
        status.message = str(error)
    return answer


_POINT: Proto = message("kuksa.val.v2.Datapoint")
_RESPONSE: Proto = message("kuksa.val.v2.OpenProviderStreamResponse")
_CODES = enum_values("kuksa.val.v2.ErrorCode")
