#!/bin/sh
# Puts the topology and one user per service where the broker imports them at boot.
set -eu
cp /etc/skillscoop/rabbitmq.conf /etc/rabbitmq/conf.d/20-skillscoop.conf
mkdir -p /etc/rabbitmq/definitions.d
cp /etc/skillscoop/definitions.json /etc/rabbitmq/definitions.d/10-topology.json
(umask 077; sh /etc/skillscoop/users.sh > /etc/rabbitmq/definitions.d/20-users.json)
chown -R rabbitmq: /etc/rabbitmq/definitions.d 2>/dev/null || true
exec docker-entrypoint.sh rabbitmq-server
