#!/bin/sh
# One database and one role per service. Runs once, when the data folder is empty.
set -eu
for service in contracts payments notifications disputes reviews; do
  psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d postgres \
    -v role="$service" -v password="$SERVICE_DATABASE_PASSWORD" <<'SQL'
CREATE ROLE :"role" LOGIN PASSWORD :'password';
CREATE DATABASE :"role" OWNER :"role";
REVOKE ALL ON DATABASE :"role" FROM PUBLIC;
SQL
done
