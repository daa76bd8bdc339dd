"""Messages over RabbitMQ, on aio-pika.

`transport` publishes and subscribes; `connection` connects anew when that is needed; `declaring` makes or checks the
objects at the broker; `publishing` sends a window and collects its confirms; `consuming` turns deliveries into batches.
"""

from skillscoop_messages.transport.rabbitmq.declaring import Topology
from skillscoop_messages.transport.rabbitmq.transport import RabbitTransport

__all__ = ["RabbitTransport", "Topology"]
