"""A stand-in for Azure Service Bus: queues with sessions, and the part of the REST interface that senders use."""

from sandbox.servicebus.broker import Broker
from sandbox.servicebus.message import Draft, Message
from sandbox.servicebus.options import QueueOptions
from sandbox.servicebus.server import ServiceBus

__all__ = ["Broker", "Draft", "Message", "QueueOptions", "ServiceBus"]
