#!/bin/sh
# One database and one role per service, each with a password of its own. Runs once, when the data folder is empty.
set -eu
folder=${SECRETS_DIR:-/run/secrets}
psql() { command psql -v ON_ERROR_STOP=1 -q -U "$POSTGRES_USER" -d postgres "$@"; }

# Nobody connects to what belongs to nobody.
psql -c 'REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC'
for service in contracts payments notifications disputes reviews; do
  [ -s "$folder/$service-database" ] || { echo "$folder/$service-database holds no password" >&2; exit 1; }
  # psql reads the password itself, so it stands in no list of processes.
  SECRET=$folder/$service-database psql -v role="$service" <<'SQL'
\set password `cat "$SECRET"`
CREATE ROLE :"role" LOGIN PASSWORD :'password';
CREATE DATABASE :"role" OWNER :"role";
REVOKE ALL ON DATABASE :"role" FROM PUBLIC;
SQL
done
