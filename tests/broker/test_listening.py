"""Why an address cannot be listened on is said in words, with the one option that changes it."""

from __future__ import annotations

import errno
import socket

import pytest

from commonwheel.broker import BrokerError, Reason
from commonwheel.broker.listening import not_listening, remedy, require_free
from commonwheel.broker.serving import Endpoint


def _refused(endpoint: Endpoint) -> BrokerError:
    with pytest.raises(BrokerError) as caught:
        require_free(endpoint)
    assert caught.value.reason is Reason.INVALID
    return caught.value


def test_a_port_that_another_has_is_free_again_when_it_is_gone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        endpoint = Endpoint("127.0.0.1", taken.getsockname()[1])
        error = _refused(endpoint)
    assert str(error) == f"cannot listen on {endpoint}: another program listens there"
    assert remedy(error, "--a-port", "--host") == "; choose another port with --a-port (0: any free one)"
    require_free(endpoint)


@pytest.mark.parametrize("port", [-1, 2**16, 2**16 + 8080])
def test_what_is_no_port_is_not_taken_for_another(port: int) -> None:
    error = _refused(Endpoint("127.0.0.1", port))
    assert str(error) == f"cannot listen on 127.0.0.1:{port}: ports are 0 to 65535"


def test_hosts_that_are_not_here_are_not_a_matter_of_ports() -> None:
    for host, why in (("192.0.2.7", "is no address of this machine"), ("no.such.invalid", "is not known here")):
        error = _refused(Endpoint(host))
        assert why in str(error)
        assert remedy(error, "--a-port", "--host") == "; give an address of this machine with --host"


def test_other_errors_have_no_remedy_in_an_address() -> None:
    assert remedy(BrokerError(Reason.INVALID, "the certificate cannot be read"), "--a-port", "--host") == ""


def test_what_a_user_may_not_is_said_as_that() -> None:
    error = not_listening(Endpoint("127.0.0.1", 80), PermissionError(errno.EACCES, "Permission denied"))
    assert str(error) == "cannot listen on 127.0.0.1:80: this user may not"


def test_sockets_of_the_file_system_are_left_to_who_serves_them() -> None:
    require_free(Endpoint("unix:/nowhere/at/all.sock"))
