"""The messages that the package ships: those of its .proto files, and those that KUKSA's clients speak."""

from __future__ import annotations

import importlib

import pytest
from google.protobuf import descriptor_pb2

from commonwheel.broker import BrokerError, Reason
from commonwheel.broker.rpc import interface
from tools import protos


def test_what_is_shipped_was_made_from_the_proto_files() -> None:
    pytest.importorskip("grpc_tools")
    assert protos.generate() == protos.SHIPPED.read_bytes()


def test_the_files_are_in_the_package() -> None:
    assert {"kuksa.val.v1.VAL", "kuksa.val.v2.VAL"} <= set(interface.services())


def test_messages_and_values_are_found_by_their_full_name() -> None:
    point = interface.message("kuksa.val.v2.Datapoint")(value={"uint64": 2**64 - 1})
    assert interface.message("kuksa.val.v2.Datapoint").FromString(point.SerializeToString()) == point
    assert interface.enum_values("kuksa.val.v2.EntryType")["ENTRY_TYPE_SENSOR"] == 2
    with pytest.raises(KeyError):
        interface.message("kuksa.val.v2.Nothing")


def test_calls_are_served_by_methods_of_their_name() -> None:
    by_name = {method.name: method for method in interface.methods("kuksa.val.v2.VAL")}
    assert len(by_name) == 11
    assert by_name["SubscribeById"].attribute == "subscribe_by_id"
    assert by_name["OpenProviderStream"].streams_in
    assert by_name["OpenProviderStream"].streams_out
    assert len(interface.methods("kuksa.val.v1.VAL")) == 5


def test_bytes_that_are_no_message_are_refused() -> None:
    with pytest.raises(BrokerError, match=r"the 1 bytes received are no kuksa\.val\.v2\.GetValueRequest") as caught:
        interface.parse(interface.message("kuksa.val.v2.GetValueRequest"), b"\xff")
    assert caught.value.reason is Reason.INVALID


def _kuksas(package: str) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    files: list[descriptor_pb2.FileDescriptorProto] = []
    for name in ("types", "val"):
        file = descriptor_pb2.FileDescriptorProto()
        importlib.import_module(f"{package}.{name}_pb2").DESCRIPTOR.CopyToProto(file)
        files.append(file)
    return _parts(files)


def _ours(package: str) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    return _parts([file for file in interface.shipped().file if file.package == package])


def _parts(
    files: list[descriptor_pb2.FileDescriptorProto],
) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """Messages, enumerations and services by name, as text: every field, number, type, label and choice.

    Without names in JSON, which follow from the fields' own and are not stated by all that compile.
    """
    for file in files:
        for kind in file.message_type:
            for part in (kind, *kind.nested_type):
                for field in part.field:
                    field.ClearField("json_name")
    return (
        {part.name: str(part) for file in files for part in file.message_type},
        {part.name: str(part) for file in files for part in file.enum_type},
        {part.name: str(part) for file in files for part in file.service},
    )


@pytest.mark.oracle
@pytest.mark.parametrize("package", ["kuksa.val.v1", "kuksa.val.v2"])
def test_every_field_is_that_of_kuksas_own_client(package: str) -> None:
    pytest.importorskip("kuksa_client")
    for ours, theirs in zip(_ours(package), _kuksas(package), strict=True):
        assert theirs
        assert ours == theirs


@pytest.mark.oracle
def test_kuksas_client_can_be_imported_into_the_same_process() -> None:
    """Two messages of one name in one pool would be an error."""
    pytest.importorskip("kuksa_client")
    theirs = importlib.import_module("kuksa.val.v2.types_pb2").Datapoint(value={"float": 1.0})
    ours = interface.message("kuksa.val.v2.Datapoint")
    assert not isinstance(theirs, ours)
    assert ours.FromString(theirs.SerializeToString()).value.float == 1.0
