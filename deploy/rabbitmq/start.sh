#!/bin/sh
# Puts the topology and one user per service where the broker imports them at boot.
# Each user may write only events of its own service and read only its own queues.
set -eu
cp /etc/skillscoop/rabbitmq.conf /etc/rabbitmq/conf.d/20-skillscoop.conf
mkdir -p /etc/rabbitmq/definitions.d
cp /etc/skillscoop/definitions.json /etc/rabbitmq/definitions.d/10-topology.json
(umask 077; sed "s|@PASSWORD@|$SERVICE_BROKER_PASSWORD|" /etc/skillscoop/users.json.template > /etc/rabbitmq/definitions.d/20-users.json)
chown -R rabbitmq: /etc/rabbitmq/definitions.d 2>/dev/null || true
exec docker-entrypoint.sh rabbitmq-server
