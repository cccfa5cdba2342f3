"""The broker over gRPC: KUKSA's two interfaces and Commonwheel's own, from one server.

``interface`` knows the messages, ``calls`` lets clients in and tells them what went wrong, ``server`` listens; each
interface is a module of its own (``v1``, ``v2``, ``companion``) that translates to the broker and adds nothing.
"""
